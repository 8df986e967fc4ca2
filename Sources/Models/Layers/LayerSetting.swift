import Files
import Foundation

/// A setting that a layer declares in its own file.
///
/// `Plans` makes a row of its registry of it: a key of experiment files, a flag, a column of results and a line of the
/// reference follow.
public struct LayerSetting: Sendable {
  /// Changes the options of a model to a value, and reads the value of a model.
  public struct Access<Value>: Sendable {
    public let set: @Sendable (inout ModelOptions, Value) -> Void
    /// Nil where the model has no such value.
    public let get: @Sendable (ModelConfiguration) -> Value?
  }

  /// The values that may be written.
  public enum Values: Sendable {
    case integer(in: ClosedRange<Int>, Access<Int>)
    case number(in: ClosedRange<Double>, Access<Double>)
    /// A number, or nil, which is written `none`.
    case numberOrNone(in: ClosedRange<Double>, Access<Double?>)
    case choice(of: [String], Access<String>)
  }

  /// How results show it.
  public enum Display: Sendable {
    case usual
    /// Other settings usually determine it, so that it is not named beside them.
    case derived
    /// Its value is clear without its name.
    case selfExplanatory
  }

  public let key: String
  public let values: Values
  /// The default, in words.
  public let defaultText: String
  public let meaning: String
  public let display: Display
  /// Sets the default again.
  public let reset: @Sendable (inout ModelOptions) -> Void
  /// What a model must have for the setting to mean anything, as in `a layer W`; nil for nothing in particular.
  public private(set) var requirement: String?

  private init<Option: Sendable>(
    _ key: String, _ values: Values, _ defaultText: String, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Option> & Sendable, _ display: Display
  ) {
    (self.key, self.values, self.meaning, self.display) = (key, values, meaning, display)
    self.defaultText = defaultText
    reset = { $0[keyPath: path] = ModelOptions()[keyPath: path] }
  }

  /// A whole number.
  ///
  /// - Parameters:
  ///   - option: What the options of a model hold of the number.
  ///   - value: The number of a model; nil where it has none.
  static func integer<Option: Sendable>(
    _ key: String, in range: ClosedRange<Int>, default defaultText: String, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Option> & Sendable, _ display: Display = .usual,
    as option: @escaping @Sendable (Int) -> Option,
    value: @escaping @Sendable (ModelConfiguration) -> Int?
  ) -> LayerSetting {
    let access = Access(set: { $0[keyPath: path] = option($1) }, get: value)
    return LayerSetting(key, .integer(in: range, access), defaultText, meaning, path, display)
  }

  /// A whole number whose default is that of the options.
  static func integer(
    _ key: String, in range: ClosedRange<Int>, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Int> & Sendable,
    value: @escaping @Sendable (ModelConfiguration) -> Int?
  ) -> LayerSetting {
    integer(
      key, in: range, default: "\(ModelOptions()[keyPath: path])", meaning, path, as: { $0 }, value: value)
  }

  /// A number whose default depends on other options.
  ///
  /// - Parameter defaultText: The default in words.
  static func number(
    _ key: String, in range: ClosedRange<Double>, default defaultText: String, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Double?> & Sendable,
    value: @escaping @Sendable (ModelConfiguration) -> Double?
  ) -> LayerSetting {
    let access = Access(set: { $0[keyPath: path] = $1 }, get: value)
    return LayerSetting(key, .number(in: range, access), defaultText, meaning, path, .usual)
  }

  /// A number whose default is that of the options.
  static func number(
    _ key: String, in range: ClosedRange<Double>, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Double> & Sendable,
    value: @escaping @Sendable (ModelConfiguration) -> Double?
  ) -> LayerSetting {
    let access = Access(set: { $0[keyPath: path] = $1 }, get: value)
    let number = ModelOptions()[keyPath: path]
    return LayerSetting(key, .number(in: range, access), settingText(number), meaning, path, .usual)
  }

  /// A number or none, which is the default.
  static func numberOrNone(
    _ key: String, in range: ClosedRange<Double>, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Double?> & Sendable,
    value: @escaping @Sendable (ModelConfiguration) -> Double??
  ) -> LayerSetting {
    let access = Access(set: { $0[keyPath: path] = $1 }, get: value)
    return LayerSetting(key, .numberOrNone(in: range, access), "none", meaning, path, .usual)
  }

  /// One of the cases of an enumeration.
  ///
  /// - Parameters:
  ///   - option: What the options of a model hold of the case.
  ///   - value: The case of a model; nil where it has none.
  static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable, Option: Sendable>(
    _ key: String, default defaultText: String, _ meaning: String,
    _ path: WritableKeyPath<ModelOptions, Option> & Sendable, _ display: Display = .usual,
    as option: @escaping @Sendable (Choice) -> Option,
    value: @escaping @Sendable (ModelConfiguration) -> Choice?
  ) -> LayerSetting {
    let access = Access<String>(
      set: { options, name in Choice(rawValue: name).map { options[keyPath: path] = option($0) } },
      get: { value($0)?.rawValue })
    return LayerSetting(
      key, .choice(of: Choice.allCases.map(\.rawValue), access), defaultText, meaning, path, display)
  }

  /// One of the cases of an enumeration whose default is that of the options.
  static func choice<Choice: RawRepresentable<String> & CaseIterable & Sendable>(
    _ key: String, _ meaning: String, _ path: WritableKeyPath<ModelOptions, Choice> & Sendable,
    _ display: Display = .usual, value: @escaping @Sendable (ModelConfiguration) -> Choice?
  ) -> LayerSetting {
    choice(
      key, default: ModelOptions()[keyPath: path].rawValue, meaning, path, display, as: { $0 }, value: value)
  }

  /// The setting, of models that have something: of others it has no value.
  func of(_ requirement: String) -> LayerSetting {
    var setting = self
    setting.requirement = requirement
    return setting
  }

  /// Whether a model has such a value.
  public func applies(to model: ModelConfiguration) -> Bool {
    switch values {
    case .integer(_, let access): access.get(model) != nil
    case .number(_, let access): access.get(model) != nil
    case .numberOrNone(_, let access): access.get(model) != nil
    case .choice(_, let access): access.get(model) != nil
    }
  }

  /// - Throws: `SettingFault` if a model's value is out of range.
  func check(_ model: ModelConfiguration) throws {
    func fault(_ value: Any, _ remedy: String) -> SettingFault {
      SettingFault(setting: key, message: "\(key) is \(value)", remedy: "It must be \(remedy)")
    }
    switch values {
    case .integer(let range, let access):
      guard let value = access.get(model), !range.contains(value) else { return }
      throw fault(value, "at least \(range.lowerBound) and at most \(range.upperBound)")
    case .number(let range, let access):
      guard let value = access.get(model), !range.contains(value) else { return }
      throw fault(value, "from \(settingText(range.lowerBound)) to \(settingText(range.upperBound))")
    case .numberOrNone(let range, let access):
      guard let value = access.get(model) ?? nil, !range.contains(value) else { return }
      throw fault(value, "none, or from \(settingText(range.lowerBound)) to \(settingText(range.upperBound))")
    case .choice: return
    }
  }
}

/// A number as a file would have it, such as `0` or `0.001`.
public func settingText(_ number: Double) -> String { String(format: "%.15g", number) }
