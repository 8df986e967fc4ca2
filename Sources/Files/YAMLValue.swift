import Foundation
import Yams

/// A value in a YAML file with its position, so that every error names the file and line.
///
///     let root = try YAMLValue(file: "quickstart.yaml", text: text)
///     let map = try root.mapping(keys: ["name", "seeds"])
///     let seeds = try map["seeds"]?.list().map { try $0.integer(in: 0...) }
public struct YAMLValue {
  private let node: Node
  /// The path of the file, as the user wrote it.
  public let file: String
  /// Whether errors name lines: not for arguments of the command line.
  private var hasLines = true
  /// At most one mapping that supplies the values of keys that this one does not have.
  private var bases: [YAMLValue] = []
  /// The present names of renamed keys, by their former names.
  private var formerKeys: [String: String] = [:]
  private let document: Document

  /// State that is common to all values of a document.
  private final class Document {
    var notes: [String] = []
  }

  /// Parses `text` and creates the root of the document.
  ///
  /// - Throws: `InputError` if the text is empty, not valid YAML or exceeds `YAMLLimits`.
  public init(file: String, text: String) throws {
    // Some editors begin files with a byte order mark.
    let text = text.hasPrefix("\u{FEFF}") ? String(text.dropFirst()) : text
    try checkYAMLExpansion(of: text, file: file)
    do {
      guard let root = try Yams.compose(yaml: text) else {
        throw InputError("is empty", file: file, remedy: "Write at least one key")
      }
      node = root
      self.file = file
      document = Document()
    } catch let error as YamlError {
      throw InputError(yamlError: error, file: file)
    }
  }

  /// Parses the UTF-8 file at `path` and creates the root of the document.
  ///
  /// - Throws: `InputError` if the file cannot be read, is not valid YAML or exceeds `YAMLLimits`.
  public init(contentsOf path: String) throws {
    try self.init(file: path, text: FileAccess.readText(path))
  }

  /// Parses the value of an option of the command line like a value in a file.
  ///
  /// - Parameter option: The option, such as `--batch`, which errors name instead of a file.
  /// - Throws: `InputError` for a syntax error.
  public init(option: String, text: String) throws {
    do {
      try self.init(file: option, text: text)
    } catch let error as InputError {
      throw InputError(error.message, file: option, remedy: error.remedy)
    }
    hasLines = false
  }

  private init(_ node: Node, in parent: YAMLValue) {
    self.node = node
    file = parent.file
    hasLines = parent.hasLines
    document = parent.document
  }

  /// The line on which the value begins, counted from 1; nil for an option of the command line.
  public var line: Int? { hasLines ? node.mark?.line : nil }

  /// Returns an error at the position of this value.
  public func error(_ message: String, remedy: String? = nil) -> InputError {
    InputError(message, file: file, line: line, remedy: remedy)
  }

  /// One message for each renamed key that was read in the document, with its present name.
  public var notes: [String] { document.notes }

  /// Returns the value as a mapping in which renamed keys are accepted.
  ///
  /// - Parameter formerKeys: The present names, by former name.
  public func renaming(_ formerKeys: [String: String]) -> YAMLValue {
    var value = self
    value.formerKeys = formerKeys
    value.bases = bases.map { $0.renaming(formerKeys) }
    return value
  }

  /// Returns the value as a mapping.
  ///
  /// - Throws: `InputError` if it is not a mapping, has a key that is not in `keys`, or has a key twice.
  public func mapping(keys: [String]) throws -> [String: YAMLValue] {
    for base in bases { _ = try base.mapping(keys: keys) }
    for (key, _) in try ownEntries() where !keys.contains(key.text) {
      if isThousands(key.text) { throw InputError.commaInNumber(file: file, line: key.line) }
      let near = nearestName(to: key.text, among: keys)
      throw InputError(
        "unknown key `\(key.text)`", file: file, line: key.line,
        remedy: near.map { "The nearest key is `\($0)`" }
          ?? "The keys here are \(keys.joined(separator: ", "))")
    }
    return Dictionary(
      try entries().map { ($0.key.text, $0.value) }, uniquingKeysWith: { first, _ in first })
  }

  /// Returns the value merged with `base`: mappings are merged key by key, and every other value of `self` replaces
  /// that of `base`.
  public func laid(over base: YAMLValue) -> YAMLValue {
    guard isMapping, base.isMapping else { return self }
    var value = self
    value.bases = [base]
    return value
  }

  /// Returns the entries of a mapping with arbitrary keys, in the file's order. The entries of a base come first.
  ///
  /// - Throws: `InputError` if the value is not a mapping or has a key twice.
  public func entries() throws -> [(key: (text: String, line: Int?), value: YAMLValue)] {
    let own = try ownEntries()
    guard let base = try bases.first?.entries() else { return own }
    let over = Dictionary(own.map { ($0.key.text, $0) }, uniquingKeysWith: { first, _ in first })
    let known = Set(base.map(\.key.text))
    return base.map { entry in
      over[entry.key.text].map { ($0.key, $0.value.laid(over: entry.value)) } ?? entry
    }
      + own.filter { !known.contains($0.key.text) }
  }

