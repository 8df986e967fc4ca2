extension Int {
  /// Rounds `value` towards zero and clamps it to the range of `Int`; NaN becomes 0.
  ///
  /// `Int(Double)` traps on values that files, tables and fits may contain. Use this initializer for computed values,
  /// and `Int(exactly:)` if values that are not whole numbers must be rejected.
  public init(clamping value: Double) {
    self = Int(exactly: value.rounded(.towardZero)) ?? (value.isNaN ? 0 : value < 0 ? .min : .max)
  }
}
