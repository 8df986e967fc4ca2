import Foundation

/// Fits a law to observations: a search from many starts, followed by a bootstrap around the best minimum.
///
///     let fit = try Fitter(.chinchilla(ChinchillaLaw())).fit(observations)
///     fit["β"]?.interval
public struct Fitter: Sendable {
  /// The law to fit.
  public var law: NamedLaw
  /// The objective to minimize.
  public var objective: Objective
  /// The values of the parameters that are not fitted, by symbol.
  public var held: [String: Double]
  /// The number of bootstrap samples; 0 for no intervals.
  public var bootstraps: Int
  /// The seed of the bootstrap.
  public var seed: UInt64
  /// A description of how N and C were counted, which is stored with the fit.
  public var convention: String
  /// Whether profile likelihoods are computed, which take most of the time of a fit with few bootstrap samples. Without
  /// them, every parameter counts as identified.
  package var isProfiled = true

  /// Creates a fitter; all but the law have defaults.
  public init(
    _ law: NamedLaw, minimizing objective: Objective = .chinchilla, holding held: [String: Double] = [:],
    bootstraps: Int = 1000, seed: UInt64 = 1, convention: String = "as given"
  ) {
    self.law = law
    self.objective = objective
    self.held = held
    self.bootstraps = bootstraps
    self.seed = seed
    self.convention = convention
  }

  /// Fits the law. If all its parameters are held, as published constants may be, it is only compared with the
  /// observations.
  ///
  /// - Throws: `FitError` if a parameter to be held does not exist, an observation lacks a variable or
  ///   has an invalid value, there are too few observations, or the search finds no finite minimum.
  public func fit(_ observations: [Observation]) throws -> LawFit {
    try fit(observations, isProfiled: isProfiled)
  }

  /// - Parameter isProfiled: True to compute profile likelihoods, which take most of the time.
  func fit(_ observations: [Observation], isProfiled: Bool) throws -> LawFit {
    let law = law.law
    let fixed = try heldValues(of: law)
    let free = law.parameters.count - fixed.count { $0 != nil }
    let table = try Table(observations, for: law, fitting: free)
    guard free == 0 || table.hasSeveralPlaces else {
      let names = law.variables.map(\.symbol).joined(separator: ", ")
      throw FitError("all observations have one and the same \(names): nothing shows how the loss changes")
    }
    var problem = try Problem(law, on: table, minimizing: objective)
    problem.held = fixed.map { $0 != nil }
    let starts = MultiStart.starts(of: law, on: table, holding: fixed)
    let first = try MultiStart.minimize(problem, from: starts)
    let search =
      isProfiled ? try MultiStart.widened(first, of: problem, from: starts, holding: fixed) : first
    let natural = { (u: [Double]) in zip(law.parameters, u).map { $0.domain.natural($1) } }
    let values = natural(search.best.search)
    if let index = values.firstIndex(where: { !$0.isFinite }) {
      throw FitError(
        "the search for \(law.parameters[index].symbol) diverges: the losses do not follow "
          + "\(law.equation) in any part of its range")
    }
    problem.evaluate(at: search.best.search)
    let rms = (mean(problem.logResiduals.map { $0 * $0 })).squareRoot()
    let resampler = problem.resampler(seed: seed)
    let draws = Bootstrap(samples: free == 0 ? 0 : bootstraps, resampler: resampler).draws(
      of: problem, around: search.best)
    let profiles = parallelMap(law.parameters.count) { [problem] index -> Profile? in
      guard isProfiled, !problem.held[index] else { return nil }
      return Profile(
        of: index, in: problem, around: search.best, alternatives: search.alternatives.map(\.search))
    }
    let lack = free == 0 ? nil : table.lack(for: law)
    let isDependent = law.parameters.indices.map { problem.isDependent($0) }
    let spread = Spread(of: resampler.method, clusters: table.clusterCount, parameters: free)
    let naturalDraws = draws.map { natural($0.search) }
    let estimates = law.parameters.enumerated().map { index, parameter in
      let column = naturalDraws.isEmpty || fixed[index] != nil ? nil : naturalDraws.map { $0[index] }
      return Estimate(
        name: parameter.name, symbol: parameter.symbol, unit: parameter.unit,
        value: fixed[index] ?? values[index], draws: column, spread: spread, profile: profiles[index],
        isUndetermined: isDependent[index], isPositive: !parameter.domain.isSigned)
    }
    return LawFit(
      law: self.law, name: law.name, equation: law.equation, source: law.source,
      parameters: estimates,
      held: held.keys.sorted(),
      derived: derived(
        by: law, values, naturalDraws, spread,
        unidentified: lack == nil ? estimates.map { !$0.identified } : estimates.map { _ in true }),
      objective: objective,
      objectiveText: objective.text,
      objectiveValue: search.best.value, rmsLogResidual: rms, observations: table.count,
      clusters: table.clusterCount,
      alternatives: search.alternatives.map {
        LocalMinimum(objectiveValue: $0.value, values: natural($0.search))
      },
      starts: search.starts, startsAgreeing: search.agreeing,
      convention: convention,
      ranges: law.variables.enumerated().map { index, variable in
        let column = table.column(index)
        return DataRange(variable: variable, low: column.min() ?? .nan, high: column.max() ?? .nan)
      },
      lossRange: Interval(
        low: observations.map(\.loss).min() ?? .nan, high: observations.map(\.loss).max() ?? .nan),
      knownFloor: law.knownFloor, seed: seed, lack: lack, resampling: resampler.method,
      // JSON has no infinities.
      draws: naturalDraws.map {
        $0.map { min(max($0, -.greatestFiniteMagnitude), .greatestFiniteMagnitude) }
      },
      unfinished: Unfinished(
        starts: search.unfinished, draws: draws.count(where: \.isUnfinished),
        profiles: zip(law.parameters, profiles).filter { $1?.isUnfinished ?? false }.map(\.0.symbol)))
  }

