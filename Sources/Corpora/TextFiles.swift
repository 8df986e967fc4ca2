import Files
import Foundation

/// The user's own text: a UTF-8 file or a folder of them, cut into pieces. Each piece belongs entirely to training or
/// entirely to validation.
public struct TextFiles: Sendable {
  /// The path as the user wrote it.
  public let path: String
  /// The pieces, UTF-8: the files of a folder in the order of their paths, or the blocks of a single file.
  public let pieces: [[UInt8]]

  /// The largest target size of the blocks of a single file, in bytes. Blocks end at line ends if lines are shorter.
  static let blockBytes = 16_384

  /// Reads the file at `path`, or all files below the folder at `path` except hidden ones.
  ///
  /// - Throws: `InputError` if the path does not exist, or a file has no text or is not UTF-8.
  public init(path: String) throws {
    self.path = path
    guard let kind = try FileAccess.kind(of: path) else {
      throw InputError("no such file or folder", file: path, remedy: "Check the path")
    }
    let files = kind == .folder ? try Self.files(in: path) : [path]
    let documents = try files.map { Array(try FileAccess.readText($0).utf8) }.filter { !$0.isEmpty }
    guard let first = documents.first else {
      throw InputError("there is no text here", file: path, remedy: "Give a file or a folder of UTF-8 text")
    }
    pieces = documents.count == 1 ? Self.blocks(first) : documents.map(Self.endingWithLineFeed)
  }

  /// The number of bytes of all pieces.
  public var byteCount: Int { pieces.reduce(0) { $0 + $1.count } }

  /// A checksum of all pieces.
  public var fingerprint: String {
    checksum(pieces.map { piece in checksum(piece) }.joined())
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
