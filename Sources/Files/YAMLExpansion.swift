import CYaml

/// What a YAML file may hold. People write a few hundred lines; what is far beyond is a mistake or meant to do harm.
public enum YAMLLimits {
  /// The longest text in bytes: a thousand times an experiment's.
  public static let bytes = 1 << 20
  /// How deep lists and mappings may lie in one another: readers call themselves once a level.
  public static let depth = 64
  /// Values after every alias stands for all of its anchor: aliases in anchored values multiply (“billion laughs”).
  public static let values = 200_000
}

/// Goes through a text's events before anything is built of them, and refuses one that is too large, and one in which keys
/// are lists or mappings: to compare such keys takes time exponential in their depth.
///
/// What is no valid YAML passes: the parser has better words for it.
func checkYAMLExpansion(of text: String, file: String) throws {
  guard text.utf8.count <= YAMLLimits.bytes else {
    throw InputError(
      "is longer than \(YAMLLimits.bytes) bytes", file: file, remedy: "Is it the file that you mean?")
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

/// How many values there are so far, each alias counted as all that its anchor holds.
private struct Expansion {
  let file: String
  private var total = 0
  private var sizes: [String: Int] = [:]
  private var open: [Open] = []

  /// A list or mapping whose end has not come.
  private struct Open {
    let anchor: String?
    /// How many values stood before it.
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
        "more than \(YAMLLimits.depth) lists and mappings lie in one another", file: file, line: line,
        remedy: "Check its brackets")
    }
    guard total <= YAMLLimits.values else {
      throw InputError(
        "holds more than \(YAMLLimits.values) values, aliases written out", file: file, line: line,
        remedy: "Remove aliases within anchored values")
    }
  }

  /// Takes note of the next key or value of the innermost mapping.
  private mutating func begin(isText: Bool, _ line: Int) throws {
    guard let isKey = open.last?.awaitsKey else { return }
    guard isText || !isKey else {
      throw InputError(
        "a list or a mapping stands as a key", file: file, line: line,
        remedy: "Keys are words: check `?`, brackets and colons")
    }
    open[open.count - 1].awaitsKey = !isKey
  }

  private func text(_ anchor: UnsafeMutablePointer<yaml_char_t>?) -> String? {
    anchor.map { String(cString: $0) }
  }
}
