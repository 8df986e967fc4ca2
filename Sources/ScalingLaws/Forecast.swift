import Foundation

/// Predictions of a fitted law for held-out runs, and the results of those runs.
public struct Forecast: Sendable, Codable {
  /// A held-out run.
  public struct Run: Sendable, Codable {
    /// The name of the run.
    public let name: String
    /// The measured loss; nil until the run is trained.
    public let loss: Double?
    /// The predicted loss over the measured loss, minus one; nil until the run is trained.
    public let relativeError: Double?
    /// True if the measured loss lies in the prediction interval; nil until the run is trained, or without an interval.
    public let isInside: Bool?
  }

  /// The prediction for one run, or for several that differ only in their seeds.
  public struct Place: Sendable, Codable {
    /// N of the runs.
    public let parameters: Double?
    /// D of the runs.
    public let tokens: Double?
    /// C of the runs, in FLOPs.
    public let compute: Double?
    /// The compute divided by the largest compute in the fit.
    public let computeFactor: Double?
    /// The predicted loss.
    public let loss: Double
    /// The 95 % prediction interval of a single new run; nil without a bootstrap.
    public let interval: Interval?
    /// The runs.
    public let runs: [Run]
  }

  /// The predictions, by increasing compute.
  public let places: [Place]
  /// The standard deviation of single runs around the law, in the log of the loss above the known floor.
  public let scatter: Double

  /// The largest |predicted/measured − 1|; nil before any run is trained.
  public var largestError: Double? { found.compactMap(\.relativeError).map(abs).max() }
  /// The fraction of trained runs that lie in their prediction intervals; nil before any run is trained.
  public var fractionInside: Double? {
    let inside = found.compactMap(\.isInside)
    return inside.isEmpty ? nil : Double(inside.count { $0 }) / Double(inside.count)
  }
  /// The smallest compute of a held-out run divided by the largest compute in the fit.
  public var smallestFactor: Double? { places.compactMap(\.computeFactor).min() }
  /// The runs that have been trained.
  public var found: [Run] { places.flatMap(\.runs).filter { $0.loss != nil } }

  init(places: [Place], scatter: Double) { (self.places, self.scatter) = (places, scatter) }

  /// Predicts runs.
  ///
  /// A single run deviates from the prediction because the law's parameters are uncertain and because runs scatter
  /// around it. The interval includes both: random residuals are added to each bootstrap draw of the law.
  ///
  /// - Parameters:
  ///   - runs: The held-out runs. The loss of a run that has not been trained is NaN.
  ///   - largestCompute: The largest compute of a run in the fit, in FLOPs.
  ///   - scatter: The standard deviation of a single run in log loss; nil for that of the fit.
  /// - Throws: `FitError` if a run lacks a variable of the law, or there are no runs.
  public init(
    by fit: LawFit, of runs: [(name: String, observation: Observation)], largestCompute: Double?,
    scatter: Double? = nil
  ) throws {
    guard !runs.isEmpty else { throw FitError("there is no run to predict") }
    let scatter = scatter ?? fit.scatter
    var groups = runs.grouped { $0.observation.place }
    groups.sort { ($0[0].observation.compute ?? 0) < ($1[0].observation.compute ?? 0) }
    self.scatter = scatter
    places = try groups.enumerated().map { index, runs in
      let place = runs[0].observation
      guard let loss = fit.law.law.loss(fit.values, at: place) else {
        throw FitError("the run \(runs[0].name) lacks a variable of \(fit.equation)")
      }
      let interval = Self.interval(by: fit, at: place, around: loss, scatter: scatter, stream: index)
      return Place(
        loss: loss, interval: interval, runs: runs.map { ($0.name, $0.observation.loss) }, observation: place,
        largestCompute: largestCompute)
    }
  }

  /// Returns the prediction interval of single runs. Each draw of the law has its own scatter of single runs, because
  /// few residuals leave its size uncertain.
  private static func interval(
    by fit: LawFit, at place: Observation, around loss: Double, scatter: Double, stream: Int
  ) -> Interval? {
    let law = fit.law.law
    var generator = SeededGenerator(seed: fit.seed, stream: stream)
    let residuals = 10
    let losses = fit.draws.compactMap { law.loss($0, at: place) }.filter(\.isFinite).flatMap { loss in
      let scatter = scatter * Resampler.scale(freedom: fit.freedom, &generator)
      return (0..<residuals).map { _ in
        fit.knownFloor + (loss - fit.knownFloor) * exp(scatter * generator.normal())
      }
    }
    return losses.isEmpty ? nil : Interval(of: losses, around: loss, spread: .percentiles)
  }
}

extension Forecast.Place {
  /// - Parameters:
  ///   - runs: The names and losses of the runs. The loss of one that is not trained is NaN.
  ///   - observation: The size and length of the runs; nil if they do not matter.
  ///   - largestCompute: The largest compute of a run in the fit, in FLOPs.
  init(
    loss: Double, interval: Interval?, runs: [(name: String, loss: Double)], observation: Observation?,
    largestCompute: Double?
  ) {
    self.init(
      parameters: observation?.parameters, tokens: observation?.tokens, compute: observation?.compute,
      computeFactor: largestCompute.flatMap { largest in observation?.compute.map { $0 / largest } },
      loss: loss,
      interval: interval,
      runs: runs.map { name, measured in
        let found = measured.isFinite ? measured : nil
        return Forecast.Run(
          name: name, loss: found, relativeError: found.map { loss / $0 - 1 },
          isInside: found.flatMap { found in interval.map { $0.contains(found) } })
      })
  }
}
