import Foundation

/// An estimated number with its uncertainty.
public struct Estimate: Sendable, Codable {
  /// A description of the quantity.
  public let name: String
  /// The symbol in the equation.
  public let symbol: String
  /// The unit; "1" for a pure number.
  public let unit: String
  /// The estimated value.
  public let value: Double
  /// The standard deviation over the bootstrap; nil without one, or if it is wider than the interval.
  public let standardError: Double?
  /// The 95 % interval from the bootstrap; nil without one, or if the quantity is not identified.
  public let interval: Interval?
  /// The profile likelihood of a parameter; nil for a derived quantity.
  public let profile: Profile?
  /// False if the data do not determine the quantity: the profile likelihood does not bound the parameter on both sides
  /// within a factor of 1000, other parameters can make up for its changes, more than one of 40 bootstrap samples
  /// diverges or exceeds 1000 times the value of a positive parameter, or the quantity is computed from such parameters.
  public let identified: Bool
  /// The bootstrap draws, some of which may not be finite. They are not written to a file.
  public private(set) var draws: [Double] = []
  /// The way in which intervals are read from draws.
  private(set) var spread = Spread.percentiles

  init(
    name: String, symbol: String, unit: String, value: Double, draws: [Double]? = nil,
    spread: Spread = .percentiles, profile: Profile? = nil, isUndetermined: Bool = false,
    isPositive: Bool = false
  ) {
    self.name = name
    self.symbol = symbol
    self.unit = unit
    self.value = value
    let known = draws?.filter { !$0.isNaN } ?? []
    // Without any finite draw there is no interval.
    let interval =
      known.contains(where: \.isFinite) ? Interval(of: known, around: value, spread: spread) : nil
    let isBounded = interval.map { $0.isFinite && !(isPositive && $0.high > 1000 * value) } ?? true
    identified = !isUndetermined && profile?.identified ?? true && value.isFinite && isBounded
    // A few draws may be so far away that their standard deviation says nothing.
    let error = standardDeviation(known.filter(\.isFinite))
    standardError = identified ? interval.flatMap { error <= $0.high - $0.low ? error : nil } : nil
    self.interval = identified ? interval : nil
    self.profile = profile
    self.draws = draws ?? []
    self.spread = spread
  }

  private enum CodingKeys: String, CodingKey {
    case name, symbol, unit, value, standardError, interval, profile, identified, undetermined
  }

  /// Decodes an estimate, or one of an earlier version, which had no member `identified`.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    name = try container.decode(String.self, forKey: .name)
    symbol = try container.decode(String.self, forKey: .symbol)
    unit = try container.decode(String.self, forKey: .unit)
    value = try container.decodeIfPresent(Double.self, forKey: .value) ?? .nan
    profile = try container.decodeIfPresent(Profile.self, forKey: .profile)
    let isUndetermined = try container.decodeIfPresent(Bool.self, forKey: .undetermined) ?? false
    identified =
      try container.decodeIfPresent(Bool.self, forKey: .identified)
      ?? (!isUndetermined && profile?.identified ?? true)
    let error = try container.decodeIfPresent(Double.self, forKey: .standardError)
    standardError = identified ? error : nil
    let interval = try container.decodeIfPresent(Interval.self, forKey: .interval)
    self.interval = identified ? interval : nil
  }

  /// Encodes the estimate, with null for a value that is not finite.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(name, forKey: .name)
    try container.encode(symbol, forKey: .symbol)
    try container.encode(unit, forKey: .unit)
    try container.encode(value.isFinite ? value : nil, forKey: .value)
    try container.encode(identified, forKey: .identified)
    try container.encodeIfPresent(standardError, forKey: .standardError)
    try container.encodeIfPresent(interval, forKey: .interval)
    try container.encodeIfPresent(profile, forKey: .profile)
  }
}

/// Makes estimates of quantities that are computed from one result. Without draws of the result they have no intervals.
struct Estimator<Result> {
  private let result: Result
  private let draws: [Result]
  private let spread: Spread
  private let isUndetermined: Bool

  init(
    of result: Result, draws: [Result], spread: Spread = .percentiles, isUndetermined: Bool = false
  ) {
    (self.result, self.draws, self.spread) = (result, draws, spread)
    self.isUndetermined = isUndetermined
  }

  /// Returns the estimate of a quantity, with its value in each draw.
  func callAsFunction(
    _ name: String, _ symbol: String, _ unit: String = "1", value: (Result) -> Double
  ) -> Estimate {
    Estimate(
      name: name, symbol: symbol, unit: unit, value: value(result),
      draws: draws.isEmpty ? nil : draws.map(value), spread: spread,
      isUndetermined: isUndetermined)
  }
}

