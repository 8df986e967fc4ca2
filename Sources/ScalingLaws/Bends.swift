import Foundation

/// A test for breaks: deviations of a loss curve from a power law with a floor.
///
/// Starting with no break, up to `maximumBreaks`, a law with one more break is accepted if its gain in likelihood,
///
///     T = n·log(RSS_k/RSS_(k+1)),
///
/// is significant. The position and width of a break are not identified if there is no break, so T does not follow a χ²
/// distribution. Its distribution is simulated from the law with fewer breaks (Davies 1987), with errors that are
/// correlated within clusters as the residuals are. A break inside the data must also improve the forecast of the largest
/// observations.
///
/// Above a known floor, an error of 1 % of the loss is a larger one of log(L − E) the closer the loss is to the floor.
/// Observations have weights for it, unless the residuals show no such growth. Where the fitted loss is within three
/// standard deviations of the floor, observations are left out: losses below the floor have no logarithm, and without
/// them the others are too high, which looks like a break.
public struct Bends: Sendable, Codable {
  /// One break of the accepted law.
  public struct Bend: Sendable, Codable {
    /// The position, in the variable's unit.
    public let place: Estimate
    /// The exponent of the loss above the floor before the break.
    public let before: Estimate
    /// The exponent of the loss above the floor after the break.
    public let after: Estimate
    /// `after` − `before`.
    public let change: Estimate
    /// The range of log X, in e-foldings, within which the exponent changes.
    public let width: Estimate
  }

  /// The evidence for one more break.
  public struct Evidence: Sendable, Codable {
    /// The number of breaks including this one.
    public let breaks: Int
    /// T.
    public let statistic: Double
    /// The fraction of simulated curves without this break whose T is at least as large; 1 without a simulation if T is
    /// small. If the simulation stopped at its limit before any curve was as extreme, an upper bound from the moments
    /// of the simulated T, but at least the resolution of a complete simulation.
    public let pValue: Double
    /// The number of simulated curves.
    public let simulations: Int
    /// True if the simulation stopped at its limit of evaluations with too few curves for a decision; nil otherwise.
    public let gaveUp: Bool?
    /// True if the p-value is at most the significance level, and the forecast, where there is one of a curve that
    /// already has the break, is better with it.
    public let accepted: Bool
    /// The AICc of the law without this break minus that of the law with it: positive if the break is supported.
    public let aiccGain: Double
    /// The errors of both laws in predicting the largest observations; nil if too few remain to fit both.
    public let forecast: Forecast?
  }

  /// The root mean square log residuals of the largest observations, predicted from the others.
  public struct Forecast: Sendable, Codable {
    /// The number of values of the variable that were left out: the largest quarter, at least two.
    public let places: Int
    /// The error of the law without the break.
    public let errorWithout: Double
    /// The error of the law with the break.
    public let errorWith: Double
    /// The smallest value that was left out; nil in files of earlier versions.
    public let from: Double?
  }

  /// The variable of the curve.
  public let variable: Variable
  /// The significance level of each test.
  public let significance: Double
  /// The accepted law: a power law, or a broken law with as many breaks as `bends`.
  public let fit: LawFit
  /// The accepted breaks, by increasing position.
  public let bends: [Bend]
  /// The evidence of each test, by the number of breaks.
  public let evidence: [Evidence]
  /// The number of observations left out because they are too close to a known floor; nil if there are none.
  public let leftOut: Int?
  /// A sentence with the result.
  public let verdict: String

