import Foundation

/// What a set of runs will tell about the parameters of L = E + A/N^α + B/D^β, before it is trained: the covariance of the
/// least-squares estimates, linearised at a prior law.
///
///     cov = (JᵀJ)⁻¹·JᵀVJ·(JᵀJ)⁻¹,   J = ∂log(loss)/∂(log A, log B, α, β, E)
///
/// With a known floor the fit compares the loss above it, whose noise is equal for all runs; otherwise it compares the
/// whole loss.
public struct DesignInformation: Sendable {
  /// A number of the law that can be aimed at.
  public enum Target: String, CaseIterable, Sendable, Codable {
    case alpha, beta, a, b
    case floor = "E"
  }

  private let law: PriorLaw
  private let fitsFloor: Bool
  private let noise: Double
  /// Mean logs, around which the exponents are nearly independent of the coefficients.
  private let centre: (n: Double, d: Double)
  private var normal: SymmetricMatrix
  private var scatter: SymmetricMatrix
  /// The number of runs.
  public private(set) var runs = 0

  /// Creates a design without runs.
  ///
  /// - Parameters:
  ///   - noise: The standard deviation of the log of the loss above the floor.
  ///   - centre: A typical N and D.
  public init(
    under law: PriorLaw, fitsFloor: Bool, noise: Double, centre: (parameters: Double, tokens: Double)
  ) {
    self.law = law
    self.fitsFloor = fitsFloor
    self.noise = noise
    self.centre = (log(centre.parameters), log(centre.tokens))
    normal = SymmetricMatrix(fitsFloor ? 5 : 4)
    scatter = normal
  }

  /// Adds a run.
  public mutating func add(parameters: Double, tokens: Double) {
    let (n, d) = (log(parameters) - centre.n, log(tokens) - centre.d)
    let size = law.values[0] * pow(parameters, -law.values[2])
    let data = law.values[1] * pow(tokens, -law.values[3])
    let reducible = size + data
    let compared = reducible + (fitsFloor ? law.floor : 0)
    let row = [size, data, -size * n, -data * d] + (fitsFloor ? [1] : [])
    let deviation = noise * reducible / compared
    for i in row.indices {
      for j in i..<row.count {
        let product = row[i] * row[j] / (compared * compared)
        normal[i, j] += product
        scatter[i, j] += product * deviation * deviation
      }
    }
    runs += 1
  }

  /// Returns half the width of the 95 % interval of a number (Student's t times the standard error); nil if the runs do
  /// not determine it.
  ///
  /// - Parameters:
  ///   - seeds: How many times each run is trained, with different seeds.
  ///   - trunks: The number of trunks that the runs branch off, which the bootstrap resamples; nil for runs of their own.
  public func halfWidth(of target: Target, seeds: Int = 1, trunks: Int? = nil) -> Double? {
    let parameters = normal.size
    guard runs * seeds > parameters, let factor = normal.cholesky(damping: 0) else { return nil }
    let (α, β) = (law.values[2], law.values[3])
    let sum = (α + β) * (α + β)
    var gradient = Array(repeating: 0.0, count: parameters)
    switch target {
    case .alpha: gradient[2] = 1
    case .beta: gradient[3] = 1
    case .a: (gradient[2], gradient[3]) = (-β / sum, α / sum)
    case .b: (gradient[2], gradient[3]) = (β / sum, -α / sum)
    case .floor:
      guard fitsFloor else { return nil }
      gradient[4] = 1
    }
    let weights = factor.solve(gradient)
    let variance = dot(weights, scatter.times(weights))
    guard variance > 0, variance.isFinite else { return nil }
    // The bootstrap of fewer trunks than this is over runs (`Table`).
    let clusters = trunks.flatMap { $0 > max(parameters, 4) ? $0 : nil }
    let freedom = Freedom(observations: clusters ?? runs * seeds, parameters: parameters)
    return freedom.studentQuantile * (variance / Double(seeds)).squareRoot()
  }
}
