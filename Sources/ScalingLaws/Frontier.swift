import Foundation

/// The compute-optimal frontier: the models whose loss no model of at most the same compute undercuts, and the power
/// law of their loss in compute, L = E + A·C^−α (Kaplan et al. 2020, figure 1; Hoffmann et al. 2022, section 3.1).
/// Computes within 2 % count as equal, because training stops at whole steps.
///
/// A running minimum over noisy losses is biased low. Compare it with the IsoFLOP minima and with the parametric fit.
public struct Frontier: Sendable, Codable {
  /// The models on the frontier, by increasing compute.
  public let observations: [Observation]
  /// The power law through them; nil if it cannot be fitted.
  public let law: LawFit?
  /// The reason why there is no law; nil if there is one.
  public let refusal: String?

  /// Finds the frontier and fits a law to it.
  ///
  /// - Parameter fit: Fits a law to the models on the frontier. Its error becomes `refusal`.
  /// - Throws: `FitError` if an observation has no positive compute.
  public init(
    _ observations: [Observation],
    fitting fit: ([Observation]) throws -> LawFit = { try Fitter(.power(PowerLaw(in: .compute))).fit($0) }
  ) throws {
    for (index, observation) in observations.enumerated() {
      guard let compute = observation.compute, compute > 0 else {
        throw FitError("the frontier needs a positive C", observation: index)
      }
    }
    // The running minimum of the loss, by increasing compute.
    let rising = observations.map { (compute: $0.compute ?? 0, loss: $0.loss) }.sorted {
      $0.compute < $1.compute
    }
    var lowest: [Double] = []
    for run in rising { lowest.append(min(lowest.last ?? .infinity, run.loss)) }
    let frontier = observations.filter { own in
      let limit = 1.02 * (own.compute ?? 0)
      let count = rising.partitioningIndex { $0.compute > limit }
      return count == 0 || lowest[count - 1] >= own.loss
    }.sorted { ($0.compute ?? 0, $0.loss) < ($1.compute ?? 0, $1.loss) }
    self.observations = frontier
    do {
      law = try fit(frontier)
      refusal = nil
    } catch {
      law = nil
      refusal = "\(error)"
    }
  }
}
