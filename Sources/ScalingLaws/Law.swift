import Foundation

/// The domain of a parameter, and with it the coordinate in which it is searched.
public enum Domain: Sendable, Codable, Equatable {
  /// Any real number, searched as it is.
  case real
  /// A positive number, searched in its logarithm.
  case positive
  /// A positive number between two others, searched in the logit of its logarithm's place between theirs.
  case within(Interval)

  @inlinable func natural<T: Number>(_ search: T) -> T {
    switch self {
    case .real: return search
    case .positive: return .exp(search)
    case .within(let range):
      let (low, high) = (Foundation.log(range.low), Foundation.log(range.high))
      return .exp(low + (high - low) * .exp(-T.softplus(-search)))
    }
  }

  func natural(_ search: Double) -> Double { natural(Scalar(search)).value }

  func search(_ natural: Double) -> Double {
    switch self {
    case .real: return natural
    case .positive: return Foundation.log(Swift.max(natural, .leastNormalMagnitude))
    case .within(let range):
      let place = Foundation.log(natural / range.low) / Foundation.log(range.high / range.low)
      let inside = Swift.min(Swift.max(place, 1e-3), 1 - 1e-3)
      return Foundation.log(inside / (1 - inside))
    }
  }
}

/// A named parameter of a law.
public struct Parameter: Sendable {
  /// What it is, in words: "data exponent".
  public let name: String
  /// The letter of the equation: "β".
  public let symbol: String
  /// Its unit; "1" for a pure number.
  public let unit: String
  public let domain: Domain
  /// Values to start the search from. Empty for a parameter in which the loss is linear: it is solved
  /// for at the start (`VariableProjection`).
  public let starts: [Double]

  public init(
    _ name: String, _ symbol: String, unit: String = "1", domain: Domain = .positive, starts: [Double]
  ) {
    self.name = name
    self.symbol = symbol
    self.unit = unit
    self.domain = domain
    self.starts = starts
  }

  /// A non-negative parameter in which the loss is linear.
  public static func linear(_ name: String, _ symbol: String, unit: String) -> Parameter {
    Parameter(name, symbol, unit: unit, starts: [])
  }

  var isLinear: Bool { starts.isEmpty }
}

/// A quantity that follows from a law's parameters, reported with an interval beside them.
public struct Derived: Sendable {
  public let name: String
  public let symbol: String
  public let unit: String
  public let value: Double

  public init(_ name: String, _ symbol: String, unit: String = "1", _ value: Double) {
    self.name = name
    self.symbol = symbol
    self.unit = unit
    self.value = value
  }
}

/// One row of a law's variables, in the order in which the law names them: `x[0]`, `x[1]`, …
public struct Point {
  @usableFromInline let values: UnsafePointer<Double>
  @usableFromInline let logs: UnsafePointer<Double>

  @inlinable init(values: UnsafePointer<Double>, logs: UnsafePointer<Double>) {
    self.values = values
    self.logs = logs
  }

  @inlinable public subscript(index: Int) -> Magnitude {
    Magnitude(value: values[index], log: logs[index])
  }
}

/// A scaling law: the loss as a formula of a few variables and parameters.
///
/// A law writes `loss` once; `evaluate` has a default that gives all predictions of a table with their
/// gradients. (`evaluate` is a requirement so that each law's own copy is compiled for its formula.)
public protocol Law: Sendable {
  var name: String { get }
  /// The formula as text.
  var equation: String { get }
  /// Where the law comes from.
  var source: String { get }
  var parameters: [Parameter] { get }
  var variables: [Variable] { get }
  /// A part of the loss that is known (the entropy of the corpus), in the unit of the loss. `loss` gives
  /// what stands above it, and what stands above it is fitted.
  var knownFloor: Double { get }
  /// The loss above the known floor at a point, with parameters in the order of `parameters`.
  func loss<T: Number>(_ θ: [T], at x: Point) -> T
  /// Points to start from, in natural units; linear parameters are solved for and may hold anything.
  func starts(for table: Table) -> [[Double]]
  /// Quantities that follow from the parameters.
  func derived(_ θ: [Double]) -> [Derived]
  /// The same point of the search space with interchangeable parts in a fixed order (breaks by place).
  func ordered(_ search: [Double]) -> [Double]
  /// Fills the workspace's predictions and Jacobian at its search coordinates.
  func evaluate(_ workspace: inout Workspace)
}

extension Law {
  public var knownFloor: Double { 0 }

  /// Every combination of the parameters' own starting values.
  public func starts(for table: Table) -> [[Double]] {
    parameters.reduce([[]]) { starts, parameter in
      let values = parameter.isLinear ? [1] : parameter.starts
      return starts.flatMap { start in values.map { start + [$0] } }
    }
  }

  public func derived(_ θ: [Double]) -> [Derived] { [] }

  public func ordered(_ search: [Double]) -> [Double] { search }

  public func evaluate(_ workspace: inout Workspace) { workspace.fill(by: self) }

  /// The loss above the known floor at variables given by value and logarithm, in the order of `variables`.
  public func loss<T: Number>(_ θ: [T], at values: [Double], logs: [Double]) -> T {
    precondition(values.count == variables.count && logs.count == values.count, "\(name) takes \(variables)")
    return values.withUnsafeBufferPointer { values in
      logs.withUnsafeBufferPointer { logs in
        guard let values = values.baseAddress, let logs = logs.baseAddress else { return T(.nan) }
        return loss(θ, at: Point(values: values, logs: logs))
      }
    }
  }

  /// The total loss (known floor included) at an observation; nil where it lacks one of the variables.
  public func loss(_ θ: [Double], at observation: Observation) -> Double? {
    let values = variables.compactMap { observation[$0] }
    guard values.count == variables.count else { return nil }
    let logs = values.map { Foundation.log($0) }
    return knownFloor + loss(θ.map { Scalar($0) }, at: values, logs: logs).value
  }
}
