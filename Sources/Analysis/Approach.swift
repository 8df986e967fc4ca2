import Foundation
import ScalingLaws

/// The result of one of Chinchilla's approaches to the compute-optimal allocation: N* ∝ C^a, D* ∝ C^b.
public struct Approach: Codable, Sendable {
  /// 1: the envelope of training curves, 2: minima of IsoFLOP profiles, 3: a parametric law, which counts C as 6ND.
  public let number: Int
  /// The name of the fit.
  public let fit: String
  /// The exponent of N*.
  public let a: Estimate
  /// The exponent of D*.
  public let b: Estimate
  /// The bias of `a` that the grid causes (`IsoFLOPAnalysis.exponentBias`); nil for other approaches than 2.
  public let gridBias: Double?
  /// The name of the parametric fit that `gridBias` is computed under; nil without a bias.
  public let under: String?

  /// The number and a description.
  public var title: String {
    switch number {
    case 1: "1, envelope of training curves"
    case 2: "2, IsoFLOP minima"
    default: "3, parametric law"
    }
  }

  /// Returns the results of all approaches among some fits, by the number of the approach.
  static func all(in fits: [ExperimentFit]) -> [Approach] {
    let surfaces = fits.filter { $0.law == .chinchilla || $0.law == .interaction }
    let all = fits.compactMap { fit -> Approach? in
      if let envelope = fit.envelope {
        return Approach(1, fit, envelope.parametersExponent, envelope.tokensExponent)
      }
      if let isoFLOP = fit.isoFLOP, let a = isoFLOP.parameters?.exponent, let b = isoFLOP.tokens?.exponent {
        let surface = surfaces.first { $0.convention == fit.convention && $0.fit != nil }
        let bias = surface?.fit.flatMap { isoFLOP.exponentBias(under: $0) }
        return Approach(2, fit, a, b, gridBias: bias, under: surface?.name)
      }
      guard surfaces.contains(where: { $0.name == fit.name }), let a = fit.fit?["a"], let b = fit.fit?["b"]
      else { return nil }
      return Approach(3, fit, a, b)
    }
    return all.enumerated().sorted { ($0.element.number, $0.offset) < ($1.element.number, $1.offset) }
      .map(\.element)
  }

  private init(
    _ number: Int, _ fit: ExperimentFit, _ a: Estimate, _ b: Estimate, gridBias: Double? = nil,
    under: String? = nil
  ) {
    self.number = number
    self.fit = fit.name
    self.a = a
    self.b = b
    self.gridBias = gridBias
    self.under = gridBias == nil ? nil : under
  }
}

extension Fits {
  /// Returns a description of the influence of the grid on approach 2; nil for another approach.
  public func gridBias(of approach: Approach) -> String? {
    guard let analysis = self[approach.fit]?.isoFLOP else { return nil }
    let spacing = analysis.spacing.map {
      String(format: "neighbouring sizes differ by a factor of %.2f", $0)
    }
    let drift = analysis.centreDrift.map { drift in
      String(
        format:
          "with ten times the compute, the ratio of the mean size tried to N* changes by a factor of %.2f",
        pow(10, drift))
    }
    let bias = approach.gridBias.map { bias in
      String(
        format: "by the fit %@, this choice of sizes alone changes a by %+.4f", approach.under ?? "", bias)
    }
    return [spacing, drift, bias].compactMap { $0 }.joined(separator: "; ")
  }
}
