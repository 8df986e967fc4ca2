import Foundation

/// The optimal allocation of a budget to model size and data under a fitted law L(N, D).
///
/// Training costs 6ND FLOPs, and inference on I tokens afterwards costs 2NI. At the optimum for a fixed cost (or a
/// fixed loss), increasing N or D by the same factor reduces the loss equally per FLOP:
///
///     ∂L/∂log N · 6D = ∂L/∂log D · (6D + 2I)
///
/// For I = 0 this is Chinchilla's optimum. For I > 0 the model is smaller and trained on more tokens (Sardana et al.
/// 2023, arXiv:2401.00448).
public struct Allocation: Sendable, Codable {
  /// The quantity that is fixed.
  public enum Budget: Sendable, Codable, Equatable {
    /// Total FLOPs of training and inference.
    case compute(Double)
    /// N.
    case parameters(Double)
    /// D.
    case tokens(Double)
    /// A loss to reach at the lowest cost, in nats per token.
    case loss(Double)
  }

  /// The fixed quantity.
  public let budget: Budget
  /// I, the number of inference tokens over the model's lifetime.
  public let inferenceTokens: Double
  /// U, the number of unique training tokens, for a law of repeated data; nil if none are repeated.
  public let uniqueTokens: Double?
  /// N at the optimum.
  public let parameters: Estimate
  /// D at the optimum.
  public let tokens: Estimate
  /// D/N at the optimum.
  public let tokensPerParameter: Estimate
  /// 6ND + 2NI at the optimum, in FLOPs.
  public let compute: Estimate
  /// The loss at the optimum, in nats per token.
  public let loss: Estimate
  /// The number of decades by which N or D lies beyond the fitted data, whichever is larger; 0 inside.
  public let decadesBeyond: Double
  /// A warning about extrapolation; nil inside the range of the fitted data.
  public let warning: String?

  /// Computes the optimum and its intervals from the fit's bootstrap draws.
  ///
  /// - Parameter uniqueTokens: U, for a law of N, D and U; nil for as many as are trained on.
  /// - Throws: `FitError` if the law is not a law of N and D, with or without U, or the budget has no optimum under it.
  public init(
    _ budget: Budget, under fit: LawFit, inferenceTokens: Double = 0, uniqueTokens: Double? = nil
  ) throws {
    let law = fit.law.law
    guard fit.splitsBudgets else {
      throw FitError("an allocation needs a law of N and D, not the \(law.name) law")
    }
    guard fit.derived.allSatisfy(\.identified) else {
      let reason =
        fit.lack ?? "they do not identify \(fit.unidentified.joined(separator: ", "))"
      throw FitError(
        "the \(fit.observations) runs of this fit do not determine how to split a budget: \(reason); "
          + "train more runs, with other N at the same D and other D at the same N")
    }
    let optimum = { @Sendable (θ: [Double]) in
      Solver(law: law, θ: θ, inference: inferenceTokens, unique: uniqueTokens).solve(budget)
    }
    guard let central = optimum(fit.values) else {
      throw FitError(
        "the \(law.name) law has no optimum for this budget; plan for one nearer to the data of the fit")
    }
    let draws = parallelMap(fit.draws.count) { optimum(fit.draws[$0]) }.compactMap { $0 }
    let estimate = Estimator(of: central, draws: draws, spread: fit.spread)
    self.budget = budget
    self.inferenceTokens = inferenceTokens
    self.uniqueTokens = uniqueTokens
    parameters = estimate("parameters", "N", "parameters") { exp($0.n) }
    tokens = estimate("tokens", "D", "tokens") { exp($0.d) }
    tokensPerParameter = estimate("tokens per parameter", "D/N", "tokens/parameter") { exp($0.d - $0.n) }
    compute = estimate("compute", "C", "FLOPs") { exp($0.n) * (6 * exp($0.d) + 2 * inferenceTokens) }
    loss = estimate("loss", "L", "nats") { $0.loss }
    let decades = fit.ranges.map { range in
      switch range.variable {
      case .parameters: range.decadesBeyond(exp(central.n))
      case .uniqueTokens: range.decadesBeyond(uniqueTokens ?? exp(central.d))
      default: range.decadesBeyond(exp(central.d))
      }
    }
    decadesBeyond = decades.max() ?? 0
    warning =
      decadesBeyond > 0
      ? "beyond the fitted data by \(String(format: "%.1f", decadesBeyond)) decades: an extrapolation" : nil
  }

