import Files
import Foundation

/// A recipe for text, as read from a YAML file. `Grammar` checks it as a whole. The format is described in
/// corpora/README.md.
struct Recipe {
  /// An association: for each word of the table `of`, `count` words of the table `from` that a hash selects.
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
    /// The possible numbers of items in ascending order, if the rule is a list.
    let counts: [Int]?
    /// The text between the items of a list.
    let between: String
    let options: [Option]
    let line: Int?

    /// The rule of the tasks: one option for each.
    init(tasks: [Task]) {
      (name, depth, counts, between, line) = ("tasks", nil, nil, "", nil)
      options = tasks.map { Option(weight: $0.weight, template: $0.template) }
    }

    init(_ name: String, _ value: YAMLValue) throws {
      let map = try value.mapping(keys: ["depth", "count", "between", "options"])
      options = try value.required("options", in: map).list().map { option in
        guard option.isMapping else { return Option(weight: 1, template: try Template(option)) }
        let map = try option.mapping(keys: ["weight", "text"])
        return Option(
          weight: try map["weight"]?.number(in: Limits.weights) ?? 1,
          template: try Template(option.required("text", in: map)))
      }
      guard (1...Limits.options).contains(options.count) else {
        throw value.error(
          "the rule `\(name)` has \(options.count) options", remedy: "Give 1 to \(Limits.options) options")
      }
      self.name = name
      line = value.line
      depth = try map["depth"]?.integer(in: 1...64)
      counts = try map["count"].map { count in
        let list = try count.list().map { try $0.integer(in: 0...Limits.items) }
        let numbers = Set(list)
        guard numbers.count == list.count, numbers.contains(where: { $0 > 0 }) else {
          throw count.error(
            "the numbers of items of `\(name)` must differ, and one must be above 0",
            remedy: "Write for example `count: 4` or `count: [2, 4, 8]`")
        }
        return numbers.sorted()
      }
      if counts == nil, let between = map["between"] {
        throw between.error(
          "`between` applies to lists, and the rule `\(name)` has no `count`",
          remedy: "Add for example `count: 4`, or remove `between`")
      }
      if counts != nil, let depth = map["depth"] {
        throw depth.error(
          "the rule `\(name)` has a `count`, and a list cannot use itself", remedy: "Remove `depth`")
      }
      between = try map["between"]?.string() ?? ", "
    }
  }

  struct Task {
    let name: String
    let weight: Double
    let template: Template
  }

  let file: String
  let about: String
  let tables: [Table]
  let associations: [Association]
  let rules: [Rule]
  let tasks: [Task]
  /// The texts of the recipe, of the recipe that it varies and of its word lists. They determine the generated text.
  let sources: [String]
  /// Messages for the author of the recipe, one for each renamed key.
  let notes: [String]

  /// Parses `text`, the recipe at `path`, and reads its word lists, which must lie below the folder of the recipe. If
  /// it `varies` another recipe in the folder, it inherits all keys of that one that it does not have itself.
  ///
  /// - Parameter junk: The junk of the text; nil for none.
  init(path: String, text: String, junk: Junk? = nil) throws {
    file = path
    let folder = (path as NSString).deletingLastPathComponent
    var texts = [text]
    var root = try YAMLValue(file: path, text: texts[0]).renaming(Self.formerKeys)
    let keys = ["about", "tables", "associations", "rules", "tasks"]
    var documents = [root]
    if let base = try root.mapping(keys: keys + ["varies"])["varies"] {
      let basePath = try (folder as NSString).appendingPathComponent("\(base.plainName()).yaml")
      guard try FileAccess.exists(basePath) else {
        throw base.error(
          "there is no recipe at \(basePath)", remedy: "Name a recipe in the same folder")
      }
      texts.append(try FileAccess.readText(basePath))
      let original = try YAMLValue(file: basePath, text: texts[1]).renaming(Self.formerKeys)
      _ = try original.mapping(keys: keys)
      documents.append(original)
      root = root.laid(over: original)
    }
    let map = try root.mapping(keys: keys + ["varies"])
    guard let tasks = map["tasks"] else {
      throw root.error(
        "the recipe has no `tasks`", remedy: "Add `tasks:` with at least one name, weight and text")
    }
    about = try map["about"]?.string() ?? ""
    associations =
      try map["associations"]?.entries().map { try Self.association($0.key.text, $0.value) } ?? []
    var reader = TableReader(
      folder: folder, junk: junk, associated: Set(try associations.map { try $0.of.string() }))
    tables = try map["tables"]?.entries().map { try reader.table($0.key.text, $0.value) } ?? []
    guard junk == nil || reader.hasStrangers else {
      throw SettingFault(
        setting: "junk",
        message: "junk needs a table of `syllables` whose words have associations, and the recipe has none",
        remedy: "Remove `junk`, or choose another corpus")
    }
    rules = try map["rules"]?.entries().map { try Rule($0.key.text, $0.value) } ?? []
    self.tasks = try tasks.entries().map { key, value in
      let map = try value.renaming(Self.formerKeysOfTasks).mapping(keys: ["weight", "text"])
      return Task(
        name: key.text,
        weight: try value.required("weight", in: map).number(in: 0...Limits.weights.upperBound),
        template: try Template(value.required("text", in: map)))
    }
    notes = documents.flatMap(\.notes)
    sources = texts + reader.lists
    guard rules.count <= Limits.rules else {
      throw root.error("there are more than \(Limits.rules) rules", remedy: "Merge some of them")
    }
    guard self.tasks.contains(where: { Limits.weights.contains($0.weight) }), self.tasks.count <= 255
    else {
      throw tasks.error(
        "no task has a weight",
        remedy: "Give 1 to 255 tasks, one with a weight of at least \(Limits.weights.lowerBound)")
    }
  }

  /// The present names of renamed keys, by former name.
  private static let formerKeys = ["families": "tasks"]
  private static let formerKeysOfTasks = ["share": "weight"]

  private static func association(_ name: String, _ value: YAMLValue) throws -> Association {
    let map = try value.mapping(keys: ["of", "from", "count", "zipf", "offset"])
    return Association(
      name: name, of: try value.required("of", in: map), from: try value.required("from", in: map),
      count: try map["count"]?.integer(in: 1...1000) ?? 1,
      exponent: try map["zipf"]?.number(in: 0...20) ?? 0,
      offset: try map["offset"]?.number(in: Limits.offsets) ?? 1)
  }
}

extension Recipe {
  /// Limits on recipes, so that reading one takes less than a second and no number in it overflows. Useful recipes stay
  /// far below all of them.
  enum Limits {
    /// The number of words of all tables together.
    static let words = 100_000
    /// The number of bytes of all words. The cost of each byte is stored too.
    static let bytes = 4 << 20
    static let wordBytes = 1000
    static let rules = 200
    static let options = 1000
    /// The largest number of items of a list.
    static let items = 256
    /// The largest number of words of a table from which a list draws `new` words: all are visited for each draw.
    static let newWords = 1000
    /// The largest number of steps of a passage, which can grow exponentially with nested rules.
    static let passageSteps = 1_000_000
    static let weights = 1e-9...1e9
    static let offsets = 1e-3...1e9
  }
}
