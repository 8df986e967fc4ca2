import Files
import Foundation
import ScalingLaws

/// An expected result of an experiment: an entry of `expect`.
///
///     expect:
///       - {results: completed, between: [48, 48]}
///       - {fit: chinchilla_entropy, parameter: beta, between: [0.25, 0.45]}
///       - {fit: chinchilla, parameter: E, interval_contains: entropy}
///       - {compare: zipf, parameter: difference, interval_above: 0}
///       - {number: collapsed, between: [0.9, 1.0]}
public struct Expectation: Sendable {
  /// A statistic of the table of results.
  enum Statistic: String, CaseIterable, Sendable {
    /// The numbers of runs by status.
    case completed, diverged, missing
    /// The lowest loss of a run.
    case lowestLoss = "lowest_loss"
    case lowestReducible = "lowest_reducible"
    /// The geometric mean over all runs, which is less noisy than the loss of one run.
    case meanLoss = "mean_loss"
    /// The load entropy of the run with the least even loads of experts.
    case lowestLoadEntropy = "lowest_load_entropy"
    /// The largest number of dead experts of a run.
    case mostDeadExperts = "most_dead_experts"
  }

  /// The names of all statistics.
  package static let statistics = Statistic.allCases.map(\.rawValue)

  enum Subject: Sendable {
    case parameter(String, ofFit: String)
    case comparison(FitComparison.Number, of: String)
    case sweep(String)
    case statistic(Statistic)
    case runs(RunNumber)
  }

  enum Demand: Sendable {
    case between(Double, Double)
    /// The 95 % interval contains a number; the true entropy if it is nil.
    case intervalContains(Double?)
    /// The entire 95 % interval lies above, or below, a number.
    case intervalAbove(Double)
    case intervalBelow(Double)
  }

  let subject: Subject
  let demand: Demand
  /// The reason for the tolerance; nil if the file gives none.
  let because: String?
  /// The line in the experiment's file.
  public let line: Int?

  /// Reads an entry of `expect`.
  ///
  /// - Parameters:
  ///   - fits: The fits of the experiment.
  ///   - comparisons: The comparisons of the fits.
  ///   - sweeps: The settings that are swept.
  ///   - numbers: The numbers of the page.
  /// - Throws: `InputError` if the entry is invalid or refers to something that does not exist.
  package init(
    _ yaml: YAMLValue, fits: [FitRequest], comparisons: [ComparisonRequest] = [], sweeps: [String] = [],
    numbers: [RunNumber] = []
  ) throws {
    let demands = ["between", "interval_contains", "interval_above", "interval_below"]
    let map = try yaml.mapping(
      keys: ["fit", "parameter", "results", "compare", "sweep", "number", "because"] + demands)
    line = yaml.line
    because = try map["because"]?.string()
    subject = try Self.readSubject(yaml, map, fits, comparisons, sweeps, numbers)
    let given = demands.compactMap { name in map[name].map { (name, $0) } }
    guard let (name, value) = given.first, given.count == 1 else {
      throw yaml.error(
        "an expectation needs one of \(demands.joined(separator: ", "))",
        remedy: "Write for example `between: [0.2, 0.4]`")
    }
    if name != "between", !subject.hasInterval {
      throw value.error("only parameters of fits have intervals", remedy: "Write `between: [low, high]`")
    }
    let anything = (-Double.greatestFiniteMagnitude)...
    switch name {
    case "between":
      let limits = try value.list().map { try $0.number(in: anything) }
      guard limits.count == 2, limits[0] <= limits[1] else {
        throw value.error(
          "`between` needs two numbers, the lower first", remedy: "Write for example [0.2, 0.4]")
      }
      demand = .between(limits[0], limits[1])
    case "interval_above": demand = .intervalAbove(try value.number(in: anything))
    case "interval_below": demand = .intervalBelow(try value.number(in: anything))
    default:
      demand = .intervalContains(
        try value.string() == "entropy" ? nil : try value.number(in: anything, what: "number, nor `entropy`"))
    }
  }

