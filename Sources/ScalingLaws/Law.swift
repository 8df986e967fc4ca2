import Foundation

/// The domain of a parameter, which determines the coordinate in which it is searched.
public enum Domain: Sendable, Codable, Equatable {
  /// Any real number, which is its own search coordinate.
  case real
  /// A positive number. The search coordinate is its logarithm.
  case positive
  /// Any real number of unknown size. The search coordinate is its inverse hyperbolic sine: the number itself near
  /// zero, its logarithm with its sign far away.
  case signed
  /// A positive number in an interval. The search coordinate is the logit of its relative position on a log axis.
  case within(Interval)

  /// Returns the parameter at a search coordinate.
  @inlinable func natural<T: Number>(_ search: T) -> T {
    switch self {
    case .real: return search
    case .positive: return .exp(search)
    case .signed:
      let e = T.expm1(search)
      return (e + e / (e + 1)) * 0.5
    case .within(let range):
      let (low, high) = (Foundation.log(range.low), Foundation.log(range.high))
      return .exp(low + (high - low) * .exp(-T.softplus(-search)))
    }
  }

  /// True if a parameter may be negative.
  var isSigned: Bool { self == .real || self == .signed }

  func natural(_ search: Double) -> Double { natural(Scalar(search)).value }

  /// Returns the search coordinate of a parameter. Inside an interval, the relative position is clamped to 0.001…0.999.
  func search(_ natural: Double) -> Double {
    switch self {
    case .real: return natural
    case .positive: return Foundation.log(Swift.max(natural, .leastNormalMagnitude))
    case .signed: return Foundation.asinh(natural)
    case .within(let range):
      let place = Foundation.log(natural / range.low) / Foundation.log(range.high / range.low)
      let inside = Swift.min(Swift.max(place, 1e-3), 1 - 1e-3)
      return Foundation.log(inside / (1 - inside))
    }
  }
}

/// A named parameter of a law.
public struct Parameter: Sendable {
  /// A description, such as "data exponent".
  public let name: String
  /// The symbol in the equation, such as "β".
  public let symbol: String
  /// The unit; "1" for a pure number.
  public let unit: String
  /// The domain.
  public let domain: Domain
  /// The initial values of the search. Empty for a parameter in which the loss is linear, whose initial value is
  /// computed (`VariableProjection`).
  public let starts: [Double]

  /// Creates a parameter.
  public init(
    _ name: String, _ symbol: String, unit: String = "1", domain: Domain = .positive, starts: [Double]
  ) {
    self.name = name
    self.symbol = symbol
    self.unit = unit
    self.domain = domain
    self.starts = starts
  }

  /// Returns a non-negative parameter in which the loss is linear.
  public static func linear(_ name: String, _ symbol: String, unit: String) -> Parameter {
    Parameter(name, symbol, unit: unit, starts: [])
  }

  var isLinear: Bool { starts.isEmpty }
}

/// A quantity that is computed from a law's parameters and reported with an interval.
public struct Derived: Sendable {
  /// A description, such as "exponent of N* in C".
  public let name: String
  /// A symbol, such as "a".
  public let symbol: String
  /// The unit; "1" for a pure number.
  public let unit: String
  /// The value.
  public let value: Double

  /// Creates a derived quantity.
  public init(_ name: String, _ symbol: String, unit: String = "1", _ value: Double) {
    self.name = name
    self.symbol = symbol
    self.unit = unit
    self.value = value
  }
}

/// The values of a law's variables for one observation, in the order of `Law.variables`: `x[0]`, `x[1]`, …
public struct Point {
  @usableFromInline let values: UnsafePointer<Double>
  @usableFromInline let logs: UnsafePointer<Double>

  @inlinable init(values: UnsafePointer<Double>, logs: UnsafePointer<Double>) {
    self.values = values
    self.logs = logs
  }

  /// The value of a variable, with its logarithm.
  @inlinable public subscript(index: Int) -> Magnitude {
    Magnitude(value: values[index], log: logs[index])
  }
}

/// A scaling law: the loss as a formula of a few variables and parameters.
///
/// A law implements its formula once, in `loss`. The default `evaluate` computes all predictions of a table with their
/// gradients. (`evaluate` is a requirement so that it is specialized for each law's formula.)
public protocol Law: Sendable {
  /// The name of the law.
  var name: String { get }
  /// The formula as text.
  var equation: String { get }
  /// The publication of the law.
  var source: String { get }
  /// The parameters.
  var parameters: [Parameter] { get }
  /// The variables that the loss depends on.
  var variables: [Variable] { get }
  /// The known part of the loss, such as the entropy of the corpus, in the unit of the loss. `loss` returns the part
  /// above it, and fits compare that part.
  var knownFloor: Double { get }
  /// Returns whether a variable may have a value that is finite.
  func mayBe(_ value: Double, _ variable: Variable) -> Bool
  /// Returns the loss above the known floor at a point, with parameters in the order of `parameters`.
  func loss<T: Number>(_ θ: [T], at x: Point) -> T
  /// Returns the starts of a search, in natural units. The values of linear parameters are ignored.
  func starts(for table: Table) -> [[Double]]
  /// Returns quantities that are computed from the parameters.
  func derived(_ θ: [Double]) -> [Derived]
  /// Returns the search coordinates with interchangeable parts in a fixed order, such as breaks by position.
  func ordered(_ search: [Double]) -> [Double]
  /// Fills the workspace's predictions and Jacobian at its search coordinates.
  func evaluate(_ workspace: inout Workspace)
}

extension Law {
  public var knownFloor: Double { 0 }

  /// Returns all combinations of the initial values of the parameters.
  public func starts(for table: Table) -> [[Double]] {
    parameters.reduce([[]]) { starts, parameter in
      let values = parameter.isLinear ? [1] : parameter.starts
      return starts.flatMap { start in values.map { start + [$0] } }
    }
  }

  /// Positive values; zero too for weights of a data mixture.
  public func mayBe(_ value: Double, _ variable: Variable) -> Bool {
    if case .weight = variable { value >= 0 } else { value > 0 }
  }

  public func derived(_ θ: [Double]) -> [Derived] { [] }

  public func ordered(_ search: [Double]) -> [Double] { search }

  public func evaluate(_ workspace: inout Workspace) { workspace.fill(by: self) }

  /// Returns the loss above the known floor at variables given by value and logarithm, in the order of `variables`.
  public func loss<T: Number>(_ θ: [T], at values: [Double], logs: [Double]) -> T {
    precondition(values.count == variables.count && logs.count == values.count, "\(name) takes \(variables)")
    return values.withUnsafeBufferPointer { values in
      logs.withUnsafeBufferPointer { logs in
        guard let values = values.baseAddress, let logs = logs.baseAddress else { return T(.nan) }
        return loss(θ, at: Point(values: values, logs: logs))
      }
    }
  }

  /// Returns the total loss, including the known floor, at an observation; nil if it lacks one of the variables.
  public func loss(_ θ: [Double], at observation: Observation) -> Double? {
    let values = variables.compactMap { observation[$0] }
    guard values.count == variables.count else { return nil }
    let logs = values.map { Foundation.log($0) }
    return knownFloor + loss(θ.map { Scalar($0) }, at: values, logs: logs).value
  }
}
