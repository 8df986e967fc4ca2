import Autograd

/// The size of a model in every convention: at toy scale the choice alone changes an exponent.
public struct Counts: Codable, Hashable, Sendable {
  /// Weights without embeddings, positions and head   (Kaplan et al. 2020)
  public let nonEmbedding: Int
  /// All weights; a tied head is counted once   (Hoffmann et al. 2022)
  public let total: Int
  /// The weights that take part in predicting one token: all of them in a dense model.
  public let active: Int
  /// The floating-point operations of training on one token: the matrix products of the recorded program, forward
  /// and backward, attention and head included.
  public let trainingFlopsPerToken: Double
  /// The floating-point operations of predicting one token.
  public let forwardFlopsPerToken: Double

  public init(_ transformer: Transformer) {
    let parameters = transformer.layout.parameters
    nonEmbedding = parameters.filter { $0.role == .hidden || $0.role == .vector }.reduce(0) { $0 + $1.count }
    total = transformer.layout.count
    active = total
    let flops = transformer.lossProgram(windows: 1, gradients: true).program.flops
    trainingFlopsPerToken = flops.total / Double(transformer.configuration.context)
    forwardFlopsPerToken = flops.forward / Double(transformer.configuration.context)
  }
}