  private static func readSubject(
    _ yaml: YAMLValue, _ map: [String: YAMLValue], _ fits: [FitRequest], _ comparisons: [ComparisonRequest],
    _ sweeps: [String], _ numbers: [RunNumber]
  ) throws -> Subject {
    guard ["fit", "results", "compare", "sweep", "number"].count(where: { map[$0] != nil }) < 2,
      map["results"] == nil && map["number"] == nil || map["parameter"] == nil
    else {
      throw yaml.error(
        "an expectation refers to one of `results`, `fit`, `compare`, `sweep` and `number`",
        remedy: "Write one expectation for each")
    }
    if let results = map["results"] { return .statistic(try results.choice(of: Statistic.self)) }
    if let number = map["number"] {
      let name = try number.choice(of: numbers.map(\.name))
      if let found = numbers.first(where: { $0.name == name }) {
        guard !found.isTime else {
          throw number.error(
            "`\(name)` is a time, which differs from machine to machine",
            remedy: "Quote it in the text, and expect nothing of it")
        }
        return .runs(found)
      }
    }
    if let compared = map["compare"] {
      let name = try compared.choice(of: comparisons.map(\.name))
      let parameter = try yaml.required("parameter", in: map)
      let known = comparisons.first { $0.name == name }?.numbers ?? []
      _ = try parameter.choice(of: known.map(\.rawValue))
      return .comparison(try parameter.choice(of: FitComparison.Number.self), of: name)
    }
    if let swept = map["sweep"] {
      let setting = try swept.choice(of: sweeps)
      _ = try yaml.required("parameter", in: map).choice(of: ["excess"])
      return .sweep(setting)
    }
    let (fit, parameter) = try FitRequest.readParameter(map, of: yaml, fits: fits)
    return .parameter(parameter, ofFit: fit)
  }

  /// Compares the expectation with the results.
  public func check(fits: Fits, results: ResultsTable) -> Verdict {
    let entropy: Double? = if case .parameter(_, let name) = subject { fits[name]?.entropy } else { nil }
    return verdict(
      subject.number(fits: fits, results: results), entropy: entropy,
      otherwise: subject.refusal(fits: fits) ?? subject.absence(fits: fits))
  }

  private func verdict(_ number: ExperimentFit.Number?, entropy: Double?, otherwise: String) -> Verdict {
    guard let number else { return Verdict(self, found: otherwise, passed: false) }
    let interval = number.interval.map { " [\(shortText($0.low)), \(shortText($0.high))]" } ?? ""
    let found = shortText(number.value) + interval
    switch demand {
    case .between(let low, let high):
      return Verdict(self, found: found, passed: low <= number.value && number.value <= high)
    case _ where !number.identified:
      return Verdict(self, found: "\(found), but the data do not determine it", passed: false)
    case .intervalAbove(let limit):
      return Verdict(self, found: found, passed: number.interval.map { $0.low > limit } ?? false)
    case .intervalBelow(let limit):
      return Verdict(self, found: found, passed: number.interval.map { $0.high < limit } ?? false)
    case .intervalContains(let value):
      guard let target = value ?? entropy else {
        return Verdict(self, found: "\(found), but the true entropy is not known", passed: false)
      }
      let shown = value == nil ? "\(found), the entropy is \(shortText(target))" : found
      return Verdict(self, found: shown, passed: number.interval?.contains(target) ?? false)
    }
  }

  /// The subject as text, such as `chinchilla beta`.
  var subjectText: String {
    switch subject {
    case .parameter(let parameter, let fit): "\(fit) \(parameter)"
    case .comparison(let number, let name): "\(name) \(number.rawValue)"
    case .sweep(let setting): "\(setting) excess"
    case .statistic(let statistic): "results \(statistic.rawValue)"
    case .runs(let number): number.name
    }
  }

  var demandText: String {
    switch demand {
    case .between(let low, let high): low == high ? shortText(low) : "\(shortText(low)) to \(shortText(high))"
    case .intervalContains(let value): "interval contains \(value.map(shortText) ?? "the entropy")"
    case .intervalAbove(let limit): "interval above \(shortText(limit))"
    case .intervalBelow(let limit): "interval below \(shortText(limit))"
    }
  }
}

extension Expectation.Subject {
  /// Returns the number that the subject refers to; nil if it does not exist.
  func number(fits: Fits, results: ResultsTable) -> ExperimentFit.Number? {
    switch self {
    case .statistic(let statistic): results.value(of: statistic).map { ExperimentFit.Number(value: $0) }
    case .runs(let number): number.value(of: results).map { ExperimentFit.Number(value: $0) }
    case .parameter(let parameter, let name): fits[name]?.number(parameter)
    case .sweep(let setting):
      fits.sweeps.first { $0.setting == setting }?.excess.map { ExperimentFit.Number(value: $0) }
    case .comparison(let number, let name): fits.comparisons.first { $0.name == name }?.number(number)
    }
  }

  /// Returns the reason why the fit or comparison failed; nil if it did not, or does not exist.
  func refusal(fits: Fits) -> String? {
    switch self {
    case .statistic, .sweep, .runs: nil
    case .parameter(_, let name): fits[name].flatMap { $0.refusal ?? $0.remarks.first }
    case .comparison(_, let name): fits.comparisons.first { $0.name == name }?.refusal
    }
  }

  /// Returns a description of what is missing.
  fileprivate func absence(fits: Fits) -> String {
    switch self {
    case .statistic: "no run has completed"
    case .runs: "no run with a value satisfies its conditions"
    case .parameter(let parameter, let name):
      fits[name] == nil ? "there is no such fit" : "the fit has no `\(parameter)`"
    case .sweep: "the program's default was not among the values tried"
    case .comparison(let number, let name):
      fits.comparisons.contains { $0.name == name }
        ? "it has no `\(number.rawValue)`" : "there is no such comparison"
    }
  }