/// The range of one variable over the observations of a fit.
public struct DataRange: Sendable, Codable {
  /// The variable.
  public let variable: Variable
  /// The smallest value.
  public let low: Double
  /// The largest value.
  public let high: Double

  /// Returns the number of decades by which a value lies beyond the range; 0 inside.
  public func decadesBeyond(_ value: Double) -> Double {
    Swift.max(0, log10(value / high), log10(low / value))
  }
}

/// A fitted law, as stored in `fits.json`. It can be evaluated again with intervals.
public struct LawFit: Sendable, Codable {
  /// The law.
  public let law: NamedLaw
  /// The name of the law.
  public let name: String
  /// The formula of the law.
  public let equation: String
  /// The publication of the law.
  public let source: String
  /// One estimate for each parameter, in the order of the law's parameters.
  public let parameters: [Estimate]
  /// The symbols of the parameters that were held and not fitted.
  public let held: [String]
  /// Quantities that are computed from the parameters.
  public let derived: [Estimate]
  /// The objective that was minimized.
  public let objective: Objective
  /// The objective as text.
  public let objectiveText: String
  /// The value of the objective at the minimum.
  public let objectiveValue: Double
  /// The root mean square residual of the log of the loss above the known floor.
  public let rmsLogResidual: Double
  /// The number of observations.
  public let observations: Int
  /// The number of clusters that the bootstrap resamples.
  public let clusters: Int
  /// Other local minima whose objective is within 1 % of the best one.
  public let alternatives: [LocalMinimum]
  /// The number of starts of the search.
  public let starts: Int
  /// The number of starts that converged to this minimum.
  public let startsAgreeing: Int
  /// The caller's description of how N and C were counted.
  public let convention: String
  /// The ranges of the law's variables over the observations.
  public let ranges: [DataRange]
  /// The smallest and largest observed loss.
  public let lossRange: Interval
  /// The known part of the loss, which is subtracted from losses and predictions in the residuals.
  public let knownFloor: Double
  /// The seed of the bootstrap.
  public let seed: UInt64
  /// What the runs lack to determine the law, such as "all runs have one N"; nil if nothing, or if only noise hides a
  /// parameter.
  public let lack: String?
  /// The way in which the bootstrap resampled; nil for fits of earlier versions, which drew clusters.
  let resampling: Resampler.Method?
  /// The bootstrap draws of the parameters, in natural units.
  public let draws: [[Double]]
  /// The searches that stopped at their limit of evaluations; nil if none did.
  public let unfinished: Unfinished?

  /// True if the fit can be evaluated. A fit that was read from a file might have an invalid law, or not one value for
  /// each parameter in the estimates and in each draw.
  public var isSound: Bool {
    guard law.isSound, ranges.allSatisfy(\.variable.isSound) else { return false }
    let count = law.law.parameters.count
    return parameters.count == count && draws.allSatisfy { $0.count == count }
      && (0...Int(Int32.max)).contains(clusters) && held.count <= count
  }

  /// The parameter or derived quantity with a symbol; nil if there is none.
  public subscript(symbol: String) -> Estimate? { (parameters + derived).first { $0.symbol == symbol } }

  /// A warning that fewer than half of the starts of the search end at this minimum; nil if more do.
  public var disagreement: String? {
    guard 2 * startsAgreeing < starts else { return nil }
    return
      "\(startsAgreeing) of \(starts) starts of the search end at this minimum, fewer than half: there are others, and a better one may have been missed"
  }

  /// A description of how the bootstrap makes its samples; nil without a bootstrap.
  public var bootstrap: String? {
    guard !draws.isEmpty else { return nil }
    return resampling == .simulation ? "simulated errors" : "resampled trainings"
  }

  private var free: Int { parameters.count - held.count }

  /// The way in which intervals are read from quantities that are computed from the draws.
  var spread: Spread { Spread(of: resampling, clusters: clusters, parameters: free) }

  /// The residual degrees of freedom.
  var freedom: Int { max(observations - free, 1) }

  /// The standard deviation of single runs around the law, in the log of the loss above the known floor: that of the
  /// residuals, corrected for the parameters of the fit.
  var scatter: Double { rmsLogResidual * (Double(observations) / Double(freedom)).squareRoot() }

