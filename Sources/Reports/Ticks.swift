import Files
import Foundation

/// A mark on an axis. Minor marks have no label.
struct Tick: Equatable {
  var value: Double
  /// The label in gnuplot's enhanced text, `nil` for a minor mark.
  var label: String?
}

extension Axis {
  /// The marks for `range`, which on a logarithmic axis is positive: four to eight labels.
  ///
  /// gnuplot's own marks leave a logarithmic axis shorter than a decade without labels, and losses
  /// seldom span one.
  func ticks(in range: ClosedRange<Double>) -> [Tick] {
    guard names.isEmpty else {
      return names.enumerated().map { Tick(value: Double($0 + 1), label: Script.escaped($1)) }
    }
    guard scale == .logarithmic else { return Axis.linearTicks(in: range) }
    let decades = log10(range.upperBound) - log10(range.lowerBound)
    return decades < 0.7 ? Axis.linearTicks(in: range) : Axis.decadeTicks(in: range, decades: decades)
  }

  /// The marks for a horizontal axis of `length` pixels. Of labels that would touch, the rounder number stays.
  func ticks(in range: ClosedRange<Double>, length: Double) -> [Tick] {
    var ticks = ticks(in: range)
    guard names.isEmpty else { return shortened(ticks, to: length / (range.upperBound - range.lowerBound)) }
    let roundness = { (value: Double) -> Int in
      let digit = value == 0 ? 1 : (abs(value) / pow(10, floor(log10(abs(value)) + 1e-9))).rounded()
      return [1: 0, 5: 1, 2: 2][digit] ?? 3
    }
    let labelled = ticks.indices.filter { ticks[$0].label != nil }
    var taken: [ClosedRange<Double>] = []
    for index in labelled.sorted(by: { roundness(ticks[$0].value) < roundness(ticks[$1].value) }) {
      let text = ticks[index].label?.replacing(/[{}^]/, with: "") ?? ""
      let (centre, half) = (
        length * fraction(of: ticks[index].value, in: range), Script.width(of: text) / 2 + 6
      )
      let place = (centre - half)...(centre + half)
      if taken.contains(where: { $0.overlaps(place) }) {
        ticks[index].label = nil
      } else {
        taken.append(place)
      }
    }
    return ticks
  }

  /// Truncates names that are too long for their place, with an ellipsis.
  private func shortened(_ ticks: [Tick], to width: Double) -> [Tick] {
    zip(ticks, names).map { tick, name in
      let fitting = max(1, Int(clamping: (width - 6) / Script.width(of: "n")) - 1)
      return Script.width(of: name) <= width - 6
        ? tick : Tick(value: tick.value, label: Script.escaped("\(name.prefix(fitting))…"))
    }
  }

  private static func linearTicks(in range: ClosedRange<Double>) -> [Tick] {
    let rough = (range.upperBound - range.lowerBound) / 6
    let power = pow(10, floor(log10(rough)))
    // The nearest of 1, 2 and 5 times a power of ten above the rough step, and its usual division.
    let (factor, parts) = [(1.0, 5), (2, 4), (5, 5), (10, 5)].first { $0.0 * power >= rough } ?? (10, 5)
    let step = factor * power / Double(parts)
    let first = Int(clamping: (range.lowerBound / step).rounded(.up))
    let last = Int(clamping: (range.upperBound / step).rounded(.down))
    // A range of a few adjacent floating-point numbers has no room for marks.
    guard step > 0, first <= last, last - first <= 100 else { return [] }
    let decimals = max(0, -Int(clamping: floor(log10(factor * power) + 1e-9)))
    let size = max(abs(range.lowerBound), abs(range.upperBound))
    return (first...last).map { index in
      let value = Double(index) * step
      return Tick(
        value: value, label: index % parts == 0 ? number(value, decimals: decimals, largest: size) : nil)
    }
  }

  private static func decadeTicks(in range: ClosedRange<Double>, decades: Double) -> [Tick] {
    // One notation per axis: 300M beside 10⁹ would make a reader convert.
    let hasSuffixes = range.upperBound < 1e9
    let exponents =
      Int(clamping: floor(log10(range.lowerBound)))...Int(clamping: ceil(log10(range.upperBound)))
    let labelled: Set<Int> = decades < 1.5 ? [1, 2, 3, 5, 7] : decades < 3 ? [1, 2, 5] : [1]
    let every = max(1, Int(clamping: (decades / 7).rounded(.up)))
    return exponents.flatMap { exponent in
      // For many decades, minor marks would be too dense.
      (1...(decades > 30 ? 1 : 9)).map { digit in
        // Divided by a whole power, so that 0.3 is 0.3 and not 0.30000000000000004.
        let power = pow(10, Double(abs(exponent)))
        let value = exponent < 0 ? Double(digit) / power : Double(digit) * power
        let isMajor = labelled.contains(digit) && exponent % every == 0
        return Tick(
          value: value,
          label: isMajor
            ? decades < 3
              ? short(digit, exponent: exponent, hasSuffixes: hasSuffixes) : "10^{\(minus(exponent))}" : nil)
      }
    }
    .filter { range.contains($0.value) }
  }

  /// `digit` × 10^`exponent` for people: 0.02, 300, 20k, 5M, 2×10^{13}.
  private static func short(_ digit: Int, exponent: Int, hasSuffixes: Bool) -> String {
    switch exponent {
    case -3..<0: String(format: "%.\(-exponent)f", Double(digit) / pow(10, Double(-exponent)))
    case 0..<3: "\(digit)" + String(repeating: "0", count: exponent)
    case 3..<9 where hasSuffixes:
      "\(digit)" + String(repeating: "0", count: exponent % 3) + (exponent < 6 ? "k" : "M")
    default: digit == 1 ? "10^{\(minus(exponent))}" : "\(digit)×10^{\(minus(exponent))}"
    }
  }

  /// A label, in a notation that suits the `largest` value on the axis: 1.2M beside 800k, 5k beside 10k.
  private static func number(_ value: Double, decimals: Int, largest: Double) -> String {
    guard value != 0 else { return "0" }
    if largest >= 1e9 || decimals > 4 { return scientific(value) }
    if largest >= 1e4 {
      for (factor, suffix) in [(1e6, "M"), (1e3, "k")] where abs(value) >= factor * (1 - 1e-9) {
        return minus(plain(value / factor)) + suffix
      }
    }
    return minus(String(format: "%.\(decimals)f", value))
  }

  private static func plain(_ value: Double) -> String { String(format: "%g", value) }

  private static func scientific(_ value: Double) -> String {
    guard value != 0 else { return "0" }
    let exponent = Int(clamping: floor(log10(abs(value)) + 1e-9))
    return "\(minus(plain(value / pow(10, Double(exponent)))))×10^{\(minus(exponent))}"
  }

  /// A hyphen is too short beside digits: the typographic minus instead.
  private static func minus(_ value: some CustomStringConvertible) -> String {
    value.description.replacing("-", with: "−")
  }
}
