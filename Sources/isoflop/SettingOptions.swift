import ArgumentParser
import Plans

/// A flag for each setting of a run, made from the registry of settings.
///
/// ArgumentParser finds flags by reflection, one per property. Here the mirror lists one per setting.
struct SettingOptions: ParsableArguments, CustomReflectable {
  private var options: [String: Option<String?>]

  init() {
    options = Dictionary(
      uniqueKeysWithValues: Setting.all.map { setting in
        let names = [setting.name] + setting.formerNames
        return (
          setting.name,
          Option(
            name: NameSpecification(names.map { .customLong(String(Setting.flag($0).dropFirst(2))) }),
            help: ArgumentHelp(
              "\(setting.meaning.prefix(1).uppercased() + setting.meaning.dropFirst()): \(setting.values.text).",
              discussion: "Default: \(Self.defaults[setting.name] ?? setting.defaultText)."))
        )
      })
  }

  init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: Key.self)
    options = Dictionary(
      uniqueKeysWithValues: try Setting.all.map { setting in
        (setting.name, try container.decode(Option<String?>.self, forKey: Key(stringValue: setting.name)))
      })
  }

  var customMirror: Mirror {
    Mirror(
      self,
      children: Setting.all.compactMap { setting in
        options[setting.name].map { (label: "_\(setting.name)" as String?, value: $0 as Any) }
      })
  }

  /// Defaults of `isoflop train` for settings that an experiment must give.
  private static let defaults = ["corpus": "village", "width": "32", "tokens": "1M"]

  /// The settings that were given, and the defaults that `isoflop train` adds.
  var given: [(name: String, text: String)] {
    let given = Setting.all.compactMap { setting in
      options[setting.name]?.wrappedValue.map { (name: setting.name, text: $0) }
    }
    let added = Self.defaults.filter { name, _ in
      !given.contains { $0.name == name || (name == "tokens" && $0.name == "flops") }
    }
    return given + added.sorted { $0.key < $1.key }.map { (name: $0.key, text: $0.value) }
  }

  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
