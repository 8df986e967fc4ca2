import Files
import Foundation

#if canImport(Glibc)
  import Glibc
#endif

/// The documents of text files. A file is one document, or one document a line if it is JSONL: its lines are JSON
/// objects with the document in a field. Either may be compressed.
package struct Documents {
  /// The field of JSONL that holds the document if no other is named.
  package static let usualField = "text"

  /// The field of JSONL that holds the document.
  let field: String

  package init(field: String? = nil) { self.field = field ?? Self.usualField }

  /// Returns the documents of the file at `path` that are not empty, UTF-8.
  ///
  /// - Throws: `InputError` if it is damaged or not UTF-8, or a line of JSONL has no such document.
  func read(_ path: String) throws -> [[UInt8]] { try read(FileAccess.read(path), path: path) }

  /// Returns the documents of `data`, the bytes of the file at `path`.
  package func read(_ data: Data, path: String) throws -> [[UInt8]] {
    let text = try FileAccess.text(
      of: Decompression(path: path).map { try $0.text(from: data, path: path) } ?? data, path: path)
    let documents = try Self.isJSONL(path) ? lines(of: text, path) : [Array(text.utf8)]
    return documents.filter { !$0.isEmpty }
  }

  /// Returns whether the name of the file at `path` is that of JSONL, compressed or not.
  static func isJSONL(_ path: String) -> Bool {
    let name = Decompression(path: path).map { path.dropLast($0.suffix.count) } ?? path[...]
    return name.hasSuffix(".jsonl") || name.hasSuffix(".ndjson")
  }

  private func lines(of text: String, _ path: String) throws -> [[UInt8]] {
    let decoder = JSONDecoder()
    var documents: [[UInt8]] = []
    // Lines may end with CR and LF, which is one character of Swift.
    for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
      .enumerated()
    where !line.allSatisfy({ " \t\r".utf8.contains($0) }) {
      let fault = { (message: String, remedy: String) in
        InputError(message, file: path, line: index + 1, remedy: remedy)
      }
      // If the last byte opens a list that exceeds the depth limit, Foundation reads the byte after it and traps.
      guard let object = try? decoder.decode([String: Member].self, from: Data(line) + Data("\n".utf8)) else {
        throw fault(
          "is not a JSON object", "Give one JSON object a line, or rename the file if it is plain text")
      }
      guard case .text(let document)? = object[field] else {
        let texts = object.filter { if case .text = $0.value { true } else { false } }.keys.sorted()
        throw fault(
          object[field] == nil ? "has no field `\(field)`" : "has no text in its field `\(field)`",
          texts.isEmpty
            ? "Give a text to every line"
            : "Name the field with the text (`field` of the corpus, or `--text-field`): \(texts.prefix(8).joined(separator: ", "))\(texts.count > 8 ? ", …" : "")"
        )
      }
      documents.append(Array(document.utf8))
    }
    return documents
  }

  /// The value of a field.
  private enum Member: Decodable {
    case text(String)
    case other

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      self = (try? container.decode(String.self)).map(Self.text) ?? .other
    }
  }
}

extension Documents {
  /// Returns whether `source` is a pattern with `*`, `?` or `[…]`, as a shell expands it.
  static func isPattern(_ source: String) -> Bool { source.contains { "*?[".contains($0) } }

  /// Returns the paths of the files that match a pattern, in the order of their bytes. Folders are left out.
  ///
  /// - Throws: `InputError` if a folder cannot be read.
  static func files(matching pattern: String) throws -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    let status = glob(pattern, GLOB_ERR | GLOB_NOSORT, nil, &found)
    guard status == 0 || status == GLOB_NOMATCH else {
      throw InputError("cannot be read", file: pattern, remedy: "Check the permissions of its folders")
    }
    let paths = (0..<Int(found.gl_pathc)).compactMap { index in
      found.gl_pathv[index].flatMap { String(validatingCString: $0) }
    }
    return try paths.filter { try FileAccess.kind(of: $0) == .file }
      .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }
}
