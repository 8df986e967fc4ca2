import Models

/// A number that a user may choose for an update rule or an objective, which declares it.
public struct NumberSetting: Sendable, Hashable {
  /// Its name in files, such as `momentum`.
  public let key: String
  public let defaultValue: Double
  public let range: ClosedRange<Double>
  public let meaning: String

  init(_ key: String, default defaultValue: Double, in range: ClosedRange<Double>, _ meaning: String) {
    self.key = key
    self.defaultValue = defaultValue
    self.range = range
    self.meaning = meaning
  }
}

/// An update rule or an objective: what a configuration may name.
public protocol Selectable: Sendable {
  /// Its name in files, such as `sgd`.
  static var name: String { get }
  /// What it is, in a few words.
  static var meaning: String { get }
  /// What may be chosen about it.
  static var settings: [NumberSetting] { get }
}

/// The name of an update rule or an objective, and those of its settings that are not the default: equal choices are
/// written alike, and a setting that is added later changes no run's identifier.
public struct Selection: Codable, Hashable, Sendable {
  public let name: String
  private var values: [String: Double]?

  /// - Parameter values: By the settings' keys.
  public init(_ type: any Selectable.Type, _ values: [String: Double] = [:]) {
    name = type.name
    for (key, value) in values {
      if let setting = type.settings.first(where: { $0.key == key }), setting.defaultValue == value {
        continue
      }
      self.values = (self.values ?? [:]).merging([key: value]) { $1 }
    }
  }

  /// The value of a setting.
  public subscript(setting: NumberSetting) -> Double { values?[setting.key] ?? setting.defaultValue }

  /// The one of `types` that is named.
  ///
  /// - Parameter setting: The setting of the configuration that holds the selection.
  /// - Throws: `SettingFault` if none is, or if it has no such settings or values.
  func type(among types: [any Selectable.Type], setting: String) throws -> any Selectable.Type {
    guard let type = types.first(where: { $0.name == name }) else {
      throw SettingFault(
        setting: setting, message: "no \(setting) is named `\(name)`",
        remedy: "Choose among \(types.map { $0.name }.joined(separator: ", "))")
    }
    for (key, value) in (values ?? [:]).sorted(by: { $0.key < $1.key }) {
      guard let known = type.settings.first(where: { $0.key == key }) else {
        throw SettingFault(
          setting: key, message: "\(name) has no setting `\(key)`",
          remedy: type.settings.isEmpty
            ? "Remove it" : "Choose among \(type.settings.map(\.key).joined(separator: ", "))")
      }
      guard known.range.contains(value) else {
        throw SettingFault(
          setting: key, message: "\(key) is \(value)",
          remedy: "It must be from \(known.range.lowerBound) to \(known.range.upperBound)")
      }
    }
    return type
  }
}
