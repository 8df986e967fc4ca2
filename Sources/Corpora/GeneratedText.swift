import Files
import Foundation
import RandomNumbers

/// Text written by a recipe: as long as one likes, the same for the same seed, its entropy known exactly.
///
/// Throughout, a passage is what one task's template writes, with a line feed at its end.
public struct GeneratedText: Sendable {
  /// Unrelated supplies of text of one seed.
  public enum Stream: UInt64, Sendable {
    case training, validation, sample
    /// For training tokenizers.
    case tokenizer
  }

  /// A table of the recipe: `size` words, p(k) ∝ (k + offset)^−exponent for k = 0 ..< size.
  public struct TableSummary: Sendable {
    public let name: String
    public let size: Int
    public let exponent: Double
    public let offset: Double
    /// The first words, most frequent first.
    public let examples: [String]
  }

  /// The recipe's file name without its extension.
  public let name: String
  public let path: String
  /// The recipe's own description.
  public let about: String
  public let tables: [TableSummary]
  /// Names a text's content: the recipe and all word lists.
  public let fingerprint: String
  /// What the author should know: keys that have other names now.
  public let notes: [String]
  let grammar: Grammar

  /// Reads and checks the recipe at `path`. Throws `InputError` with file and line for every fault.
  public init(recipe path: String) throws {
    try self.init(recipe: path, text: FileAccess.readText(path))
  }

  /// Checks a recipe whose text is known; what it names lies beside `path`.
  package init(recipe path: String, text: String) throws {
    let recipe = try Recipe(path: path, text: text)
    name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
    self.path = path
    about = recipe.about
    notes = recipe.notes
    let content = checksum(recipe.sources.map { checksum($0) }.joined())
    fingerprint = formerFingerprints[content] ?? content
    tables = recipe.tables.map { table in
      TableSummary(
        name: table.name, size: table.words.count, exponent: table.exponent, offset: table.offset,
        examples: (0..<min(4, table.words.count)).map(table.words.text))
    }
    grammar = try Grammar(recipe)
  }

  /// The tasks, in the recipe's order.
  public var tasks: [String] { grammar.tasks }

  /// The fraction of each task among passages.
  public var fractions: [Double] { grammar.fractions }

  /// Every character that the text can have, in the order of their code points.
  public var alphabet: [Unicode.Scalar] { grammar.alphabet }

  /// The first passages of a stream, to at least `count` bytes: UTF-8 text that ends in a line feed.
  public func text(bytes count: Int, seed: UInt64, stream: Stream = .sample) -> [UInt8] {
    var writer = writer(seed: seed, stream: stream, costs: false)
    while writer.bytes.count < count { _ = writer.writePassage() }
    return writer.bytes
  }

  /// The same text, with the cost of each byte in nats (−log of its probability given all bytes before
  /// it) and the task of each.
  public func costs(bytes count: Int, seed: UInt64, stream: Stream = .sample)
    -> (bytes: [UInt8], costs: [Double], tasks: [UInt8])
  {
    var writer = writer(seed: seed, stream: stream, costs: true)
    var tasks: [UInt8] = []
    while writer.bytes.count < count {
      let task = UInt8(writer.writePassage())
      tasks.append(contentsOf: repeatElement(task, count: writer.bytes.count - tasks.count))
    }
    return (writer.bytes, writer.costs, tasks)
  }

  func writer(seed: UInt64, stream: Stream, costs: Bool) -> PassageWriter {
    PassageWriter(grammar, random: Self.random(seed: seed, stream: stream, window: 0), costs: costs)
  }

  /// The random stream of a window: each has its own, so that any window can be written without the others.
  static func random(seed: UInt64, stream: Stream, window: Int) -> RandomStream {
    RandomStream(key: mix(mix(seed, stream.rawValue), UInt64(window)))
  }
}
