/// Everything that a table of N, D, C and loss can tell, in one call: what `fits.json` holds.
///
///     let analysis = ScalingAnalysis(of: observations, options: .init(convention: "N without embeddings"))
///     analysis.fit("Chinchilla")?["β"]?.interval
public struct ScalingAnalysis: Sendable, Codable {
  /// How to analyse.
  public struct Options: Sendable, Codable {
    /// The entropy of the corpus in the unit of the loss, where known: the laws are also fitted with it.
    public var knownFloor: Double?
    public var objective: Objective
    public var bootstraps: Int
    public var seed: UInt64
    /// How N and C were counted, in words.
    public var convention: String
    /// Computes that differ by less than this part belong to one IsoFLOP budget.
    public var budgetTolerance: Double

    public init(
      knownFloor: Double? = nil, objective: Objective = .chinchilla, bootstraps: Int = 1000, seed: UInt64 = 1,
      convention: String = "as given", budgetTolerance: Double = 0.1
    ) {
      self.knownFloor = knownFloor
      self.objective = objective
      self.bootstraps = bootstraps
      self.seed = seed
      self.convention = convention
      self.budgetTolerance = budgetTolerance
    }
  }

  /// An analysis that the observations do not allow, and why.
  public struct Refusal: Sendable, Codable {
    public let analysis: String
    public let reason: String
  }

  public let options: Options
  /// Chinchilla and its interaction form with a free floor, then with the known one.
  public let fits: [LawFit]
  /// Power laws with a floor: in N over the runs of the most tokens, in D over those of the largest size.
  public let inParameters: LawFit?
  public let inTokens: LawFit?
  public let isoFLOP: IsoFLOPAnalysis?
  public let frontier: Frontier?
  /// Chinchilla's approach 1, where clusters are training curves.
  public let envelope: Envelope?
  public let refusals: [Refusal]

  /// Fits what can be fitted; what cannot stands in `refusals`.
  public init(of observations: [Observation], options: Options = Options()) {
    var refusals: [Refusal] = []
    func attempt<T>(_ analysis: String, _ body: () throws -> T) -> T? {
      do {
        return try body()
      } catch {
        refusals.append(Refusal(analysis: analysis, reason: "\(error)"))
        return nil
      }
    }
    let fit = { (law: NamedLaw, observations: [Observation]) in
      try Fitter(
        law, minimizing: options.objective, bootstraps: options.bootstraps, seed: options.seed,
        convention: options.convention
      ).fit(observations)
    }
    let floor = options.knownFloor.map(Floor.known) ?? .free
    let floors = options.knownFloor == nil ? [.free] : [.free, floor]
    let laws = floors.flatMap { floor in
      [NamedLaw.chinchilla(ChinchillaLaw(floor: floor)), .interaction(InteractionLaw(floor: floor))]
    }
    self.options = options
    fits = laws.compactMap { law in
      attempt("\(law.law.name), \(law.law.equation)") { try fit(law, observations) }
    }
    inParameters = attempt("power law in N at the largest D") {
      try fit(.power(PowerLaw(in: .parameters, floor: floor)), Self.largest(.tokens, of: observations))
    }
    inTokens = attempt("power law in D at the largest N") {
      try fit(.power(PowerLaw(in: .tokens, floor: floor)), Self.largest(.parameters, of: observations))
    }
    isoFLOP = attempt("IsoFLOP") {
      try IsoFLOPAnalysis(
        observations, tolerance: options.budgetTolerance, bootstraps: options.bootstraps, seed: options.seed)
    }
    frontier = attempt("frontier") {
      try Frontier(observations) { try fit(.power(PowerLaw(in: .compute, floor: floor)), $0) }
    }
    envelope = attempt("envelope") {
      try Envelope(observations, bootstraps: options.bootstraps, seed: options.seed)
    }
    self.refusals = refusals
  }

  /// Chinchilla's approaches side by side: the exponents of N* and D* in C.
  public var approaches: [(name: String, a: Estimate, b: Estimate)] {
    var rows: [(name: String, a: Estimate, b: Estimate)] = []
    if let envelope {
      rows.append(("1: envelope of training curves", envelope.parametersExponent, envelope.tokensExponent))
    }
    if let n = isoFLOP?.parameters, let d = isoFLOP?.tokens {
      rows.append(("2: IsoFLOP parabolas", n.exponent, d.exponent))
    }
    for fit in fits {
      if let a = fit["a"], let b = fit["b"] { rows.append(("3: \(fit.equation)", a, b)) }
    }
    return rows
  }

  /// The first fit of a law's name.
  public func fit(_ name: String) -> LawFit? { fits.first { $0.name == name } }

  /// The runs whose value of a variable is within 1 % of the largest.
  private static func largest(_ variable: Variable, of observations: [Observation]) -> [Observation] {
    let most = observations.compactMap { $0[variable] }.max() ?? 0
    return observations.filter { ($0[variable] ?? 0) >= 0.99 * most }
  }
}
