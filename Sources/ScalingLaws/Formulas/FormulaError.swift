/// The reason why a text is not a formula, with the place in the text.
public struct FormulaError: Error, CustomStringConvertible, Equatable {
  /// What is wrong, as a sentence without its full stop.
  public let message: String
  /// The formula.
  public let text: String
  /// The character at which it is wrong, counted from 1; nil if no single place is.
  public let position: Int?

  /// Creates an error.
  public init(_ message: String, in text: String, at position: Int? = nil) {
    self.message = message
    self.text = text
    self.position = position
  }

  public var description: String {
    "`\(text.count > 200 ? text.prefix(200) + "…" : text[...])`"
      + (position.map { ", character \($0)" } ?? "") + ": \(message)"
  }
}
