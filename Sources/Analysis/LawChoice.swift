import Files
import ScalingLaws

/// A law or another analysis that a fit can request.
public enum LawChoice: String, CaseIterable, Codable, Sendable {
  /// L(N) at a large D.
  case powerN = "power_n"
  /// L(D) at a large N.
  case powerD = "power_d"
  /// L(C) along the compute-optimal frontier.
  case powerC = "power_c"
  /// L(N) with breaks.
  case brokenN = "broken_n"
  /// L(D) with breaks.
  case brokenD = "broken_d"
  /// L(C) with breaks.
  case brokenC = "broken_c"
  case chinchilla
  case interaction
  case overtraining
  case kaplan
  case kaplanSteps = "kaplan_steps"
  case repeatedData = "repeated_data"
  case routed
  case jointRouted = "joint_routed"
  case mixture
  /// Laws of `NamedFormula`.
  case coupling, annealing, precision, distillation, transfer, coverage, overoptimisation, sparsity,
    vocabulary
  case precisionWeights = "precision_weights"
  case policyOveroptimisation = "overoptimisation_rl"
  case rising
  case risingN = "rising_n"
  case risingD = "rising_d"
  case risingC = "rising_c"
  case sigmoidC = "sigmoid_c"
  /// A law that is given as an equation.
  case formula
  /// Parabolas through IsoFLOP profiles, by least squares.
  case isoFLOP = "isoflop"
  /// Parabolas through IsoFLOP profiles, by least absolute deviations.
  case isoFLOPRobust = "isoflop_robust"
  /// Local quadratic regression of IsoFLOP profiles.
  case isoFLOPLocal = "isoflop_local"
  /// The lower envelope of training curves.
  case envelope
  /// The critical batch.
  case criticalBatch = "critical_batch"
  /// The data mixture with the lowest target.
  case bestMixture = "best_mixture"

  /// The laws that can be fitted to the runs of an experiment.
  package static let ofExperiments = allCases.filter { law in
    law != .mixture && law != .formula && (law.published == nil || law == .coupling)
  }

  /// The row of a law that is given by its published formula; nil for other laws.
  public var published: NamedFormula? { NamedFormula.all.first { $0.name == rawValue } }

  /// The variable of a law in one variable; nil for others.
  public var variable: Variable? {
    switch self {
    case .powerN, .brokenN: .parameters
    case .powerD, .brokenD: .tokens
    case .powerC, .brokenC: .compute
    default: nil
    }
  }

  /// True for a law with breaks.
  public var isBroken: Bool { self == .brokenN || self == .brokenD || self == .brokenC }

  /// The method of fitting IsoFLOP profiles; nil for other laws and analyses.
  public var isoFLOPMethod: IsoFLOPAnalysis.Method? {
    switch self {
    case .isoFLOP: .leastSquares
    case .isoFLOPRobust: .robust
    case .isoFLOPLocal: .local
    default: nil
    }
  }

  /// True for a law that is fitted by minimizing an objective.
  public var isLaw: Bool {
    isoFLOPMethod == nil && ![.envelope, .criticalBatch, .bestMixture].contains(self)
  }

  /// True for a law whose floor can be chosen.
  public var hasFloor: Bool {
    variable != nil
      || [.chinchilla, .interaction, .overtraining, .routed, .jointRouted, .formula].contains(
        self)
  }

  /// Returns the law with a floor; nil if it is another analysis, or given as an equation.
  ///
  /// - Parameters:
  ///   - breaks: The number of breaks of a broken law.
  ///   - domains: The number of domains of a data mixture, at least 2.
  package func named(floor: Floor, breaks: Int = 1, domains: Int = 2) -> NamedLaw? {
    switch self {
    case .powerN, .powerD, .powerC: variable.map { .power(PowerLaw(in: $0, floor: floor)) }
    case .brokenN, .brokenD, .brokenC:
      variable.map { .broken(BrokenLaw(in: $0, breaks: breaks, floor: floor)) }
    case .chinchilla: .chinchilla(ChinchillaLaw(floor: floor))
    case .interaction: .interaction(InteractionLaw(floor: floor))
    case .overtraining: .overtraining(OvertrainingLaw(floor: floor))
    case .kaplan: .kaplan(KaplanLaw())
    case .kaplanSteps: .kaplanSteps(KaplanStepsLaw())
    case .repeatedData: .repeatedData(RepeatedDataLaw())
    // The paper's law has no floor, and a fitted one would leave the other parameters undetermined.
    case .routed: .routed(RoutedLaw(floor: floor == .free ? .zero : floor))
    case .jointRouted: .jointRouted(JointRoutedLaw(floor: floor == .free ? .zero : floor))
    case .mixture: .mixture(MixtureLaw(domains: domains))
    case .formula, .isoFLOP, .isoFLOPRobust, .isoFLOPLocal, .envelope, .criticalBatch, .bestMixture: nil
    case .coupling, .annealing, .precision, .precisionWeights, .distillation, .transfer, .coverage,
      .overoptimisation, .policyOveroptimisation, .sparsity, .vocabulary, .rising, .risingN, .risingD,
      .risingC, .sigmoidC:
      published?.law.map { .formula($0.above(floor == .zero ? .free : floor)) }
    }
  }

  /// Returns the alternative laws for a comparison: in one variable, power laws without and with a floor and with
  /// breaks; for N and D, the laws of both. Empty if there are none.
  func rivals(floor: Floor) -> [NamedLaw] {
    let isKnown = if case .known = floor { true } else { false }
    if let variable {
      let unbent = (isKnown ? [floor] : [.zero, .free]).map {
        NamedLaw.power(PowerLaw(in: variable, floor: $0))
      }
      return unbent
        + [1, 2].map { .broken(BrokenLaw(in: variable, breaks: $0, floor: isKnown ? floor : .free)) }
    }
    switch self {
    case .chinchilla, .interaction, .overtraining, .kaplan, .coupling:
      let surfaces = [LawChoice.chinchilla, .interaction, .overtraining].compactMap { $0.named(floor: floor) }
      return surfaces + (isKnown ? [] : [.kaplan(KaplanLaw())])
    default: return []
    }
  }
}

/// The floor that a fit requests.
public enum FloorChoice: Codable, Equatable, Sendable {
  /// A fitted floor, or none.
  case free, zero
  /// The true entropy of the corpus.
  case entropy
  /// A given floor, in the unit of the loss.
  case value(Double)

  init(_ yaml: YAMLValue) throws {
    let names: [String: FloorChoice] = ["free": .free, "zero": .zero, "entropy": .entropy]
    if let named = names[try yaml.string()] {
      self = named
    } else if Double(try yaml.string()) != nil {
      self = .value(try yaml.number(in: 0...))
    } else {
      self = names[try yaml.choice(of: ["free", "zero", "entropy"])] ?? .free
    }
  }

  /// The value in files.
  public var name: String {
    switch self {
    case .free: "free"
    case .zero: "zero"
    case .entropy: "entropy"
    case .value(let value): "\(value)"
    }
  }
}
