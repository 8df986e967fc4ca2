import Plans

/// A model that is trained with the final budget, or with less.
public struct FinalModel: Hashable, Sendable {
  /// The width.
  public let width: Int
  /// The number of blocks.
  public let depth: Int
  /// N, all parameters.
  public let parameters: Int
  /// D, the tokens that its training asks for.
  public let tokens: Int
  /// The FLOPs of its training.
  public let flops: Double

  /// Creates the model of a planned run.
  public init(_ run: PlannedRun) {
    (width, depth) = (run.configuration.model.width, run.configuration.model.depth)
    (parameters, tokens, flops) = (run.counts.total, run.configuration.training.tokens, run.flops)
  }

  package init(width: Int, depth: Int, parameters: Int, tokens: Int, flops: Double) {
    (self.width, self.depth, self.parameters) = (width, depth, parameters)
    (self.tokens, self.flops) = (tokens, flops)
  }

  /// The model of a prediction.
  package init(_ prediction: Prediction) {
    self.init(
      width: prediction.width, depth: prediction.depth, parameters: prediction.parameters,
      tokens: prediction.tokens, flops: prediction.flops)
  }
}
