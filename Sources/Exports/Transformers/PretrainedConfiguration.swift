import Files
import Foundation
import Models

/// The file `config.json` of the library transformers: its class and the settings of a model.
package struct PretrainedConfiguration {
  private let path: String
  private let members: [String: Any]

  /// - Throws: `InputError` if there is no such file, or it is no JSON object.
  init(folder: String) throws {
    let path = "\(folder)/config.json"
    guard try FileAccess.kind(of: folder) != nil else {
      throw InputError("no such folder", file: folder, remedy: "Check the path")
    }
    guard let data = try FileAccess.readIfPresent(path) else {
      throw InputError(
        "has no config.json", file: folder,
        remedy: "Name a folder that `model.save_pretrained` of transformers wrote, or `isoflop export`")
    }
    try self.init(data, path: path)
  }

  /// Reads the content of the file at `path`.
  package init(_ data: Data, path: String) throws {
    self.path = path
    // See `decodeJSON` about the last byte.
    let json = try? JSONSerialization.jsonObject(with: data + Data("\n".utf8))
    guard let members = json as? [String: Any] else {
      throw InputError(
        "is not JSON, or is damaged", file: path, remedy: "Download it, or save it, again")
    }
    self.members = members
  }

  /// The error for a setting that Isoflop does not have.
  func refusal(_ key: String, _ reason: String) -> InputError {
    InputError(
      "`\(key)` is \(Self.text(members[key])), and \(reason)", file: path,
      remedy: "`isoflop import` reads Llama, Mistral and GPT-2 in their usual forms")
  }

  private static func text(_ value: Any?) -> String {
    guard let value, !(value is NSNull) else { return "missing" }
    guard let data = try? JSONSerialization.data(withJSONObject: [value], options: [.sortedKeys]) else {
      return "?"
    }
    return String(String(decoding: data, as: UTF8.self).dropFirst().dropLast().prefix(80))
  }

  /// A member; nil if it is absent or null.
  private func member(_ key: String) -> Any? { members[key].flatMap { $0 is NSNull ? nil : $0 } }

  /// A whole number; the default if it is absent.
  func integer(_ key: String, default usual: Int? = nil) throws -> Int {
    if let usual, member(key) == nil { return usual }
    guard let number = member(key) as? NSNumber, let integer = Int(exactly: number.doubleValue),
      (1...1 << 30).contains(integer)
    else { throw refusal(key, "it must be a positive whole number") }
    return integer
  }

  /// A number; the default if it is absent.
  func number(_ key: String, default usual: Double) throws -> Double {
    guard let member = member(key) else { return usual }
    guard let number = member as? NSNumber else { throw refusal(key, "it must be a number") }
    return number.doubleValue
  }

  /// A truth value; the default if it is absent.
  func boolean(_ key: String, default usual: Bool) -> Bool { member(key) as? Bool ?? usual }

  /// A text; nil if it is absent.
  func text(_ key: String) -> String? { member(key) as? String }

  /// Checks that settings are absent, null, or have the only value that Isoflop computes.
  func require(_ values: KeyValuePairs<String, Bool>) throws {
    for (key, value) in values where boolean(key, default: value) != value {
      throw refusal(key, "Isoflop computes only \(value)")
    }
  }

  /// The base of rotary positions.
  func rotaryBase(default usual: Double) throws -> Double {
    for key in ["rope_scaling", "rope_parameters"] {
      guard let parameters = member(key) as? [String: Any] else { continue }
      let kind = (parameters["rope_type"] ?? parameters["type"]) as? String ?? "default"
      guard kind == "default", (parameters["partial_rotary_factor"] as? NSNumber)?.doubleValue ?? 1 == 1
      else {
        throw refusal(key, "Isoflop rotates positions without scaling only")
      }
      if let base = parameters["rope_theta"] as? NSNumber { return base.doubleValue }
    }
    guard try number("partial_rotary_factor", default: 1) == 1 else {
      throw refusal("partial_rotary_factor", "Isoflop rotates whole heads only")
    }
    return try number("rope_theta", default: usual)
  }
}
