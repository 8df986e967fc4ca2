import Corpora
import Files

/// A tokenizer as a `tokenizer.json` of the library tokenizers, with the same numbers for the same text.
///
/// Bytes and byte pairs become byte-pair encodings over the characters that stand for bytes there   (`byteCharacters`).
/// The pieces that merges do not cross are cut after bytes have become characters, as their length is limited in bytes.
/// Characters become a byte-pair encoding without merges; characters without a token are left out there.
struct TokenizerJSON {
  /// The content of the file.
  let text: String

  /// - Throws: `InputError` if two tokens have the same text.
  init(_ tokenizer: any Tokenizer) throws {
    switch tokenizer {
    case let tokenizer as CharacterTokenizer:
      text = Self.document(
        vocabulary: tokenizer.alphabet.map { String(Character($0)) }, merges: [], preTokenizer: "null",
        decoder: #"{"type":"Fuse"}"#)
    case let tokenizer as BytePairTokenizer:
      let names = (0..<tokenizer.vocabulary).map { token in
        String(String.UnicodeScalarView(tokenizer.bytes(of: token).map { byteCharacters[Int($0)] }))
      }
      var first: [String: Int] = [:]
      for (token, name) in names.enumerated() {
        if let other = first.updateValue(token, forKey: name) {
          throw InputError(
            "tokens \(other) and \(token) of the byte pairs write the same text \(quotedJSON(name)), "
              + "which a tokenizer.json cannot express",
            remedy: "Train with another vocabulary, or with the tokenizer bytes")
        }
      }
      text = Self.document(
        vocabulary: names,
        merges: tokenizer.merges.map { "\(names[Int($0.left)]) \(names[Int($0.right)])" },
        preTokenizer:
          #"{"type":"Sequence","pretokenizers":[\#(Self.byteLevel),"#
          + #"{"type":"Split","pattern":{"Regex":\#(quotedJSON(Self.pieces))},"behavior":"Isolated","invert":false}]}"#,
        decoder: Self.byteLevel)
    case is ImportedTokenizer:
      throw InputError(
        "the tokenizer comes from another program", remedy: "Use the files that the model was imported from")
    default:
      text = Self.document(
        vocabulary: byteCharacters.map { String(Character($0)) }, merges: [], preTokenizer: Self.byteLevel,
        decoder: Self.byteLevel)
    }
  }

  private static let byteLevel =
    #"{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":false}"#

  /// The pieces of `BytePairTokenizer` as a regular expression over the characters of bytes: runs of letters, digits or
  /// other signs, each with at most one space before it, of at most 64 bytes; a space; a control character.
  static let pieces: String = {
    func set(_ isMember: (UInt8) -> Bool) -> String {
      let members = (0...255).filter { isMember(UInt8($0)) }.map { byteCharacters[$0] }
      return "[" + members.map { #"\x{\#(String($0.value, radix: 16))}"# }.joined() + "]"
    }
    let space = #"\x{\#(String(byteCharacters[32].value, radix: 16))}"#
    let kinds: [BytePairTokenizer.Kind] = [.letter, .digit, .sign]
    let most = BytePairTokenizer.longestPiece
    let runs = kinds.flatMap { kind in
      let letters = set { BytePairTokenizer.kind($0) == kind }
      return ["\(space)\(letters){1,\(most - 1)}", "\(letters){1,\(most)}"]
    }
    return (runs + [space, set { BytePairTokenizer.kind($0) == .control }]).joined(separator: "|")
  }()

  private static func document(
    vocabulary: [String], merges: [String], preTokenizer: String, decoder: String
  ) -> String {
    let tokens = vocabulary.enumerated().map { "\(quotedJSON($1)):\($0)" }.joined(separator: ",\n")
    let pairs = merges.map(quotedJSON).joined(separator: ",\n")
    return """
      {"version":"1.0","truncation":null,"padding":null,"added_tokens":[],"normalizer":null,
      "pre_tokenizer":\(preTokenizer),
      "post_processor":null,
      "decoder":\(decoder),
      "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,
      "end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":false,
      "vocab":{
      \(tokens)
      },
      "merges":[
      \(pairs)
      ]}}

      """
  }
}

/// The character that stands for each byte in byte-level byte pairs   (Radford et al. 2019): the byte itself where it
/// prints, or else the next one from U+0100 on.
let byteCharacters: [Unicode.Scalar] = {
  var next = UInt32(256)
  return (0...255).map { (byte: UInt32) in
    let prints = (33...126).contains(byte) || (161...172).contains(byte) || byte >= 174
    if !prints { next += 1 }
    return Unicode.Scalar(prints ? byte : next - 1) ?? " "
  }
}()
