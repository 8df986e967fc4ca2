import Corpora
import Files
import Foundation

/// The file `tokenizer.json` of the library tokenizers, as a tokenizer of Isoflop with the same numbers for a text. It reads
/// byte-level byte pairs, such as those of GPT-2, and what `TokenizerJSON` writes.
package struct PretrainedTokenizer {
  package let tokenizer: any Tokenizer

  private struct File: Decodable {
    let normalizer: Part?
    let pre_tokenizer: Part?
    let decoder: Part?
    let model: Model
    let added_tokens: [Added]?
  }

  /// A step of the library, with the settings of all kinds.
  private struct Part: Decodable {
    let type: String
    let add_prefix_space: Bool?
    let use_regex: Bool?
    let individual_digits: Bool?
    let behavior: String?
    let invert: Bool?
    let pattern: Pattern?
    let pretokenizers: [Part]?
  }

  private struct Pattern: Decodable {
    let Regex: String?
    let String: String?
  }

  private struct Added: Decodable {
    let id: Int
    let content: String
  }

  private struct Model: Decodable {
    let type: String?
    let vocab: [String: Int]
    let merges: [Merge]
    let continuing_subword_prefix: String?
    let end_of_word_suffix: String?
    let byte_fallback: Bool?
    let ignore_merges: Bool?
  }

  /// A merge, written `a b` or `["a", "b"]`.
  private struct Merge: Decodable {
    let left: String
    let right: String

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      let pair = try? container.decode([String].self)
      let words = try pair ?? container.decode(String.self).split(separator: " ").map(String.init)
      guard words.count == 2 else {
        throw DecodingError.dataCorruptedError(in: container, debugDescription: "a merge has two parts")
      }
      (left, right) = (words[0], words[1])
    }
  }

  /// - Parameter vocabulary: The number of tokens of the model, which may have some without a meaning.
  /// - Throws: `InputError` if there is no such file, or it is of a kind that Isoflop does not compute.
  init(folder: String, vocabulary: Int) throws {
    let path = "\(folder)/tokenizer.json"
    guard let data = try FileAccess.readIfPresent(path) else {
      throw InputError(
        "has no tokenizer.json", file: folder,
        remedy: "Write one with `AutoTokenizer.from_pretrained(DIR).save_pretrained(DIR)` of transformers")
    }
    try self.init(data, path: path, vocabulary: vocabulary)
  }

  /// Reads the content of the file at `path`.
  package init(_ data: Data, path: String, vocabulary: Int) throws {
    func refusal(_ what: String) -> InputError {
      InputError(
        what, file: path, remedy: "`isoflop import` reads byte-level byte pairs, such as those of GPT-2")
    }
    guard let file = try? decodeJSON(File.self, from: data) else {
      throw refusal("is not a tokenizer of byte pairs, or is damaged")
    }
    let model = file.model
    for (key, isSet) in [
      ("model.type", model.type ?? "BPE" != "BPE"), ("normalizer", file.normalizer != nil),
      ("model.byte_fallback", model.byte_fallback ?? false),
      ("model.ignore_merges", model.ignore_merges ?? false),
      ("model.continuing_subword_prefix", !(model.continuing_subword_prefix ?? "").isEmpty),
      ("model.end_of_word_suffix", !(model.end_of_word_suffix ?? "").isEmpty),
    ] where isSet {
      throw refusal("`\(key)` is set, which Isoflop does not compute")
    }
    var names = [String?](repeating: nil, count: vocabulary)
    for (name, token) in model.vocab {
      guard names.indices.contains(token) else {
        throw refusal(
          "the token \(quotedJSON(name)) has the number \(token), and the model has \(vocabulary) tokens")
      }
      names[token] = name
    }
    guard let pre = file.pre_tokenizer else {
      // Characters, as Isoflop writes them.
      let scalars = names.compactMap { $0?.unicodeScalars }.filter { $0.count == 1 }.compactMap(\.first)
      guard model.merges.isEmpty, file.decoder?.type == "Fuse", scalars.count == vocabulary else {
        throw refusal("`pre_tokenizer` is missing")
      }
      tokenizer = CharacterTokenizer(alphabet: scalars)
      return
    }
    var tokens = names.map { $0.map(Self.bytes) ?? [] }
    for added in file.added_tokens ?? [] where tokens.indices.contains(added.id) {
      tokens[added.id] = Array(added.content.utf8)
    }
    let merges = try model.merges.map { merge in
      guard let left = model.vocab[merge.left], let right = model.vocab[merge.right],
        let result = model.vocab[merge.left + merge.right]
      else { throw refusal("the merge \(quotedJSON("\(merge.left) \(merge.right)")) has no token") }
      return [left, right, result].map { UInt16($0) }
    }
    let steps = pre.type == "Sequence" ? pre.pretokenizers ?? [] : [pre]
    if let own = Self.own(steps, tokens: tokens, merges: merges) {
      tokenizer = own
      return
    }
    var patterns: [String] = []
    for (index, step) in steps.enumerated() {
      let isLast = index == steps.count - 1
      switch (step.type, step.pattern?.Regex, step.pattern?.String) {
      case ("ByteLevel", _, _) where isLast && step.add_prefix_space != true:
        if step.use_regex ?? true { patterns.append(Self.usualPieces) }
      case ("Digits", _, _) where !isLast:
        patterns.append(step.individual_digits ?? false ? #"\p{N}"# : #"\p{N}+"#)
      case ("Split", let regex?, _) where !isLast && step.behavior == "Isolated" && step.invert != true:
        patterns.append(regex)
      case ("Split", _, let text?) where !isLast && step.behavior == "Isolated" && step.invert != true:
        patterns.append(NSRegularExpression.escapedPattern(for: text))
      default:
        throw refusal("`pre_tokenizer` has the step \(step.type) with settings that Isoflop does not compute")
      }
    }
    guard steps.last?.type == "ByteLevel",
      let imported = ImportedTokenizer(tokens: tokens, merges: merges, patterns: patterns)
    else { throw refusal("is not a byte-level tokenizer with a token for each byte") }
    tokenizer = imported
  }

  /// The pieces of GPT-2   (Radford et al. 2019)
  private static let usualPieces =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+"#
    + #"|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+"#

  /// The tokenizer of Isoflop that `TokenizerJSON` wrote; nil if it is another.
  private static func own(_ steps: [Part], tokens: [[UInt8]], merges: [[UInt16]]) -> (any Tokenizer)? {
    guard steps.first?.type == "ByteLevel", steps[0].use_regex == false, steps[0].add_prefix_space != true,
      tokens.count == 256 + merges.count,
      (0..<256).allSatisfy({ tokens[$0] == [UInt8($0)] }),
      merges.enumerated().allSatisfy({ $1[2] == 256 + $0 })
    else { return nil }
    if steps.count == 1, merges.isEmpty { return ByteTokenizer() }
    guard steps.count == 2, steps[1].pattern?.Regex == TokenizerJSON.pieces else { return nil }
    let lines = merges.map { "\($0[0]) \($0[1])\n" }.joined()
    return TokenizerText("bytePairs(\(tokens.count))\n\(lines)").tokenizer
  }

  private static let byteOfCharacter = Dictionary(
    uniqueKeysWithValues: byteCharacters.enumerated().map { ($1, UInt8($0)) })

  /// The bytes of a token's name; those of its UTF-8 if it has other characters than those of bytes.
  private static func bytes(_ name: String) -> [UInt8] {
    let bytes = name.unicodeScalars.map { byteOfCharacter[$0] }
    return bytes.contains(nil) ? Array(name.utf8) : bytes.compactMap { $0 }
  }
}
