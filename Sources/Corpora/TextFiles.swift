import Files
import Foundation

/// The user's own text: UTF-8 files, one, those of a folder or those that match a pattern, cut into pieces. Each piece
/// belongs entirely to training or entirely to validation.
public struct TextFiles: Sendable {
  /// The path as the user wrote it.
  public let path: String
  /// The pieces, UTF-8: the documents in the order of the files' paths, or the blocks of a single document.
  public let pieces: [[UInt8]]

  private let filter: DocumentFilter?
  /// The documents that the filter dropped, by its keys.
  public let dropped: [DocumentFilter.Dropped]

  /// The largest target size of the blocks of a single file, in bytes. Blocks end at line ends if lines are shorter.
  static let blockBytes = 16_384

  /// Reads the file at `path`, all files below the folder at `path` except hidden ones, or the files that match it.
  ///
  /// - Parameters:
  ///   - field: The field of JSONL that holds the document; nil for `text`.
  ///   - filter: Which pieces are dropped; nil for none.
  /// - Throws: `InputError` if the path does not exist, a file has no text or is not UTF-8, `field` is given and no file
  ///   is JSONL, or the filter drops all pieces.
  public init(path: String, field: String? = nil, filter: DocumentFilter? = nil) throws {
    self.path = path
    self.filter = filter
    let files = try Self.files(of: path)
    if field != nil, !files.contains(where: Documents.isJSONL) {
      throw InputError(
        "`field` is given, and there is no JSONL (.jsonl or .ndjson) here", file: path,
        remedy: "Remove `field`")
    }
    let reader = Documents(field: field)
    let documents = try files.flatMap { try reader.read($0) }
    guard let first = documents.first else {
      throw InputError("there is no text here", file: path, remedy: "Give a file or a folder of UTF-8 text")
    }
    let all = documents.count == 1 ? Self.blocks(first) : documents.map(Self.endingWithLineFeed)
    (pieces, dropped) = filter.map { $0.apply(to: all) } ?? (all, [])
    guard !pieces.isEmpty else {
      throw InputError(
        "the filter (\(filter.map { "\($0)" } ?? "none")) drops all \(all.count) documents", file: path,
        remedy: "`isoflop corpus stats --filter …` tells how many each of its keys drops: loosen it")
    }
  }

  /// Returns the paths of the files that a source names.
  ///
  /// - Throws: `InputError` if there are none.
  package static func files(of path: String) throws -> [String] {
    if let kind = try FileAccess.kind(of: path) { return kind == .folder ? try files(in: path) : [path] }
    let files = Documents.isPattern(path) ? try Documents.files(matching: path) : []
    guard !files.isEmpty else {
      throw InputError("no such file or folder", file: path, remedy: "Check the path")
    }
    return files
  }

  /// The number of bytes of all pieces.
  public var byteCount: Int { pieces.reduce(0) { $0 + $1.count } }

  /// A checksum of all pieces, and of the filter.
  public var fingerprint: String {
    checksum(
      pieces.map { piece in checksum(piece) }.joined() + (filter.map { " filter \($0)" } ?? ""))
  }

  private static func files(in folder: String) throws -> [String] {
    var unreadable: String?
    let files = FileManager.default.enumerator(
      at: URL(fileURLWithPath: folder, isDirectory: true), includingPropertiesForKeys: [.isRegularFileKey],
      options: [.skipsHiddenFiles],
      errorHandler: { url, _ in
        unreadable = url.path
        return false
      })
    let paths = try (files.map(Array.init) ?? []).compactMap { $0 as? URL }
      .filter { try $0.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile == true }
      .map(\.path).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    guard files != nil, unreadable == nil else {
      throw InputError("cannot be read", file: unreadable ?? folder, remedy: "Check its permissions")
    }
    return paths
  }

  private static func endingWithLineFeed(_ text: [UInt8]) -> [UInt8] {
    text.last == UInt8(ascii: "\n") ? text : text + [UInt8(ascii: "\n")]
  }

  /// Cuts a text into blocks of about 1/64 of it, at most about `blockBytes` each, at line ends if possible.
  private static func blocks(_ text: [UInt8]) -> [[UInt8]] {
    let size = min(blockBytes, max(1, text.count / 64))
    var blocks: [[UInt8]] = []
    var start = 0
    while start < text.count {
      var end = min(start + size, text.count)
      let line = text[end..<min(end + size, text.count)].firstIndex(of: UInt8(ascii: "\n"))
      if let line { end = line + 1 }
      while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }  // Do not split a character.
      blocks.append(Array(text[start..<end]))
      start = end
    }
    return blocks
  }
}
