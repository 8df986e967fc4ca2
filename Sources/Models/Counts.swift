import Autograd

/// The size of a model in every convention: at toy scale the choice alone changes an exponent.
public struct Counts: Codable, Hashable, Sendable {
  /// Weights without embeddings, positions and head   (Kaplan et al. 2020)
  public let nonEmbedding: Int
  /// All weights; a tied head is counted once   (Hoffmann et al. 2022)
  public let total: Int
  /// The weights that take part in predicting one token: all of them in a dense model.
  public let active: Int
  /// The weights of routers, which are among the others; nil in a dense model.
  public let router: Int?
  /// The floating-point operations of training on one token: the matrix products of the recorded program, forward
  /// and backward, attention and head included. Experts of a limited capacity count as full.
  public let trainingFlopsPerToken: Double
  /// The floating-point operations of predicting one token.
  public let forwardFlopsPerToken: Double

  public init(_ transformer: Transformer) {
    let parameters = transformer.layout.parameters
    func count(_ roles: Set<Parameter.Role>) -> Int {
      parameters.filter { roles.contains($0.role) }.reduce(0) { $0 + $1.count }
    }
    let mixture = transformer.configuration.mixture
    router = mixture.map { _ in count([.router]) }
    nonEmbedding = count([.hidden, .vector, .expert, .router])
    total = nonEmbedding + count([.embedding, .head])
    // Of the weights of the experts, biases included, a token uses those of the chosen ones.
    let ofExperts = parameters.filter { $0.name.contains(".experts.") }.reduce(0) { $0 + $1.count }
    active = total - (mixture.map { ofExperts / $0.routed * ($0.routed - $0.choices) } ?? 0)
    let flops = transformer.lossProgram(windows: 1, gradients: true).program.flops
    trainingFlopsPerToken = flops.total / Double(transformer.configuration.context)
    forwardFlopsPerToken = flops.forward / Double(transformer.configuration.context)
  }
}
