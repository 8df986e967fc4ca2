import Foundation

/// An estimated number with its uncertainty.
public struct Estimate: Sendable, Codable {
  /// In words, as the law names it.
  public let name: String
  /// The letter of the equation.
  public let symbol: String
  public let unit: String
  public let value: Double
  /// Standard deviation over the bootstrap; nil without one.
  public let standardError: Double?
  /// 95 % percentile interval over the bootstrap; nil without one.
  public let interval: Interval?
  /// The profile likelihood of a parameter; nil for a derived quantity.
  public let profile: Profile?
  /// The bootstrap's draws, some of which may not be finite; they are not written to a file.
  public private(set) var draws: [Double] = []
  /// By what the percentiles of small samples are widened.
  private(set) var freedom: Freedom?
  /// Whether the places of the runs leave a derived quantity open, whatever their losses are; nil for no.
  private let undetermined: Bool?
  /// False where the data do not bound a parameter on both sides (`profile`), to within a factor of 1000, or where the
  /// runs lie such that they cannot determine the quantity.
  public var identified: Bool { undetermined != true && profile?.identified ?? true }

  init(
    name: String, symbol: String, unit: String, value: Double, draws: [Double]? = nil,
    freedom: Freedom? = nil,
    profile: Profile? = nil, isUndetermined: Bool = false
  ) {
    undetermined = isUndetermined ? true : nil
    let finite = draws?.filter { $0.isFinite }
    // Draws none of which is a number give no interval.
    let isKnown = finite?.isEmpty == false
    self.name = name
    self.symbol = symbol
    self.unit = unit
    self.value = value
    standardError = isKnown ? finite.map(standardDeviation) : nil
    interval = isKnown ? finite.map { Interval(of: $0, freedom: freedom) } : nil
    self.profile = profile
    self.draws = draws ?? []
    self.freedom = freedom
  }

  private enum CodingKeys: String, CodingKey {
    case name, symbol, unit, value, standardError, interval, profile, undetermined
  }

  /// A number that follows from a result, with the same number of each draw of the result; without an interval where
  /// there are no draws.
  init<Result>(
    _ name: String, _ symbol: String, unit: String = "1", of result: Result, draws: [Result],
    freedom: Freedom? = nil, value: (Result) -> Double
  ) {
    self.init(
      name: name, symbol: symbol, unit: unit, value: value(result),
      draws: draws.isEmpty ? nil : draws.map(value), freedom: freedom)
  }
}

/// The range of one variable over the observations of a fit.
public struct DataRange: Sendable, Codable {
  public let variable: Variable
  public let low: Double
  public let high: Double

  /// By how many decades a value lies beyond the range; 0 inside.
  public func decadesBeyond(_ value: Double) -> Double {
    Swift.max(0, log10(value / high), log10(low / value))
  }
}

/// A fitted law: everything that `fits.json` holds, and enough to evaluate the law again with intervals.
public struct LawFit: Sendable, Codable {
  /// The law itself.
  public let law: NamedLaw
  /// Its name, formula and source as text.
  public let name: String
  public let equation: String
  public let source: String
  /// One estimate a parameter, in the order of the law's parameters.
  public let parameters: [Estimate]
  /// Symbols of the parameters that were held and not fitted.
  public let held: [String]
  /// Quantities that follow from the parameters.
  public let derived: [Estimate]
  public let objective: Objective
  /// The objective in words.
  public let objectiveText: String
  /// The objective's value at the minimum.
  public let objectiveValue: Double
  /// Root mean square residual of the log of the loss above the known floor.
  public let rmsLogResidual: Double
  public let observations: Int
  public let clusters: Int
  /// Other local minima of the objective within 1 % of the best one: (objective, parameters).
  public let alternatives: [LocalMinimum]
  /// Starts of the search, and how many of them came to this minimum.
  public let starts: Int
  public let startsAgreeing: Int
  /// How N and C were counted, in the caller's words.
  public let convention: String
  public let ranges: [DataRange]
  public let lossRange: Interval
  /// Known part of the loss, which the residuals leave out.
  public let knownFloor: Double
  public let seed: UInt64
  /// Bootstrap draws of the parameters, in natural units.
  public let draws: [[Double]]
  /// Searches that used up their evaluations; nil where all came to an end.
  public let unfinished: Unfinished?

