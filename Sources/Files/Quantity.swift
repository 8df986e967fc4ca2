extension Double {
  /// Parses a number such as `12`, `1e6` or `1_000`, optionally with the suffix k, M, G (or B) or T for a power of
  /// 1000. Returns nil if the text is not a finite number.
  public init?(quantity text: some StringProtocol) {
    let factors: [Character: Double] = ["k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12]
    let factor = text.last.flatMap { factors[$0] }
    let digits = String(factor == nil ? text[...] : text.dropLast()).replacing("_", with: "")
    guard let number = Double(digits).map({ $0 * (factor ?? 1) }), number.isFinite else { return nil }
    self = number
  }
}
