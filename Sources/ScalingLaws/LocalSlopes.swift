import Foundation

/// The slope of a loss curve on log axes, −d log(L − E)/d log X, place by place.
///
/// A power law above its floor has one slope everywhere. In each window the slope is that of the least-squares
/// line through log(L − E): once for the loss itself (E = 0), once above the floor of a fitted law. A window begins
/// at every X and takes in half a decade, or as much as it needs for three different X, but at most a decade.
public struct LocalSlopes: Sendable, Codable {
  public struct Window: Sendable, Codable {
    public let low: Double
    public let high: Double
    public let observations: Int
    /// Of the loss itself, and of the loss above the floor; without an interval where all runs are of one cluster.
    public let ofLoss: Estimate
    public let aboveFloor: Estimate
    /// The middle, on a log axis.
    public var place: Double { (low * high).squareRoot() }
  }

  public let variable: Variable
  /// E of the fitted law.
  public let floor: Double
  public let windows: [Window]
  /// The slope above the floor over all observations.
  public let overall: Double
  /// The largest |local slope/overall slope − 1| above the floor.
  public let spread: Double
  /// What noise alone makes of a straight line with the same X and the same scatter within the windows: the
  /// median spread, and the one that 5 % of lines exceed.
  public let noiseMedian: Double
  public let noiseLimit: Double
  /// The finding in a sentence.
  public var verdict: String {
    let isStraight = spread <= noiseLimit
    return String(format: "local slopes lie within %.2g %% of %.3f; ", 100 * spread, overall)
      + String(
        format: "of a straight line, noise alone would make %.2g %%, and seldom more than %.2g %%: ",
        100 * noiseMedian, 100 * noiseLimit)
      + (isStraight ? "straight as far as these runs can tell" : "not a straight line")
  }

  /// - Parameter fit: a law in one variable, fitted to these observations; its draws give the floor's.
  /// - Throws: `FitError` where there are too few observations for two windows.
  public init(of observations: [Observation], under fit: LawFit, simulations: Int = 400) throws {
    guard let variable = fit.law.law.variables.first, fit.law.law.variables.count == 1 else {
      throw FitError("local slopes are of laws in one variable, such as power_n")
    }
    // A broken law calls its floor a.
    let floorIndex = fit.parameters.firstIndex { $0.symbol == "E" || $0.symbol == "a" }
    let floor = floorIndex.map { fit.parameters[$0].value } ?? fit.knownFloor
    let runs = observations.compactMap { run in run[variable].map { (x: log($0), loss: run.loss) } }
    let ranges = Self.windows(runs.map(\.x))
    guard ranges.count >= 2 else {
      throw FitError("local slopes need two windows of three different \(variable.symbol) within a decade")
    }
    let clusters = observations.clusterIndices()
    let clusterCount = (clusters.max() ?? 0) + 1
    // The same resampling as the fit's own, so that a draw's floor belongs to its runs.
    let draws =
      clusterCount < 2
      ? []
      : fit.draws.enumerated().map { sample, θ -> (weights: [Double], floor: Double) in
        var generator = SeededGenerator(seed: fit.seed, stream: sample)
        var counts = Array(repeating: 0.0, count: clusterCount)
        for _ in counts.indices { counts[generator.index(below: clusterCount)] += 1 }
        return (clusters.map { counts[$0] }, floorIndex.map { θ[$0] } ?? fit.knownFloor)
      }
    windows = ranges.map { range in
      let members = runs.indices.filter { range.contains(runs[$0].x) }
      let independent = Set(members.map { clusters[$0] }).count
      let estimate = { (name: String, floor: Double, floorOfDraw: @escaping (Double) -> Double) in
        Estimate(
          name: name, symbol: "slope", unit: "1",
          value: Self.slope(members.map { runs[$0] }, above: floor),
          draws: draws.isEmpty || independent < 2
            ? nil
            : draws.map { draw in
              Self.slope(
                members.map { runs[$0] }, above: floorOfDraw(draw.floor),
                weights: members.map { draw.weights[$0] })
            },
          freedom: Freedom(observations: independent, parameters: 2))
      }
      return Window(
        low: exp(range.lowerBound), high: exp(range.upperBound), observations: members.count,
        ofLoss: estimate("slope of the loss", 0) { _ in 0 },
        aboveFloor: estimate("slope above the floor", floor) { $0 })
    }
    self.variable = variable
    self.floor = floor
    let x = runs.map(\.x)
    let y = runs.map { log($0.loss - floor) }
    guard let whole = Self.spread(ranges, x, y) else {
      throw FitError("some losses are not above the floor \(floor)")
    }
    (overall, spread) = whole
    let scatter = Self.scatter(ranges, x, y)
    let ofNoise = parallelMap(simulations) { sample in
      var generator = SeededGenerator(seed: fit.seed, stream: sample)
      let straight = x.map { -whole.overall * $0 + scatter * generator.normal() }
      return Self.spread(ranges, x, straight)?.spread ?? 0
    }.sorted()
    (noiseMedian, noiseLimit) = (quantile(ofNoise, 0.5), quantile(ofNoise, 0.95))
  }

