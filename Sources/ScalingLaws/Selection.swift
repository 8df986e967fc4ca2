import Foundation

/// Rival laws on the same observations, compared by Akaike's criterion and by how well each predicts the
/// largest runs from the smaller ones.
///
///     AICc = n·log(RSS/n) + 2k + 2k(k + 1)/(n − k − 1),   k = parameters and the variance
///
/// All are fitted by least squares on log loss, so that the criterion compares likelihoods of the same data.
/// Burnham and Anderson 2002, section 2.4.
public struct Selection: Sendable, Codable {
  public struct Candidate: Sendable, Codable {
    public let fit: LawFit
    public let aicc: Double
    /// AICc above the best candidate's; below 2 the two can hardly be told apart.
    public let excess: Double
    /// Log residuals of the left-out largest runs, predicted from the others: mean and root mean square;
    /// nil where too few are left to fit.
    public let heldOutMean: Double?
    public let heldOutRMS: Double?
  }

  /// Best AICc first.
  public let candidates: [Candidate]
  /// Runs left out for the prediction.
  public let heldOut: Int

  /// - Parameters:
  ///   - laws: with one and the same known floor, if any.
  ///   - order: the variable whose largest values are left out; nil for N·D.
  ///   - part: the share of the observations left out.
  /// - Throws: `FitError` where a law does not suit the observations.
  public init(
    _ laws: [NamedLaw], on observations: [Observation], leavingOutLargest order: Variable? = nil,
    part: Double = 0.2, bootstraps: Int = 0, seed: UInt64 = 1
  ) throws {
    let size = { (observation: Observation) in
      order.map { observation[$0] ?? 0 } ?? (observation.parameters ?? 1) * (observation.tokens ?? 1)
    }
    let sorted = observations.sorted { size($0) < size($1) }
    let cut = max(1, Int(exactly: (part * Double(sorted.count)).rounded()) ?? 1)
    let (smaller, largest) = (Array(sorted.dropLast(cut)), sorted.suffix(cut))
    let unranked = try laws.map { law -> Candidate in
      let fitter = Fitter(law, minimizing: Objective(.leastSquares), bootstraps: bootstraps, seed: seed)
      let fit = try fitter.fit(observations)
      let predicted = try? Fitter(law, minimizing: Objective(.leastSquares), bootstraps: 0).fit(
        smaller, isProfiled: false)
      let residuals = predicted.map { predicted in
        largest.compactMap { run in
          predicted.predict(at: run).map { log(($0.value - fit.knownFloor) / (run.loss - fit.knownFloor)) }
        }
      }
      return Candidate(
        fit: fit, aicc: Self.aicc(fit), excess: 0, heldOutMean: residuals.map(mean),
        heldOutRMS: residuals.map(rootMeanSquare))
    }
    let best = unranked.map(\.aicc).min() ?? 0
    candidates = unranked.sorted { $0.aicc < $1.aicc }.map {
      Candidate(
        fit: $0.fit, aicc: $0.aicc, excess: $0.aicc == best ? 0 : $0.aicc - best, heldOutMean: $0.heldOutMean,
        heldOutRMS: $0.heldOutRMS)
    }
    heldOut = cut
  }

  static func aicc(_ fit: LawFit) -> Double {
    aicc(
      residualSum: fit.objectiveValue, observations: fit.observations,
      parameters: fit.parameters.count - fit.held.count)
  }

  static func aicc(residualSum: Double, observations: Int, parameters: Int) -> Double {
    let (n, k) = (Double(observations), Double(parameters + 1))
    guard n > k + 1 else { return .greatestFiniteMagnitude }
    return n * log(residualSum / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
  }
}
