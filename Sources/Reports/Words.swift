import Analysis
import Foundation
import ScalingLaws

extension String {
  /// The text with a capital first letter.
  var capitalizedSentence: String { prefix(1).uppercased() + dropFirst() }
}

/// Numbers for readers, with three or four digits.
extension Double {
  /// With `digits` significant digits: 0.342, 1.208, 61.2k, 3.1×10¹².
  public func text(_ digits: Int = 3) -> String {
    guard isFinite else { return isNaN ? "none" : self < 0 ? "−∞" : "∞" }
    guard self != 0 else { return "0" }
    // Rounded first, since 9.9996 belongs to the next power of ten; as text, since the largest numbers round to ∞.
    let parts = String(format: "%.\(digits - 1)e", abs(self)).split(separator: "e")
    guard parts.count == 2, let exponent = Int(parts[1]) else { return "\(self)" }
    let rounded = Double("\(parts[0])e\(parts[1])") ?? self
    let sign = self < 0 ? "−" : ""
    switch exponent {
    case -3...3:
      return sign + String(format: "%.\(max(0, digits - 1 - exponent))f", abs(rounded))
    case 4..<9:
      let power = exponent / 3 * 3
      let decimals = max(0, digits - 1 - (exponent - power))
      return sign + String(format: "%.\(decimals)f", abs(rounded) / pow(10, Double(power)))
        + ["k", "M"][power / 3 - 1]
    default:
      return sign + parts[0] + "×10" + superscript(exponent)
    }
  }

  /// A count or an amount without trailing zeros: 4M, 500k, 10¹¹.
  var amount: String {
    var text = text()
    if let point = text.firstIndex(of: ".") {
      let end = text[point...].dropFirst().firstIndex { !$0.isASCII || !$0.isNumber } ?? text.endIndex
      let kept = text[..<end].reversed().drop { $0 == "0" }.drop { $0 == "." }.reversed()
      text = String(kept) + text[end...]
    }
    return text.hasPrefix("1×") ? String(text.dropFirst(2)) : text
  }

  private func superscript(_ exponent: Int) -> String {
    let digits = Array("⁰¹²³⁴⁵⁶⁷⁸⁹")
    return (exponent < 0 ? "⁻" : "")
      + "\(abs(exponent))".compactMap(\.wholeNumberValue).map { String(digits[$0]) }.joined()
  }
}

extension Interval {
  /// As in `[0.31, 0.38]`.
  var text: String { "[\(low.text()), \(high.text())]" }
}

extension Estimate {
  /// The 95 % interval, or `not identified`.
  var intervalText: String {
    guard identified else { return "not identified" }
    return interval?.text ?? "—"
  }

  /// As in `α = 0.342 [0.31, 0.38]`.
  var text: String { "\(symbol) = \(value.text()) \(intervalText)" }
}

/// The labels of a fit's axes, by the conventions for N, C and the loss.
struct AxisLabels: Sendable {
  private let size: String
  private let compute: String
  let loss: String
  /// The unit, such as `nats per token`; empty if unknown.
  let lossUnit: String
  /// Whether the loss is that of all tokens in nats, the measure of n-grams.
  let isNatsPerToken: Bool

  /// For a table of which only the roles of columns are known.
  static let asGiven = AxisLabels(size: "", compute: "", loss: "Loss", lossUnit: "", isNatsPerToken: false)

  /// For a fit of an experiment; nil for one that the experiment does not request.
  init(_ request: FitRequest?) {
    let loss = request?.loss ?? "loss"
    let inBits = loss == "loss_bits_per_byte"
    let name =
      switch loss {
      case "loss", "loss_bits_per_byte": "Loss"
      case "reducible": "Reducible loss"
      default: "Loss on \(loss.dropFirst("loss_".count))"
      }
    let unit = inBits ? "bits per byte" : "nats per token"
    let size =
      switch request?.size ?? .total {
      case .total: ""
      case .nonEmbedding: ", without embeddings"
      case .active: ", active"
      }
    let compute =
      switch request?.compute ?? .exact {
      case .exact: ""
      case .withOptimizer: ", with the optimizer's"
      case .events: ", without products with 0"
      case .bits: ", times bits over 32"
      case .sixND: ", as 6ND"
      case .sixNDNonEmbedding: ", as 6ND without embeddings"
      }
    self.init(
      size: size, compute: compute, loss: "\(name) (\(unit))", lossUnit: unit,
      isNatsPerToken: loss == "loss")
  }

  private init(size: String, compute: String, loss: String, lossUnit: String, isNatsPerToken: Bool) {
    self.size = size
    self.compute = compute
    self.loss = loss
    self.lossUnit = lossUnit
    self.isNatsPerToken = isNatsPerToken
  }

  /// Returns the axis of a variable, which is logarithmic except for weights of a data mixture.
  func axis(_ variable: Variable) -> Axis {
    // The fraction of a domain may be zero.
    if case .weight = variable { return Axis(label(variable)) }
    return Axis(label(variable), .logarithmic)
  }

  private func label(_ variable: Variable) -> String {
    switch variable {
    case .parameters: "Parameters N\(size)"
    case .tokens: "Training tokens D"
    case .compute: "Training compute C (FLOPs\(compute))"
    case .weight(let domain): "Fraction of domain \(domain + 1)"
    default:
      variable.unit == "1" ? variable.symbol.capitalizedSentence : "\(variable.symbol) (\(variable.unit))"
    }
  }

  var lossAxis: Axis { Axis(loss, .logarithmic) }

  /// The axis of the loss above the true entropy.
  var reducibleAxis: Axis { axis(named: "Reducible loss") }

  /// The axis of the loss above a fitted floor.
  var aboveFloorAxis: Axis { axis(named: "Loss above floor") }

  private func axis(named name: String) -> Axis {
    Axis(lossUnit.isEmpty ? name : "\(name) (\(lossUnit))", .logarithmic)
  }
}
