import Foundation
import ScalingLaws

/// What the fits of a planned grid will give, by simulation from a prior law: `isoflop design`.
public struct DesignStudy: Codable, Sendable {
  /// One number of a fit.
  public struct Number: Codable, Sendable {
    /// The name in files, such as alpha.
    public let parameter: String
    /// The value under the prior law; nil if the law does not determine it.
    public let truth: Double?
    /// The value that the fit finds for losses without noise.
    public let exact: Double
    /// The mean over the simulations minus the truth, or minus `exact` without one.
    public let bias: Double
    /// The standard deviation over the simulations.
    public let deviation: Double
    /// The central 95 % of the simulated estimates.
    public let range: Interval
    /// Half the width of the 95 % interval that the fit will report, the median of a few simulations; nil without any.
    public let halfWidth: Double?
    /// False if a simulated fit reports that the runs do not determine the number.
    public let identified: Bool
  }

  /// One fit.
  public struct Fit: Codable, Sendable {
    /// The name.
    public let name: String
    /// False if the prior law does not determine the losses that the fit depends on.
    public let isSimulated: Bool
    /// The reason why the fit is not possible or not simulated; nil if it is.
    public let refusal: String?
    /// The fraction of the simulations in which the fit is possible.
    public let possible: Double
    /// Its numbers; empty if it is not possible.
    public let numbers: [Number]
    /// The budgets of IsoFLOP profiles; empty for other fits.
    public let budgets: [Budget]
  }

  /// One compute budget of IsoFLOP profiles.
  public struct Budget: Codable, Sendable {
    /// The budget, in FLOPs.
    public let compute: Double
    /// The number of models.
    public let models: Int
    /// The fraction of simulations with a minimum inside the profile.
    public let minima: Double
    /// The reason why exact losses have no minimum; nil if they have one.
    public let refusal: String?
  }

  /// The prior law.
  public let prior: PriorLaw
  /// The standard deviation of the log of the loss above the floor.
  public let noise: Double
  /// The number of simulations.
  public let simulations: Int
  /// The number of runs.
  public let runs: Int
  /// The compute of all runs, in FLOPs.
  public let compute: Double
  /// The fits.
  public let fits: [Fit]

  /// Simulates the runs of a table.
  ///
  /// - Parameters:
  ///   - table: The planned runs, with or without results.
  ///   - noise: The standard deviation of the log of the loss above the floor.
  ///   - whole: The number of simulations with intervals, which take most of the time.
  ///   - progress: Called repeatedly with the completed fraction.
  public init(
    of table: ResultsTable, requests: [FitRequest]?, prior: PriorLaw, noise: Double, simulations: Int = 100,
    whole: Int = 5, bootstraps: Int = 200, seed: UInt64 = 1, progress: (Double) -> Void = { _ in }
  ) {
    let simulated = SimulatedRuns(table: table, law: prior, noise: noise, seed: seed)
    let requests =
      requests
      ?? FitRequest.standard(budgets: table.rows.contains { $0.isoFLOPBudget != nil }, entropy: true)
    self.prior = prior
    self.noise = noise
    self.simulations = simulations
    runs = table.rows.count
    compute = table.rows.compactMap(\.exactCompute).reduce(0, +)
    let possible = requests.filter { $0.whyNotSimulated == nil }
    let exact = simulated.results(nil)
    let exactFits = possible.map { simulated.fit($0, to: exact, bootstraps: 0, isWhole: false) }
    // One with intervals takes about as long as ten without.
    let total = Double(simulations + 10 * whole)
    var noisy: [[ExperimentFit]] = []
    for simulation in 0..<simulations {
      let results = simulated.results(simulation)
      noisy.append(possible.map { simulated.fit($0, to: results, bootstraps: 0, isWhole: false) })
      progress(Double(simulation + 1) / total)
    }
    var complete: [[ExperimentFit]] = []
    for simulation in 0..<whole {
      let results = simulated.results(simulation)
      complete.append(possible.map { simulated.fit($0, to: results, bootstraps: bootstraps, isWhole: true) })
      progress(Double(simulations + 10 * (simulation + 1)) / total)
    }
    fits = requests.map { request in
      if let reason = request.whyNotSimulated {
        return Fit(
          name: request.name, isSimulated: false, refusal: "not simulated: \(reason)", possible: 0,
          numbers: [], budgets: [])
      }
      let place = possible.firstIndex { $0.name == request.name } ?? 0
      return Fit(
        request, exact: exactFits[place], noisy: noisy.map { $0[place] }, whole: complete.map { $0[place] },
        prior: prior)
    }
  }

