import Corpora
import Files
import Foundation
import Testing

/// Tests of text files: reading, splitting and errors.
struct TextFilesTests {
  /// Returns a text in which all lines differ, so that each can be identified.
  static func lines(_ range: Range<Int>) -> String { range.map { "line \($0) says \($0 * $0)\n" }.joined() }

  private func lines(of windows: TokenWindows, _ tokenizer: any Tokenizer) -> Set<String> {
    // The first and last line of a window may be cut.
    Set(
      (0..<windows.count).flatMap { window in
        tokenizer.decode(windows[window]).split(separator: "\n").dropFirst().dropLast().map(String.init)
      })
  }

  /// Links in a folder are ignored.
  @Test func linksOfAFolderAreNotFollowed() throws {
    let folder = try TemporaryFolder()
    _ = try folder.write("one\n", to: "texts/one.txt")
    let secret = try folder.write("secret\n", to: "others/secret.txt")
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/texts/link.txt", withDestinationPath: secret)
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/texts/folder", withDestinationPath: "\(folder.path)/others")
    let text = try TextFiles(path: "\(folder.path)/texts").pieces.joined()
    #expect(String(decoding: text, as: UTF8.self) == "one\n")
  }

  @Test(arguments: [1, 40]) func trainingAndValidationShareNoLine(files: Int) throws {
    let folder = try TemporaryFolder()
    for file in 0..<files {
      let size = 4000 / files
      _ = try folder.write(Self.lines(file * size..<(file + 1) * size), to: "part \(file % 3)/\(file).txt")
    }
    for tokenizer in [nil, .characters, .bytePairs(vocabulary: 300)] as [TokenizerConfiguration?] {
      let corpus = try TokenizedCorpus(
        CorpusConfiguration(source: folder.path, tokenizer: tokenizer, validationTokens: 6000), context: 64)
      let training = try corpus.training(tokens: .max / 2)
      let seen = lines(of: training, corpus.tokenizer)
      let held = lines(of: corpus.validation, corpus.tokenizer)
      #expect(seen.count > 1000 && held.count > 100)
      #expect(seen.isDisjoint(with: held))
      #expect(corpus.validation.count == 94)
      #expect(corpus.validationEntropy == nil && corpus.tasks == ["text"])
      #expect(tokenizer != nil || corpus.tokenizer.configuration == .bytes)
      #expect(corpus.bytesPerToken >= 1)
    }
  }

  @Test func aFolderIsDividedByDocument() throws {
    let folder = try TemporaryFolder()
    for file in 0..<20 {
      let letter = String(Character(Unicode.Scalar(UInt8(ascii: "a") + UInt8(file))))
      _ = try folder.write(String(repeating: letter, count: 999), to: "\(file).txt")
    }
    _ = try folder.write("hidden", to: ".git/config")
    let corpus = try TokenizedCorpus(
      CorpusConfiguration(source: folder.path, validationTokens: 4000), context: 10)
    let training = try corpus.training(tokens: 1_000_000)
    func letters(_ windows: TokenWindows) -> Set<UInt16> {
      Set((0..<windows.count).flatMap { windows[$0] }).subtracting([10])
    }
    #expect(letters(training).isDisjoint(with: letters(corpus.validation)))
    #expect(letters(training).count + letters(corpus.validation).count == 20)
  }

  @Test func faultsAreTold() throws {
    let folder = try TemporaryFolder()
    func message(_ source: String, validation: Int = 1000) throws -> String {
      try #require(throws: InputError.self) {
        try TokenizedCorpus(CorpusConfiguration(source: source, validationTokens: validation), context: 128)
      }.description
    }
    #expect(try message("\(folder.path)/none.txt").contains("there is no corpus"))
    #expect(try message("vilage").contains("`village`"))
    #expect(try message(folder.write("", to: "empty.txt")).contains("no text"))
    let empty = try TemporaryFolder()
    #expect(try message(empty.path).contains("no text"))
    // 1000 validation targets are 8 windows of 128, which need 1025 tokens, and a training window needs 129.
    let short = try message(folder.write(Self.lines(0..<50), to: "short.txt"))
    #expect(short.contains("has \(Self.lines(0..<50).utf8.count) tokens"))
    #expect(short.contains("1025") && short.contains("129"))
    let invalid = try folder.write(Data("good\nalso good\nb\u{61}d ".utf8) + [0xFF, 0x0A], to: "invalid.txt")
    #expect(try message(invalid).hasPrefix("\(invalid):3: not valid UTF-8"))
  }

  /// Blocks do not split a character, even in a text without line ends.
  @Test func charactersStayWhole() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(String(repeating: "東京タワー", count: 2000), to: "tokyo.txt")
    for piece in try TextFiles(path: path).pieces { #expect(String(validating: piece, as: UTF8.self) != nil) }
    let corpus = try TokenizedCorpus(
      CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: 500), context: 16)
    #expect(corpus.vocabulary == 5)
    #expect(corpus.bytesPerToken == 3)
  }
}
