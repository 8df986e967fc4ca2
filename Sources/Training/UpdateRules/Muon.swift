import Autograd
import CBLAS
import Models

/// Steps with singular values near 1 for matrices between widths (Jordan et al. 2024), with decoupled weight decay and as
/// large as steps of Adam (Liu et al. 2025):
///
///     b ← μb + g    O = NewtonSchulz(μb + g)    p ← p − η·(0.2·√max(inputs, outputs)·O + λp)
///
/// The root mean square of O is about 1/√max(inputs, outputs), so that of a step is about 0.2·η, as that of a step of Adam.
/// Matrices that stand together in a weight, as those of experts or of queries, keys and values, have each their own O. All
/// other weights are changed by AdamW.
struct Muon: UpdateRule {
  static let name = "muon"
  static let title = "Muon"
  static let meaning = "orthogonalised momentum for matrices between widths, AdamW for other weights"
  static let momentum = NumberSetting(
    "muon_momentum", default: 0.95, in: 0...0.9999, "decay of the sum of gradients that Muon orthogonalises")
  static let settings = AdamW.settings + [momentum]
  static let buffers = [
    UpdateBuffer("momentum") { takes($0) ? $0.parameter.tensor.shape : nil },
    UpdateBuffer("moment1") { isLeft($0) ? $0.parameter.tensor.shape : nil },
    UpdateBuffer("moment2") { isLeft($0) ? $0.parameter.tensor.shape : nil },
  ]
  /// After 1M tokens of `village` at widths 32 and 64, depth 2, the losses are .768 and .649 at .004, .748 and .647 at .008,
  /// .755 and .655 at .016; those of AdamW at .008 are .788 and .681.
  static let usualRate = 0.008
  /// The root mean square of a step of Adam, in units of η.
  private static let size = 0.2

  private let momentum: Float
  private let adamW: AdamW

  init(_ training: TrainingConfiguration) {
    momentum = Float(training.updateRule?[Self.momentum] ?? Self.momentum.defaultValue)
    adamW = AdamW(training)
  }

  /// Whether it orthogonalises the steps of a weight.
  private static func takes(_ weight: ModelParameter) -> Bool { weight.traits.mapsBetweenWidths }

  /// Whether it leaves a weight to AdamW.
  private static func isLeft(_ weight: ModelParameter) -> Bool {
    !takes(weight) && weight.traits.signStep == nil
  }

  /// A step keeps its share in the outputs at every width if its greatest singular value grows as √(outputs/inputs) (Yang,
  /// Simon & Bernstein 2023), which is the same at every width where both sides grow alike. That of a step here is
  /// 0.2·√max(inputs, outputs) times its rate, and grows as √m. So the rate falls as 1/√m.
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double {
    traits.mapsBetweenWidths ? 1 / m.squareRoot() : AdamW.rateScale(of: traits, widthRatio: m)
  }

  static func workspaceCount(_ parameters: [ModelParameter]) -> Int {
    parameters.filter(takes).flatMap(\.parts).map {
      NewtonSchulz.workspaceCount(rows: $0.rows, columns: $0.columns)
    }.max() ?? 0
  }

  static func flops(_ parameters: [ModelParameter], _ training: TrainingConfiguration, steps: Int) -> Double {
    Double(steps)
      * parameters.filter(takes).reduce(0) { sum, parameter in
        sum + Double(parameter.stack)
          * parameter.parts.reduce(0) { $0 + NewtonSchulz.flops(rows: $1.rows, columns: $1.columns) }
      }
  }

  func update(_ step: UpdateStep) {
    let segment = step.segment
    guard Self.takes(segment.parameter) else {
      adamW.update(step, moments: (step.buffer(1), step.buffer(2)))
      return
    }
    let keep = step.keep
    let (p, g, b) = (step.weights, step.slopes, step.buffer(0))
    for matrix in segment.matrices {
      let iteration = NewtonSchulz(rows: matrix.rows, columns: matrix.columns, workspace: step.workspace)
      for row in 0..<matrix.rows {
        let start = matrix.offset + row * matrix.stride
        mix(
          p + start, g + start, b + start, into: iteration.x + row * matrix.columns, count: matrix.columns,
          keep: keep, gradientScale: step.gradientScale)
      }
      let size = Self.size * Double(max(matrix.rows, matrix.columns)).squareRoot()
      iteration.add(
        to: Matrix(p + matrix.offset, matrix.rows, matrix.columns, stride: matrix.stride),
        scale: Float(-step.rate * size))
    }
  }

  /// p ← keep·p    b ← μb + g    x ← μb + g
  private func mix(
    _ p: UnsafeMutablePointer<Float>, _ g: UnsafePointer<Float>, _ b: UnsafeMutablePointer<Float>,
    into x: UnsafeMutablePointer<Float>, count: Int, keep: Float, gradientScale: Float
  ) {
    for i in 0..<count {
      let slope = gradientScale * g[i]
      b[i] = fused_multiply_add(momentum, b[i], slope)
      x[i] = fused_multiply_add(momentum, b[i], slope)
    }
    if keep != 1 {
      for i in 0..<count { p[i] *= keep }
    }
  }
}
