import Foundation

/// One law for several groups of runs that differ in their coefficients alone, and whether the runs allow it.
///
///     L_g(x) = E + Σᵢ A_gᵢ·xᵢ^(−αᵢ)
///
/// Each group is then a rescaling of the first: it needs r_gᵢ = (A_gᵢ/A_0ᵢ)^(1/αᵢ) times its xᵢ for the same loss, at every
/// scale (for optimisers: arXiv 2602.07712). The law is tested against one with separate exponents by the statistic
///
///     T = log(RSS with common exponents / RSS with separate exponents)
///
/// and its distribution over losses that are simulated around the first law.
public struct SharedExponent: Sendable, Codable {
  /// The names of the groups.
  public let groups: [String]
  /// The variables x.
  public let variables: [Variable]
  /// αᵢ, for each variable.
  public let exponents: [Estimate]
  /// r_gᵢ for each group, for each variable; 1 for the first group.
  public let factors: [[Estimate]]
  /// AICc with common exponents minus AICc with separate ones: negative if common ones suffice.
  public let aiccGain: Double
  /// The probability of a T as large as that of the runs if one law holds for all groups.
  public let pValue: Double

  private static let simulations = 399

  /// Fits and tests the law.
  ///
  /// - Throws: `FitError` if a group lacks x or has too few different values.
  public init(
    of groups: [MultiplierGroup], in variable: Variable = .compute, floors: Multiplier.Floors = .shared,
    bootstraps: Int = 1000, seed: UInt64 = 1
  ) throws {
    let chosen = try MultiplierRuns(groups, in: variable, atLeast: floors.leastValues)
    let fit = { (sharesExponents: Bool, bootstraps: Int) in
      try VariantsFit(
        chosen, in: variable, sharesExponents: sharesExponents, floors: floors.common,
        bootstraps: bootstraps, seed: seed)
    }
    let (shared, own) = (try fit(true, bootstraps), try fit(false, 0))
    self.groups = groups.map(\.name)
    variables = shared.law.axes
    let estimate = { (name: String, symbol: String, value: ([Double]) -> Double) in
      Estimate(
        name: name, symbol: symbol, unit: "1", value: value(shared.values),
        draws: shared.draws.isEmpty ? nil : shared.draws.map(value), spread: shared.spread)
    }
    exponents = variables.indices.map { axis in
      estimate("common exponent of \(shared.law.axes[axis].symbol)", "α") {
        shared.law.group(0, of: $0).exponents[axis]
      }
    }
    factors = groups.indices.map { group in
      shared.law.axes.indices.map { axis in
        estimate("factor of \(shared.law.axes[axis].symbol)", "r") { θ in
          let (first, other) = (shared.law.group(0, of: θ), shared.law.group(group, of: θ))
          return exp((other.coefficients[axis] - first.coefficients[axis]) / first.exponents[axis])
        }
      }
    }
    aiccGain = shared.aicc - own.aicc
    pValue = Self.pValue(shared, own, seed: seed)
  }

  private static func pValue(_ shared: VariantsFit, _ own: VariantsFit, seed: UInt64) -> Double {
    let statistic = { @Sendable (one: Double, many: Double) in one <= many ? 0 : log(one / many) }
    let measured = statistic(shared.minimum.value, own.minimum.value)
    // Below this root mean square residual, differences of losses are rounding errors.
    guard shared.minimum.value > 1e-18 * Double(shared.problem.workspace.table.count) else { return 1 }
    // T does not depend on the size of the errors, only on how they are correlated, which the residuals of both laws show.
    let resampler = own.problem.resampler(seed: seed, method: .simulation)
    let exceeding = parallelMap(simulations) { sample -> Bool in
      guard case .errors(let errors) = resampler[sample] else { return false }
      let targets = shared.problem.targets(withErrors: errors)
      let refit = { (fit: VariantsFit) -> Double in
        var problem = fit.problem
        problem.targets = targets
        return Minimizer(tolerance: 1e-8).minimize(&problem, from: fit.minimum.search).value
      }
      return statistic(refit(shared), refit(own)) >= measured
    }
    return Double(exceeding.count { $0 } + 1) / Double(simulations + 1)
  }
}
