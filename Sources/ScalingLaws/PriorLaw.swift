import Foundation

/// A law of N and D with given constants, from which the losses of runs are simulated before they are trained:
///
///     L = E + A/N^α + B/D^β,   log(L − E) with a normal error of standard deviation `noise`
public struct PriorLaw: Sendable, Codable {
  /// The name, such as chinchilla.
  public let name: String
  /// Where the constants are from.
  public let source: String
  /// A, B, α, β and E, in the order of `ChinchillaLaw`.
  public private(set) var values: [Double]

  /// The law, whose floor is one of its parameters.
  public static let law = ChinchillaLaw()

  /// Creates a law from its constants.
  public init(
    _ name: String, source: String, floor: Double, size: (coefficient: Double, exponent: Double),
    data: (coefficient: Double, exponent: Double)
  ) {
    self.name = name
    self.source = source
    values = [size.coefficient, data.coefficient, size.exponent, data.exponent, floor]
  }

  /// The laws that are known by name; the first is the default.
  public static let named = [
    PriorLaw(
      "village", source: "the page chinchilla of this program, constants rounded", floor: 0.2516,
      size: (35, 0.48), data: (137, 0.45)),
    PriorLaw(
      "chinchilla", source: "Hoffmann et al. 2022, arXiv:2203.15556", floor: 1.69, size: (406.4, 0.34),
      data: (410.7, 0.28)),
    PriorLaw(
      "besiroglu", source: "Besiroglu et al. 2024, arXiv:2404.10102", floor: 1.8172, size: (482.01, 0.3478),
      data: (2085.43, 0.3658)),
  ]

  /// The constants of a fitted law of this form.
  ///
  /// - Throws: `FitError` if the fit is of another law.
  public init(of fit: LawFit, named name: String) throws {
    guard case .chinchilla = fit.law, let a = fit["A"], let b = fit["B"], let α = fit["α"], let β = fit["β"]
    else {
      throw FitError("the fit \(name) is not of the law E + A/N^α + B/D^β")
    }
    self.init(
      name, source: "a fit to \(fit.observations) runs", floor: fit["E"]?.value ?? fit.knownFloor,
      size: (a.value, α.value), data: (b.value, β.value))
  }

  /// The symbols of the constants, in their order.
  public static var symbols: [String] { law.parameters.map(\.symbol) }

  /// Sets a constant by its symbol.
  ///
  /// - Throws: `FitError` if it is not positive (E may be 0), or there is no such constant.
  public mutating func set(_ symbol: String, to value: Double) throws {
    guard let index = Self.symbols.firstIndex(of: symbol) else {
      throw FitError("the law has no \(symbol); it has \(Self.symbols.joined(separator: ", "))")
    }
    guard value.isFinite, value > 0 || symbol == "E" && value == 0 else {
      throw FitError("\(symbol) is \(value); it must be positive")
    }
    values[index] = value
  }

  /// E.
  public var floor: Double { values[4] }

  /// Returns the loss above the floor.
  public func reducible(parameters: Double, tokens: Double) -> Double {
    values[0] * pow(parameters, -values[2]) + values[1] * pow(tokens, -values[3])
  }

  /// Returns a parameter or a derived quantity of the law by its symbol; nil if there is none.
  public subscript(symbol: String) -> Double? {
    if let index = Self.symbols.firstIndex(of: symbol) { return values[index] }
    return Self.law.derived(values).first { $0.symbol == symbol }?.value
  }

  /// The exponent of the reducible loss in C along the compute-optimal frontier, αβ/(α + β).
  public var computeExponent: Double { values[2] * values[3] / (values[2] + values[3]) }
}