  private static let mostWindows = 200

  /// The windows in log X: none lies within another.
  private static func windows(_ x: [Double]) -> [ClosedRange<Double>] {
    let values = Set(x).sorted()
    let (least, most) = (0.5 * log(10), log(10) + 1e-9)
    var windows: [ClosedRange<Double>] = []
    for index in values.indices.dropLast(2) {
      let needed = values[index + 2]
      let limit = values[index] + least + 1e-9
      let end = max(values[values.partitioningIndex { $0 > limit } - 1], needed)
      guard end - values[index] <= most, windows.last.map({ end > $0.upperBound }) ?? true else { continue }
      windows.append(values[index]...end)
    }
    // Of a table with a continuum of X, some windows that lie evenly say as much as all.
    guard windows.count > mostWindows else { return windows }
    return (0..<mostWindows).map { windows[$0 * (windows.count - 1) / (mostWindows - 1)] }
  }

  private static func slope(
    _ runs: [(x: Double, loss: Double)], above floor: Double, weights: [Double]? = nil
  ) -> Double {
    let logs = runs.map { log($0.loss - floor) }
    // A resample of one X alone has no slope.
    let drawn = zip(runs, weights ?? runs.map { _ in 1 }).filter { $1 > 0 }.map(\.0.x)
    guard Set(drawn).count >= 2, logs.allSatisfy(\.isFinite) else { return .nan }
    return line(runs.map(\.x), logs, weights: weights).map { -$0.slope } ?? .nan
  }

  /// The slope over all, and the largest relative deviation from it in a window.
  private static func spread(_ ranges: [ClosedRange<Double>], _ x: [Double], _ y: [Double]) -> (
    overall: Double, spread: Double
  )? {
    guard y.allSatisfy(\.isFinite), let overall = line(x, y)?.slope, overall != 0 else { return nil }
    let local = ranges.compactMap { range in
      let members = x.indices.filter { range.contains(x[$0]) }
      return line(members.map { x[$0] }, members.map { y[$0] })?.slope
    }
    return (-overall, local.map { abs($0 / overall - 1) }.max() ?? 0)
  }

  /// Standard deviation of the residuals about the windows' own lines: a curve adds nothing to it that it does not
  /// bend within a window.
  private static func scatter(_ ranges: [ClosedRange<Double>], _ x: [Double], _ y: [Double]) -> Double {
    var (sum, freedom) = (0.0, 0.0)
    for range in ranges {
      let members = x.indices.filter { range.contains(x[$0]) }
      guard let fit = line(members.map { x[$0] }, members.map { y[$0] }) else { continue }
      sum += members.reduce(0) { $0 + pow(y[$1] - fit.intercept - fit.slope * x[$1], 2) }
      freedom += Double(members.count - 2)
    }
    return (sum / max(freedom, 1)).squareRoot()
  }
}
