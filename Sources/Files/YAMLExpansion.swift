import CYaml

/// Limits on YAML files. Files written by hand have a few hundred lines; much larger ones are mistakes or attacks.
public enum YAMLLimits {
  /// The largest size in bytes, about a thousand times that of an experiment file.
  public static let bytes = 1 << 20
  /// The largest nesting depth of lists and mappings. Readers recurse once for each level.
  public static let depth = 64
  /// The largest number of values after all aliases are expanded. Nested aliases multiply (“billion laughs” attack).
  public static let values = 200_000
}

/// Scans the parser events of a text before any value is built from them. Rejects a text that exceeds `YAMLLimits`, and
/// keys that are lists or mappings, because comparing such keys takes time exponential in their depth.
///
/// Invalid YAML passes, because the parser reports it with better messages.
func checkYAMLExpansion(of text: String, file: String) throws {
  guard text.utf8.count <= YAMLLimits.bytes else {
    throw InputError(
      "is longer than \(YAMLLimits.bytes) bytes", file: file, remedy: "Check that it is the right file")
  }
  var parser = yaml_parser_t()
  yaml_parser_initialize(&parser)
  defer { yaml_parser_delete(&parser) }
  let bytes = Array(text.utf8)
  try bytes.withUnsafeBufferPointer { bytes in
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
    yaml_parser_set_input_string(&parser, bytes.baseAddress, bytes.count)
    var expansion = Expansion(file: file)
    var isOpen = true
    while isOpen {
      var event = yaml_event_t()
      guard yaml_parser_parse(&parser, &event) == 1 else { return }
      defer { yaml_event_delete(&event) }
      try expansion.count(event)
      isOpen = event.type != YAML_STREAM_END_EVENT
    }
  }
}

/// Counts the values of a text; an alias counts as many values as its anchor.
private struct Expansion {
  let file: String
  private var total = 0
  private var sizes: [String: Int] = [:]
  private var open: [Open] = []

  /// A list or mapping whose end has not been reached.
  private struct Open {
    let anchor: String?
    /// The number of values before it.
    let before: Int
    /// Whether a key comes next; nil in a list.
    var awaitsKey: Bool?
  }

  init(file: String) { self.file = file }

  mutating func count(_ event: yaml_event_t) throws {
    let line = event.start_mark.line + 1
    switch event.type {
    case YAML_SCALAR_EVENT:
      try begin(isText: true, line)
      total += 1
      if let anchor = text(event.data.scalar.anchor) { sizes[anchor] = 1 }
    case YAML_ALIAS_EVENT:
      let size = text(event.data.alias.anchor).flatMap { sizes[$0] } ?? 1
      try begin(isText: size == 1, line)
      total += size
    case YAML_SEQUENCE_START_EVENT:
      try begin(isText: false, line)
      open.append(Open(anchor: text(event.data.sequence_start.anchor), before: total))
    case YAML_MAPPING_START_EVENT:
      try begin(isText: false, line)
      open.append(Open(anchor: text(event.data.mapping_start.anchor), before: total, awaitsKey: true))
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      total += 1
      if let last = open.popLast(), let anchor = last.anchor { sizes[anchor] = total - last.before }
    default: break
    }
    guard open.count <= YAMLLimits.depth else {
      throw InputError(
        "lists and mappings are nested more than \(YAMLLimits.depth) levels deep", file: file, line: line,
        remedy: "Check the brackets")
    }
    guard total <= YAMLLimits.values else {
      throw InputError(
        "has more than \(YAMLLimits.values) values after its aliases are expanded", file: file, line: line,
        remedy: "Remove aliases within anchored values")
    }
  }

  /// Records the start of a key or value of the innermost mapping.
  private mutating func begin(isText: Bool, _ line: Int) throws {
    guard let isKey = open.last?.awaitsKey else { return }
    guard isText || !isKey else {
      throw InputError(
        "a list or a mapping is used as a key", file: file, line: line,
        remedy: "Keys must be text: check `?`, brackets and colons")
    }
    open[open.count - 1].awaitsKey = !isKey
  }

  private func text(_ anchor: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    anchor.map { String(cString: $0) }
  }
}