  /// Tests for breaks and fits the accepted law.
  ///
  /// - Parameters:
  ///   - significance: The significance level: a break is accepted if its p-value is at most this.
  ///   - bootstraps: The number of bootstrap samples for the intervals of the accepted law.
  ///   - progress: Called repeatedly with the completed fraction of the longest possible search.
  /// - Throws: `FitError` if an observation lacks the variable, or there are too few.
  public init(
    in variable: Variable, of observations: [Observation], floor: Floor = .free, maximumBreaks: Int = 2,
    significance: Double = 0.01, bootstraps: Int = 400, seed: UInt64 = 1,
    progress: (Double) -> Void = { _ in }
  ) throws {
    let all = observations.count
    let observations = try Self.weighted(observations, variable, floor)
    leftOut = observations.count < all ? all - observations.count : nil
    var law = NamedLaw.power(PowerLaw(in: variable, floor: floor))
    var evidence: [Evidence] = []
    let range = try Self.interior(observations, variable)
    let most = min(max(maximumBreaks, 1), 3)
    for breaks in 1...most {
      let next = NamedLaw.broken(BrokenLaw(in: variable, breaks: breaks, floor: floor, within: range))
      // A law with one more break must leave degrees of freedom for the test.
      guard observations.count >= next.law.parameters.count + 3 else { break }
      let trial = try Trial(null: law, alternative: next, observations: observations, Self.objective(floor))
      let test = trial.test(significance: significance, seed: seed) { part in
        progress((Double(breaks - 1) + part) / Double(most))
      }
      let forecast = Self.forecast(law, in: variable, breaks: breaks, floor: floor, observations)
      let isForeseen = forecast.map { forecast in
        forecast.errorWith <= forecast.errorWithout || test.lastBreak >= forecast.from ?? 0
      }
      let found = Evidence(
        breaks: breaks, statistic: test.statistic, pValue: test.pValue, simulations: test.simulations,
        gaveUp: test.gaveUp ? true : nil, accepted: test.pValue <= significance && isForeseen ?? true,
        aiccGain: test.aiccGain, forecast: forecast)
      evidence.append(found)
      guard found.accepted else { break }
      law = next
    }
    let fit = try Fitter(law, minimizing: Self.objective(floor), bootstraps: bootstraps, seed: seed).fit(
      observations)
    self.variable = variable
    self.significance = significance
    self.fit = fit
    self.evidence = evidence
    bends = Self.bends(of: fit)
    verdict = Self.verdict(bends, evidence, variable, significance, leftOut)
  }

  fileprivate static func objective(_ floor: Floor) -> Objective {
    Objective(.leastSquares, weighted: floor.value > 0)
  }

  /// The number of standard deviations above a known floor at which the fitted loss of an observation must be. At three,
  /// a loss below the floor is one in a thousand.
  private static let leastDistance = 3.0

  /// Returns the observations that are far enough above a known floor, with the standard errors that their weights are
  /// computed from: those in proportion to the loss above the floor or to the whole loss, whichever the residuals are
  /// more likely under.
  private static func weighted(_ observations: [Observation], _ variable: Variable, _ floor: Floor) throws
    -> [Observation]
  {
    guard floor.value > 0 else { return observations }
    let growth = try growth(of: observations, variable, floor)
    // Above the floor, an error of σ·growth in the logarithm is a standard deviation of that fraction.
    let far = zip(observations, growth.values).filter { growth.deviation * $0.1 * leastDistance < 1 }.map(\.0)
    guard far.count < observations.count else { return with(growth.values, observations, floor) }
    _ = try interior(far, variable, leftOut: observations.count - far.count)
    return with(try Self.growth(of: far, variable, floor).values, far, floor)
  }

  /// Returns the observations with standard errors of log(L − E) that are proportional to `growth`.
  private static func with(_ growth: [Double], _ observations: [Observation], _ floor: Floor) -> [Observation]
  {
    zip(observations, growth).map { observation, growth in
      var observation = observation
      observation.standardError = (observation.loss - floor.value) * growth
      return observation
    }
  }

  /// Returns how the standard deviations of log(L − E) grow toward a known floor, relative to `deviation`, under a law
  /// with one break.
  private static func growth(of observations: [Observation], _ variable: Variable, _ floor: Floor) throws
    -> (values: [Double], deviation: Double)
  {
    let known = floor.value
    let law = NamedLaw.broken(
      BrokenLaw(in: variable, floor: floor, within: try interior(observations, variable)))
    let fitted = { (growth: [Double]) in
      try Trial.Search(Trial.problem(law.law, with(growth, observations, floor), objective(floor)))
        .fittedLosses
    }
    // The deviation of the residuals that are left after division by `growth`, and the likelihood with it.
    let scaled = { (growth: [Double]) in
      let residuals = zip(zip(observations, try fitted(growth)), growth).map {
        log(($0.0.loss - known) / $0.1) / $1
      }
      let deviation = rootMeanSquare(residuals)
      return (deviation, logLikelihood: -log(deviation) - mean(growth.map { log($0) }))
    }
    let equal = observations.map { _ in 1.0 }
    // From fitted losses, since a weight that depends on the error of its own observation is biased.
    var growing = observations.map { $0.loss / ($0.loss - known) }
    for _ in 0..<2 { growing = try fitted(growing).map { ($0 + known) / $0 } }
    let (grown, even) = (try scaled(growing), try scaled(equal))
    return grown.logLikelihood > even.logLikelihood ? (growing, grown.0) : (equal, even.0)
  }

