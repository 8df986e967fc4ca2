import Files
import Foundation

/// Where a training is evaluated before its end, and how its log is read as a curve.
///
/// A few windows, the same at every point, are enough to draw a curve: forward passes over 32 windows cost about a
/// third as much as training on them. The result of a run comes from all windows at its end; fits use no other point
/// of the curve.
package enum LearningCurve {
  /// The number of validation windows that are evaluated for a point.
  package static var windows: Int { Evaluator.curveWindows }

  /// The number of points of a cooldown, at equal distances.
  private static let cooldownParts = 3

  /// The tokens of the points of a run or a trunk up to `tokens`: every half power of two from 2¹³ on.
  package static func points(through tokens: Int) -> [Int] {
    (26..<2 * (Int.bitWidth - 2)).lazy.map { Int(clamping: pow(2, Double($0) / 2)) }.prefix { $0 <= tokens }
      .map { $0 }
  }

  /// The tokens of the points of a cooldown from `start` to `end`. At its end the run is evaluated on all windows
  /// anyway.
  package static func points(ofCooldownFrom start: Int, to end: Int) -> [Int] {
    (0..<cooldownParts).map { start + (end - start) / cooldownParts * $0 }
  }

  /// Whether a step from `before` to `after` tokens passes a point.
  ///
  /// - Parameters:
  ///   - branched: The tokens after which the cooldown began; nil before that, 0 for a run without a trunk.
  ///   - end: The tokens of the run.
  static func hasPoint(after before: Int, through after: Int, branched: Int?, end: Int) -> Bool {
    let start = branched ?? 0
    // At its end the run is evaluated on all windows.
    guard branched == nil || after < end else { return false }
    let points = start > 0 ? points(ofCooldownFrom: start, to: end) : points(through: after)
    return points.contains { $0 > before && $0 <= after }
  }
}

/// A point of a run's learning curve.
public struct CurvePoint: Sendable, Hashable {
  public let tokens: Int
  /// The mean over the windows that were read, in nats per token, with its standard error.
  public let validationLoss: Double
  public let standardError: Double
  public let windows: Int
  /// The loss on the windows that are the same for all points; `validationLoss` in logs of earlier versions.
  public let curveLoss: Double
  /// The tokens after which the learning rate began to fall; nil before that, and in logs of earlier versions.
  public let cooldownFrom: Int?
  /// Statistics of the routers, by layer; empty for a dense model.
  public let routing: [LayerRouting]
}

extension LearningCurve {
  /// The points of a log. Lines of steps, which are most of them, are not decoded.
  package static func points(in log: Data) -> [CurvePoint] {
    var points: [CurvePoint] = []
    var rest = log.startIndex..<log.endIndex
    while let key = log.range(of: Data("\"validationLoss\"".utf8), in: rest) {
      let newline = UInt8(ascii: "\n")
      let start =
        log[rest.lowerBound..<key.lowerBound].lastIndex(of: newline).map { $0 + 1 } ?? rest.lowerBound
      let end = log[key.upperBound...].firstIndex(of: newline) ?? log.endIndex
      if let point = try? decodeJSON(EvaluationMetrics.self, from: log[start..<end]) {
        points.append(CurvePoint(point))
      }
      rest = end..<log.endIndex
    }
    return points
  }
}

extension RunFolder {
  /// The run's learning curve, read from its log; empty before the run has begun.
  public func curve() throws -> [CurvePoint] {
    LearningCurve.points(in: try FileAccess.readIfPresent(metrics) ?? Data())
  }
}

extension CurvePoint {
  fileprivate init(_ point: EvaluationMetrics) {
    self.init(
      tokens: point.tokens, validationLoss: point.validationLoss,
      standardError: point.validationStandardError, windows: point.validationWindows,
      curveLoss: point.curveLoss ?? point.validationLoss, cooldownFrom: point.cooldownFrom,
      routing: point.routing ?? [])
  }
}
