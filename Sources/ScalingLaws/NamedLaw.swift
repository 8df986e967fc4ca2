/// The laws of this library as an enumeration, so that a fit can be stored in a file and evaluated again.
public enum NamedLaw: Sendable, Codable {
  case power(PowerLaw)
  case chinchilla(ChinchillaLaw)
  case interaction(InteractionLaw)
  case kaplan(KaplanLaw)
  case kaplanSteps(KaplanStepsLaw)
  case repeatedData(RepeatedDataLaw)
  case overtraining(OvertrainingLaw)
  case broken(BrokenLaw)
  case routed(RoutedLaw)
  case jointRouted(JointRoutedLaw)
  case mixture(MixtureLaw)
  case formula(FormulaLaw)

  /// The law of the case.
  public var law: any Law {
    switch self {
    case .power(let law): law
    case .chinchilla(let law): law
    case .interaction(let law): law
    case .kaplan(let law): law
    case .kaplanSteps(let law): law
    case .repeatedData(let law): law
    case .overtraining(let law): law
    case .broken(let law): law
    case .routed(let law): law
    case .jointRouted(let law): law
    case .mixture(let law): law
    case .formula(let law): law
    }
  }

  /// True if the law can be evaluated. A law that was read from a file might have properties that its initializer
  /// rejects.
  var isSound: Bool {
    let isValid =
      switch self {
      case .broken(let law): (1...3).contains(law.breaks)
      case .mixture(let law): (2...64).contains(law.domains)
      case .routed(let law): law.floor != .free
      case .jointRouted(let law): law.floor != .free
      default: true
      }
    return isValid && law.variables.allSatisfy(\.isSound)
  }
}
