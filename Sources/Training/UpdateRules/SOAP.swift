import Autograd
import CBLAS
import Foundation
import Models

/// Adam in the eigenbasis of Shampoo's preconditioners, for matrices between widths (SOAP; Vyas et al. 2024, algorithm 3):
///
///     G′ = B_L·G·B_Rᵀ    m ← β₁m + (1 − β₁)G    v ← β₂v + (1 − β₂)G′²    N = (B_L·m̂·B_Rᵀ)/(√v̂ + ε)
///     p ← p − η·(B_Lᵀ·N·B_R + λp)    L ← β₂L + (1 − β₂)G·Gᵀ    R ← β₂R + (1 − β₂)Gᵀ·G
///
/// The rows of B_L and B_R are approximate eigenvectors of L and R: in the first step, which changes nothing else of these
/// weights, all of them; later, every `precondition_frequency` steps, the result of a step of power iteration,
///
///     B ← orthogonalised rows of B·L
///
/// in the order of their eigenvalues, with v in the same order. Matrices that stand together in a weight have each their own
/// preconditioners. All other weights are changed by AdamW.
struct SOAP: UpdateRule {
  static let name = "soap"
  static let title = "SOAP"
  static let meaning =
    "Adam in the eigenbasis of Shampoo for matrices between widths, AdamW for other weights"
  static let frequency = NumberSetting(
    "precondition_frequency", default: 10, in: 1...1_000_000, "steps after which SOAP turns its basis")
  static let settings = AdamW.settings + [frequency]
  static let buffers = [
    UpdateBuffer("moment1") { $0.traits.signStep == nil ? $0.parameter.tensor.shape : nil },
    UpdateBuffer("moment2") { $0.traits.signStep == nil ? $0.parameter.tensor.shape : nil },
    UpdateBuffer("left") { squares($0, \.rows) }, UpdateBuffer("right") { squares($0, \.columns) },
    UpdateBuffer("left_basis") { squares($0, \.rows) },
    UpdateBuffer("right_basis") { squares($0, \.columns) },
  ]
  /// After 1M tokens of `village` at depth 2, the losses at width 32 are .763 at .003, .750 at .006, .739 at .012; at width
  /// 64 .636 at .004, .630 at .006, .635 at .008, .648 at .016; at width 128 .565 at .004, .568 at .008, .585 at .016.
  /// Those of AdamW at .008 are .788 and .681 at widths 32 and 64.
  static let usualRate = 0.008

  private let beta1: Float
  private let beta2: Float
  private let frequency: Int
  private let adamW: AdamW

  init(_ training: TrainingConfiguration) {
    (beta1, beta2) = (Float(training.beta1), Float(training.beta2))
    frequency = Self.frequency(training)
    adamW = AdamW(training)
  }

  private static func frequency(_ training: TrainingConfiguration) -> Int {
    let value = training.updateRule?[frequency] ?? frequency.defaultValue
    return Int(clamping: value.rounded())
  }

  private static func takes(_ weight: ModelParameter) -> Bool { weight.traits.mapsBetweenWidths }

  /// The shape of a square matrix for each matrix in a weight.
  private static func squares(_ weight: ModelParameter, _ side: KeyPath<WeightMatrix, Int>) -> [Int]? {
    guard takes(weight) else { return nil }
    return [weight.stack, weight.parts.reduce(0) { $0 + $1[keyPath: side] * $1[keyPath: side] }]
  }

  /// The entries of N do not depend on the gradient's size, as those of a step of AdamW. But in the eigenbasis they are
  /// hardly correlated with each other and with the inputs of a token, so that what a step adds to an output is a sum of
  /// random signs, which grows as √m instead of m. So the rate falls as 1/√m. This holds where a batch has more tokens
  /// than a matrix has rows.
  static func rateScale(of traits: ParameterTraits, widthRatio m: Double) -> Double {
    traits.mapsBetweenWidths ? 1 / m.squareRoot() : AdamW.rateScale(of: traits, widthRatio: m)
  }

  static func workspaceCount(_ parameters: [ModelParameter]) -> Int {
    parameters.filter(takes).flatMap(\.parts).map { SOAPWorkspace.count(rows: $0.rows, columns: $0.columns) }
      .max() ?? 0
  }

  /// Eight products of a matrix with one of the four squares in each step, of which two are symmetric; when a basis turns, a
  /// product and an orthogonalisation of 8/3·n³; and in the first step an eigendecomposition of about 9·n³.
  static func flops(_ parameters: [ModelParameter], _ training: TrainingConfiguration, steps: Int) -> Double {
    guard steps > 0 else { return 0 }
    let turns = Double((steps - 1) / frequency(training))
    return parameters.filter(takes).reduce(0) { sum, parameter in
      sum + Double(parameter.stack)
        * parameter.parts.reduce(0) { sum, part in
          let (r, c) = (Double(part.rows), Double(part.columns))
          let cubes = r * r * r + c * c * c
          let step = 2 * r * c * (r + c)
          // The first step has L, R and the bases alone.
          return sum + Double(steps - 1) * 3 * step + Double(steps) * step / 2 + turns * (2 + 8.0 / 3) * cubes
            + 9 * cubes
        }
    }
  }

  func update(_ step: UpdateStep) {
    let correction1 = 1 - pow(Double(beta1), Double(step.number))
    // The first step has no basis yet, and v nothing of it.
    let correction2 = 1 - pow(Double(beta2), Double(max(1, step.number - 1)))
    let inverseRoot2 = Float(1 / correction2.squareRoot())
    let segment = step.segment
    guard Self.takes(segment.parameter) else {
      adamW.update(step, moments: (step.buffer(0), step.buffer(1)))
      return
    }
    let keep = step.keep
    var (left, right) = (0, 0)
    for matrix in segment.matrices {
      let work = SOAPWorkspace(
        matrix, left: (step.buffer(2) + left, step.buffer(4) + left),
        right: (step.buffer(3) + right, step.buffer(5) + right), step.workspace)
      left += matrix.rows * matrix.rows
      right += matrix.columns * matrix.columns
      let (p, g) = (step.weights + matrix.offset, step.slopes + matrix.offset)
      let (m, v) = (step.buffer(0) + matrix.offset, step.buffer(1) + matrix.offset)
      for row in 0..<matrix.rows {
        let (from, to) = (row * matrix.stride, row * matrix.columns)
        for j in 0..<matrix.columns {
          let slope = step.gradientScale * g[from + j]
          work.gradient[to + j] = slope
          m[from + j] = fused_multiply_add(beta1, m[from + j], (1 - beta1) * slope)
        }
      }
      if step.number > 1 {
        work.rotate(work.gradient, stride: matrix.columns, into: work.rotated)
        work.rotate(m, stride: matrix.stride, into: work.normalised)
        for row in 0..<matrix.rows {
          let (there, here) = (row * matrix.stride, row * matrix.columns)
          for j in 0..<matrix.columns {
            let slope = work.rotated[here + j]
            v[there + j] = fused_multiply_add(beta2, v[there + j], (1 - beta2) * slope * slope)
            work.normalised[here + j] /= relaxed_sqrt(v[there + j]) * inverseRoot2 + AdamW.epsilon
            p[there + j] *= keep
          }
        }
        work.addRotatedBack(
          work.normalised, to: p, stride: matrix.stride, scale: Float(-step.rate / correction1))
      }
      work.updatePreconditioners(beta: beta2)
      if step.number == 1 {
        work.decompose()
      } else if (step.number - 1).isMultiple(of: frequency) {
        work.turn(v, stride: matrix.stride)
      }
    }
  }
}
