/// How N is counted.
public enum SizeConvention: String, CaseIterable, Codable, Sendable {
  case total
  case nonEmbedding = "non_embedding"
  case active

  /// The column of `results.csv`.
  public var column: String { "n_\(rawValue)" }
}

/// How C is counted.
public enum ComputeConvention: String, CaseIterable, Codable, Sendable {
  case exact
  case sixND = "6nd"
  case sixNDNonEmbedding = "6nd_non_embedding"

  /// The column of `results.csv`.
  public var column: String { "c_\(rawValue)" }
}
