import Foundation

/// The effect of counting N with and without embeddings on the compute-optimal size.
///
/// Kaplan et al. counted parameters and compute without embeddings, Hoffmann et al. with them. Under the same surface
/// L(N_total, D), the optimum for a compute that is counted without embeddings,
///
///     N*(C) = argmin over N of L(N_total(N), C/(6N)),
///
/// grows with a different power of C while embeddings are a substantial fraction of the parameters (Pearce and Song
/// 2024, arXiv:2406.12907, section 3).
public struct EmbeddingCount: Sendable, Codable {
  /// The two counts of one model.
  public struct Pair: Sendable, Codable, Equatable {
    /// The number of parameters without embeddings.
    public let nonEmbedding: Double
    /// The number of all parameters.
    public let total: Double

    /// Creates a pair of counts.
    public init(nonEmbedding: Double, total: Double) {
      self.nonEmbedding = nonEmbedding
      self.total = total
    }
  }

  /// An optimum, N* at C, with both counted in the same way.
  public struct Place: Sendable, Codable {
    /// C, in FLOPs.
    public let compute: Double
    /// N*.
    public let parameters: Double
  }

  /// The exponent a of N* ∝ C^a over the range of compute, with embeddings.
  public let total: Estimate
  /// The exponent a of N* ∝ C^a over the range of compute, without embeddings.
  public let nonEmbedding: Estimate
  /// `nonEmbedding` − `total`. Both are computed from one surface, so most of their error cancels.
  public let shift: Estimate
  /// The optima with embeddings, by increasing compute.
  public let frontierTotal: [Place]
  /// The optima without embeddings, by increasing compute.
  public let frontierNonEmbedding: [Place]

  /// Computes the optima by both counts under a fitted law.
  ///
  /// - Parameters:
  ///   - fit: A law of N and D, with N counted in total.
  ///   - pairs: The counts of the models. log N_total is interpolated and extrapolated linearly in the log of the
  ///     other.
  ///   - compute: The range of C = 6ND, in FLOPs.
  ///   - places: The number of optima in the range.
  /// - Throws: `FitError` if the law is not a law of N and D, or there are fewer than three models.
  public init(under fit: LawFit, pairs: [Pair], compute: ClosedRange<Double>, places: Int = 48) throws {
    guard Set(fit.law.law.variables) == [.parameters, .tokens] else {
      throw FitError("the comparison of counts needs a law of N and D, not the \(fit.name) law")
    }
    let models = Dictionary(pairs.map { ($0.nonEmbedding, $0) }, uniquingKeysWith: { first, _ in first })
      .values.sorted { $0.nonEmbedding < $1.nonEmbedding }
    guard models.count >= 3, models[0].nonEmbedding > 0, compute.lowerBound > 0,
      compute.lowerBound < compute.upperBound
    else { throw FitError("the comparison of counts needs models of at least three sizes") }
    let (first, last) = (log(compute.lowerBound), log(compute.upperBound))
    let grid = (0..<places).map { first + (last - first) * Double($0) / Double(places - 1) }
    let map = CountMap(models)
    let search = { @Sendable (θ: [Double], isTotal: Bool) -> [Double] in
      let best = BestSize(law: fit.law.law, θ: θ) { isTotal ? $0 : map($0) }
      return grid.map { best.size(logCompute: $0) }
    }
    let exponent = { @Sendable (sizes: [Double]) in line(grid, sizes)?.slope ?? .nan }
    let central = [true, false].map { search(fit.values, $0) }
    let draws = parallelMap(fit.draws.count) { index in
      [true, false].map { exponent(search(fit.draws[index], $0)) }
    }
    let exponents = central.map(exponent)
    let estimate = Estimator(of: exponents, draws: draws, spread: fit.spread)
    total = estimate("exponent of N* in C, both in total", "a_total") { $0[0] }
    nonEmbedding = estimate("exponent of N* in C, both without embeddings", "a_non_embedding") { $0[1] }
    shift = estimate("shift of the exponent of N*", "a_shift") { $0[1] - $0[0] }
    let frontier = { (sizes: [Double]) in
      zip(grid, sizes).map { Place(compute: exp($0), parameters: exp($1)) }
    }
    (frontierTotal, frontierNonEmbedding) = (frontier(central[0]), frontier(central[1]))
  }

  /// log N_total as a piecewise linear function of log N without embeddings.
  private struct CountMap: Sendable {
    let x: [Double]
    let y: [Double]

    init(_ models: [Pair]) {
      x = models.map { log($0.nonEmbedding) }
      y = models.map { log($0.total) }
    }

    func callAsFunction(_ n: Double) -> Double {
      let above = min(max(x.firstIndex { $0 > n } ?? x.count - 1, 1), x.count - 1)
      let slope = (y[above] - y[above - 1]) / (x[above] - x[above - 1])
      return y[above - 1] + slope * (n - x[above - 1])
    }
  }

  private struct BestSize {
    let law: any Law
    let θ: [Double]
    /// Converts log N to the log of the count that the law was fitted to.
    let counted: @Sendable (Double) -> Double

    private func loss(_ n: Double, _ c: Double) -> Double {
      law.loss(θ, at: Observation(parameters: exp(counted(n)), tokens: exp(c - n) / 6, loss: 1)) ?? .infinity
    }

    /// Returns log N* at log C: the best point of a coarse grid, refined by golden-section search.
    func size(logCompute c: Double) -> Double {
      let step = 0.5
      let coarse = stride(from: 0.0, to: c, by: step).min { loss($0, c) < loss($1, c) } ?? 0
      var (low, high) = (coarse - step, coarse + step)
      let golden = (5.0.squareRoot() - 1) / 2
      while high - low > 1e-4 {
        let (left, right) = (high - golden * (high - low), low + golden * (high - low))
        if loss(left, c) < loss(right, c) { high = right } else { low = left }
      }
      return (low + high) / 2
    }
  }
}