  /// Returns the interval for breaks, with at least two values on either side of it.
  private static func interior(
    _ observations: [Observation], _ variable: Variable, atLeast least: Int = 8, leftOut: Int = 0
  ) throws -> Interval {
    let values = Set(observations.compactMap { $0[variable] }).sorted()
    guard values.count >= least, values[0] > 0 else {
      let reason = leftOut > 0 ? " beyond the noise of the floor: \(leftOut) observations are within it" : ""
      throw FitError(
        "a bend needs at least \(least) different values of \(variable.symbol); there are \(values.count)\(reason)"
      )
    }
    return Interval(low: values[2], high: values[values.count - 3])
  }

  /// Predicts the largest quarter of the values from the others, without and with the last of `breaks` breaks.
  private static func forecast(
    _ law: NamedLaw, in variable: Variable, breaks: Int, floor: Floor, _ observations: [Observation]
  ) -> Forecast? {
    let values = Set(observations.compactMap { $0[variable] }).sorted()
    let places = max(2, values.count / 4)
    guard values.count > places else { return nil }
    let cut = values[values.count - places]
    let smaller = observations.filter { ($0[variable] ?? 0) < cut }
    let largest = observations.filter { ($0[variable] ?? 0) >= cut }
    guard let range = try? interior(smaller, variable, atLeast: 6) else { return nil }
    // Every break of either law must lie within the remaining observations.
    let laws = [breaks - 1, breaks].map { breaks -> NamedLaw in
      breaks == 0 ? law : .broken(BrokenLaw(in: variable, breaks: breaks, floor: floor, within: range))
    }
    guard
      let trial = try? Trial(
        null: laws[0], alternative: laws[1], observations: smaller, objective(floor))
    else {
      return nil
    }
    let errors = trial.residuals(ofForecasting: largest).map(rootMeanSquare)
    guard errors.allSatisfy(\.isFinite) else { return nil }
    return Forecast(places: places, errorWithout: errors[0], errorWith: errors[1], from: cut)
  }

  private static func bends(of fit: LawFit) -> [Bend] {
    guard case .broken(let law) = fit.law else { return [] }
    let estimate = Estimator(of: fit.values, draws: fit.draws, spread: fit.spread)
    // Breaks in the order of their positions.
    let places = law.places(in: fit.values)
    let order = (0..<law.breaks).sorted { places[$0] < places[$1] }
    return order.enumerated().map { rank, index in
      let passed = order.prefix(rank)
      let before = { (θ: [Double]) in passed.reduce(θ[1]) { $0 + θ[2 + 3 * $1] } }
      return Bend(
        place: fit.parameters[3 + 3 * index],
        before: estimate("exponent before", "c", value: before),
        after: estimate("exponent after", "c") { before($0) + $0[2 + 3 * index] },
        change: fit.parameters[2 + 3 * index], width: fit.parameters[4 + 3 * index])
    }
  }

  private static func verdict(
    _ bends: [Bend], _ evidence: [Evidence], _ variable: Variable, _ significance: Double, _ leftOut: Int?
  ) -> String {
    let deciding = evidence.last { $0.accepted } ?? evidence.last
    let p =
      deciding.map { evidence in
        String(format: "p = %.2g", evidence.pValue)
          + (evidence.gaveUp == true
            ? ", an estimate from \(evidence.simulations) simulated curves, stopped at the limit of evaluations"
            : "")
      } ?? "too few observations to test"
    let support = [
      p, deciding.map { String(format: "ΔAICc %+.1f", $0.aiccGain) }, deciding?.forecast?.text,
      leftOut.map {
        "\($0) \($0 == 1 ? "observation" : "observations") left out, within the noise of the floor"
      },
    ]
    .compactMap { $0 }.joined(separator: "; ")
    guard !bends.isEmpty else {
      // Significant, and still not accepted: the forecast is better without.
      let isSignificant = deciding.map { $0.pValue <= significance } ?? false
      return "no bend in \(variable.symbol): a power law with its floor "
        + (isSignificant ? "predicts the largest observations better" : "suffices") + " (\(support))"
    }
    let places = bends.map { bend in
      let interval = bend.place.interval.map { String(format: " [%.3g, %.3g]", $0.low, $0.high) } ?? ""
      return "a bend at \(variable.symbol) = " + String(format: "%.3g", bend.place.value) + interval
        + String(format: ", from slope %.3f to %.3f", bend.before.value, bend.after.value)
    }
    return "\(places.joined(separator: ", then ")) (\(support))"
  }
}

