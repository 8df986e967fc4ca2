import Foundation

/// The arithmetic that a law's formula may use. A law is written once over `Number`; with `Double` it
/// gives the loss, with `Dual` the loss and its gradient.
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
  /// The smaller of two; the derivative is that of the one chosen.
  static func minimum(_ a: Self, _ b: Self) -> Self
}

extension Number {
  @inlinable @inline(__always) public static prefix func - (a: Self) -> Self { a * -1 }
  @inlinable @inline(__always) public static func - (a: Self, b: Double) -> Self { a + (-b) }
  @inlinable @inline(__always) public static func / (a: Self, b: Double) -> Self { a * (1 / b) }
  @inlinable @inline(__always) public static func + (a: Double, b: Self) -> Self { b + a }
  @inlinable @inline(__always) public static func - (a: Double, b: Self) -> Self { b * -1 + a }
  @inlinable @inline(__always) public static func * (a: Double, b: Self) -> Self { b * a }
  @inlinable @inline(__always) public static func / (a: Double, b: Self) -> Self { Self(a) / b }
}

extension Double: Number {
  @inlinable @inline(__always) public static func exp(_ x: Double) -> Double { Foundation.exp(x) }
  @inlinable @inline(__always) public static func log(_ x: Double) -> Double { Foundation.log(x) }
  @inlinable @inline(__always) public static func expm1(_ x: Double) -> Double { Foundation.expm1(x) }
  @inlinable @inline(__always) public static func softplus(_ x: Double) -> Double {
    Swift.max(x, 0) + Foundation.log1p(Foundation.exp(-abs(x)))
  }
  // `Double.minimum` is the standard library's.
}

/// A positive quantity with its logarithm, taken once for all evaluations of a fit.
public struct Magnitude: Sendable {
  public let value: Double
  public let log: Double

  @inlinable @inline(__always) public init(value: Double, log: Double) {
    self.value = value
    self.log = log
  }

  public init(_ value: Double) { self.init(value: value, log: Foundation.log(value)) }
}

/// x^p of a known quantity.
@inlinable @inline(__always) public func power<T: Number>(_ x: Magnitude, _ p: T) -> T { .exp(p * x.log) }

/// x^p, x > 0.
@inlinable @inline(__always) public func power<T: Number>(_ x: T, _ p: T) -> T { .exp(p * .log(x)) }
