import Foundation

/// The data mixture with the lowest target, a weighted sum of the losses on several tasks.
///
/// The loss on each task follows a mixture law (`MixtureLaw`; Ye et al. 2024, arXiv:2403.16952) of the weights r of all
/// domains, which sum to 1. The target
///
///     T(r) = Σᵢ wᵢ·Lᵢ(r) = Σᵢ wᵢ·(cᵢ + kᵢ·exp(Σⱼ tᵢⱼ·rⱼ))
///
/// is convex where all k are positive, so that its minimum on the simplex is unique.
public struct BestMixture: Sendable, Codable {
  /// The law of the loss on one task.
  public struct Part: Sendable, Codable {
    /// The task, which is also a domain.
    public let task: String
    /// Its weight in the target.
    public let weight: Double
    /// The mixture law of its loss.
    public let fit: LawFit
  }

  /// The laws, one for each domain.
  public let parts: [Part]
  /// The best weight of each domain.
  public let weights: [Estimate]
  /// The target at the best weights.
  public let target: Estimate
  /// The standard deviation of a single run's target around the laws, in nats.
  public let scatter: Double
  /// The degrees of freedom of the scatter.
  let freedom: Int
  /// The lowest measured target, and its mixture: the mean over runs that differ in their seeds.
  public let lowest: Double
  public let lowestMixture: [Double]
  /// Fits the laws and finds the best weights.
  ///
  /// - Parameters:
  ///   - runs: The weight of each domain and the loss on it, run by run.
  ///   - target: The weight of each domain's loss in the target.
  ///   - convention: A description of the losses.
  /// - Throws: `FitError` if there are fewer than two domains, or the runs do not determine the laws.
  public init(
    _ domains: [String], runs: [Run], target: [Double], objective: Objective, convention: String,
    bootstraps: Int, seed: UInt64
  ) throws {
    guard domains.count >= 2, target.count == domains.count else {
      throw FitError("a best mixture needs a `target` of two tasks or more, which experiment files give")
    }
    let law = MixtureLaw(domains: domains.count)
    guard Set(runs.map(\.mixture)).count > law.parameters.count else {
      throw FitError(
        "\(Set(runs.map(\.mixture)).count) mixtures are too few for a law of \(law.parameters.count) parameters"
      )
    }
    let fits = try domains.indices.map { domain in
      // A mixture is trained as a whole: all laws draw the same runs.
      let observations = runs.map {
        Observation(mixture: $0.mixture, loss: $0.losses[domain], cluster: $0.cluster)
      }
      return try Fitter(
        .mixture(law), minimizing: objective, bootstraps: bootstraps, seed: seed, convention: convention
      ).fit(observations)
    }
    parts = domains.indices.map { Part(task: domains[$0], weight: target[$0], fit: fits[$0]) }
    let (value, draws) = Laws.all(parts)
    let best = value.minimum
    let bestDraws = draws.map(\.minimum)
    let spread = fits[0].spread
    weights = domains.indices.map { domain in
      Estimate(
        name: "best weight of \(domains[domain])", symbol: "weight_\(domains[domain])", unit: "1",
        value: best[domain], draws: draws.isEmpty ? nil : bestDraws.map { $0[domain] }, spread: spread)
    }
    self.target = Estimate(
      name: "target at the best weights", symbol: "target", unit: "nats", value: value(best),
      draws: draws.isEmpty ? nil : zip(draws, bestDraws).map { $0($1) }, spread: spread)
    let residuals = runs.map { $0.target(target) - value($0.mixture) }
    freedom = max(runs.count - law.parameters.count, 1)
    let scatter = (residuals.reduce(0) { $0 + $1 * $1 } / Double(freedom)).squareRoot()
    self.scatter = scatter
    let means = runs.grouped(by: \.mixture).map { runs in
      (mixture: runs[0].mixture, target: runs.reduce(0) { $0 + $1.target(target) } / Double(runs.count))
    }
    let lowest = means.min { $0.target < $1.target }
    (self.lowest, lowestMixture) = (lowest?.target ?? .nan, lowest?.mixture ?? [])
  }

