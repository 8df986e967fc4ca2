import Files
import Foundation
import ScalingLaws

/// The multipliers of several groups of runs over one of them.
public struct Multipliers: Codable, Sendable {
  /// The multiplier of one group, or the reason why there is none.
  public struct Row: Codable, Sendable {
    /// The name of the group.
    public let name: String
    /// The number of runs of the group.
    public let runs: Int
    /// The multiplier; nil if it failed.
    public let multiplier: Multiplier?
    /// The reason why there is no multiplier; nil if there is one.
    public let refusal: String?
  }

  /// The quantity of the factor.
  public let variable: Variable
  /// A description of how N, D and C are counted.
  public let convention: String
  /// A description of the floor.
  public let floor: String
  /// The floor, if it is known and not fitted.
  public let knownFloor: Double?
  /// The name of the group that the others are divided by.
  public let reference: String
  /// The number of runs of the reference.
  public let referenceRuns: Int
  /// The other groups.
  public let rows: [Row]
  /// One exponent for all groups and its test; nil for two groups, which `rows` tests, if it failed, and in files of
  /// earlier versions.
  public let shared: SharedExponent?
  /// The reason why `shared` failed; nil if it did not.
  public let sharedRefusal: String?
  /// What else distinguishes the groups, and other remarks.
  public let remarks: [String]

  /// Computes the multipliers of groups over the first of them.
  ///
  /// - Parameter progress: Called with the completed fraction.
  init(
    of groups: [MultiplierGroup], in variable: Variable, floors: Multiplier.Floors, convention: String,
    remarks: [String] = [], bootstraps: Int, seed: UInt64,
    progress: (Double) -> Void = { _ in }
  ) {
    let (reference, others) = (groups[0], groups.dropFirst())
    self.variable = variable
    self.convention = convention
    floor = floors.text
    knownFloor = if case .known(let floor) = floors { floor } else { nil }
    self.reference = reference.name
    self.remarks = remarks
    referenceRuns = reference.runs.count
    do {
      shared =
        groups.count > 2
        ? try SharedExponent(of: groups, in: variable, floors: floors, bootstraps: bootstraps, seed: seed)
        : nil
      sharedRefusal = nil
    } catch {
      (shared, sharedRefusal) = (nil, "\(error)")
    }
    rows = others.enumerated().map { index, group in
      defer { progress(Double(index + 1) / Double(others.count)) }
      do {
        let multiplier = try Multiplier(
          of: group, over: reference, in: variable, floors: floors, bootstraps: bootstraps, seed: seed)
        return Row(name: group.name, runs: group.runs.count, multiplier: multiplier, refusal: nil)
      } catch {
        return Row(name: group.name, runs: group.runs.count, multiplier: nil, refusal: "\(error)")
      }
    }
  }
}

extension Multipliers {
  /// Returns the multipliers of fits over the first of them; nil if their losses are not of one kind, so that no loss of
  /// one is equal to a loss of another: other runs of one text, losses, counts and laws of one variable.
  init?(of fits: [ExperimentFit], bootstraps: Int, seed: UInt64) {
    let surfaces: [LawChoice] = [
      .chinchilla, .interaction, .overtraining, .kaplan, .isoFLOP, .isoFLOPLocal, .isoFLOPRobust, .powerC,
      .brokenC,
    ]
    guard let first = fits.first, fits.count >= 2,
      fits.allSatisfy({ fit in
        (fit.fit != nil || fit.isoFLOP != nil) && fit.convention == first.convention
          && fit.entropy == first.entropy && fit.floor == first.floor
          && (fit.law.variable ?? .compute) == (first.law.variable ?? .compute)
          && (fit.law.variable == first.law.variable)
          && (surfaces.contains(fit.law) || [.parameters, .tokens].contains(fit.law.variable))
      })
    else { return nil }
    var seen: Set<[String]> = []
    for fit in fits {
      let own = Set(
        fit.observations.map { ["\($0.cluster ?? "")", "\($0.place)", "\($0.loss)"] })
      guard seen.isDisjoint(with: own) else { return nil }
      seen.formUnion(own)
    }
    let floors: Multiplier.Floors
    // Profiles have no floor, and are compared above the entropy where it is known.
    switch (first.floor, first.entropy) {
    case (.zero, _): floors = .known(0)
    case (.value(let value), _): floors = .known(value)
    case (.entropy, let entropy?): floors = .known(entropy)
    case (_, let entropy?) where first.isoFLOP != nil: floors = .known(entropy)
    default: floors = .shared
    }
    self.init(
      of: fits.map { fit in
        MultiplierGroup(fit.name, fit.observations, isFrontier: fit.law.variable == .compute)
      }, in: first.law.variable ?? .compute, floors: floors,
      convention: first.convention, bootstraps: bootstraps, seed: seed)
  }
}

extension Multiplier.Floors {
  /// A description.
  var text: String {
    switch self {
    case .shared: "one fitted floor for all groups"
    case .separate: "a fitted floor for each group"
    case .known(0): "no floor"
    case .known(let floor): "floor \(shortText(floor))"
    }
  }
}
