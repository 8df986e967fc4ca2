import ArgumentParser
import Autograd
import Models

/// Width, depth, heads, context, windows in a batch and vocabulary, as `--shape 32,2,4,128,4,79` names them, and for a
/// moe model the experts and how many of them a token uses.
struct BenchmarkShape: ExpressibleByArgument, CustomStringConvertible {
  let numbers: [Int]

  /// Small and middle-sized models, then the shapes of the toy grids, then moe models.
  static let usual = [
    [32, 2, 2, 64, 64, 256], [64, 2, 2, 128, 32, 256], [128, 4, 4, 128, 32, 256], [256, 4, 4, 128, 16, 256],
    [256, 6, 4, 256, 16, 256], [512, 8, 8, 256, 8, 256], [16, 2, 2, 128, 4, 79], [32, 2, 4, 128, 4, 79],
    [64, 2, 8, 128, 4, 79], [32, 2, 4, 128, 16, 79], [64, 2, 8, 128, 16, 79],
    [128, 4, 4, 128, 32, 256, 8, 1],
    [128, 4, 4, 128, 32, 256, 32, 1],
    [32, 2, 4, 128, 4, 79, 8, 1], [32, 2, 4, 128, 4, 79, 32, 1],
  ].map(BenchmarkShape.init)

  init(_ numbers: [Int]) { self.numbers = numbers }

  init?(argument: String) {
    let numbers = argument.split(separator: ",").map { Int($0) ?? 0 }
    guard numbers.count == 6 || numbers.count == 8, numbers.allSatisfy({ $0 > 0 }) else { return nil }
    self.init(numbers)
  }

  var description: String { numbers.map(String.init).joined(separator: ",") }
  var batch: Int { numbers[4] }

  /// The model. Positions are rotary where heads are narrow, as in the grids, and learned elsewhere.
  func model(_ architecture: ModelConfiguration.Architecture, _ precision: Precision = .float32) throws
    -> ModelConfiguration
  {
    try ModelConfiguration(
      architecture: architecture, width: numbers[0], depth: numbers[1], heads: numbers[2],
      context: numbers[3],
      vocabulary: numbers[5],
      positions: numbers[0] / numbers[2] <= ModelConfiguration.usualHeadWidth ? .rotary : .learned,
      parametrisation: .standard,
      moe: numbers.count == 8 ? MoE(experts: numbers[6], topK: numbers[7]) : nil, precision: precision)
  }
}
