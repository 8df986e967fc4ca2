import Foundation

/// The arithmetic of a law's formula. A law is generic over `Number`: with `Scalar` it computes the loss, with `Dual`
/// the loss and its gradient.
public protocol Number: Sendable {
  init(_ value: Double)
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  static func + (a: Self, b: Double) -> Self
  static func * (a: Self, b: Double) -> Self
  static func exp(_ x: Self) -> Self
  static func log(_ x: Self) -> Self
  /// e^x − 1 without cancellation near zero.
  static func expm1(_ x: Self) -> Self
  /// log(1 + eˣ) without overflow.
  static func softplus(_ x: Self) -> Self
  /// The smaller of two numbers, with its derivative.
  static func minimum(_ a: Self, _ b: Self) -> Self
}

extension Number {
  @inlinable @inline(__always) public static prefix func - (a: Self) -> Self { a * -1 }
  @inlinable @inline(__always) public static func - (a: Self, b: Double) -> Self {
    a + (-b)
  }
  @inlinable @inline(__always) public static func / (a: Self, b: Double) -> Self {
    a * (1 / b)
  }
  @inlinable @inline(__always) public static func + (a: Double, b: Self) -> Self {
    b + a
  }
  @inlinable @inline(__always) public static func - (a: Double, b: Self) -> Self {
    b * -1 + a
  }
  @inlinable @inline(__always) public static func * (a: Double, b: Self) -> Self {
    b * a
  }
  @inlinable @inline(__always) public static func / (a: Double, b: Self) -> Self {
    Self(a) / b
  }
}

/// A plain number as a `Number`. (`Double` itself does not conform, because the operators above would make its other
/// arithmetic ambiguous.)
public struct Scalar: Number {
  /// The number.
  public var value: Double

  /// Wraps a number.
  @inlinable @inline(__always) public init(_ value: Double) { self.value = value }

  @inlinable @inline(__always) public static func + (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value + b.value)
  }
  @inlinable @inline(__always) public static func - (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value - b.value)
  }
  @inlinable @inline(__always) public static func * (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value * b.value)
  }
  @inlinable @inline(__always) public static func / (a: Scalar, b: Scalar) -> Scalar {
    Scalar(a.value / b.value)
  }
  @inlinable @inline(__always) public static func + (a: Scalar, b: Double) -> Scalar { Scalar(a.value + b) }
  @inlinable @inline(__always) public static func * (a: Scalar, b: Double) -> Scalar { Scalar(a.value * b) }
  @inlinable @inline(__always) public static func exp(_ x: Scalar) -> Scalar {
    Scalar(Foundation.exp(x.value))
  }
  @inlinable @inline(__always) public static func log(_ x: Scalar) -> Scalar {
    Scalar(Foundation.log(x.value))
  }
  @inlinable @inline(__always) public static func expm1(_ x: Scalar) -> Scalar {
    Scalar(Foundation.expm1(x.value))
  }
  @inlinable @inline(__always) public static func minimum(_ a: Scalar, _ b: Scalar) -> Scalar {
    a.value <= b.value ? a : b
  }
  @inlinable @inline(__always) public static func softplus(_ x: Scalar) -> Scalar {
    Scalar(Swift.max(x.value, 0) + Foundation.log1p(Foundation.exp(-abs(x.value))))
  }
}

/// A positive quantity with its logarithm, which is computed once for all evaluations of a fit.
public struct Magnitude: Sendable {
  /// The quantity.
  public let value: Double
  /// Its logarithm.
  public let log: Double

  /// Creates a magnitude from a quantity and its logarithm.
  @inlinable @inline(__always) public init(value: Double, log: Double) {
    self.value = value
    self.log = log
  }

  /// Creates a magnitude and computes its logarithm.
  public init(_ value: Double) { self.init(value: value, log: Foundation.log(value)) }
}

/// Returns x^p for a variable x.
@inlinable @inline(__always) public func power<T: Number>(_ x: Magnitude, _ p: T) -> T { .exp(p * x.log) }

/// Returns x^p for x > 0.
@inlinable @inline(__always) public func power<T: Number>(_ x: T, _ p: T) -> T { .exp(p * .log(x)) }
