import Foundation

/// The compute-optimal frontier: the models that no model of as little compute beats, and the power law of
/// their loss in compute, L = E + A·C^−α (Kaplan et al. 2020, figure 1; Hoffmann et al. 2022, section 3.1).
/// Computes within 2 % count as one: a budget is met only to whole steps.
///
/// A running minimum over noisy losses is biased low; compare it with the IsoFLOP minima and with the
/// parametric fit.
public struct Frontier: Sendable, Codable {
  /// Models on the frontier, by rising compute.
  public let observations: [Observation]
  /// The power law through them; nil where they are too few, and `refusal` says so.
  public let law: LawFit?
  public let refusal: String?

  /// - Throws: `FitError` where an observation has no compute.
  public init(
    _ observations: [Observation],
    fitting fit: ([Observation]) throws -> LawFit = { try Fitter(.power(PowerLaw(in: .compute))).fit($0) }
  ) throws {
    for (index, observation) in observations.enumerated() {
      guard let compute = observation.compute, compute > 0 else {
        throw FitError("the frontier needs a positive C", observation: index)
      }
    }
    // The lowest loss of all that have at most the compute of each, by rising compute.
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
