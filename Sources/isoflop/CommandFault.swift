import Files
import Foundation

/// An error that ends a command with status 2: a line of text or, with `--json`, a line of JSON, both on standard error.
struct CommandFault: Encodable {
  let message: String
  /// The file and the line of the error, if there is one.
  let file: String?
  let line: Int?
  /// What to do about it.
  let remedy: String?
  let status = Status.badInput.rawValue
  /// The same for people.
  private let text: String

  private enum CodingKeys: CodingKey { case message, file, line, remedy, status }

  init(_ error: any Error) {
    let input = error as? InputError
    message = input?.message ?? "\(error)"
    (file, line, remedy) = (input?.file, input?.line, input?.remedy)
    text = "error: \(error)"
  }

  /// A mistake in the command line.
  init(usage message: String, hint: String?) {
    self.message = message
    (file, line, remedy) = (nil, nil, hint)
    let stop = message.last.map { ".?!".contains($0) } ?? true ? "" : "."
    text = "error: \(message)\(stop)" + (hint.map { " \($0)." } ?? "")
  }

  /// Encodes all keys, with `null` for unknown values.
  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(message, forKey: .message)
    try container.encode(file, forKey: .file)
    try container.encode(line, forKey: .line)
    try container.encode(remedy, forKey: .remedy)
    try container.encode(status, forKey: .status)
  }

  func print() {
    // The command line itself may be wrong, so the flag is searched for, not parsed.
    let words = CommandLine.arguments.prefix { $0 != "--" }
    guard words.contains("--json"), let json = try? canonicalJSON(self) else { return complain(text) }
    complain(String(decoding: json, as: UTF8.self))
  }
}
