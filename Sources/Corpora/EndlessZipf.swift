import Files
import Foundation

/// Zipf's law over more ranks than any text can use up: p(k) ∝ (k + offset)^−exponent for k = 0 ..< 2^50.
///
/// Sums over ranks are differences of Hurwitz's zeta function ζ(s, q) = Σ (q + j)^−s over j = 0, 1, …, so that nothing is
/// stored per rank.
package struct EndlessZipf: Sendable {
  /// The number of ranks.
  package static let count = 1 << 50
  /// The exponents for which `zeta` is accurate to 1e-13 of its value.
  package static let exponents = 1.05...4.0

  let exponent: Double
  let offset: Double
  /// The sum of all weights, and the part of the zeta function beyond the last rank.
  private let total, beyond: Double

  package init(exponent: Double, offset: Double) {
    self.exponent = exponent
    self.offset = offset
    beyond = zeta(exponent, Double(Self.count) + offset)
    total = zeta(exponent, offset) - beyond
  }

  /// The probability of a rank.
  package func probability(_ rank: Int) -> Double { pow(Double(rank) + offset, -exponent) / total }

  /// The probability of the ranks `first`, `first + step`, … below `end`.
  ///
  ///     Σ (first + j·step + offset)^−s = step^−s · [ζ(s, q) − ζ(s, q + n)],   q = (first + offset) / step
  package func probability(from first: Int, to end: Int, step: Int) -> Double {
    guard first < end else { return 0 }
    let terms = (end - first + step - 1) / step
    // A difference of few terms of many would lose digits.
    if terms <= 24 { return (0..<terms).reduce(0) { $0 + probability(first + $1 * step) } }
    let start = (Double(first) + offset) / Double(step)
    let sum = zeta(exponent, start) - zeta(exponent, start + Double(terms))
    return pow(Double(step), -exponent) * sum / total
  }

  /// Returns the rank for 64 random bits, by inversion of P(rank ≥ k) = [ζ(s, k + offset) − ζ(s, 2^50 + offset)] / total.
  package func draw(_ bits: UInt64) -> Int {
    let share = (Double(bits) + 0.5) * 0x1p-64
    let target = share * total + beyond
    // ζ(s, q) ≈ (q − 1/2)^(1 − s) / (s − 1) is off by less than one rank but near the first.
    let guess = pow((exponent - 1) * target, -1 / (exponent - 1)) + 0.5 - offset
    var rank = min(max(Int(clamping: guess), 0), Self.count - 1)
    while rank > 0, zeta(exponent, Double(rank) + offset) < target { rank -= 1 }
    while rank < Self.count - 1, zeta(exponent, Double(rank + 1) + offset) >= target { rank += 1 }
    return rank
  }
}

/// Hurwitz's zeta function ζ(s, q) for s in `EndlessZipf.exponents` and q > 0, by the Euler–Maclaurin formula beyond
/// q = 24:
///
///     ζ(s, q) = q^−s · [q/(s − 1) + 1/2 + Σ B₂ₙ/(2n)! · s(s + 1)…(s + 2n − 2) · q^(1 − 2n)]
private func zeta(_ s: Double, _ q: Double) -> Double {
  var (sum, q) = (0.0, q)
  while q < 24 {
    sum += pow(q, -s)
    q += 1
  }
  var bracket = q / (s - 1) + 0.5
  // B₂ₙ/(2n)! for n = 1 … 5.
  let factors = [1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1_209_600, 1.0 / 47_900_160]
  var rising = s / q
  for (n, factor) in factors.enumerated() {
    bracket += factor * rising
    let next = s + Double(2 * n + 1)
    rising *= next * (next + 1) / (q * q)
  }
  return sum + pow(q, -s) * bracket
}
