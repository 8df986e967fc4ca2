import CZstd
import Corpora
import Files
import Foundation
import Testing

/// Tests of text in JSONL, in compressed files and in files that match a pattern.
struct DocumentsTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private static let documents = (0..<40).map { "Document \($0) says \"\($0 * $0)\",\n\tand é." }

  /// The documents as JSONL, with other fields, an empty line and ends of lines as Windows writes them.
  private static func jsonl(_ documents: some Sequence<String>, field: String = "text") throws -> Data {
    var lines = Data()
    for document in documents {
      lines += try JSONEncoder().encode([field: document, "source": "a test"]) + Data("\r\n \n".utf8)
    }
    return lines
  }

  private static func gzip(_ data: Data) throws -> Data {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["gzip", "-c"]
    let (input, output) = (Pipe(), Pipe())
    (process.standardInput, process.standardOutput) = (input, output)
    try process.run()
    DispatchQueue.global().async {
      input.fileHandleForWriting.write(data)
      try? input.fileHandleForWriting.close()
    }
    return try #require(try output.fileHandleForReading.readToEnd())
  }

  /// With a checksum, as the program `zstd` compresses.
  private static func zstandard(_ data: Data) -> Data {
    let context = ZSTD_createCCtx()
    defer { ZSTD_freeCCtx(context) }
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
    var compressed = Data(count: ZSTD_compressBound(data.count))
    let count = compressed.withUnsafeMutableBytes { into in
      data.withUnsafeBytes { ZSTD_compress2(context, into.baseAddress, into.count, $0.baseAddress, $0.count) }
    }
    return compressed.prefix(count)
  }

  private func pieces(_ path: String, field: String? = nil) throws -> [String] {
    try TextFiles(path: path, field: field).pieces.map { String(decoding: $0, as: UTF8.self) }
  }

  private func message(_ path: String, field: String? = nil) throws -> String {
    try #require(throws: InputError.self) { try CorpusSource(path, field: field) }.description
  }

  @Test("JSONL, compressed or not, has the documents that files of a folder have")
  func formats() throws {
    for (index, document) in Self.documents.enumerated() {
      _ = try folder.write(document, to: "texts/\(100 + index).txt")
    }
    let expected = try TextFiles(path: "\(folder.path)/texts")
    #expect(expected.pieces.count == 40)
    let jsonl = try Self.jsonl(Self.documents)
    // Compressed parts may be joined.
    let (first, second) = (try Self.jsonl(Self.documents[..<7]), try Self.jsonl(Self.documents[7...]))
    for (name, data) in [
      ("plain.jsonl", jsonl), ("plain.ndjson", jsonl), ("one.jsonl.gz", try Self.gzip(jsonl)),
      ("one.jsonl.zst", Self.zstandard(jsonl)), ("two.jsonl.gz", try Self.gzip(first) + Self.gzip(second)),
      ("two.jsonl.zst", Self.zstandard(first) + Self.zstandard(second)),
    ] {
      #expect(
        try TextFiles(path: folder.write(data, to: name)).fingerprint == expected.fingerprint, "\(name)")
    }
    let other = try folder.write(Self.jsonl(Self.documents, field: "content"), to: "content.jsonl")
    #expect(try TextFiles(path: other, field: "content").fingerprint == expected.fingerprint)
    // The field has its place in the configuration of a run, and none has the configuration of earlier versions.
    #expect(
      try plainJSON(CorpusConfiguration(source: "a", field: "b"))
        != plainJSON(CorpusConfiguration(source: "a")))
    #expect(
      try !String(decoding: plainJSON(CorpusConfiguration(source: "a")), as: UTF8.self).contains("field"))
  }

  @Test("Compressed text longer than the pieces that are read is whole")
  func longText() throws {
    var text = String(repeating: "the same words again and again\n", count: 100_000)
    text += (0..<100_000).map { "\($0 &* 2_654_435_761 % 1_000_003)\n" }.joined()
    for (name, data) in [
      ("a.gz", try Self.gzip(Data(text.utf8))), ("a.zst", Self.zstandard(Data(text.utf8))),
    ] {
      #expect(try pieces(folder.write(data, to: name)).joined() == text, "\(name)")
    }
  }

  @Test("A pattern takes the files that match it, in the order of their paths")
  func pattern() throws {
    for name in ["b/2.txt", "b/10.txt", "a/1.txt", "a/1.md", "c/.hidden.txt"] {
      _ = try folder.write(name, to: name)
    }
    #expect(try pieces("\(folder.path)/*/*.txt") == ["a/1.txt\n", "b/10.txt\n", "b/2.txt\n"])
    #expect(try pieces("\(folder.path)/?/[1-9].txt") == ["a/1.txt\n", "b/2.txt\n"])
    #expect(try message("\(folder.path)/*/*.csv").contains("no such file"))
    // A file whose name has such a character is itself.
    #expect(try pieces(folder.write("x\n", to: "d/[1].txt")).joined() == "x\n")
  }

  @Test("A fault of a file names the file, the line and the remedy")
  func faults() throws {
    let jsonl = try Self.jsonl(Self.documents)
    for (name, data) in [("cut.jsonl.gz", try Self.gzip(jsonl)), ("cut.jsonl.zst", Self.zstandard(jsonl))] {
      for count in [0, 1, 5, data.count / 2, data.count - 1] {
        let path = try folder.write(Data(data.prefix(count)), to: name)
        #expect(
          try message(path)
            == "\(path): the compressed file is damaged or incomplete. Copy or download it again.")
      }
      var changed = data
      changed[changed.startIndex + changed.count / 2] ^= 0x55
      #expect(throws: InputError.self) { try TextFiles(path: folder.write(changed, to: name)) }
    }
    for (text, expected) in [
      (
        #"{"content": "a", "id": 1}"#,
        "no field `text`. Name the field with the text (`field` of the corpus, or `--text-field`): content."
      ),
      (#"{"text": null, "id": 1}"#, "no text in its field `text`. Give a text to every line."),
      ("plain text", "is not a JSON object."), ("[1]", "is not a JSON object."),
      (String(repeating: "[", count: 5000), "is not a JSON object."),
    ] {
      let path = try folder.write("{\"text\": \"good\"}\n\n\(text)\n", to: "bad.jsonl")
      let found = try message(path)
      #expect(found.hasPrefix("\(path):3: ") && found.contains(expected), "\(found)")
    }
    let invalid = try folder.write(Self.gzip(Data("good\n".utf8) + [0xFF]), to: "invalid.txt.gz")
    #expect(try message(invalid).hasPrefix("\(invalid):2: not valid UTF-8"))
    let plain = try folder.write("text", to: "plain.txt")
    #expect(try message(plain, field: "text").contains("there is no JSONL"))
    #expect(try message("village", field: "text").contains("is a recipe. Remove `field`"))
  }
}