  /// The fits that the runs do not allow, with the reasons: they are not possible, or a number is not identified.
  public var faults: [String] {
    fits.compactMap { fit in
      if let refusal = fit.refusal { return "\(fit.name): \(refusal)" }
      let open = fit.numbers.filter { !$0.identified }.map(\.parameter)
      return open.isEmpty
        ? nil
        : "\(fit.name): \(open.joined(separator: ", ")) \(open.count == 1 ? "is" : "are") not identified"
    }
  }
}

extension DesignStudy.Fit {
  fileprivate init(
    _ request: FitRequest, exact: ExperimentFit, noisy: [ExperimentFit], whole: [ExperimentFit],
    prior: PriorLaw
  ) {
    name = request.name
    isSimulated = true
    let fitted = noisy.filter { $0.refusal == nil }
    possible = Double(fitted.count) / Double(max(noisy.count, 1))
    budgets = (exact.isoFLOP?.profiles ?? []).map { profile in
      let found = noisy.count { fit in
        fit.isoFLOP?.profiles.contains { $0.budget == profile.budget && $0.minimum != nil } ?? false
      }
      return DesignStudy.Budget(
        compute: profile.budget, models: profile.observations.count,
        minima: Double(found) / Double(max(noisy.count, 1)), refusal: profile.refusal)
    }
    guard !fitted.isEmpty else {
      refusal = noisy.first?.refusal ?? exact.refusal ?? "no simulation"
      numbers = []
      return
    }
    refusal = nil
    numbers = fitted[0].estimates.enumerated().compactMap { index, estimate in
      let values = fitted.compactMap {
        $0.estimates.indices.contains(index) ? $0.estimates[index].value : nil
      }
      .filter(\.isFinite).sorted()
      guard !values.isEmpty else { return nil }
      let mean = values.reduce(0, +) / Double(values.count)
      let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(values.count - 1, 1))
      let truth = request.truth(of: estimate.symbol, under: prior)
      let found = exact.estimates.indices.contains(index) ? exact.estimates[index].value : .nan
      let complete = whole.compactMap { $0.estimates.indices.contains(index) ? $0.estimates[index] : nil }
      let widths = complete.compactMap { $0.interval.map { ($0.high - $0.low) / 2 } }.filter(\.isFinite)
        .sorted()
      let isHeld = request.held.keys.contains(latin(estimate.symbol))
      return isHeld
        ? nil
        : DesignStudy.Number(
          parameter: latin(estimate.symbol), truth: truth, exact: found, bias: mean - (truth ?? found),
          deviation: variance.squareRoot(),
          range: Interval(
            low: values[values.count * 25 / 1000], high: values[(values.count * 975 - 1) / 1000]),
          halfWidth: widths.isEmpty ? nil : widths[widths.count / 2],
          identified: complete.allSatisfy(\.identified))
    }
  }
}

extension DesignStudy {
  /// Returns the expectations that the runs cannot meet whatever their losses are, with the reasons.
  ///
  /// - Parameter comparisons: The comparisons that expectations may refer to.
  public func obstacles(to expectations: [Expectation], comparisons: [ComparisonRequest]) -> [String] {
    let refusals = Dictionary(
      fits.compactMap { fit in fit.isSimulated ? fit.refusal.map { (fit.name, $0) } : nil },
      uniquingKeysWith: { first, _ in first })
    return expectations.compactMap { expectation in
      let needed: [String]
      switch expectation.subject {
      case .parameter(_, let fit): needed = [fit]
      case .comparison(_, let name): needed = comparisons.first { $0.name == name }?.fits ?? []
      case .sweep, .statistic, .runs: needed = []
      }
      let reason = needed.compactMap { refusals[$0] }.first
      return reason.map { "\(expectation.subjectText): \($0)" }
    }
  }
}
