import Foundation

/// A number with its derivatives with respect to up to eight parameters (forward mode), stored inline.
///
///     f(a + a'ε) = f(a) + f'(a)·a'ε
///
/// A law of more than eight parameters is evaluated in several passes of eight.
public struct Dual: Number {
  /// The number of derivatives carried at once.
  public static let lanes = 8

  /// The number itself.
  public var value: Double
  /// Its derivatives.
  public var derivatives: SIMD8<Double>

  /// Creates a number from its value and derivatives.
  @inlinable @inline(__always) public init(_ value: Double, derivatives: SIMD8<Double>) {
    self.value = value
    self.derivatives = derivatives
  }

  /// Creates a constant.
  @inlinable @inline(__always) public init(_ value: Double) { self.init(value, derivatives: .zero) }

  /// Creates the variable of a lane, whose derivative is 1 there. Outside 0 ..< lanes it is a constant.
  @inlinable @inline(__always) public init(_ value: Double, lane: Int) {
    self.init(value)
    if (0..<Dual.lanes).contains(lane) { derivatives[lane] = 1 }
  }

  @inlinable @inline(__always) public static func + (a: Dual, b: Dual) -> Dual {
    Dual(a.value + b.value, derivatives: a.derivatives + b.derivatives)
  }
  @inlinable @inline(__always) public static func - (a: Dual, b: Dual) -> Dual {
    Dual(a.value - b.value, derivatives: a.derivatives - b.derivatives)
  }
  @inlinable @inline(__always) public static func * (a: Dual, b: Dual) -> Dual {
    Dual(a.value * b.value, derivatives: a.derivatives * b.value + b.derivatives * a.value)
  }
  @inlinable @inline(__always) public static func / (a: Dual, b: Dual) -> Dual {
    let quotient = a.value / b.value
    return Dual(quotient, derivatives: (a.derivatives - b.derivatives * quotient) * (1 / b.value))
  }
  @inlinable @inline(__always) public static func + (a: Dual, b: Double) -> Dual {
    Dual(a.value + b, derivatives: a.derivatives)
  }
  @inlinable @inline(__always) public static func * (a: Dual, b: Double) -> Dual {
    Dual(a.value * b, derivatives: a.derivatives * b)
  }
  @inlinable @inline(__always) public static func exp(_ x: Dual) -> Dual {
    let e = Foundation.exp(x.value)
    return Dual(e, derivatives: x.derivatives * e)
  }
  @inlinable @inline(__always) public static func log(_ x: Dual) -> Dual {
    Dual(Foundation.log(x.value), derivatives: x.derivatives * (1 / x.value))
  }
  @inlinable @inline(__always) public static func expm1(_ x: Dual) -> Dual {
    let e = Foundation.expm1(x.value)
    return Dual(e, derivatives: x.derivatives * (e + 1))
  }
  @inlinable @inline(__always) public static func softplus(_ x: Dual) -> Dual {
    let slope = 1 / (1 + Foundation.exp(-x.value))
    return Dual(Scalar.softplus(Scalar(x.value)).value, derivatives: x.derivatives * slope)
  }
  @inlinable @inline(__always) public static func minimum(_ a: Dual, _ b: Dual) -> Dual {
    a.value <= b.value ? a : b
  }
}