  private func ownEntries() throws -> [(key: (text: String, line: Int?), value: YAMLValue)] {
    guard case .mapping(let mapping) = node else {
      throw error("expected `key: value` lines, found \(kind)")
    }
    var seen: Set<String> = []
    return try mapping.map { key, value in
      guard let written = key.scalar?.string else { throw error("a key must be plain text") }
      let text = formerKeys[written] ?? written
      if text != written { note("`\(written)` is called `\(text)` now", line: key.mark?.line) }
      guard seen.insert(text).inserted else {
        throw InputError(
          "key `\(text)` is given twice", file: file, line: key.mark?.line, remedy: "Remove one")
      }
      return ((text, key.mark?.line), YAMLValue(value, in: self))
    }
  }

  private func note(_ message: String, line: Int?) {
    let note = InputError(
      message, file: file, line: hasLines ? line : nil, remedy: "The former name is still read"
    )
    .description
    // A mapping may be read more than once.
    if !document.notes.contains(note) { document.notes.append(note) }
  }

  /// Whether the value is a mapping.
  public var isMapping: Bool { node.mapping != nil }

  /// Whether the value is a list.
  public var isList: Bool { node.sequence != nil }

  /// Returns the elements of a list; a value that is not a list counts as a list of one.
  ///
  /// - Throws: `InputError` if an element looks like the end of a number with thousands separators.
  public func list() throws -> [YAMLValue] {
    guard case .sequence(let sequence) = node else { return [self] }
    for (before, entry) in zip(sequence, sequence.dropFirst()) {
      // `000` is not a usual way to write a number, but the end of `1,000`.
      if let digits = entry.scalar, digits.style == .plain, digits.string.wholeMatch(of: /0[0-9]{2}/) != nil,
        let first = before.scalar, Int(first.string) != nil
      {
        throw YAMLValue(entry, in: self).error(
          "`\(first.string),\(digits.string)` is read as two entries of a list: a comma ends an entry",
          remedy: "Write thousands without commas, for example 1000000, 1_000_000 or 1M")
      }
    }
    return sequence.map { YAMLValue($0, in: self) }
  }

  /// Returns the value as text.
  ///
  /// - Throws: `InputError` if it is a list or a mapping.
  public func string() throws -> String {
    guard let text = node.scalar?.string else { throw error("expected text, found \(kind)") }
    return text
  }

