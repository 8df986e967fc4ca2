import Foundation

/// A comparison of laws on the same observations by Akaike's criterion and by their predictions of the largest runs
/// from the smaller ones.
///
///     AICc = n·log(RSS/n) + 2k + 2k(k + 1)/(n − k − 1),   k = parameters and the variance
///
/// All are fitted by least squares on log loss, so that the criterion compares likelihoods of the same data.
/// Burnham and Anderson 2002, section 2.4.
public struct Selection: Sendable, Codable {
  /// The results of one law.
  public struct Candidate: Sendable, Codable {
    /// The fit to all observations.
    public let fit: LawFit
    /// AICc.
    public let aicc: Double
    /// AICc minus that of the best candidate. A difference below 2 is not significant.
    public let excess: Double
    /// The mean log residual of the held-out largest runs, predicted from the others; nil if too few remain to fit.
    public let heldOutMean: Double?
    /// The root mean square log residual of the held-out largest runs; nil if too few remain to fit.
    public let heldOutRMS: Double?
  }

  /// The candidates, by increasing AICc.
  public let candidates: [Candidate]
  /// The number of runs that are held out for the prediction.
  public let heldOut: Int

  /// Fits and compares laws.
  ///
  /// - Parameters:
  ///   - laws: The laws, all with the same known floor, if any.
  ///   - order: The variable whose largest values are held out; nil for N·D.
  ///   - part: The fraction of observations to hold out.
  /// - Throws: `FitError` if a law cannot be fitted to the observations.
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