  /// Whether a fit that was read from a file can be evaluated: it has a value for each parameter, and so has each draw.
  public var isSound: Bool {
    guard law.isSound, ranges.allSatisfy(\.variable.isSound) else { return false }
    let count = law.law.parameters.count
    return parameters.count == count && draws.allSatisfy { $0.count == count }
      && (0...Int(Int32.max)).contains(clusters) && held.count <= count
  }

  /// The parameter or derived quantity of a symbol.
  public subscript(symbol: String) -> Estimate? { (parameters + derived).first { $0.symbol == symbol } }

  var freedom: Freedom { Freedom(observations: clusters, parameters: parameters.count - held.count) }

  /// The fitted parameters in natural units.
  public var values: [Double] { parameters.map(\.value) }

  /// The fitted total loss at an observation (its own `loss` is not looked at), with two 95 % intervals; nil
  /// where it lacks one of the law's variables.
  public func predict(at observation: Observation) -> Prediction? {
    let law = law.law
    guard let value = law.loss(values, at: observation) else { return nil }
    let predicted = draws.compactMap { law.loss($0, at: observation) }.filter { $0.isFinite }
    let beyond = ranges.compactMap { range in observation[range.variable].map(range.decadesBeyond) }
    let decadesBeyond = beyond.max() ?? 0
    guard !predicted.isEmpty else {
      return Prediction(value: value, confidence: nil, prediction: nil, decadesBeyond: decadesBeyond)
    }
    let confidence = Interval(of: predicted, freedom: freedom)
    // Scatter of single runs about the law, added in quadrature on log reducible loss.
    let reducible = { (loss: Double) in max(loss - knownFloor, .leastNormalMagnitude) }
    let scatter = 1.96 * rmsLogResidual
    let down = log(reducible(value) / reducible(min(confidence.low, value)))
    let up = log(reducible(max(confidence.high, value)) / reducible(value))
    let prediction = Interval(
      low: knownFloor + reducible(value) * exp(-(down * down + scatter * scatter).squareRoot()),
      high: knownFloor + reducible(value) * exp((up * up + scatter * scatter).squareRoot()))
    return Prediction(
      value: value, confidence: confidence, prediction: prediction, decadesBeyond: decadesBeyond)
  }
}

/// The searches of a fit that ended at their bound on evaluations instead of at a minimum.
public struct Unfinished: Sendable, Codable {
  /// Of the search for the best minimum.
  public let starts: Int
  /// Of the bootstrap.
  public let draws: Int
  /// The symbols of parameters whose profile likelihood is not complete.
  public let profiles: [String]

  /// nil where there is none.
  init?(starts: Int, draws: Int, profiles: [String]) {
    guard starts > 0 || draws > 0 || !profiles.isEmpty else { return nil }
    self.starts = starts
    self.draws = draws
    self.profiles = profiles
  }

  /// As in `gave up at the bound on evaluations: 3 starts, the profile of α`.
  public var text: String {
    let parts =
      [(starts, "start"), (draws, "bootstrap sample")].filter { $0.0 > 0 }.map { count, name in
        "\(count) \(name)\(count == 1 ? "" : "s")"
      } + (profiles.isEmpty ? [] : ["the profile likelihood of \(profiles.joined(separator: ", "))"])
    return "gave up at the bound on evaluations: \(parts.joined(separator: ", "))"
  }
}

/// A local minimum of a fit's objective.
public struct LocalMinimum: Sendable, Codable {
  public let objectiveValue: Double
  /// Parameters in natural units.
  public let values: [Double]
}

/// A law's loss at a new point.
public struct Prediction: Sendable, Codable {
  public let value: Double
  /// 95 % interval of the law itself, from the bootstrap; nil without one.
  public let confidence: Interval?
  /// 95 % interval of a single new run: the law's uncertainty and the runs' scatter about it.
  public let prediction: Interval?
  /// By how many decades the point lies beyond the fitted data, in its worst variable.
  public let decadesBeyond: Double
}
