import Foundation

/// A fault in something that the user gave or owns: a file, a setting, a folder, a disk.
///
/// It reads as one line: `file:line: what is wrong. What to do about it.`
public struct InputError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// What is wrong, as a sentence without its full stop.
  public let message: String
  /// The file at fault, as the user named it.
  public let file: String?
  /// The line at fault, counted from 1.
  public let line: Int?
  /// What the user can do about it, as a sentence without its full stop.
  public let remedy: String?
  /// Whether whatever else is tried will meet it too, as on a full disk.
  public let concernsAll: Bool

  public init(
    _ message: String, file: String? = nil, line: Int? = nil, remedy: String? = nil, concernsAll: Bool = false
  ) {
    self.message = message
    self.file = file
    self.line = line
    self.remedy = remedy
    self.concernsAll = concernsAll
  }

  public var description: String {
    let place = [file, file == nil ? nil : line.map(String.init)].compactMap { $0 }.joined(separator: ":")
    let text = remedy.map { "\(message). \($0)." } ?? "\(message)."
    return Self.onOneLine(place.isEmpty ? text : "\(place): \(text)")
  }

  /// Without line ends and what else would act on a terminal: the words may be a file's own.
  private static func onOneLine(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map {
          Character($0).isNewline || $0.properties.generalCategory == .control ? " " : $0
        }))
  }

  public var errorDescription: String? { description }
}
