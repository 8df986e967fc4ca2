import Analysis
import Files
import Models

/// A setting of a run: one row of `Setting.all`, and the only place that describes it.
///
/// From it follow its key in experiment files, its place in the grid, its flag of
/// `isoflop train`, its column in `results.csv`, what tables and sweeps of the page compare, whether two runs differ in
/// their seeds alone, the reference in `experiments/README.md` and the JSON Schema of experiment files.
public struct Setting: Sendable {
  public enum Section: String, CaseIterable, Sendable { case corpus, synthetic, model, training }

  typealias Change = @Sendable (inout RunDraft) -> Void

  public let section: Section
  /// Its name in its section of the file.
  public let key: String
  /// Its name in the grid, where the settings of all sections are keys, and as a flag.
  public let name: String
  /// Names that it had in earlier versions, which are still read.
  public let formerNames: [String]
  /// What may be written.
  public let values: Values
  /// The default, in words.
  public let defaultText: String
  public let meaning: String
  /// Its column in `results.csv`; nil for a setting that other columns show.
  public let column: Column?
  /// Reads a value, and returns what it changes in a run.
  let read: @Sendable (YAMLValue) throws -> Change
  /// Sets the default again.
  let reset: Change
  /// What the column holds of a run.
  let cell: @Sendable (PlannedRun) -> Cell

  /// - Parameters:
  ///   - reset: Sets the default again.
  ///   - cell: What its column holds of a run.
  ///   - change: Reads its value from a file, and returns what it changes in a run.
  init(
    _ section: Section, _ key: String, name: String? = nil, formerNames: [String] = [], values: Values,
    default defaultText: String, _ meaning: String, column: ColumnChoice, reset: @escaping Change,
    cell: @escaping @Sendable (PlannedRun) -> Cell, change: @escaping @Sendable (YAMLValue) throws -> Change
  ) {
    self.section = section
    self.key = key
    let name = name ?? key
    self.name = name
    self.formerNames = formerNames
    self.values = values
    self.defaultText = defaultText
    self.meaning = meaning
    read = change
    self.reset = reset
    self.cell = cell
    self.column = column.column(name: name, values: values, meaning: meaning, formerNames: formerNames)
  }

  /// A setting with a place of its own in the draft of a run.
  ///
  /// - Parameters:
  ///   - path: Its value in the draft of a run.
  ///   - cell: What its column holds of a run.
  ///   - read: Reads its value from a file.
  init<Value: Sendable>(
    _ section: Section, _ key: String, name: String? = nil, formerNames: [String] = [], values: Values,
    default defaultText: String, _ meaning: String, _ path: WritableKeyPath<RunDraft, Value> & Sendable,
    column: ColumnChoice = .usual, cell: @escaping @Sendable (PlannedRun) -> Cell = { _ in .none },
    read: @escaping @Sendable (YAMLValue) throws -> Value
  ) {
    self.init(
      section, key, name: name, formerNames: formerNames, values: values, default: defaultText, meaning,
      column: column, reset: { $0[keyPath: path] = RunDraft()[keyPath: path] }, cell: cell
    ) { yaml in
      let value = try read(yaml)
      return { $0[keyPath: path] = value }
    }
  }

  /// A whole number.
  ///
  /// - Parameters:
  ///   - defaultText: The default in words.
  ///   - value: What the draft of a run holds of the number.
  static func integer<Value: Sendable>(
    _ section: Section, _ key: String, name: String? = nil, in range: ClosedRange<Int>,
    default defaultText: String, _ meaning: String, _ path: WritableKeyPath<RunDraft, Value> & Sendable,
    column: ColumnChoice = .usual, cell: @escaping @Sendable (PlannedRun) -> Int? = { _ in nil },
    as value: @escaping @Sendable (Int) -> Value
  ) -> Setting {
    Setting(
      section, key, name: name, values: .integer(range), default: defaultText, meaning, path, column: column,
      cell: { Cell(cell($0)) }
    ) { value(try $0.integer(in: range)) }
  }

  /// A whole number whose default is the value of a new draft.
  static func integer(
    _ section: Section, _ key: String, in range: ClosedRange<Int>, _ meaning: String,
    _ path: WritableKeyPath<RunDraft, Int> & Sendable, column: ColumnChoice = .usual,
    cell: @escaping @Sendable (PlannedRun) -> Int?
  ) -> Setting {
    integer(
      section, key, in: range, default: "\(RunDraft()[keyPath: path])", meaning, path, column: column,
      cell: cell, as: { $0 })
  }

  /// A number.
  ///
  /// - Parameters:
  ///   - defaultText: The default in words.
  ///   - value: What the draft of a run holds of the number.
  static func number<Value: Sendable>(
    _ section: Section, _ key: String, name: String? = nil, in range: NumberRange,
    default defaultText: String,
    _ meaning: String, _ path: WritableKeyPath<RunDraft, Value> & Sendable, column: ColumnChoice = .usual,
    cell: @escaping @Sendable (PlannedRun) -> Double? = { _ in nil },
    as value: @escaping @Sendable (Double) -> Value
  ) -> Setting {
    Setting(
      section, key, name: name, values: .number(range), default: defaultText, meaning, path, column: column,
      cell: { Cell(cell($0)) }
    ) { value(try range.read($0)) }
  }

  /// A number whose default is the value of a new draft.
  static func number(
    _ section: Section, _ key: String, name: String? = nil, in range: NumberRange, _ meaning: String,
    _ path: WritableKeyPath<RunDraft, Double> & Sendable, cell: @escaping @Sendable (PlannedRun) -> Double?
  ) -> Setting {
    number(
      section, key, name: name, in: range, default: settingText(RunDraft()[keyPath: path]), meaning, path,
      cell: cell, as: { $0 })
  }