  /// log N, log D and the loss there.
  private struct Split: Sendable {
    let n: Double
    let d: Double
    let loss: Double
  }

  private struct Solver {
    let law: any Law
    let θ: [Double]
    let inference: Double
    let unique: Double?

    func loss(_ n: Double, _ d: Double) -> Double {
      let place = Observation(
        parameters: exp(n), tokens: exp(d), uniqueTokens: unique ?? exp(d), loss: 1)
      return law.loss(θ, at: place) ?? .nan
    }

    /// Returns a value that is positive if N is larger than optimal for D.
    func imbalance(_ n: Double, _ d: Double) -> Double {
      let h = 1e-4
      let size = loss(n + h, d) - loss(n - h, d)
      let data = loss(n, d + h) - loss(n, d - h)
      return size * 6 * exp(d) - data * (6 * exp(d) + 2 * inference)
    }

    func solve(_ budget: Budget) -> Split? {
      let (smallest, largest) = (0.0, 100.0)
      switch budget {
      case .compute(let c):
        // D = (C/N − 2I)/6 must be positive.
        let tokens = { (n: Double) in log((c / exp(n) - 2 * inference) / 6) }
        let most = min(log(c / 6), inference > 0 ? log(c / (2 * inference)) - 1e-9 : .infinity)
        return root(smallest, most) { imbalance($0, tokens($0)) }.map { at($0, tokens($0)) }
      case .parameters(let n):
        return root(smallest, largest) { -imbalance(log(n), $0) }.map { at(log(n), $0) }
      case .tokens(let d):
        return root(smallest, largest) { imbalance($0, log(d)) }.map { at($0, log(d)) }
      case .loss(let target):
        let tokens = { (n: Double) in root(smallest, largest) { target - loss(n, $0) } }
        // Models below a certain size do not reach the target with any amount of data.
        guard let least = root(smallest, largest, { target - loss($0, largest) }) else { return nil }
        return root(least + 1e-9, largest) { n in tokens(n).map { imbalance(n, $0) } ?? -1 }
          .flatMap { n in tokens(n).map { at(n, $0) } }
      }
    }

    private func at(_ n: Double, _ d: Double) -> Split { Split(n: n, d: d, loss: loss(n, d)) }

    /// Returns the root of a function that is negative at `low` and positive at `high`; nil if it is not.
    private func root(_ low: Double, _ high: Double, _ function: (Double) -> Double) -> Double? {
      guard function(low) < 0, function(high) > 0 else { return nil }
      var (low, high) = (low, high)
      for _ in 0..<60 {
        let middle = (low + high) / 2
        if function(middle) < 0 { low = middle } else { high = middle }
      }
      return (low + high) / 2
    }
  }
}

extension LawFit {
  /// True for a law by which a budget can be split: one of N and D, or of N, D and the unique tokens.
  public var splitsBudgets: Bool {
    let variables = Set(law.law.variables)
    return variables.isSuperset(of: [.parameters, .tokens])
      && variables.isSubset(of: [.parameters, .tokens, .uniqueTokens])
  }

  /// Returns the value of the variable at which a law in one variable reaches a loss.
  ///
  /// - Throws: `FitError` if the law has other variables, or does not reach the loss.
  public func reach(_ target: Double) throws -> Estimate {
    let law = law.law
    guard law.variables.count == 1, let variable = law.variables.first else {
      throw FitError("the law of \(name) is not one of one variable")
    }
    let place = { (θ: [Double]) -> Double? in
      let excess = { (x: Double) in
        law.loss(θ.map { Scalar($0) }, at: [exp(x)], logs: [x]).value + law.knownFloor - target
      }
      var (low, high) = (0.0, 300.0)
      guard excess(low) > 0, excess(high) < 0 else { return nil }
      for _ in 0..<80 {
        let middle = (low + high) / 2
        if excess(middle) > 0 { low = middle } else { high = middle }
      }
      return exp((low + high) / 2)
    }
    guard let value = place(values) else { throw FitError("\(equation) does not reach a loss of \(target)") }
    return Estimate(
      name: "\(variable.symbol) at the loss", symbol: variable.symbol, unit: variable.unit, value: value,
      draws: draws.isEmpty ? nil : draws.map { place($0) ?? .infinity }, spread: spread)
  }
}