  fileprivate var hasInterval: Bool {
    switch self {
    case .parameter(let parameter, _): ExperimentFit.PlainNumber(rawValue: parameter) == nil
    case .comparison(let number, _): number != .ordered
    case .sweep, .statistic, .runs: false
    }
  }
}

/// The result of checking an expectation.
public struct Verdict: Sendable, Codable, Equatable {
  /// The subject, such as `chinchilla beta`.
  public let subject: String
  /// The expected value, range or interval.
  public let expected: String
  /// The value found, with its interval, or the reason why there is none.
  public let found: String
  /// True if the expectation is met.
  public let passed: Bool
  /// The reason for the tolerance; nil if the file gives none.
  public let because: String?
  /// The line of the expectation in the experiment's file; nil if it has no entry there.
  public let line: Int?

  /// Creates a failed check that has no entry in `expect`.
  public init(failed subject: String, expected: String, found: String) {
    self.subject = subject
    self.expected = expected
    self.found = found
    passed = false
    because = nil
    line = nil
  }

  init(_ expectation: Expectation, found: String, passed: Bool) {
    subject = expectation.subjectText
    expected = expectation.demandText
    because = expectation.because
    line = expectation.line
    self.found = found
    self.passed = passed
  }
}

extension FitRequest {
  /// Reads the keys `fit` and `parameter` of a mapping.
  ///
  /// - Throws: `InputError` if one is missing or does not exist.
  package static func readParameter(_ map: [String: YAMLValue], of yaml: YAMLValue, fits: [FitRequest]) throws
    -> (fit: String, parameter: String)
  {
    let name = try yaml.required("fit", in: map).choice(of: fits.map(\.name))
    let parameter = try yaml.required("parameter", in: map)
    let known = fits.first { $0.name == name }?.parameterNames ?? []
    return (name, try parameter.choice(of: known))
  }

  /// The names, in files, of the parameters that the fit will have.
  package var parameterNames: [String] {
    if law == .criticalBatch { return ["Bstar", "exponent", "growth"] }
    if law == .bestMixture {
      let weights = domains.isEmpty ? ["weight_TASK"] : domains.map { "weight_\($0)" }
      return weights + ["target"] + (forecast.isEmpty ? [] : ["forecast_error", "forecast_inside"])
    }
    guard let law = law(floor: floor == .free ? .free : .zero)?.law else {
      return ["a", "b"] + (law == .envelope ? [] : ["tokens_per_parameter"])
    }
    let derived = law.derived(law.parameters.map { _ in 1 })
    return (law.parameters.map(\.symbol) + derived.map(\.symbol)).map(latin) + ["rms"]
      + analyses.flatMap(\.parameterNames)
      + (forecast.isEmpty ? [] : ["forecast_error", "forecast_inside", "forecast_factor"])
  }
}

extension ResultsTable {
  fileprivate func value(of statistic: Expectation.Statistic) -> Double? {
    switch statistic {
    case .completed: Double(completed.count)
    case .diverged: Double(rows.count { $0.status == .diverged })
    case .missing: Double(rows.count { $0.status == .missing })
    case .lowestLoss: completed.compactMap(\.loss).min()
    case .lowestReducible: completed.compactMap(\.reducible).min()
    case .meanLoss: mean(completed.compactMap(\.loss).map(log)).map(exp)
    case .lowestLoadEntropy: completed.compactMap(\.loadEntropy).min()
    case .mostDeadExperts: completed.compactMap(\.deadExperts).max().map(Double.init)
    }
  }
}

extension ExperimentFit {
  /// Returns the symbol of a parameter from its name in a file, such as `α` for `alpha`.
  public func symbol(of parameter: String) -> String {
    estimates.first { latin($0.symbol) == parameter }?.symbol ?? parameter
  }
}

/// Returns a symbol in ASCII letters, such as `alpha` for `α`.
func latin(_ symbol: String) -> String {
  let names: [Character: String] = [
    "α": "alpha", "β": "beta", "η": "eta", "κ": "kappa", "δ": "delta", "γ": "gamma", "ω": "omega",
    "ζ": "zeta",
  ]
  return symbol.map { names[$0] ?? String($0) }.joined()
}

/// Formats a number with four significant digits; integers below a million in full.
func shortText(_ number: Double) -> String {
  number == number.rounded() && abs(number) < 1e6
    ? String(format: "%.0f", number) : String(format: "%.4g", number)
}

/// Returns the mean; nil of an empty list.
private func mean(_ numbers: [Double]) -> Double? {
  numbers.isEmpty ? nil : numbers.reduce(0, +) / Double(numbers.count)
}
