import Corpora
import Files
import Foundation
import Testing

struct TokenizerTests {
  static let texts = [
    "", "a", "the  cat sat,\n\tthe cat\r\n", "97+10=107.", "naïve Straße – 東京 🙂", "aaaaaaa", "\0\u{7f}",
  ]

  @Test func roundTrips() throws {
    let bytePairs = BytePairTokenizer(trainedOn: Self.texts.map { Array($0.utf8) }, vocabulary: 300)
    let tokenizers: [any Tokenizer] = [
      try CharacterTokenizer(charactersOf: Self.texts.map { Array($0.utf8) }), ByteTokenizer(), bytePairs,
    ]
    for tokenizer in tokenizers {
      let read = try #require(TokenizerText(TokenizerText(tokenizer).text).tokenizer)
      #expect(read.configuration == tokenizer.configuration && read.vocabulary == tokenizer.vocabulary)
      for text in Self.texts {
        let tokens = try tokenizer.encode(text)
        #expect(tokens.allSatisfy { Int($0) < tokenizer.vocabulary })
        #expect(tokenizer.decode(tokens) == text)
        #expect(try read.encode(text) == tokens)
      }
    }
    let anyBytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 31) }
    #expect(bytePairs.bytes(of: try bytePairs.encode(anyBytes)) == anyBytes)
  }

  @Test func characterOutsideAlphabetIsTold() throws {
    let tokenizer = try CharacterTokenizer(charactersOf: [Array("abc".utf8)])
    for text in ["abd", "aé"] {
      let error = try #require(throws: InputError.self) { try tokenizer.encode(text) }
      #expect(error.description.contains(text.last.map { "`\($0)`" } ?? ""))
    }
  }

  @Test func textThatContradictsItselfIsNone() throws {
    let doubling = (["97 97"] + (256..<261).map { "\($0) \($0)" }).joined(separator: "\n")
    for text in [
      "", "bytes", "words\n", "characters\n", "bytePairs(300)\n97 98\n300 1\n", "bytePairs(300)\n97 98 99\n",
      "bytePairs(300)\n97 98", "bytePairs(300)\n97 \n", "bytePairs(257)\n97 98\n98 97\n",
      // Merges that double the length give a token of 2⁷ bytes here, and arbitrarily long ones in a longer list.
      "bytePairs(300)\n\(doubling)\n261 261\n",
    ] { #expect(TokenizerText(text).tokenizer == nil, "\(text)") }
    #expect(TokenizerText("bytePairs(300)\n\(doubling)\n").tokenizer?.bytes(of: 261).count == 64)
  }

  @Test func configurationIsReadable() throws {
    for text in ["characters", "bytes", "bytePairs(512)"] {
      let configuration = try #require(TokenizerConfiguration(text))
      #expect(configuration.description == text)
      let json = try JSONEncoder().encode([configuration])
      #expect(String(decoding: json, as: UTF8.self) == "[\"\(text)\"]")
      #expect(try JSONDecoder().decode([TokenizerConfiguration].self, from: json) == [configuration])
    }
    for text in ["", "words", "bytePairs", "bytePairs(256)", "bytePairs(65537)", "bytePairs(x)"] {
      #expect(TokenizerConfiguration(text) == nil)
    }
  }

  /// Counting all pairs again before each merge gives the same merges as incremental counts.
  @Test func mergesMatchRecounting() throws {
    let text =
      "the lame llama sees the sea; the other llama bathes there there aaaa aaa aaaaa " + "12 123 1234"
    let learned = BytePairTokenizer(trainedOn: [Array(text.utf8)], vocabulary: 290)
    // Pieces by hand: letters, digits or signs in a run, with the space before them.
    var pieces = text.matches(of: /(?:\ ?)(?:[a-z]+|[0-9]+|;)/).map { $0.output.utf8.map(Int.init) }
    var merges: [[Int]] = []
    while merges.count < 34 {
      var counts: [[Int]: Int] = [:]
      for piece in pieces { for (a, b) in zip(piece, piece.dropFirst()) { counts[[a, b], default: 0] += 1 } }
      let best = counts.max { a, b in
        (a.value, b.key[0], b.key[1]) < (b.value, a.key[0], a.key[1])
      }
      guard let best, best.value > 1 else { break }
      pieces = pieces.map { piece in
        var merged: [Int] = []
        var rest = piece[...]
        while let first = rest.popFirst() {
          if first == best.key[0], rest.first == best.key[1] {
            rest.removeFirst()
            merged.append(256 + merges.count)
          } else {
            merged.append(first)
          }
        }
        return merged
      }
      merges.append(best.key)
    }
    #expect(learned.merges.map { [Int($0.left), Int($0.right)] } == merges)
    #expect(try learned.encode(text).map(Int.init) == pieces.flatMap { $0 })
  }
}