  /// Returns the target that the laws predict at a mixture.
  public func target(of mixture: [Double]) -> Double { Laws.all(parts).value(mixture) }

  /// Predicts the target of held-out runs, those of one mixture together.
  ///
  /// - Parameter runs: The runs. The losses of one that is not trained are NaN.
  public func forecast(of runs: [(name: String, run: Run)], seed: UInt64) -> Forecast {
    let (value, draws) = Laws.all(parts)
    let target = parts.map(\.weight)
    let places = runs.grouped { $0.run.mixture }.enumerated().map { index, runs in
      let mixture = runs[0].run.mixture
      var generator = SeededGenerator(seed: seed, stream: index)
      let predicted = value(mixture)
      let losses = draws.flatMap { law in
        let own = scatter * Resampler.scale(freedom: freedom, &generator)
        return (0..<10).map { _ in law(mixture) + own * generator.normal() }
      }.filter(\.isFinite)
      return Forecast.Place(
        loss: predicted,
        interval: losses.isEmpty ? nil : Interval(of: losses, around: predicted, spread: .percentiles),
        runs: runs.map { ($0.name, $0.run.target(target)) }, observation: nil, largestCompute: nil)
    }
    return Forecast(places: places, scatter: scatter)
  }

  /// A run with its mixture and the losses on all domains.
  public struct Run: Sendable {
    /// The weight of each domain.
    public let mixture: [Double]
    /// The loss on each domain.
    public let losses: [Double]
    /// The name of the training.
    public let cluster: String?

    /// Creates a run.
    public init(mixture: [Double], losses: [Double], cluster: String?) {
      (self.mixture, self.losses, self.cluster) = (mixture, losses, cluster)
    }

    func target(_ weights: [Double]) -> Double { zip(weights, losses).reduce(0) { $0 + $1.0 * $1.1 } }
  }
}

/// The laws of all domains with one set of parameters each.
private struct Laws {
  /// The fitted laws, and those of each draw of the bootstrap.
  static func all(_ parts: [BestMixture.Part]) -> (value: Laws, draws: [Laws]) {
    let target = parts.map(\.weight)
    let count = parts.map(\.fit.draws.count).min() ?? 0
    return (
      Laws(parameters: parts.map(\.fit.values), target: target),
      (0..<count).map { draw in Laws(parameters: parts.map { $0.fit.draws[draw] }, target: target) }
    )
  }

  /// c, k, t₁ … of each domain.
  let parameters: [[Double]]
  let target: [Double]

  /// Σⱼ tᵢⱼ·rⱼ; the last t is 0.
  private func exponent(_ θ: [Double], _ mixture: [Double]) -> Double {
    (2..<θ.count).reduce(0) { $0 + θ[$1] * mixture[$1 - 2] }
  }

  func callAsFunction(_ mixture: [Double]) -> Double {
    zip(parameters, target).reduce(0) { sum, part in
      sum + part.1 * (part.0[0] + part.0[1] * exp(exponent(part.0, mixture)))
    }
  }

  /// The weights with the lowest target, by exponentiated gradient descent (Kivinen and Warmuth 1997), which stays on
  /// the simplex, from even weights.
  var minimum: [Double] {
    let count = target.count
    var mixture = [Double](repeating: 1 / Double(count), count: count)
    var (value, rate) = (self(mixture), 1.0)
    for _ in 0..<2000 {
      var gradient = [Double](repeating: 0, count: count)
      for (θ, weight) in zip(parameters, target) {
        let part = weight * θ[1] * exp(exponent(θ, mixture))
        for domain in 0..<count - 1 { gradient[domain] += part * θ[2 + domain] }
      }
      let lowest = gradient.min() ?? 0
      let moved = zip(mixture, gradient).map { max($0, 1e-9) * exp(-rate * ($1 - lowest)) }
      let sum = moved.reduce(0, +)
      let next = moved.map { $0 / sum }
      let better = self(next)
      guard better.isFinite else { break }
      if better < value {
        let gain = value - better
        (mixture, value, rate) = (next, better, rate * 1.2)
        if gain < 1e-13 * abs(value) { break }
      } else {
        rate /= 2
        if rate < 1e-9 { break }
      }
    }
    return mixture
  }
}
