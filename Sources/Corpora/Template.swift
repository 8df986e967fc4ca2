import Files

/// Text with placeholders in braces, as written in a recipe:
///
///     The {subject: thing} {act: habit of subject} a {target of act}.
///
/// | placeholder | writes |
/// |---|---|
/// | `{thing}` | a word drawn from the table `thing`, or an option of the rule `thing` |
/// | `{subject: thing}` | a word drawn from the table `thing`, and remembers it as `subject` |
/// | `{subject}` | the remembered word |
/// | `{habit of subject}` | one of the associates of the remembered word in the association `habit` |
/// | `{a + b}` | the sum of two remembered numbers |
/// | `{subject: new thing}` | in an item of a list, a word that no earlier item remembers as `subject` |
/// | `{subject in cast}` | the word of an item of the list `cast` that was not chosen before |
/// | `{count subject in cast}` | the number of items of `cast` whose word is the one remembered as `subject` |
/// | `{cast again}` | the text of the list `cast` |
struct Template {
  enum Source {
    /// A table, a rule or a remembered word.
    case named(String)
    case associate(String, of: String)
    case sum(String, String)
    case new(String)
    case item(String, list: String)
    case count(String, list: String)
    case again(String)

    var isNew: Bool { if case .new = self { true } else { false } }
  }

  enum Part {
    case text(String)
    case gap(remember: String?, Source)
  }

  let parts: [Part]
  let value: YAMLValue

  /// Parses a text value of a recipe.
  ///
  /// - Throws: `InputError` if it is empty or a placeholder is invalid.
  init(_ value: YAMLValue) throws {
    self.value = value
    let source = try value.string()
    var rest = source[...]
    var parts: [Part] = []
    while let brace = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[brace] == "{", let end = rest[brace...].firstIndex(of: "}") else {
        throw value.error(
          "an unmatched brace in `\(source)`",
          remedy: "Write placeholders as {name}; braces have no other use")
      }
      if brace > rest.startIndex { parts.append(.text(String(rest[..<brace]))) }
      parts.append(try Self.gap(rest[rest.index(after: brace)..<end], in: value))
      rest = rest[rest.index(after: end)...]
    }
    if !rest.isEmpty { parts.append(.text(String(rest))) }
    guard !parts.isEmpty else {
      throw value.error("an empty text", remedy: "Every option must write at least one character")
    }
    self.parts = parts
  }

  private static func gap(_ inside: Substring, in value: YAMLValue) throws -> Part {
    let tokens = inside.replacing(":", with: " : ").replacing("+", with: " + ").split(separator: " ")
      .map(String.init)
    let named = tokens.count > 2 && tokens[1] == ":"
    let source: Source
    switch named ? Array(tokens[2...]) : tokens {
    case let one where one.count == 1: source = .named(one[0])
    case let three where three.count == 3 && three[1] == "of":
      source = .associate(three[0], of: three[2])
    case let three where three.count == 3 && three[1] == "+" && !named:
      source = .sum(three[0], three[2])
    case let two where two.count == 2 && two[0] == "new" && named: source = .new(two[1])
    case let two where two.count == 2 && two[1] == "again" && !named: source = .again(two[0])
    case let three where three.count == 3 && three[1] == "in" && !named:
      source = .item(three[0], list: three[2])
    case let four where four.count == 4 && four[0] == "count" && four[2] == "in" && !named:
      source = .count(four[1], list: four[3])
    default:
      throw value.error(
        "`{\(inside)}` is not a placeholder",
        remedy: "Write {table}, {name: table}, {name}, {association of name} or {name + name}, and for lists "
          + "{name: new table}, {name in list}, {count name in list} or {list again}")
    }
    return .gap(remember: named ? tokens[0] : nil, source)
  }
}