  /// One of the cases of an enumeration.
  static func choice<Choice>(
    _ section: Section, _ key: String, formerNames: [String] = [], _ meaning: String,
    _ path: WritableKeyPath<RunDraft, Choice> & Sendable, column: ColumnChoice = .usual,
    cell: @escaping @Sendable (PlannedRun) -> Choice?
  ) -> Setting
  where Choice: RawRepresentable<String> & CaseIterable & Sendable {
    Setting(
      section, key, formerNames: formerNames, values: .choice(Choice.allCases.map(\.rawValue)),
      default: RunDraft()[keyPath: path].rawValue, meaning, path, column: column,
      cell: { .text(cell($0)?.rawValue ?? "") }
    ) { try $0.choice(of: Choice.self) }
  }

  /// The setting of a name in the grid or on the command line.
  static func named(_ name: String) -> Setting? {
    all.first { $0.name == name } ?? all.first { $0.formerNames.contains(name) }
  }

  /// All settings, in the order of the reference and of `results.csv`.
  public static let all: [Setting] = ofCorpora + ofSamples + ofModels + ofTraining

  /// The former names of some settings, with what they are called now where `name` says it.
  static func formerNames(in settings: [Setting], _ name: (Setting) -> String) -> [String: String] {
    Dictionary(
      settings.flatMap { setting in setting.formerNames.map { ($0, name(setting)) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// Pairs of settings of which only one may be given.
  static let alternatives = [("tokens", "flops"), ("heads", "head_width"), ("seeds", "seed")]

  /// The columns of all settings in `results.csv`, with the vocabulary, which follows from the corpus.
  public static let columns: [Column] = all.flatMap { setting in
    setting.name == "context"
      ? [setting.column, vocabulary].compactMap { $0 } : [setting.column].compactMap { $0 }
  }

  static let vocabulary = Column.setting(
    "vocabulary", kind: .integer, unit: "tokens", meaning: "different tokens, V", isDerived: true)

  /// The cells of all columns of settings.
  static func cells(of run: PlannedRun) -> [String: Cell] {
    var cells = ["vocabulary": Cell.integer(run.configuration.model.vocabulary)]
    for setting in all {
      if let column = setting.column { cells[column.name] = setting.cell(run) }
    }
    return cells
  }
}

extension Setting {
  /// How a setting's column is described where its own name, kind and meaning do not fit.
  enum ColumnChoice: Sendable {
    case usual
    /// See `Column` for what these say.
    case named(
      String? = nil, words: String? = nil, kind: Column.Kind? = nil, unit: String = "",
      isDerived: Bool = false, isSelfExplanatory: Bool = false, meaning: String? = nil)
    case none

    fileprivate func column(name: String, values: Values, meaning: String, formerNames: [String]) -> Column? {
      switch self {
      case .none: nil
      case .usual: .setting(name, kind: values.kind, meaning: meaning, formerNames: formerNames)
      case .named(
        let own, let words, let kind, let unit, let isDerived, let isSelfExplanatory, let ownMeaning):
        .setting(
          own ?? name, words: words, kind: kind ?? values.kind, unit: unit, meaning: ownMeaning ?? meaning,
          isDerived: isDerived, isSelfExplanatory: isSelfExplanatory, formerNames: formerNames)
      }
    }
  }

  /// What may be written for a setting.
  public enum Values: Sendable {
    case integer(ClosedRange<Int>)
    case number(NumberRange)
    case choice([String])
    case boolean
    /// A text or a structure: a description of it, and its JSON Schema.
    case other(String, JSONValue)

    fileprivate var kind: Column.Kind {
      switch self {
      case .integer: .integer
      case .number: .number
      case .choice, .boolean, .other: .text
      }
    }

    /// For the reference.
    public var text: String {
      switch self {
      case .integer: "whole number"
      case .number: "number"
      case .choice(let names): names.joined(separator: ", ")
      case .boolean: "true, false"
      case .other(let text, _): text
      }
    }

    /// Numbers may also be written as text with a unit, such as 4M.
    var schema: JSONValue {
      let quantity: JSONValue = [
        "type": "string", "pattern": "^-?[0-9][0-9_]*(\\.[0-9]+)?([eE][+-]?[0-9]+)?[kMGBT]?$",
      ]
      return switch self {
      case .integer(let range): .any(of: .wholeNumber(in: range), quantity)
      case .number(let range): .any(of: range.schema, quantity)
      case .choice(let names): .choice(of: names)
      case .boolean: ["type": "boolean"]
      case .other(_, let schema): schema
      }
    }
  }

  /// The numbers that a setting may be.
  public enum NumberRange: Sendable {
    case closed(Double, Double)
    /// Greater than 0 and at most a limit.
    case positive(atMost: Double)

    func read(_ yaml: YAMLValue) throws -> Double {
      switch self {
      case .closed(let low, let high): try yaml.number(in: low...high)
      case .positive(let limit): try yaml.positiveNumber(atMost: limit)
      }
    }

    var schema: JSONValue {
      var members: [String: JSONValue] = ["type": "number"]
      switch self {
      case .closed(let low, let high):
        (members["minimum"], members["maximum"]) = (.number(low), .number(high))
      case .positive(let limit):
        (members["exclusiveMinimum"], members["maximum"]) = (0, .number(limit))
      }
      // The largest number is no bound.
      return .object(
        members.filter { value in
          ![JSONValue.number(.greatestFiniteMagnitude), .number(-.greatestFiniteMagnitude)].contains(
            value.value)
        })
    }
  }
}
