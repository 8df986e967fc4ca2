import Corpora
import Files

/// The tokens after which a sequence ends.
public struct StopTokens: Sendable {
  private let tokens: Set<Int>

  /// No stop tokens.
  public init() { tokens = [] }

  public init(_ tokens: some Sequence<Int>) { self.tokens = Set(tokens) }

  /// All tokens whose bytes contain `text`.
  ///
  /// - Throws: `InputError` if there are none.
  public init(writing text: String, _ tokenizer: any Tokenizer) throws {
    let bytes = Array(text.utf8)
    tokens = Set((0..<tokenizer.vocabulary).filter { tokenizer.bytes(of: $0).contains(bytes) })
    guard !bytes.isEmpty, !tokens.isEmpty else {
      throw InputError(
        "no token of the model writes `\(text)`, at which it should stop",
        remedy: "Give one character of its alphabet with --stop")
    }
  }

  func contains(_ token: Int) -> Bool { tokens.contains(token) }
}
