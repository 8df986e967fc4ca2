import Files
import Models

/// A numeric setting that an update rule or an objective declares.
public struct NumberSetting: Sendable, Hashable {
  /// Its name in files, such as `momentum`.
  public let key: String
  public let defaultValue: Double
  public let range: ClosedRange<Double>
  public let meaning: String
  /// The property of the configuration that holds its value; nil for the selection of its owner.
  public let property: (WritableKeyPath<TrainingConfiguration, Double> & Sendable)?

  /// - Parameter property: Only for settings of the first version: run identifiers depend on where they are stored.
  init(
    _ key: String, default defaultValue: Double, in range: ClosedRange<Double>, _ meaning: String,
    property: (WritableKeyPath<TrainingConfiguration, Double> & Sendable)? = nil
  ) {
    self.key = key
    self.defaultValue = defaultValue
    self.range = range
    self.meaning = meaning
    self.property = property
  }
}

/// An update rule or an objective, which a configuration selects by name.
public protocol Selectable: Sendable {
  /// Its name in files, such as `sgd`.
  static var name: String { get }
  /// What it is, in a few words.
  static var meaning: String { get }
  /// Its settings.
  static var settings: [NumberSetting] { get }
}

/// The name of an update rule or an objective, and those of its settings that differ from their defaults. Equal choices
/// have equal JSON, and a setting that is added later changes no run's identifier.
public struct Selection: Codable, Hashable, Sendable {
  public let name: String
  private var values: [String: Double]?

  /// - Parameter values: By the settings' keys.
  public init(_ type: any Selectable.Type, _ values: [String: Double] = [:]) {
    name = type.name
    let changed = values.filter { key, value in
      type.settings.first { $0.key == key }?.defaultValue != value
    }
    self.values = changed.isEmpty ? nil : changed
  }

  /// The value of a setting.
  public subscript(setting: NumberSetting) -> Double { values?[setting.key] ?? setting.defaultValue }

  /// The type among `types` that has the name.
  ///
  /// - Parameter setting: The setting of the configuration that holds the selection.
  /// - Throws: `SettingFault` if no type has the name, or a value belongs to no setting of the type or is out of range.
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
