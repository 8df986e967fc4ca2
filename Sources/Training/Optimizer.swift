import Autograd
import CBLAS
import Models

/// Changes the weights of a model, given their gradient: by the update rule of the training, or, for weights with
/// `ParameterTraits.signStep`, by a fixed step against the sign of the gradient. The biases that balance experts are
/// such weights; their gradient is the load above the mean (Wang et al. 2024, algorithm 1).
package struct Optimizer {
  let rule: any UpdateRule
  private let segments: [UpdateStep.Segment]
  private let signSteps: [SignStep]
  private let shares: [Share]
  /// The sum of the squares of each segment's gradient, while `norm` computes.
  private let squares: FloatBuffer

  /// What one thread updates.
  private struct Share {
    /// The numbers of its segments.
    var segments: [Int] = []
    let workspace: FloatBuffer
  }

  private struct SignStep {
    let range: Range<Int>
    let gradientStart: Int
    let step: Float
  }

  /// - Parameter threads: How many threads may share the work. They do not change the numbers.
  package init(_ transformer: Transformer, _ training: TrainingConfiguration, threads: Int = 1) {
    rule = training.updateRuleType.init(training)
    let rate = LearningRate(training, transformer.configuration)
    var segments: [UpdateStep.Segment] = []
    var signSteps: [SignStep] = []
    for (index, parameter) in transformer.parameters.enumerated() {
      guard let gradient = parameter.parameter.gradientOffset else { continue }
      if let step = parameter.traits.signStep {
        signSteps.append(SignStep(range: parameter.range, gradientStart: gradient, step: step))
      } else {
        segments.append(
          UpdateStep.Segment(
            parameter: parameter, index: index, matrices: parameter.matrices, gradientStart: gradient,
            rateScale: rate.scale(of: parameter.traits),
            decay: parameter.traits.decays ? training.weightDecay : 0))
      }
    }
    self.segments = segments
    self.signSteps = signSteps
    squares = FloatBuffer(count: segments.count)
    shares = Self.shares(of: segments, transformer, training, threads: threads)
  }

  /// Divides segments among threads: the most expensive first, each to the thread that has the least.
  private static func shares(
    of segments: [UpdateStep.Segment], _ transformer: Transformer, _ training: TrainingConfiguration,
    threads: Int
  ) -> [Share] {
    // Element-wise work takes as long as about twenty operations of products for each weight.
    let perWeight = 20.0
    let many = 100
    let costs = segments.map {
      let flops = training.updateRuleType.flops([$0.parameter], training, steps: many) / Double(many)
      return perWeight * Double($0.count) + flops
    }
    let count = usefulThreads(threads, forFloats: Int(clamping: costs.reduce(0, +) / perWeight))
    var shares = (0..<count).map { _ in
      Share(workspace: FloatBuffer(count: workspaceCount(transformer, training)))
    }
    var sums = Array(repeating: 0.0, count: count)
    for number in costs.indices.sorted(by: { (-costs[$0], $0) < (-costs[$1], $1) }) {
      let least = sums.indices.min { (sums[$0], $0) < (sums[$1], $1) } ?? 0
      shares[least].segments.append(number)
      sums[least] += costs[number]
    }
    return shares
  }

  /// The bytes that it needs within a step, besides the state.
  static func workspaceByteCount(_ transformer: Transformer, _ training: TrainingConfiguration) -> Int {
    4 * workspaceCount(transformer, training)
  }

  /// The bytes that it holds within a step, besides the state.
  var byteCount: Int { shares.reduce(0) { $0 + 4 * $1.workspace.count } }

  private static func workspaceCount(_ transformer: Transformer, _ training: TrainingConfiguration) -> Int {
    training.updateRuleType.workspaceCount(transformer.parameters.filter(\.isUpdated))
  }

  /// Changes the weights by one step.
  ///
  /// - Parameters:
  ///   - gradientScale: The factor of the gradient that clips it. Fixed steps ignore it.
  ///   - step: The number t of the step, counted from 1.
  package func update(
    _ state: TrainingState, gradient: FloatBuffer, gradientScale: Float, rate: Double, step: Int
  ) {
    inParallel(shares.count, threads: shares.count) { share, _ in
      withoutSubnormals {
        for number in shares[share].segments {
          rule.update(
            UpdateStep(
              segment: segments[number], state: state, gradient: gradient, gradientScale: gradientScale,
              rate: rate * segments[number].rateScale, number: step, workspace: shares[share].workspace.start)
          )
        }
      }
    }
    for signStep in signSteps {
      for (i, index) in signStep.range.enumerated() where gradient[signStep.gradientStart + i] != 0 {
        state.parameters[index] -= gradient[signStep.gradientStart + i] > 0 ? signStep.step : -signStep.step
      }
    }
  }

  /// The Euclidean norm of the gradient of all parameters that the update rule changes.
  func norm(of gradient: FloatBuffer) -> Double {
    inParallel(shares.count, threads: shares.count) { share, _ in
      for number in shares[share].segments {
        let g = gradient.start + segments[number].gradientStart
        var sum: Float = 0
        for i in 0..<segments[number].count { sum = relaxed_multiply_add(g[i], g[i], sum) }
        squares[number] = sum
      }
    }
    return (0..<segments.count).reduce(0) { $0 + Double(squares[$1]) }.squareRoot()
  }
}
