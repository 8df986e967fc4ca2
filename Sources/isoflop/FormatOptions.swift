import ArgumentParser
import Autograd
import Files
import Models
import Training

/// What happens to a trained model's weights before it is evaluated, and the formats that its numbers are rounded to.
struct FormatOptions: ParsableArguments {
  @Option(help: "What weights are rounded to where they meet an activation, such as int4.")
  var weights: NumberFormat?
  @Option(help: "What activations are rounded to where they meet a weight.")
  var activations: NumberFormat?
  @Option(help: "What the keys and values of attention are rounded to.")
  var cache: NumberFormat?
  @Option(
    help:
      "The weights that become 0 first: a fraction of each matrix, such as 0.5, or 2:4 for two of each four inputs."
  )
  var prune: Pruning?

  /// Returns a model with what is given, and otherwise as its run was evaluated.
  ///
  /// - Throws: `InputError` if the model has no keys and values to round.
  func applied(to model: TrainedModel, file: String) throws -> TrainedModel {
    var configuration = model.configuration
    let (weights, prune) = (
      weights ?? configuration.training.quantised, prune ?? configuration.training.pruned
    )
    guard weights != nil || activations != nil || cache != nil || prune != nil else { return model }
    guard cache == nil || configuration.model.hasAttention else {
      throw InputError("--cache has no effect: the model has no attention", file: file, remedy: "Remove it")
    }
    let own = configuration.model.formats ?? NumberFormats()
    configuration.model.formats = NumberFormats(
      weights: weights ?? own.weights ?? .float32, activations: activations ?? own.activations ?? .float32,
      cache: cache ?? own.cache ?? .float32)
    return TrainedModel(
      configuration: configuration, transformer: Transformer(configuration.model),
      parameters: prune?(model.parameters, of: model.transformer) ?? model.parameters,
      tokenizer: model.tokenizer)
  }
}

extension NumberFormat: ExpressibleByArgument {}

extension Pruning: ExpressibleByArgument {
  public init?(argument: String) { self.init(argument) }
}
