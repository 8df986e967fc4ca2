import Foundation

/// The synthetic tables to which a bootstrap fits a law again.
///
/// With many clusters, whole clusters are drawn with replacement (Efron 1979), which assumes nothing about the errors.
/// With few, that has too few different outcomes, and errors around the fitted law are simulated instead. They have the
/// variance of the residuals, corrected for the parameters of the fit, and between and within clusters separately
/// (Searle, Casella and McCulloch 1992, section 5.3). The estimated variance of so few residuals is itself uncertain, so
/// each table scales its errors by √(ν/χ²) with the residual degrees of freedom, which gives a linear law exactly the
/// intervals of Student's t.
///
/// An error is a random combination of the residuals. Fits to the same runs combine them equally, so that errors which
/// the fits share stay shared. Each table has its own generator: it depends only on the seed and its index.
struct Resampler: Sendable {
  /// The way in which tables are made.
  enum Method: String, Sendable, Codable {
    /// Whole clusters are drawn with replacement.
    case clusters
    /// Errors around the fitted law are simulated.
    case simulation
  }

  /// One synthetic table.
  enum Sample: Sendable {
    /// The same rows, each as often as its cluster was drawn.
    case multiplicities([Double])
    /// The same places, with these errors around the fitted values.
    case errors([Double])
  }

  /// Clusters beyond the number of parameters from which on they are drawn with replacement.
  private static let manyClusters = 100

  let method: Method
  /// The residual degrees of freedom.
  let freedom: Int
  private let seed: UInt64
  private let clusters: [Int]
  private let clusterCount: Int
  /// The errors between clusters, one for each, and within clusters, one for each row.
  private let between: Component
  private let within: Component

  /// Prepares the resampling of a least-squares fit, or one like it.
  ///
  /// - Parameters:
  ///   - residuals: The residuals, in a unit in which their variance is equal.
  ///   - clusters: The index of each row's cluster, counted from 0.
  ///   - basis: The derivatives of the fitted values by each parameter, (parameters, rows).
  ///   - method: The method; nil for the one that suits the number of clusters.
  init(residuals: [Double], clusters: [Int], basis: [[Double]], seed: UInt64, method: Method? = nil) {
    self.seed = seed
    self.clusters = clusters
    let count = (clusters.max() ?? -1) + 1
    clusterCount = count
    let q = LinearBasis(basis).directions
    freedom = max(residuals.count - q.count, 1)
    self.method = method ?? (count - q.count >= Self.manyClusters ? .clusters : .simulation)
    let whole = dot(residuals, residuals) / Double(freedom)
    guard self.method == .simulation, count < residuals.count else {
      between = Component()
      within = Component(residuals, variance: whole, freedom: freedom)
      return
    }
    // Sums over the rows of each cluster: of the residuals, and of each column of the basis.
    let sums = { (values: [Double]) in
      zip(clusters, values).reduce(into: Array(repeating: 0.0, count: count)) { $0[$1.0] += $1.1 }
    }
    let sizes = sums(residuals.map { _ in 1 })
    let means = zip(sums(residuals), sizes).map { $0 / $1 }
    let columns = q.map(sums)
    // The sums of squares between (b) and within clusters, and how much of each variance they are expected to hold.
    let b = zip(means, sizes).reduce(0) { $0 + $1.0 * $1.0 * $1.1 }
    let w = dot(residuals, residuals) - b
    let freedomBetween = columns.reduce(Double(count)) { left, column in
      left - zip(column, sizes).reduce(0) { $0 + $1.0 * $1.0 / $1.1 }
    }
    let freedomWithin = Double(residuals.count - q.count) - freedomBetween
    let clusterTotal = columns.reduce(Double(residuals.count)) { $0 - dot($1, $1) }
    var clusterBetween = 0.0
    for row in 0..<count {
      for other in 0..<count {
        let shared = columns.reduce(0) { $0 + $1[row] * $1[other] }
        let entry = ((row == other ? sizes[row] : 0) - shared) / sizes[row].squareRoot()
        clusterBetween += entry * entry
      }
    }
    let clusterWithin = max(clusterTotal - clusterBetween, 0)
    let determinant = freedomWithin * clusterBetween - freedomBetween * clusterWithin
    let variance = (freedomWithin * b - freedomBetween * w) / determinant
    // Fewer clusters than parameters between them do not show a variance.
    guard freedomBetween > 0.5, freedomWithin > 0.5, determinant > 0, variance > 0 else {
      between = Component()
      within = Component(residuals, variance: whole, freedom: freedom)
      return
    }
    between = Component(means, variance: variance, freedom: Self.whole(freedomBetween))
    within = Component(
      zip(residuals, clusters).map { $0 - means[$1] },
      variance: max((clusterBetween * w - clusterWithin * b) / determinant, 0),
      freedom: Self.whole(freedomWithin))
  }

  private static func whole(_ freedom: Double) -> Int { max(Int(exactly: freedom.rounded()) ?? 1, 1) }

  /// Returns the table with an index.
  subscript(index: Int) -> Sample {
    var generator = SeededGenerator(seed: seed, stream: index)
    guard method == .simulation else {
      var counts = Array(repeating: 0.0, count: clusterCount)
      for _ in counts.indices { counts[generator.index(below: clusterCount)] += 1 }
      return .multiplicities(clusters.map { counts[$0] })
    }
    // A generator of its own, so that fits with other numbers of parameters combine residuals equally.
    var scales = SeededGenerator(seed: ~seed, stream: index)
    let inside = within.draws(clusters.count, &generator, scaledBy: &scales)
    guard !between.isEmpty else { return .errors(inside) }
    let outside = between.draws(clusterCount, &generator, scaledBy: &scales)
    return .errors(zip(inside, clusters).map { $0 + outside[$1] })
  }

  /// The factor by which the scatter of single runs is multiplied in a table: √(ν/χ²).
  static func scale(freedom: Int, _ generator: inout SeededGenerator) -> Double {
    // Beyond this, the variance is known to a few percent.
    guard freedom < 1000 else { return 1 }
    var sum = 0.0
    for _ in 0..<freedom {
      let z = generator.normal()
      sum += z * z
    }
    return (Double(freedom) / sum).squareRoot()
  }

  /// Errors of one variance.
  private struct Component: Sendable {
    /// Values with the shape of the errors and the mean square `variance`.
    let values: [Double]
    let freedom: Int
    var isEmpty: Bool { values.isEmpty }
    /// The number of values in a combination, which is close to normal.
    private static let terms = 12

    init() { (values, freedom) = ([], 1) }

    init(_ values: [Double], variance: Double, freedom: Int) {
      let size = rootMeanSquare(values)
      self.values = size > 0 ? values.map { $0 * (variance.squareRoot() / size) } : values
      self.freedom = freedom
    }

    func draws(_ count: Int, _ generator: inout SeededGenerator, scaledBy scales: inout SeededGenerator)
      -> [Double]
    {
      let scale = Resampler.scale(freedom: freedom, &scales) / Double(Self.terms).squareRoot()
      return (0..<count).map { _ in
        var sum = 0.0
        for _ in 0..<Self.terms {
          let bits = generator.next()
          let value = values[Int((bits >> 1).multipliedFullWidth(by: UInt64(2 * values.count)).high)]
          sum += bits & 1 == 0 ? value : -value
        }
        return scale * sum
      }
    }
  }
}
