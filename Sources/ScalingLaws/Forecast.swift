import Foundation

/// What a fitted law says of runs that it was not fitted to, and what they came to.
public struct Forecast: Sendable, Codable {
  /// A held-out run.
  public struct Run: Sendable, Codable {
    public let name: String
    /// nil until it is trained.
    public let loss: Double?
    /// Predicted over found, minus one.
    public let relativeError: Double?
    /// Whether the loss lies in the prediction interval.
    public let isInside: Bool?
  }

  /// A prediction, of one run or of several that differ in their seeds.
  public struct Place: Sendable, Codable {
    public let parameters: Double?
    public let tokens: Double?
    public let compute: Double?
    /// Its compute divided by the largest compute in the fit.
    public let computeFactor: Double?
    public let loss: Double
    /// 95 % interval of a single new run; nil without a bootstrap.
    public let interval: Interval?
    public let runs: [Run]
  }

  /// By rising compute.
  public let places: [Place]
  /// Standard deviation of a single run about the law, in the log of the loss above the known floor.
  public let scatter: Double

  /// The largest |predicted/found − 1|, and the part of the runs found that lie inside; nil before any is trained.
  public var largestError: Double? { found.compactMap(\.relativeError).map(abs).max() }
  public var partInside: Double? {
    let inside = found.compactMap(\.isInside)
    return inside.isEmpty ? nil : Double(inside.count { $0 }) / Double(inside.count)
  }
  /// The least compute of a held-out run divided by the largest compute in the fit.
  public var smallestFactor: Double? { places.compactMap(\.computeFactor).min() }
  /// The runs that are trained.
  public var found: [Run] { places.flatMap(\.runs).filter { $0.loss != nil } }

  /// Predicts runs.
  ///
  /// A single run differs from the law's prediction because the law's parameters are uncertain and because
  /// runs scatter about it: to each bootstrap draw of the law some residuals are added.
  ///
  /// - Parameters:
  ///   - runs: by name; the loss of one that is not trained is no number.
  ///   - dearest: the most compute of a run in the fit.
  ///   - scatter: of a single run; nil for the residuals of the fit.
  /// - Throws: `FitError` where a run lacks a variable of the law, or there are none.
  public init(
    by fit: LawFit, of runs: [(name: String, observation: Observation)], dearest: Double?,
    scatter: Double? = nil
  ) throws {
    guard !runs.isEmpty else { throw FitError("there is no run to predict") }
    let scatter = scatter ?? fit.rmsLogResidual
    var groups = runs.grouped { $0.observation.place }
    groups.sort { ($0[0].observation.compute ?? 0) < ($1[0].observation.compute ?? 0) }
    self.scatter = scatter
    places = try groups.enumerated().map { index, runs in
      let place = runs[0].observation
      guard let loss = fit.law.law.loss(fit.values, at: place) else {
        throw FitError("the run \(runs[0].name) lacks a variable of \(fit.equation)")
      }
      let interval = Self.interval(by: fit, at: place, scatter: scatter, stream: index)
      return Place(
        parameters: place.parameters, tokens: place.tokens, compute: place.compute,
        computeFactor: dearest.flatMap { dearest in place.compute.map { $0 / dearest } }, loss: loss,
        interval: interval,
        runs: runs.map { name, run in
          let found = run.loss.isFinite ? run.loss : nil
          return Run(
            name: name, loss: found, relativeError: found.map { loss / $0 - 1 },
            isInside: found.flatMap { found in interval.map { $0.contains(found) } })
        })
    }
  }

  /// The interval of single runs. It is widened for small samples like that of a parameter, which makes up for
  /// the residuals of a fit being smaller than the errors, too.
  private static func interval(by fit: LawFit, at place: Observation, scatter: Double, stream: Int)
    -> Interval?
  {
    let law = fit.law.law
    var generator = SeededGenerator(seed: fit.seed, stream: stream)
    let residuals = 10
    let losses = fit.draws.compactMap { law.loss($0, at: place) }.filter(\.isFinite).flatMap { loss in
      (0..<residuals).map { _ in
        fit.knownFloor + (loss - fit.knownFloor) * exp(scatter * generator.normal())
      }
    }
    return losses.isEmpty ? nil : Interval(of: losses, freedom: fit.freedom)
  }
}
