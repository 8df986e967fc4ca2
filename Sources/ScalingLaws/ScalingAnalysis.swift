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
  public private(set) var fits: [LawFit] = []
  public private(set) var isoFLOP: IsoFLOPAnalysis?
  public private(set) var frontier: Frontier?
  public private(set) var refusals: [Refusal] = []

  /// Fits what can be fitted; what cannot stands in `refusals`.
  public init(of observations: [Observation], options: Options = Options()) {
    self.options = options
    let floors: [Floor] = [.free] + (options.knownFloor.map { [.known($0)] } ?? [])
    for floor in floors {
      attempt(.chinchilla(ChinchillaLaw(floor: floor)), on: observations)
      attempt(.interaction(InteractionLaw(floor: floor)), on: observations)
    }
    let withCompute = observations.filter { $0.compute != nil }
    guard !withCompute.isEmpty else {
      refusals.append(Refusal(analysis: "IsoFLOP and frontier", reason: "no observation has a compute"))
      return
    }
    do {
      isoFLOP = try IsoFLOPAnalysis(
        withCompute, tolerance: options.budgetTolerance, bootstraps: options.bootstraps, seed: options.seed)
    } catch {
      refusals.append(Refusal(analysis: "IsoFLOP", reason: "\(error)"))
    }
    do {
      let floor = options.knownFloor.map(Floor.known) ?? .free
      frontier = try Frontier(withCompute, fitting: fitter(.power(PowerLaw(in: .compute, floor: floor))))
    } catch {
      refusals.append(Refusal(analysis: "frontier", reason: "\(error)"))
    }
  }

  /// The first fit of a law's name.
  public func fit(_ name: String) -> LawFit? { fits.first { $0.name == name } }

  private func fitter(_ law: NamedLaw) -> Fitter {
    Fitter(
      law, minimizing: options.objective, bootstraps: options.bootstraps, seed: options.seed,
      convention: options.convention)
  }

  private mutating func attempt(_ law: NamedLaw, on observations: [Observation]) {
    do {
      fits.append(try fitter(law).fit(observations))
    } catch {
      refusals.append(Refusal(analysis: "\(law.law.name), \(law.law.equation)", reason: "\(error)"))
    }
  }
}
