import Autograd

/// The size of a model in every convention: at toy scale the choice alone changes an exponent.
public struct Counts: Codable, Hashable, Sendable {
  /// Weights without embeddings, positions and head   (Kaplan et al. 2020)
  public let nonEmbedding: Int
  /// All weights; a tied head is counted once   (Hoffmann et al. 2022)
  public let total: Int
  /// The weights that take part in predicting one token: all in a dense model, with experts those of the chosen ones.
  public let active: Int
  /// The weights of routers, which the other counts include; nil in a dense model.
  public let router: Int?
  /// The floating-point operations of training on one token: the matrix products of the recorded program, forward
  /// and backward, attention and head included. Experts with a limited capacity count as full.
  public let trainingFlopsPerToken: Double
  /// The floating-point operations of predicting one token.
  public let forwardFlopsPerToken: Double

  public init(_ transformer: Transformer) {
    // The loss does not depend on weights with fixed steps, and nothing is learned by those that never change.
    let parameters = transformer.parameters.filter { $0.traits.signStep == nil && $0.traits.isTrained }
    func count(_ isCounted: (ParameterTraits) -> Bool) -> Int {
      parameters.filter { isCounted($0.traits) }.reduce(0) { $0 + $1.count }
    }
    router = transformer.configuration.moe.map { _ in count(\.isRouter) }
    nonEmbedding = count { $0.group == .matrix || $0.group == .vector }
    total = count { _ in true }
    active = parameters.reduce(0) { $0 + Int((Double($1.count) * $1.traits.activeFraction).rounded()) }
    let flops = transformer.lossProgram(windows: 1, gradients: true).program.flops
    trainingFlopsPerToken = flops.total / Double(transformer.configuration.context)
    forwardFlopsPerToken = flops.forward / Double(transformer.configuration.context)
  }
}
