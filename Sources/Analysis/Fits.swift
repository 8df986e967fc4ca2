import Files
import Foundation
import ScalingLaws

/// The fits of a table of runs: the file `fits.json`.
public struct Fits: Codable, Sendable {
  /// How many runs were fitted, and how many were left out because they diverged or are missing.
  public let completed: Int
  public let diverged: Int
  public let missing: Int
  public let fits: [ExperimentFit]
  /// Chinchilla's three approaches to the compute-optimal split, side by side.
  public let approaches: [Approach]
  /// Parameters of several fits side by side.
  public let comparisons: [FitComparison]
  /// What settings of the training do to the loss, and how much of it is noise.
  public let sweeps: [Sweep]
  public let noise: [SeedNoise]

  /// Fits what an experiment asks for to its results.
  ///
  /// - Parameters:
  ///   - requests: what the file asks for; nil for the standard fits.
  ///   - comparisons: of these fits.
  ///   - sweeps: settings whose effect is to be told, by the names of their columns.
  ///   - bootstraps: samples for the intervals; whole trunks are drawn.
  ///   - progress: told now and then which part is done.
  public init(
    of table: ResultsTable, requests: [FitRequest]? = nil, comparisons: [ComparisonRequest] = [],
    sweeps: [String] = [], bootstraps: Int = 1000, seed: UInt64 = 1,
    progress: @escaping (Double) -> Void = { _ in }
  ) {
    let rows = table.completed
    let requests =
      requests
      ?? FitRequest.standard(
        budgets: rows.contains { $0.isoFLOPBudget != nil },
        entropy: rows.contains { $0.entropy != nil })
    completed = rows.count
    diverged = table.rows.count { $0.status == .diverged }
    missing = table.rows.count - completed - diverged
    fits = Self.fit(requests, progress) { request, progress in
      ExperimentFit(
        request, FitData(request, rows: table.rows),
        variants: { FitData.variants(of: request, rows: table.rows) },
        bootstraps: bootstraps, seed: seed, progress: progress)
    }
    approaches = Approach.all(in: fits)
    self.comparisons = comparisons.map { [fits] in FitComparison($0, among: fits, seed: seed) }
    self.sweeps = sweeps.compactMap { name in
      table.settings.first { $0.name == name }.map { Sweep($0, of: rows, settings: table.settings) }
    }
    noise = sweeps.isEmpty ? [] : SeedNoise.all(in: rows, settings: table.settings)
  }

  /// Fits laws to observations from anywhere.
  ///
  /// - Parameters:
  ///   - requests: nil for the standard ones that the table allows.
  ///   - entropy: the true entropy in the unit of the loss, where it is known.
  ///   - progress: told now and then which part is done.
  public init(
    of file: ObservationFile, requests: [FitRequest]? = nil, entropy: Double? = nil, bootstraps: Int = 1000,
    seed: UInt64 = 1, progress: @escaping (Double) -> Void = { _ in }
  ) {
    let requests = requests ?? FitRequest.standard(budgets: true, entropy: entropy != nil)
    let data = { (observations: [Observation], convention: String) in
      FitData(
        observations: observations, selection: file.selection, entropy: entropy, convention: convention)
    }
    completed = file.observations.count
    diverged = 0
    missing = file.leftOut
    fits = Self.fit(requests, progress) { request, progress in
      ExperimentFit(
        request, data(file.observations, file.convention),
        variants: {
          file.variants().filter { request.uses($0.variable) }.map {
            ($0.name, data($0.observations, $0.name))
          }
        }, bootstraps: bootstraps, seed: seed, progress: progress)
    }
    approaches = Approach.all(in: fits)
    comparisons = []
    sweeps = []
    noise = []
  }

  /// Fits one request after the other; `progress` is told the part of all that is done.
  private static func fit(
    _ requests: [FitRequest], _ progress: @escaping (Double) -> Void,
    _ body: (FitRequest, @escaping (Double) -> Void) -> ExperimentFit
  ) -> [ExperimentFit] {
    // Bends are simulated hundreds of times: they take most of the time.
    let costs = requests.map { request in request.analyses.reduce(1.0) { $0 + ($1 == .bends ? 20 : 2) } }
    let total = costs.reduce(0, +)
    var done = 0.0
    return zip(requests, costs).map { request, cost in
      defer { done += cost }
      return body(request) { progress((done + $0 * cost) / total) }
    }
  }

  /// The fit of a name.
  public subscript(name: String) -> ExperimentFit? { fits.first { $0.name == name } }

  /// The fit that stands for L(N, D): with the true entropy as floor, where there is one.
  public var surface: ExperimentFit? {
    let surfaces = fits.filter(\.isSurface)
    return surfaces.first { $0.floor == .entropy } ?? surfaces.first
  }

  /// Reads `fits.json`.
  public init(contentsOf path: String) throws { try self.init(FileAccess.read(path), path: path) }

  /// Reads the content of `fits.json` at `path`.
  package init(_ data: Data, path: String) throws {
    let remedy = "Write it again with `isoflop fit` or `isoflop collect`"
    guard
      let fits = try unlessDamaged({ try decodeRecord(Fits.self, from: data, path: path, remedy: remedy) }),
      fits.fits.allSatisfy({ $0.fit?.isSound ?? true })
    else {
      throw InputError("is damaged, or is not a file of fits of this version", file: path, remedy: remedy)
    }
    self = fits
  }

  /// The fits as they stand in `fits.json`; equal fits give equal bytes.
  public func json() throws -> Data { try recordJSON(self) }

  /// Writes `fits.json` atomically.
  public func write(to path: String) throws { try FileAccess.write(json(), to: path) }
}
