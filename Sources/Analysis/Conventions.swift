/// The convention for counting N.
public enum SizeConvention: String, CaseIterable, Codable, Sendable {
  /// All parameters.
  case total
  /// All parameters except embeddings, positions and the head.
  case nonEmbedding = "non_embedding"
  /// The parameters that take part in predicting one token.
  case active

  /// The column of N in `results.csv`.
  public var column: String { "n_\(rawValue)" }
}

/// The convention for counting C.
public enum ComputeConvention: String, CaseIterable, Codable, Sendable {
  /// The FLOPs of all matrix products, including attention and the head.
  case exact
  /// Those of the update rule's own matrix products too, as of Muon.
  case withOptimizer = "with_optimizer"
  /// The exact FLOPs without products of hidden units that are 0, and of their gradients.
  case events
  /// The exact FLOPs times the mean bits of weights, activations and gradients over 32.
  case bits
  /// 6·N·D with all active parameters.
  case sixND = "6nd"
  /// 6·N·D with the active parameters except embeddings.
  case sixNDNonEmbedding = "6nd_non_embedding"

  /// The column of C in `results.csv`.
  public var column: String { "c_\(rawValue)" }
}