  /// Returns, for each parameter of the law, the value at which it is held; nil if it is fitted.
  private func heldValues(of law: any Law) throws -> [Double?] {
    let symbols = law.parameters.map(\.symbol)
    if let unknown = held.keys.sorted().first(where: { !symbols.contains($0) }) {
      throw FitError(
        "\(law.name) has no parameter \(unknown) to hold; it has \(symbols.joined(separator: ", "))")
    }
    for parameter in law.parameters {
      if let value = held[parameter.symbol], !parameter.domain.isSigned, !(value > 0) {
        throw FitError("\(parameter.symbol) is held at \(value); it must be positive")
      }
    }
    return symbols.map { held[$0] }
  }

  /// Returns the quantities that are computed from the parameters. One that changes with a parameter that the data do
  /// not determine is not determined either.
  private func derived(
    by law: any Law, _ values: [Double], _ draws: [[Double]], _ spread: Spread, unidentified: [Bool]
  ) -> [Estimate] {
    let central = law.derived(values)
    // At arbitrary values, since a quantity may not change at a fitted value of zero.
    let place = values.indices.map { 0.3 + 0.05 * Double($0) }
    let given = law.derived(place).map(\.value)
    let changed = values.indices.filter { unidentified[$0] }.map { parameter in
      var place = place
      place[parameter] *= 1.1
      return law.derived(place).map(\.value)
    }
    let derivedDraws = draws.map { law.derived($0).map(\.value) }
    return central.enumerated().map { index, derived in
      Estimate(
        name: derived.name, symbol: derived.symbol, unit: derived.unit, value: derived.value,
        draws: derivedDraws.isEmpty ? nil : derivedDraws.map { $0[index] }, spread: spread,
        isUndetermined: changed.contains { $0[index] != given[index] })
    }
  }
}
