import Files

/// Which documents of text files are dropped before the split into training and validation.
public struct DocumentFilter: Codable, Hashable, Sendable {
  /// Drops documents that are copies of an earlier one, or whose similarity with one is at least this.
  public var nearDuplicates: Double?
  /// Drops documents of which more than this fraction repeats earlier text.
  public var repeated: Double?
  /// Keeps documents whose length is within this multiple of that after compression.
  public var compression: ClosedRange<Double>?
  /// Keeps documents with a number of bytes in this range.
  public var bytes: ClosedRange<Int>?

  /// Creates a filter, which drops nothing without a value.
  public init(
    nearDuplicates: Double? = nil, repeated: Double? = nil, compression: ClosedRange<Double>? = nil,
    bytes: ClosedRange<Int>? = nil
  ) {
    self.nearDuplicates = nearDuplicates
    self.repeated = repeated
    self.compression = compression
    self.bytes = bytes
  }

  private enum CodingKeys: String, CodingKey, CaseIterable {
    case nearDuplicates = "near_duplicates"
    case repeated, compression, bytes
  }

  /// Documents that were dropped because of one key.
  public struct Dropped: Sendable, Hashable, Encodable {
    /// The key.
    public let key: String
    /// The number of documents.
    public let count: Int
  }

  /// Returns the documents that the filter keeps, in their order, and the numbers of those that it drops. Keys apply one
  /// after the other, in the order bytes, compression, near_duplicates, repeated. Documents are compared with those that
  /// are kept.
  func apply(to documents: [[UInt8]]) -> (kept: [[UInt8]], dropped: [Dropped]) {
    var (kept, dropped) = (documents, [Dropped]())
    func keep(_ key: CodingKeys, where isKept: [Bool]) {
      dropped.append(Dropped(key: key.rawValue, count: isKept.count { !$0 }))
      kept = zip(kept, isKept).filter(\.1).map(\.0)
    }
    if let bytes { keep(.bytes, where: kept.map { bytes.contains($0.count) }) }
    if let compression { keep(.compression, where: kept.map { compression.contains(Compression.ratio($0)) }) }
    if let nearDuplicates {
      let kinds = NearDuplicates(in: kept, threshold: nearDuplicates).kinds
      keep(.nearDuplicates, where: kinds.map { $0 == .distinct })
    }
    if let repeated {
      var text = RepeatedText(bytes: kept.reduce(0) { $0 + $1.count })
      keep(
        .repeated,
        where: kept.map { document in
          let most = repeated * Double(document.count)
          return Double(text.add(document, unlessAbove: most)) <= most
        })
    }
    return (kept, dropped)
  }
}

extension DocumentFilter {
  /// Reads a filter; nil for `none`.
  ///
  /// - Throws: `InputError` with the line of a key or value that is not valid.
  public static func read(_ yaml: YAMLValue) throws -> DocumentFilter? {
    if !yaml.isMapping, !yaml.isList, try yaml.string() == "none" { return nil }
    guard yaml.isMapping else {
      throw yaml.error(
        "expected a mapping or none", remedy: "Write for example {near_duplicates: 0.8, bytes: [200, 1M]}")
    }
    let map = try yaml.mapping(keys: CodingKeys.allCases.map(\.rawValue))
    guard !map.isEmpty else {
      throw yaml.error("is empty", remedy: "Write for example {near_duplicates: 0.8}, or remove it")
    }
    return try DocumentFilter(
      nearDuplicates: map["near_duplicates"]?.number(in: NearDuplicates.thresholds),
      repeated: map["repeated"]?.number(in: 0...1),
      compression: map["compression"].map { try range($0) { try $0.number(in: 0...1e6) } },
      bytes: map["bytes"].map { try range($0) { try $0.integer(in: 0...1_000_000_000_000) } })
  }

  private static func range<Bound>(_ yaml: YAMLValue, _ read: (YAMLValue) throws -> Bound) throws
    -> ClosedRange<Bound>
  {
    let bounds = try yaml.isList ? yaml.list().map(read) : []
    guard bounds.count == 2, bounds[0] <= bounds[1] else {
      throw yaml.error(
        "expected the least and the largest value", remedy: "Write two values in brackets, such as [200, 1M]")
    }
    return bounds[0]...bounds[1]
  }

  /// The JSON Schema of what `read` accepts.
  public static let schema: JSONValue = .any(
    of: .choice(of: ["none"]),
    .mapping([
      "near_duplicates": .decimal(in: NearDuplicates.thresholds), "repeated": .decimal(in: 0...1),
      "compression": .array(of: .decimal(in: 0...1e6), counts: 2...2),
      "bytes": .array(of: .any(of: .wholeNumber(in: 0...1_000_000_000_000), .string), counts: 2...2),
    ]))
}

extension DocumentFilter: CustomStringConvertible {
  /// The filter as in a file, such as `near_duplicates 0.8, bytes 200 to 1000000`.
  public var description: String {
    [
      bytes.map { "bytes \($0.lowerBound) to \($0.upperBound)" },
      compression.map { "compression \($0.lowerBound) to \($0.upperBound)" },
      nearDuplicates.map { "near_duplicates \($0)" }, repeated.map { "repeated \($0)" },
    ].compactMap { $0 }.joined(separator: ", ")
  }
}
