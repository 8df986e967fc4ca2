/// The laws of this library by name, so that a fit can be written to a file and evaluated again.
public enum NamedLaw: Sendable, Codable {
  case power(PowerLaw)
  case chinchilla(ChinchillaLaw)
  case interaction(InteractionLaw)

  public var law: any Law {
    switch self {
    case .power(let law): law
    case .chinchilla(let law): law
    case .interaction(let law): law
    }
  }
}