extension Bends.Forecast {
  /// For example `forecast error 0.4 % with, 3.1 % without the break`.
  var text: String {
    String(
      format: "forecast error %.2g %% with, %.2g %% without the break", 100 * errorWith, 100 * errorWithout)
  }
}

/// The test of a law against one with one more break, on the same observations.
private struct Trial: Sendable {
  let null: Search
  let alternative: Search
  let observations: Int
  /// The limit on evaluations times observations of all simulations together: about two seconds.
  private static let mostWork = 15_000_000
  /// The root mean square log residual below which differences of losses are rounding errors.
  private static let rounding = 1e-9

  init(null: NamedLaw, alternative: NamedLaw, observations: [Observation], _ objective: Objective) throws {
    self.observations = observations.count
    self.null = Search(try Self.problem(null.law, observations, objective))
    self.alternative = Search(try Self.problem(alternative.law, observations, objective))
  }

  static func problem(_ law: any Law, _ observations: [Observation], _ objective: Objective) throws -> Problem
  {
    try Problem(law, on: Table(observations, for: law), minimizing: objective)
  }

  struct Result {
    let statistic: Double
    let pValue: Double
    let simulations: Int
    let gaveUp: Bool
    let aiccGain: Double
    /// The largest place of a break.
    let lastBreak: Double
  }

  /// Returns T and its p-value.
  func test(significance: Double, seed: UInt64, progress: (Double) -> Void) -> Result {
    let (unbent, bent) = (null.minimum, alternative.minimum)
    let statistic = Self.statistic(unbent.value, bent.value, observations)
    let gain =
      Selection.aicc(residualSum: unbent.value, observations: observations, parameters: null.problem.size)
      - Selection.aicc(
        residualSum: bent.value, observations: observations, parameters: alternative.problem.size)
    let lastBreak = alternative.lastBreak
    let result = { (pValue: Double, simulations: Int, gaveUp: Bool) in
      // Two laws without residuals are equally good.
      Result(
        statistic: statistic, pValue: pValue, simulations: simulations, gaveUp: gaveUp,
        aiccGain: gain.isNaN ? 0 : gain, lastBreak: lastBreak)
    }
    // A simulated T below this is common even at three parameters fixed beforehand (χ², p = .05).
    let noise = (unbent.value / Double(max(observations - null.problem.size, 1))).squareRoot()
    guard statistic > 7.8, noise > Self.rounding else { return result(1, 0, false) }
    var null = null.problem
    null.evaluate(at: unbent.search)
    // T does not depend on the size of the errors, only on how they are correlated. The residuals of the law with the
    // break show this whether there is a break or not.
    var alternative = alternative.problem
    alternative.evaluate(at: bent.search)
    let resampler = alternative.resampler(seed: seed, method: .simulation)
    // Enough simulations to resolve the significance, in batches that end early if T is clearly not extreme.
    let wanted = Int(exactly: (2 / significance).rounded(.up)) ?? 200
    var exceeded = 0
    // A simulation costs about as much as the two searches on the observations.
    var work = observations * (self.null.evaluations + self.alternative.evaluations)
    var simulated: [Double] = []
    var simulations: Int { simulated.count }
    var isDecided: Bool {
      simulations >= wanted || Double(exceeded) >= 3 + 2 * significance * Double(wanted)
    }
    while !isDecided, work < Self.mostWork {
      let affordable = (Self.mostWork - work) / max(work / (simulations + 1), 1)
      let batch = min(20, wanted - simulations, max(affordable, 1))
      let first = simulations
      let statistics = parallelMap(batch) { [null] index -> (value: Double, evaluations: Int) in
        guard case .errors(let errors) = resampler[first + index] else { return (0, 0) }
        return self.statistic(of: null.targets(withErrors: errors))
      }
      simulated += statistics.map(\.value)
      progress(max(Double(simulations) / Double(wanted), Double(work) / Double(Self.mostWork)))
      exceeded += statistics.count { $0.value >= statistic }
      work += observations * statistics.reduce(0) { $0 + $1.evaluations }
    }
    let counted = Double(exceeded + 1) / Double(simulations + 1)
    let pValue =
      isDecided || exceeded > 0
      ? counted : min(counted, max(Self.tail(beyond: statistic, of: simulated), 1 / Double(wanted + 1)))
    return result(pValue, simulations, !isDecided)
  }

