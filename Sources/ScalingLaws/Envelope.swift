import Foundation

/// Chinchilla's approach 1: the lower envelope of training curves (Hoffmann et al. 2022, section 3.1).
///
/// A curve is a cluster of observations of one size at several numbers of tokens. At each of many computes, the curve
/// with the lowest loss (interpolated in log C) gives N* and D*, and power laws are fitted through them. Computes at
/// which the smallest or largest size is lowest are left out, because a size outside the grid might have a lower loss.
/// Intervals are from a bootstrap over curves.
public struct Envelope: Sendable, Codable {
  /// A point of the envelope.
  public struct Place: Sendable, Codable {
    /// C, in FLOPs.
    public let compute: Double
    /// N*.
    public let parameters: Double
    /// D*.
    public let tokens: Double
    /// The lowest loss.
    public let loss: Double
  }

  /// The number of training curves.
  public let curves: Int
  /// The points of the envelope, by increasing compute.
  public let places: [Place]
  /// The exponent a of N* ∝ C^a.
  public let parametersExponent: Estimate
  /// The exponent b of D* ∝ C^b.
  public let tokensExponent: Estimate

  /// Computes the envelope at `grid` computes and fits the power laws.
  ///
  /// - Throws: `FitError` if an observation lacks N, D or C, there are no curves of two or more points for at least
  ///   four sizes, or fewer than two sizes inside the grid's range lie on the envelope.
  public init(_ observations: [Observation], grid: Int = 256, bootstraps: Int = 400, seed: UInt64 = 1) throws
  {
    let curves = try Self.curves(observations)
    guard Set(curves.map(\.parameters)).count >= 4 else {
      throw FitError(
        "the envelope needs training curves (clusters of two or more points) of at least four sizes")
    }
    let places = Self.envelope(of: curves, grid: grid)
    guard let fit = Self.exponents(places) else {
      throw FitError("only the smallest or largest sizes touch the envelope: train sizes beyond them")
    }
    let draws = parallelMap(bootstraps) { sample in
      var generator = SeededGenerator(seed: seed, stream: sample)
      let drawn = curves.map { _ in curves[generator.index(below: curves.count)] }
      return Self.exponents(Self.envelope(of: drawn, grid: grid)) ?? (.nan, .nan)
    }
    self.curves = curves.count
    self.places = places
    let estimate = Estimator(of: fit, draws: draws)
    parametersExponent = estimate("exponent of N* in C", "a") { $0.n }
    tokensExponent = estimate("exponent of D* in C", "b") { $0.d }
  }

  private struct Curve: Sendable {
    let parameters: Double
    /// log C in increasing order, each with log D and log L.
    var points: [(c: Double, d: Double, loss: Double)]

    /// Returns log D and log L at log C; nil outside the curve.
    func at(_ c: Double) -> (d: Double, loss: Double)? {
      guard let first = points.first, let last = points.last, c >= first.c, c <= last.c,
        let above = points.firstIndex(where: { $0.c >= c })
      else { return nil }
      let (p, q) = (points[max(above - 1, 0)], points[above])
      let t = q.c > p.c ? (c - p.c) / (q.c - p.c) : 0
      return (p.d + t * (q.d - p.d), p.loss + t * (q.loss - p.loss))
    }
  }

  private static func curves(_ observations: [Observation]) throws -> [Curve] {
    var curves: [Curve] = []
    var places: [String: Int] = [:]
    for (index, observation) in observations.enumerated() {
      guard let n = observation.parameters, let d = observation.tokens, let c = observation.compute,
        n > 0, d > 0, c > 0, observation.loss > 0
      else { throw FitError("the envelope needs positive N, D, C and loss", observation: index) }
      guard let cluster = observation.cluster else { continue }
      let key = "\(cluster)|\(n)"
      let place = places[key] ?? curves.count
      if place == curves.count {
        places[key] = place
        curves.append(Curve(parameters: n, points: []))
      }
      curves[place].points.append((log(c), log(d), log(observation.loss)))
    }
    return curves.filter { $0.points.count >= 2 }.map { curve in
      Curve(parameters: curve.parameters, points: curve.points.sorted { $0.c < $1.c })
    }
  }

  private static func envelope(of curves: [Curve], grid: Int) -> [Place] {
    let low = curves.compactMap(\.points.first?.c).min() ?? 0
    let high = curves.compactMap(\.points.last?.c).max() ?? 0
    let smallest = curves.map(\.parameters).min() ?? 0
    let largest = curves.map(\.parameters).max() ?? 0
    return (0..<grid).compactMap { step in
      let c = low + (high - low) * Double(step) / Double(grid - 1)
      let reached = curves.compactMap { curve in
        curve.at(c).map { (n: curve.parameters, d: $0.d, loss: $0.loss) }
      }
      guard let best = reached.min(by: { $0.loss < $1.loss }), best.n > smallest, best.n < largest else {
        return nil
      }
      return Place(compute: exp(c), parameters: best.n, tokens: exp(best.d), loss: exp(best.loss))
    }
  }

  private static func exponents(_ places: [Place]) -> (n: Double, d: Double)? {
    guard Set(places.map(\.parameters)).count >= 2 else { return nil }
    let c = places.map { log($0.compute) }
    guard let n = line(c, places.map { log($0.parameters) }), let d = line(c, places.map { log($0.tokens) })
    else { return nil }
    return (n.slope, d.slope)
  }
}
