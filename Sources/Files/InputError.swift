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
  /// The number of the system's error (`errno`) where a call of the system failed. What the file holds is then not known:
  /// it must be taken neither for absent nor for damaged.
  public let systemError: Int32?

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

/// What `read` gives; nil where what it has read is damaged.
///
/// - Throws: An `InputError` with a `systemError`: what could not be read may be whole.
public func unlessDamaged<Value>(_ read: () throws -> Value?) throws -> Value? {
  do { return try read() } catch let error as InputError where error.systemError == nil { return nil }
}
