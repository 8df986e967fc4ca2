import Files
import ScalingLaws

/// The penalty of an objective, by its name in files and on the command line.
public enum PenaltyChoice: String, CaseIterable, Sendable {
  case huber
  case leastSquares = "least_squares"
  case leastAbsolute = "least_absolute"

  /// Returns the penalty.
  ///
  /// - Parameter delta: The residual at which the Huber penalty changes from quadratic to linear.
  public func penalty(delta: Double) -> Objective.Penalty {
    switch self {
    case .huber: .huber(delta: delta)
    case .leastSquares: .leastSquares
    case .leastAbsolute: .leastAbsolute
    }
  }
}

extension Objective.Scale: CaseIterable {
  /// All scales.
  public static let allCases: [Objective.Scale] = [.log, .raw, .log1p]
}

extension Objective {
  /// The default δ of the Huber penalty (Hoffmann et al. 2022, section 3.3).
  public static let delta = 1e-3

  /// Reads `objective`: the name of a penalty, or a mapping with `penalty`, `delta`, `on` and `weighted`.
  init(_ yaml: YAMLValue) throws {
    guard yaml.isMapping else {
      self.init(try yaml.choice(of: PenaltyChoice.self).penalty(delta: Objective.delta))
      return
    }
    let map = try yaml.mapping(keys: ["penalty", "delta", "on", "weighted"])
    let penalty = try map["penalty"]?.choice(of: PenaltyChoice.self) ?? .huber
    if let delta = map["delta"], penalty != .huber {
      throw delta.error("only the penalty `huber` has a `delta`", remedy: "Remove it")
    }
    self.init(
      penalty.penalty(delta: try map["delta"]?.number(in: 1e-12...1e3) ?? Objective.delta),
      on: try map["on"]?.choice(of: Objective.Scale.self) ?? .log,
      weighted: try map["weighted"]?.boolean() ?? false)
  }
}

/// An additional analysis of a fit.
public enum AnalysisChoice: String, CaseIterable, Codable, Sendable {
  /// A test for breaks of a law in one variable.
  case bends
  /// A comparison with other laws.
  case selection
  /// The sensitivity to choices that the data do not determine.
  case sensitivity
  /// The local slopes of a law in one variable.
  case slopes
  /// The compute-optimal size counted with and without embeddings, from one law of N and D.
  case counting

  /// The names of the parameters that it adds to a fit.
  var parameterNames: [String] {
    switch self {
    case .bends: ["bends", "bend"]
    case .slopes: ["slope_spread"]
    case .counting: ["a_total", "a_non_embedding", "a_shift"]
    case .selection, .sensitivity: []
    }
  }
}
