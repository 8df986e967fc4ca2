import Files
import Foundation

/// A recipe for text, read from a YAML file but not yet checked as a whole (`Grammar` does that).
/// The format is described in corpora/README.md.
struct Recipe {
  /// A word's associates: `count` words of the table `from`, picked by a hash, for each of the table `of`.
  struct Association {
    let name: String
    let of: YAMLValue
    let from: YAMLValue
    let count: Int
    let exponent: Double
    let offset: Double
  }

  struct Option {
    let weight: Double
    let template: Template
  }

  struct Rule {
    let name: String
    let depth: Int?
    let options: [Option]
    let line: Int?
  }

  struct Family {
    let name: String
    let share: Double
    let template: Template
  }

  let file: String
  let about: String
  let tables: [Table]
  let associations: [Association]
  let rules: [Rule]
  let families: [Family]
  /// The text of the recipe and of every word list that it names: all that its text depends on.
  let sources: [String]

  /// Reads the recipe at `path` and the word lists that it names, relative to its own folder. Where it `varies` another
  /// recipe of this folder, it has everything of that one that it does not say itself.
  init(contentsOf path: String) throws {
    file = path
    let folder = (path as NSString).deletingLastPathComponent
    var texts = [try FileAccess.readText(path)]
    var root = try YAMLValue(file: path, text: texts[0])
    let keys = ["about", "tables", "associations", "rules", "families"]
    if let base = try root.mapping(keys: keys + ["varies"])["varies"] {
      let basePath = try (folder as NSString).appendingPathComponent("\(base.string()).yaml")
      guard FileManager.default.fileExists(atPath: basePath) else {
        throw base.error(
          "there is no recipe at \(basePath)", remedy: "Name a recipe that stands beside this one")
      }
      texts.append(try FileAccess.readText(basePath))
      let original = try YAMLValue(file: basePath, text: texts[1])
      _ = try original.mapping(keys: keys)
      root = root.laid(over: original)
    }
    let map = try root.mapping(keys: keys + ["varies"])
    guard let families = map["families"] else {
      throw root.error(
        "the recipe has no `families`", remedy: "Add `families:` with at least one name, share and text")
    }
    about = try map["about"]?.string() ?? ""
    var reader = TableReader(folder: folder)
    tables = try map["tables"]?.entries().map { try reader.table($0.key.text, $0.value) } ?? []
    associations =
      try map["associations"]?.entries().map { try Self.association($0.key.text, $0.value) } ?? []
    rules = try map["rules"]?.entries().map { try Self.rule($0.key.text, $0.value) } ?? []
    self.families = try families.entries().map { key, value in
      let map = try value.mapping(keys: ["share", "text"])
      let share = try value.required("share", in: map).number(in: 0...)
      return Family(name: key.text, share: share, template: try Template(value.required("text", in: map)))
    }
    sources = texts + reader.lists
    guard self.families.contains(where: { $0.share > 0 }), self.families.count <= 255 else {
      throw families.error(
        "no family has a share", remedy: "Give 1 to 255 families, one with a share above 0")
    }
  }

  private static func association(_ name: String, _ value: YAMLValue) throws -> Association {
    let map = try value.mapping(keys: ["of", "from", "count", "zipf", "offset"])
    return Association(
      name: name, of: try value.required("of", in: map), from: try value.required("from", in: map),
      count: try map["count"]?.integer(in: 1...1000) ?? 1,
      exponent: try map["zipf"]?.number(in: 0...20) ?? 0,
      offset: try map["offset"]?.positive() ?? 1)
  }

  private static func rule(_ name: String, _ value: YAMLValue) throws -> Rule {
    let map = try value.mapping(keys: ["depth", "options"])
    let options = try value.required("options", in: map).list().map { option in
      guard option.isMapping else { return Option(weight: 1, template: try Template(option)) }
      let map = try option.mapping(keys: ["weight", "text"])
      return Option(
        weight: try map["weight"]?.positive() ?? 1, template: try Template(option.required("text", in: map)))
    }
    guard !options.isEmpty else { throw value.error("the rule `\(name)` has no options") }
    return Rule(
      name: name, depth: try map["depth"]?.integer(in: 1...64), options: options, line: value.line)
  }
}

extension YAMLValue {
  /// The value of a key that must be there.
  func required(_ key: String, in map: [String: YAMLValue]) throws -> YAMLValue {
    guard let value = map[key] else { throw error("the key `\(key)` is missing", remedy: "Add `\(key):`") }
    return value
  }

  /// A number above 0.
  func positive() throws -> Double {
    let number = try number(in: 0...)
    guard number > 0 else { throw error("must be above 0") }
    return number
  }
}
