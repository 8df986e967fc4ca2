import Files
import ScalingLaws

/// The penalty of an objective by its name in a file or on the command line.
public enum PenaltyChoice: String, CaseIterable, Sendable {
  case huber
  case leastSquares = "least_squares"
  case leastAbsolute = "least_absolute"

  /// - Parameter delta: where Huber's penalty turns from square to line.
  public func penalty(delta: Double) -> Objective.Penalty {
    switch self {
    case .huber: .huber(delta: delta)
    case .leastSquares: .leastSquares
    case .leastAbsolute: .leastAbsolute
    }
  }
}

extension Objective.Scale: CaseIterable {
  public static let allCases: [Objective.Scale] = [.log, .raw, .log1p]
}

extension Objective {
  /// The default δ of Huber's penalty (Hoffmann et al. 2022, section 3.3).
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

/// An analysis beside a fit, on request.
public enum AnalysisChoice: String, CaseIterable, Codable, Sendable {
  /// Whether, where and by how much a loss in one variable bends.
  case bends
  /// The fit's law among its rivals.
  case selection
  /// How the fit moves with choices that the data do not dictate.
  case sensitivity
  /// The slope of a loss in one variable, place by place.
  case slopes
  /// The compute-optimal size with and without embeddings, from one surface.
  case counting

  /// The parameters that it adds to a fit.
  var parameterNames: [String] {
    switch self {
    case .bends: ["bends", "bend"]
    case .slopes: ["slope_spread"]
    case .counting: ["a_total", "a_non_embedding", "a_shift"]
    case .selection, .sensitivity: []
    }
  }
}
