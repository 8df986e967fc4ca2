import Foundation

/// An error in the user's input or environment: a file, a setting, a folder or a disk.
///
/// Its description is one line: `file:line: what is wrong. What to do about it.`
public struct InputError: Error, Equatable, Sendable, CustomStringConvertible, LocalizedError {
  /// What is wrong, as a sentence without its full stop.
  public let message: String
  /// The path of the affected file, as the user wrote it.
  public let file: String?
  /// The affected line of the file, counted from 1.
  public let line: Int?
  /// What the user can do about it, as a sentence without its full stop.
  public let remedy: String?
  /// Whether other work would meet the same error, as on a full disk.
  public let concernsAll: Bool
  /// The error number (`errno`) of a failed system call; nil for other errors. The contents of the file are then
  /// unknown: it must not be treated as absent or damaged.
  public let systemError: Int32?

  /// Creates an error from its parts; all but the message are optional.
  public init(
    _ message: String, file: String? = nil, line: Int? = nil, remedy: String? = nil,
    concernsAll: Bool = false,
    systemError: Int32? = nil
  ) {
    self.message = message
    self.file = file
    self.line = line
    self.remedy = remedy
    self.concernsAll = concernsAll
    self.systemError = systemError
  }

  public var description: String {
    let place = [file, file == nil ? nil : line.map(String.init)].compactMap { $0 }.joined(separator: ":")
    let text = remedy.map { "\(message). \($0)." } ?? "\(message)."
    return Self.onOneLine(place.isEmpty ? text : "\(place): \(text)")
  }

  /// Replaces line breaks and control characters by spaces, because `text` may quote a file.
  private static func onOneLine(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.map {
          Character($0).isNewline || $0.properties.generalCategory == .control ? " " : $0
        }))
  }

  public var errorDescription: String? { description }
}

/// Returns the result of `read`; nil if the file that it reads is damaged.
///
/// - Throws: An `InputError` with a `systemError`, because a file that could not be read may be intact, and all errors
///   other than `InputError`.
public func unlessDamaged<Value>(_ read: () throws -> Value?) throws -> Value? {
  do { return try read() } catch let error as InputError where error.systemError == nil { return nil }
}
