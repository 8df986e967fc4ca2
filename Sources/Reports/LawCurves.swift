import Analysis
import Foundation
import ScalingLaws

/// A fit with the labels of its axes.
struct ReportedFit: Sendable {
  let result: ExperimentFit
  let labels: AxisLabels

  /// The variable of a fitted law with one variable; nil otherwise.
  var variable: Variable? {
    guard let variables = result.fit?.law.law.variables, variables.count == 1 else { return nil }
    return variables[0]
  }

  /// The name that a file gave the fit; nil if it is the default.
  var ownName: String? {
    let usual = [result.law.rawValue, "\(result.law.rawValue)_\(result.floor.name)"]
    return usual.contains(result.name) ? nil : result.name
  }

  /// Whether a law of N and D was fitted.
  var isParametric: Bool { result.isSurface }

  /// A legend entry: the fit's floor and its exponents, or all parameters of an equation.
  var legend: String {
    let fit = result.fit
    if result.law == .formula { return (fit?.parameters ?? []).map(\.text).joined(separator: ", ") }
    let floor = result.floor == .free ? "free floor" : "floor \((fit?.knownFloor ?? 0).text(4))"
    let exponents = (fit?.parameters ?? []).filter { $0.name.contains("exponent") }.map(\.text)
    return "\(fit?.name ?? result.name), \(floor): \(exponents.joined(separator: ", "))"
  }
}

/// The true entropy and the n-gram losses, which figures of a loss show as horizontal lines.
struct Baselines: Sendable {
  var entropy: Double?
  /// The losses of the 1-gram, the 2-gram and so on, in nats per token.
  var nGrams: [Double] = []

  /// Returns the lines: the entropy, and those n-grams that are at or below `highest`, at least the best one.
  func layers(upTo highest: Double = .infinity) -> [Layer] {
    let best = nGrams.min()
    let counted = nGrams.enumerated().filter { $0.element <= highest || $0.element == best }.map {
      index, loss in
      Layer.horizontal(loss, "\(index + 1)-gram", Style(nil, .neutral, dash: .dotted))
    }
    return counted + (entropy.map { [.horizontal($0, "true entropy \($0.text(4))")] } ?? [])
  }
}

extension LawFit {
  /// The law along one variable with its 95 % interval: points for a line and a band.
  ///
  /// - Parameters:
  ///   - place: The values of the law's other variables.
  ///   - floor: Subtracted from the loss.
  func curve(
    along variable: Variable, over range: ClosedRange<Double>,
    at place: Observation = Observation(loss: .nan),
    above floor: Double = 0
  ) -> [Point] {
    logarithmicSteps(range, count: 48).compactMap { x in
      predict(at: place.setting(variable, to: x)).map { prediction in
        let interval = prediction.confidence ?? Interval(low: prediction.value, high: prediction.value)
        return Point(x, prediction.value - floor, low: interval.low - floor, high: interval.high - floor)
      }
    }
  }
}

extension Observation {
  /// Returns the observation with another value of a variable.
  func setting(_ variable: Variable, to value: Double) -> Observation {
    var changed = self
    switch variable {
    case .parameters: changed.parameters = value
    case .tokens: changed.tokens = value
    case .compute: changed.compute = value
    case .steps: changed.steps = value
    case .uniqueTokens: changed.uniqueTokens = value
    case .experts: changed.experts = value
    case .column(let name): changed.columns = (changed.columns ?? [:]).merging([name: value]) { $1 }
    case .weight: break
    }
    return changed
  }

  /// The loss with its 95 % error bar against a variable.
  ///
  /// - Parameter isEntropy: True if the floor is the true entropy.
  func point(along variable: Variable, above floor: Double = 0, isEntropy: Bool = false) -> Point? {
    self[variable].map { Point($0, loss - floor, error: error(aboveEntropy: isEntropy)) }
  }

  /// The 95 % error bar of the loss, or of the loss above the true entropy, from its standard error.
  func error(aboveEntropy: Bool) -> Double {
    1.96 * ((aboveEntropy ? reducibleStandardError : nil) ?? standardError ?? 0)
  }
}

/// Values at equal ratios from one end of a range to the other.
func logarithmicSteps(_ range: ClosedRange<Double>, count: Int) -> [Double] {
  (0..<count).map { step in
    range.lowerBound * pow(range.upperBound / range.lowerBound, Double(step) / Double(count - 1))
  }
}

extension [Observation] {
  /// The range of a variable, extended by a tenth of its logarithm on both sides; nil if no observation has it.
  func range(of variable: Variable) -> ClosedRange<Double>? {
    let values = compactMap { $0[variable] }.filter { $0 > 0 && $0.isFinite }
    guard let low = values.min(), let high = values.max() else { return nil }
    let air = pow(high / low, 0.1)
    return (low / air)...(high * air)
  }

  func points(along variable: Variable, above floor: Double = 0, isEntropy: Bool = false) -> [Point] {
    compactMap { $0.point(along: variable, above: floor, isEntropy: isEntropy) }
  }
}
