extension Int {
  /// `value` without its fraction, or the nearest `Int` where it lies outside of the range; 0 where it is no number.
  ///
  /// `Int(Double)` traps on values that a file, a table or a fit may well contain. This is the way to turn a computed
  /// `Double` into an `Int`; where a value that is none must be refused instead, use `Int(exactly:)`.
  public init(clamping value: Double) {
    self = Int(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
  }
}