  /// The symbols of parameters that the data do not determine.
  public var unidentified: [String] { parameters.filter { !$0.identified }.map(\.symbol) }

  /// Returns the problem of this fit on its own observations, evaluated at its parameters.
  ///
  /// - Throws: `FitError` if an observation lacks a variable or has an invalid value.
  func problem(on observations: [Observation]) throws -> Problem {
    let table = try Table(observations, for: law.law, fitting: free)
    var problem = try Problem(law.law, on: table, minimizing: objective)
    problem.held = parameters.map { held.contains($0.symbol) }
    problem.evaluate(at: zip(law.law.parameters, values).map { $0.domain.search($1) })
    return problem
  }

  /// The fitted parameters in natural units.
  public var values: [Double] { parameters.map(\.value) }

  /// Returns the fitted total loss at an observation, whose own `loss` is ignored, with two 95 % intervals; nil if it
  /// lacks one of the law's variables.
  public func predict(at observation: Observation) -> Prediction? {
    let law = law.law
    guard let value = law.loss(values, at: observation) else { return nil }
    let predicted = draws.compactMap { law.loss($0, at: observation) }.filter { $0.isFinite }
    let beyond = ranges.compactMap { range in observation[range.variable].map(range.decadesBeyond) }
    let decadesBeyond = beyond.max() ?? 0
    let confidence = predicted.isEmpty ? nil : Interval(of: predicted, around: value, spread: spread)
    return Prediction(
      value: value, confidence: confidence, prediction: intervalOfOneRun(value, by: confidence),
      decadesBeyond: decadesBeyond)
  }

  /// Returns the 95 % interval of a single run whose loss the law predicts: that of the law, with the scatter of single
  /// runs around it; nil without a bootstrap, unless all parameters are held.
  ///
  /// - Parameter confidence: The interval of the law's loss.
  public func intervalOfOneRun(_ value: Double, by confidence: Interval?) -> Interval? {
    guard confidence != nil || held.count == parameters.count else { return nil }
    let confidence = confidence ?? Interval(low: value, high: value)
    // The scatter is added in quadrature, in the log of the reducible loss.
    let reducible = { (loss: Double) in max(loss - knownFloor, .leastNormalMagnitude) }
    let scatter = studentQuantile(freedom: freedom) * scatter
    let down = log(reducible(value) / reducible(min(confidence.low, value)))
    let up = log(reducible(max(confidence.high, value)) / reducible(value))
    return Interval(
      low: knownFloor + reducible(value) * exp(-(down * down + scatter * scatter).squareRoot()),
      high: knownFloor + reducible(value) * exp((up * up + scatter * scatter).squareRoot()))
  }
}

/// The searches of a fit that stopped at their limit of evaluations instead of at a minimum.
public struct Unfinished: Sendable, Codable {
  /// The number of such starts of the search for the best minimum.
  public let starts: Int
  /// The number of such bootstrap samples.
  public let draws: Int
  /// The symbols of parameters whose profile likelihood is incomplete.
  public let profiles: [String]

  /// Returns nil if all searches finished.
  init?(starts: Int, draws: Int, profiles: [String]) {
    guard starts > 0 || draws > 0 || !profiles.isEmpty else { return nil }
    self.starts = starts
    self.draws = draws
    self.profiles = profiles
  }

  /// For example `stopped at the limit of evaluations: 3 starts, the profile likelihood of α`.
  public var text: String {
    let parts =
      [(starts, "start"), (draws, "bootstrap sample")].filter { $0.0 > 0 }.map { count, name in
        "\(count) \(name)\(count == 1 ? "" : "s")"
      } + (profiles.isEmpty ? [] : ["the profile likelihood of \(profiles.joined(separator: ", "))"])
    return "stopped at the limit of evaluations: \(parts.joined(separator: ", "))"
  }
}

/// A local minimum of a fit's objective.
public struct LocalMinimum: Sendable, Codable {
  /// The value of the objective.
  public let objectiveValue: Double
  /// The parameters in natural units.
  public let values: [Double]
}

/// The loss that a fitted law predicts at a new point.
public struct Prediction: Sendable, Codable {
  /// The predicted loss.
  public let value: Double
  /// The 95 % interval of the law itself, from the bootstrap; nil without one.
  public let confidence: Interval?
  /// The 95 % interval of a single new run, which includes the scatter of runs around the law; nil without a bootstrap.
  public let prediction: Interval?
  /// The number of decades by which the point lies beyond the fitted data, the largest over the variables.
  public let decadesBeyond: Double
}