  /// Returns an upper bound on the probability of a T beyond `statistic`, if T has a gamma distribution with the mean m
  /// and the variance v of the simulated ones: the Chernoff bound exp(k·(1 − r + log r)) with k = m²/v, r = T/m; 1 if
  /// r ≤ 1.
  private static func tail(beyond statistic: Double, of simulated: [Double]) -> Double {
    let mean = simulated.reduce(0, +) / Double(simulated.count)
    let variance =
      simulated.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(simulated.count - 1, 1))
    let ratio = statistic / mean
    guard ratio > 1, variance > 0 else { return 1 }
    return exp(mean * mean / variance * (1 - ratio + log(ratio)))
  }

  /// Returns the log residuals of other observations under both laws, fitted to the observations of the trial.
  func residuals(ofForecasting others: [Observation]) -> [[Double]] {
    [null, alternative].map { search in
      let law = search.problem.law
      return others.map { run in
        log(((law.loss(search.values, at: run) ?? .nan) - law.knownFloor) / (run.loss - law.knownFloor))
      }
    }
  }

  /// Returns T; 0 if both sums of squares are equal.
  private static func statistic(_ unbent: Double, _ bent: Double, _ observations: Int) -> Double {
    unbent == bent ? 0 : Double(observations) * log(unbent / bent)
  }

  private func statistic(of targets: [Double]) -> (value: Double, evaluations: Int) {
    let (unbent, bent) = (null.best(for: targets), alternative.best(for: targets))
    return (
      Self.statistic(unbent.minimum.value, bent.minimum.value, observations),
      unbent.evaluations + bent.evaluations
    )
  }

  /// The search for the best minimum of one law.
  struct Search: Sendable {
    let problem: Problem
    /// The minimum on the observations.
    let minimum: Minimizer.Minimum
    /// The evaluations that it took.
    let evaluations: Int
    private let starts: [[Double]]
    /// The limit on evaluations of one search over all starts.
    private static let mostEvaluations = 30_000

    init(_ problem: Problem) {
      self.problem = problem
      starts = MultiStart.starts(of: problem.law, on: problem.workspace.table)
      (minimum, evaluations) = Self.best(problem, starts)
    }

    /// The parameters at the minimum.
    var values: [Double] {
      zip(problem.law.parameters, minimum.search).map { $0.domain.natural($1) }
    }

    /// The largest place of a break at the minimum.
    var lastBreak: Double {
      (problem.law as? BrokenLaw)?.places(in: values).max() ?? 0
    }

    /// The fitted losses above the known floor at the minimum.
    var fittedLosses: [Double] {
      var problem = problem
      problem.evaluate(at: minimum.search)
      return problem.workspace.predictions
    }

    /// Returns the minimum for other losses on the objective's scale.
    func best(for targets: [Double]) -> (minimum: Minimizer.Minimum, evaluations: Int) {
      var problem = problem
      problem.targets = targets
      return Self.best(problem, starts)
    }

    /// All starts are searched roughly, then the best five to convergence.
    private static func best(_ problem: Problem, _ starts: [[Double]]) -> (
      minimum: Minimizer.Minimum, evaluations: Int
    ) {
      var problem = problem
      problem.evaluationsLeft = mostEvaluations
      let minimizer = Minimizer(tolerance: 1e-6)
      let rough = starts.map { minimizer.approach(&problem, from: $0) }.sorted { $0.value < $1.value }
      let best =
        rough.prefix(5).map { minimizer.polish(&problem, from: $0) }.min { $0.value < $1.value } ?? rough[0]
      return (best, mostEvaluations - problem.evaluationsLeft)
    }
  }
}
