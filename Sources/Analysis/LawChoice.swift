import Files
import ScalingLaws

/// A law, or another analysis of the same standing, that may be asked for.
public enum LawChoice: String, CaseIterable, Codable, Sendable {
  /// L(N) where D is large, L(D) where N is large, and L(C) along the compute-optimal frontier.
  case powerN = "power_n"
  case powerD = "power_d"
  case powerC = "power_c"
  /// The same with breaks.
  case brokenN = "broken_n"
  case brokenD = "broken_d"
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
  /// Parabolas through the profiles of the grid's budgets, by least squares or least absolute deviations.
  case isoFLOP = "isoflop"
  case isoFLOPRobust = "isoflop_robust"
  /// The lower envelope of training curves.
  case envelope
  /// How many steps and tokens each batch needs for a loss.
  case criticalBatch = "critical_batch"

  /// Those that the runs of an experiment have the columns for.
  package static let ofExperiments = allCases.filter { $0 != .mixture }

  /// The one variable of the law, if there is but one.
  public var variable: Variable? {
    switch self {
    case .powerN, .brokenN: .parameters
    case .powerD, .brokenD: .tokens
    case .powerC, .brokenC: .compute
    default: nil
    }
  }

  /// Whether it has breaks.
  public var isBroken: Bool { self == .brokenN || self == .brokenD || self == .brokenC }

  /// Whether it is a formula that is fitted by an objective.
  public var isLaw: Bool { ![.isoFLOP, .isoFLOPRobust, .envelope, .criticalBatch].contains(self) }

  /// Whether the formula has a floor that may be chosen.
  public var hasFloor: Bool {
    variable != nil || [.chinchilla, .interaction, .overtraining, .routed, .jointRouted].contains(self)
  }

  /// The law with a floor; nil where it is no formula.
  ///
  /// - Parameters:
  ///   - breaks: of a broken law.
  ///   - domains: of a mixture, at least 2.
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
    // The paper's form has no floor: with one to fit, nothing would be determined.
    case .routed: .routed(RoutedLaw(floor: floor == .free ? .zero : floor))
    case .jointRouted: .jointRouted(JointRoutedLaw(floor: floor == .free ? .zero : floor))
    case .mixture: .mixture(MixtureLaw(domains: domains))
    case .isoFLOP, .isoFLOPRobust, .envelope, .criticalBatch: nil
    }
  }

  /// The laws that might hold in its place: in one variable a pure power law, with a floor, and with breaks; of N and D
  /// the surfaces. Empty where there are none.
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
    case .chinchilla, .interaction, .overtraining, .kaplan:
      let surfaces = [LawChoice.chinchilla, .interaction, .overtraining].compactMap { $0.named(floor: floor) }
      return surfaces + (isKnown ? [] : [.kaplan(KaplanLaw())])
    default: return []
    }
  }
}

/// What a law tends to.
public enum FloorChoice: Codable, Equatable, Sendable {
  case free, zero
  /// The true entropy of the corpus.
  case entropy
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

  public var name: String {
    switch self {
    case .free: "free"
    case .zero: "zero"
    case .entropy: "entropy"
    case .value(let value): "\(value)"
    }
  }
}