  /// Returns the value as paragraphs of text. YAML folds the lines of a paragraph into one line, except in a literal
  /// block (`|`), where blank lines separate paragraphs.
  public func paragraphs() throws -> [String] {
    let lines = try string().split(separator: "\n", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    guard node.scalar?.style == .literal else { return lines.filter { !$0.isEmpty } }
    return lines.split(separator: "").map { $0.joined(separator: " ") }
  }

  /// Returns the value as the name of a file in the same folder.
  ///
  /// - Throws: `InputError` for a path, which could lead out of the folder.
  public func plainName() throws -> String {
    let name = try string()
    guard !name.contains(where: { "/\\\0".contains($0) }), !name.hasPrefix(".") else {
      throw error("`\(name)` is not a name", remedy: "Name a file of this folder, without its path")
    }
    return name
  }

  /// Returns the value of a required key of `map`.
  ///
  /// - Throws: `InputError` if the key is missing.
  public func required(_ key: String, in map: [String: YAMLValue]) throws -> YAMLValue {
    guard let value = map[key] else { throw error("`\(key)` is missing", remedy: "Add `\(key): …`") }
    return value
  }

  /// Returns the value on one line, for labels.
  public func label() throws -> String {
    if isMapping {
      return try entries().map { "\($0.key.text) \(try $0.value.label())" }.joined(separator: ", ")
    }
    return isList ? "[\(try list().map { try $0.label() }.joined(separator: "; "))]" : try string()
  }

  /// Returns the value as one of `names`.
  ///
  /// - Throws: `InputError` if it is none of them.
  public func choice(of names: [String]) throws -> String {
    let text = try string()
    guard names.contains(text) else {
      guard !names.isEmpty else { throw error("`\(text)` does not exist: there are none to choose from") }
      let near = nearestName(to: text, among: names)
      throw error(
        "`\(text)` is not one of \(names.joined(separator: ", "))",
        remedy: near.map { "The nearest is `\($0)`" })
    }
    return text
  }

  /// Returns the value as a case of an enumeration.
  ///
  /// - Throws: `InputError` if it is none of the raw values.
  public func choice<Choice: RawRepresentable & CaseIterable>(of type: Choice.Type) throws -> Choice
  where Choice.RawValue == String {
    let text = try choice(of: Choice.allCases.map(\.rawValue))
    guard let choice = Choice(rawValue: text) else { throw error("`\(text)` is not a choice") }
    return choice
  }

  /// Returns the value as a Boolean: `true`, `yes` or `on`, or `false`, `no` or `off`.
  ///
  /// - Throws: `InputError` for any other value.
  public func boolean() throws -> Bool {
    switch try string() {
    case "true", "yes", "on": return true
    case "false", "no", "off": return false
    case let text: throw error("`\(text)` is neither true nor false")
    }
  }

  /// Returns the value as a number within `range`. `k`, `M`, `G` and `T` multiply by powers of 1000.
  ///
  /// - Throws: `InputError` if it is not a number or out of range.
  public func number(in range: some RangeExpression<Double>, what: String = "number") throws -> Double {
    let number = try number(what, example: "12, 0.5, 1e6 or 4M")
    let text = try string()
    guard range.contains(number) else {
      throw error("\(text) is out of range", remedy: "It must be \(describe(range))")
    }
    return number
  }

  private func number(_ what: String, example: String) throws -> Double {
    let text = try string()
    if let number = Double(quantity: text) { return number }
    let hasCommas = text.contains(",") && Double(quantity: text.replacing(",", with: "")) != nil
    throw error(
      "`\(text)` is not a \(what)",
      remedy: hasCommas
        ? "Write it without commas, such as 1000000, 1_000_000 or 1M; decimals have a point"
        : "Write for example \(example)")
  }

  /// Returns the value as a number greater than 0 and at most `limit`.
  ///
  /// - Throws: `InputError` if it is not a number or out of range.
  public func positiveNumber(atMost limit: Double = .greatestFiniteMagnitude) throws -> Double {
    let number = try number(in: (-Double.infinity)...)
    guard number > 0, number <= limit else {
      let most = limit == .greatestFiniteMagnitude ? "" : " and at most \(plainText(limit))"
      throw error("\(try string()) is out of range", remedy: "It must be greater than 0\(most)")
    }
    return number
  }

  /// Returns the value as a whole number within `range`. `k`, `M`, `G` and `T` multiply by powers of 1000.
  ///
  /// - Throws: `InputError` if it is not a whole number or out of range.
  public func integer(in range: some RangeExpression<Int>) throws -> Int {
    let (what, example) = ("whole number", "12 or 4M")
    let number = try number(what, example: example)
    guard number == number.rounded() else {
      throw error("`\(try string())` is not a \(what)", remedy: "Write for example \(example)")
    }
    // Above this, a `Double` may be another number than the text.
    guard abs(number) <= 9e15, let integer = Int(exactly: number), range.contains(integer) else {
      throw error("\(try string()) is out of range", remedy: "It must be \(describe(range))")
    }
    return integer
  }

  private var kind: String {
    switch node {
    case .mapping: "`key: value` lines"
    case .sequence: "a list"
    case .scalar(let scalar): scalar.string.isEmpty ? "nothing" : "`\(scalar.string)`"
    case .alias: "an alias"
    }
  }
}

/// A number without needless digits: 100 rather than 100.0.
private func plainText(_ number: Double) -> String { String(format: "%.16g", number) }

/// Returns a description of a range, for error messages.
private func describe(_ range: Any) -> String {
  switch range {
  case let range as PartialRangeFrom<Int>: "at least \(range.lowerBound)"
  case let range as PartialRangeFrom<Double>: "at least \(plainText(range.lowerBound))"
  case let range as ClosedRange<Double> where range.upperBound == .greatestFiniteMagnitude:
    "at least \(plainText(range.lowerBound))"
  case let range as ClosedRange<Int>: "from \(range.lowerBound) to \(range.upperBound)"
  case let range as ClosedRange<Double>:
    "from \(plainText(range.lowerBound)) to \(plainText(range.upperBound))"
  case let range as Range<Double>:
    "at least \(plainText(range.lowerBound)) and below \(plainText(range.upperBound))"
  default: "in \(range)"
  }
}

/// Returns whether a key consists of three digits, as after the comma of a number such as 1,000.
private func isThousands(_ key: String) -> Bool {
  key.utf8.count == 3 && key.utf8.allSatisfy { (48...57).contains($0) }
}

extension InputError {
  /// The error for a number such as 1,000 in a mapping on one line, `{tokens: 1,000}`, where a comma ends the entry.
  fileprivate static func commaInNumber(file: String, line: Int?) -> InputError {
    InputError(
      "a number has a comma, which ends an entry here", file: file, line: line,
      remedy: "Write 1000000, 1_000_000 or 1M")
  }

  /// Converts a syntax error of the YAML parser.
  fileprivate init(yamlError: YamlError, file: String) {
    switch yamlError {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      self.init(
        "not valid YAML: \(problem)", file: file, line: mark.line,
        remedy: "Check indentation (spaces, no tabs), colons and quotes around this line")
    case .duplicatedKeysInMapping(let duplicates, let context):
      if duplicates.contains(where: { isThousands("\($0)") }) {
        self = .commaInNumber(file: file, line: context.mark.line)
        return
      }
      let names = duplicates.map { "`\($0)`" }.joined(separator: ", ")
      self.init(
        "\(names) \(duplicates.count == 1 ? "is" : "are") given twice", file: file,
        line: context.mark.line, remedy: "Remove one of them")
    default:
      self.init("not valid YAML: \(yamlError)", file: file)
    }
  }
}
