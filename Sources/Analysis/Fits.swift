import Files
import Foundation
import ScalingLaws

/// The fits of a table of runs: the file `fits.json`.
public struct Fits: Codable, Sendable {
  /// The number of completed runs.
  public let completed: Int
  /// The number of diverged runs, which are left out.
  public let diverged: Int
  /// The number of missing runs.
  public let missing: Int
  /// The fits, in the order of the requests.
  public let fits: [ExperimentFit]
  /// The results of Chinchilla's three approaches to the compute-optimal allocation.
  public let approaches: [Approach]
  /// Comparisons of a parameter between fits.
  public let comparisons: [FitComparison]
  /// The effects of settings on the loss.
  public let sweeps: [Sweep]
  /// The variation of the loss over seeds; empty without sweeps.
  public let noise: [SeedNoise]
  /// How a foreign table was read, and doubts about it, a sentence each; nil for the results of an experiment.
  public let notes: [String]?

  /// Performs the fits of an experiment.
  ///
  /// - Parameters:
  ///   - requests: The requested fits; nil for the standard fits.
  ///   - comparisons: The requested comparisons of these fits.
  ///   - sweeps: The swept settings, by the names of their columns.
  ///   - bootstraps: The number of bootstrap samples for the intervals. Entire trunks are resampled.
  ///   - progress: Called repeatedly with the completed fraction.
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
        request, FitData(request, rows: table.rows), formulas: requests.compactMap(\.formula),
        variants: { FitData.variants(of: request, rows: table.rows) },
        bootstraps: bootstraps, seed: seed, progress: progress)
    }
    approaches = Approach.all(in: fits)
    self.comparisons = comparisons.map { [fits] in
      FitComparison($0, among: fits, bootstraps: bootstraps, seed: seed)
    }
    self.sweeps = sweeps.compactMap { name in
      table.settings.first { $0.name == name }.map { Sweep($0, of: rows, settings: table.settings) }
    }
    noise = sweeps.isEmpty ? [] : SeedNoise.all(in: rows, settings: table.settings)
    notes = nil
  }

  /// Fits laws to observations from any source.
  ///
  /// - Parameters:
  ///   - requests: The requested fits; nil for the standard fits.
  ///   - entropy: The true entropy in the unit of the loss; nil if it is unknown.
  ///   - progress: Called repeatedly with the completed fraction.
  public init(
    of file: ObservationFile, requests: [FitRequest]? = nil, entropy: Double? = nil, bootstraps: Int = 1000,
    seed: UInt64 = 1, progress: @escaping (Double) -> Void = { _ in }
  ) {
    let requests = requests ?? FitRequest.standard(budgets: true, entropy: entropy != nil)
    let data = { (observations: [Observation], convention: String) in
      FitData(
        observations: observations, settings: file.settings, budgets: file.budgets,
        selection: file.selection, entropy: entropy, convention: convention)
    }
    completed = file.observations.count
    diverged = 0
    missing = file.leftOut
    fits = Self.fit(requests, progress) { request, progress in
      ExperimentFit(
        request, data(file.observations, file.convention), formulas: requests.compactMap(\.formula),
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
    notes = file.notes + file.warnings
  }

  /// Performs the requests in order. `progress` receives the completed fraction of all of them.
  private static func fit(
    _ requests: [FitRequest], _ progress: @escaping (Double) -> Void,
    _ body: (FitRequest, @escaping (Double) -> Void) -> ExperimentFit
  ) -> [ExperimentFit] {
    // The test for breaks takes most of the time, because it fits hundreds of simulated curves.
    let costs = requests.map { request in request.analyses.reduce(1.0) { $0 + ($1 == .bends ? 20 : 2) } }
    let total = costs.reduce(0, +)
    var done = 0.0
    return zip(requests, costs).map { request, cost in
      defer { done += cost }
      return body(request) { progress((done + $0 * cost) / total) }
    }
  }

  /// The fit with a name; nil if there is none.
  public subscript(name: String) -> ExperimentFit? { fits.first { $0.name == name } }

  /// The fit that represents L(N, D): the first law of N and D with the true entropy as floor, otherwise the first one.
  public var surface: ExperimentFit? {
    let surfaces = fits.filter(\.isSurface)
    return surfaces.first { $0.floor == .entropy } ?? surfaces.first
  }

  /// Reads the file `fits.json` at `path`.
  ///
  /// - Throws: `InputError` if it cannot be read or is damaged.
  public init(contentsOf path: String) throws { try self.init(FileAccess.read(path), path: path) }

  /// Parses `data`, the contents of the file `fits.json` at `path`.
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

  /// Returns the contents of `fits.json`. Equal fits give equal bytes.
  public func json() throws -> Data { try recordJSON(self) }

  /// Writes `fits.json` atomically.
  ///
  /// - Throws: `InputError` if it cannot be written.
  public func write(to path: String) throws { try FileAccess.write(json(), to: path) }
}
