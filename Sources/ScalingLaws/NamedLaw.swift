/// The laws of this library by name, so that a fit can be written to a file and evaluated again.
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
    }
  }

  /// Whether a law that was read from a file can be: its numbers of parts are those that it can be made with.
  var isSound: Bool {
    let isMade =
      switch self {
      case .broken(let law): (1...3).contains(law.breaks)
      case .mixture(let law): (2...64).contains(law.domains)
      case .routed(let law): law.floor != .free
      case .jointRouted(let law): law.floor != .free
      default: true
      }
    return isMade && law.variables.allSatisfy(\.isSound)
  }
}
