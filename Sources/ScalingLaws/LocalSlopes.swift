import Foundation

/// The local slopes of a loss curve on log axes, −d log(L − E)/d log X.
///
/// A power law above its floor has the same slope everywhere. The slope in a window is that of the least-squares line
/// through log(L − E), both for the loss itself (E = 0) and above the floor of a fitted law. Windows start at each X.
/// They span half a decade, or up to one decade if they need it for three different X.
public struct LocalSlopes: Sendable, Codable {
  /// The slopes in one window.
  public struct Window: Sendable, Codable {
    /// The smallest X.
    public let low: Double
    /// The largest X.
    public let high: Double
    /// The number of observations.
    public let observations: Int
    /// The slope of the loss itself; without an interval if all observations are of one cluster.
    public let ofLoss: Estimate
    /// The slope of the loss above the floor; without an interval if all observations are of one cluster.
    public let aboveFloor: Estimate
    /// The middle of the window on a log axis.
    public var place: Double { (low * high).squareRoot() }
  }

  /// X.
  public let variable: Variable
  /// E of the fitted law.
  public let floor: Double
  /// The windows, by increasing X.
  public let windows: [Window]
  /// The slope above the floor over all observations.
  public let overall: Double
  /// The largest |local slope/overall slope − 1| above the floor.
  public let spread: Double
  /// The median spread that noise alone causes on a straight line with the same X and the same scatter in the windows.
  public let noiseMedian: Double
  /// The 95 % quantile of the spread that noise alone causes.
  public let noiseLimit: Double
  /// A sentence with the result.
  public var verdict: String {
    let isStraight = spread <= noiseLimit
    return String(format: "local slopes lie within %.2g %% of %.3f; ", 100 * spread, overall)
      + String(
        format:
          "noise alone on a straight line gives %.2g %% at the median and more than %.2g %% in 5 %% of cases: ",
        100 * noiseMedian, 100 * noiseLimit)
      + (isStraight ? "consistent with a straight line" : "not a straight line")
  }

  /// Computes the local slopes.
  ///
  /// - Parameters:
  ///   - fit: A law in one variable that was fitted to these observations. Its draws give those of the floor.
  ///   - simulations: The number of simulated lines for the spread of noise.
  /// - Throws: `FitError` if the law has several variables, there are too few observations for two windows, or a loss
  ///   is not above the floor.
  public init(of observations: [Observation], under fit: LawFit, simulations: Int = 400) throws {
    guard let variable = fit.law.law.variables.first, fit.law.law.variables.count == 1 else {
      throw FitError("local slopes need a law in one variable, such as power_n")
    }
    // The symbol of a broken law's floor is a.
    let floorIndex = fit.parameters.firstIndex { $0.symbol == "E" || $0.symbol == "a" }
    let floor = floorIndex.map { fit.parameters[$0].value } ?? fit.knownFloor
    let runs = observations.compactMap { run in run[variable].map { (x: log($0), loss: run.loss) } }
    let ranges = Self.windows(runs.map(\.x))
    guard ranges.count >= 2 else {
      throw FitError("local slopes need two windows of three different \(variable.symbol) within a decade")
    }
    let clusters = observations.clusterIndices()
    let draws = try Self.draws(under: fit, floorIndex, observations)
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
                members.map { (runs[$0].x, draw.losses?[$0] ?? runs[$0].loss) },
                above: floorOfDraw(draw.floor),
                weights: draw.weights.map { weights in members.map { weights[$0] } })
            },
          spread: fit.resampling == .simulation
            ? .centred : .expanded(Freedom(observations: independent, parameters: 2)))
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

  /// One bootstrap sample: the multiplicity of each observation or its simulated loss, and the floor of the law that
  /// was fitted to them.
  private struct Draw {
    var weights: [Double]?
    var losses: [Double]?
    let floor: Double
  }

  /// Returns the samples of a fit's own bootstrap, so that a draw's floor belongs to its observations.
  private static func draws(under fit: LawFit, _ floorIndex: Int?, _ observations: [Observation]) throws
    -> [Draw]
  {
    guard !fit.draws.isEmpty else { return [] }
    let problem = try fit.problem(on: observations)
    let resampler = problem.resampler(seed: fit.seed)
    return fit.draws.enumerated().map { sample, θ in
      var draw = Draw(floor: floorIndex.map { θ[$0] } ?? fit.knownFloor)
      switch resampler[sample] {
      case .multiplicities(let counts): draw.weights = counts
      case .errors(let errors): draw.losses = problem.losses(withErrors: errors).map { $0 + fit.knownFloor }
      }
      return draw
    }
  }

  private static let mostWindows = 200

  /// Returns the windows in log X, without those that lie inside another one.
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
    // For a table with very many X, an evenly spaced selection is enough.
    guard windows.count > mostWindows else { return windows }
    return (0..<mostWindows).map { windows[$0 * (windows.count - 1) / (mostWindows - 1)] }
  }

  private static func slope(
    _ runs: [(x: Double, loss: Double)], above floor: Double, weights: [Double]? = nil
  ) -> Double {
    let logs = runs.map { log($0.loss - floor) }
    // A resample with a single X has no slope.
    let drawn = zip(runs, weights ?? runs.map { _ in 1 }).filter { $1 > 0 }.map(\.0.x)
    guard Set(drawn).count >= 2, logs.allSatisfy(\.isFinite) else { return .nan }
    return line(runs.map(\.x), logs, weights: weights).map { -$0.slope } ?? .nan
  }

  /// Returns the slope over all observations, and the largest relative deviation from it in a window.
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

  /// Returns the standard deviation of the residuals around the line of each window, so that curvature over longer
  /// ranges does not count as noise.
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
