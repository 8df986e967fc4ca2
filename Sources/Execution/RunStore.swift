import Files
import Foundation
import Plans
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// The folder of all runs. Each is stored under the hash of its configuration, independent of its experiment, so that a
/// finished run is never trained again.
///
/// | path | content |
/// |---|---|
/// | `store/RUN/` | a run's records (`RunFolder`) |
/// | `trunks/TRUNK/` | the state of an unfinished trunk |
/// | `claims/TRUNK/` | the process that trains the trunk (`Claims`) |
/// | `claims/use-…/` | a command that uses the folder |
/// | `logs/TRUNK.log` | the log of the trunk's failures |
/// | `EXPERIMENT/` | `plan.json`, `results.csv`, `timings.csv`, `fits.json`, `report.html` and its figures |
///
/// Any number of processes on any number of machines may work in it at the same time.
public final class RunStore: Sendable {
  /// The path of the folder.
  public let root: String
  /// The folder of the folders of results.
  private let results: String
  /// The claims in the folder.
  public let claims: Claims

  /// Opens the store at `root` for reading.
  ///
  /// - Parameter results: Where the folders of experiments' results are; nil for the root.
  public init(reading root: String, results: String? = nil) {
    self.root = root
    self.results = results ?? root
    claims = Claims("\(root)/claims")
  }

  /// Opens the store at `root`, which is created if missing.
  ///
  /// - Parameter results: Where the folders of experiments' results are; nil for the root.
  /// - Throws: `InputError` if it cannot be written.
  public convenience init(_ root: String, results: String? = nil) throws {
    self.init(reading: root, results: results)
    try FileAccess.makeFolder(root)
    guard access(root, W_OK) == 0 else {
      throw InputError(
        "cannot be written", file: root,
        remedy: "Choose another folder with --output, or change its permissions", concernsAll: true)
    }
  }

  /// Records that a command uses the folder, and returns the claim. While it is held, nothing is removed from the
  /// folder. Waits while another command removes something.
  ///
  /// - Throws: `InputError` if the claims cannot be read or written.
  public func enter() throws -> Claim {
    while true {
      if let claim = try claims.claim("use-\(UUID().uuidString.prefix(13))") {
        // Both commands first write their own claim and then look for the other's, so at least one of them sees the
        // other.
        switch try claims.state(of: Self.removal) {
        case .free: return claim
        // Taking over also removes the folder through which files are removed.
        case .abandoned: try claims.removeIfAbandoned(Self.removal)
        case .held: break
        }
        claim.finish()
      }
      usleep(100_000)
    }
  }

  /// Calls `body`, which removes something, if no command uses the folder.
  ///
  /// - Parameter body: Gets a function that removes files and folders by their paths below the root.
  /// - Throws: `InputError` if a command uses it, or has begun to use it because this process was suspended for too
  ///   long.
  public func removing(_ body: (_ remove: ([String]) throws -> Void) throws -> Void) throws {
    guard let claim = try claims.claim(Self.removal) else { throw inUse }
    defer { claim.finish() }
    guard try !claims.isAnyHeld(but: Self.removal) else { throw inUse }
    do {
      try body { paths in
        try FileAccess.remove(
          paths.map { "\(root)/\($0)" }, through: "\(root)/claims/\(Self.removal)", mayRemove: claim.check)
      }
    } catch is ClaimLost { throw inUse }
  }

  private var inUse: InputError {
    InputError(
      "is in use by another command", file: root,
      remedy:
        "Wait for it, or for \(Int(claims.patience)) seconds if it died on another machine, and try again")
  }

  /// The claim of a command that removes something.
  private static let removal = "clean"

  /// Returns the folder of a run.
  public func folder(of run: RunConfiguration) -> RunFolder { RunFolder("\(root)/store/\(run.identifier)") }

  /// Returns the folder of a run's trunk.
  func trunkFolder(of run: RunConfiguration) -> RunFolder {
    RunFolder("\(root)/trunks/\(run.trunkIdentifier)")
  }

  /// Returns the path of the log of a job's failures.
  public func log(of job: TrunkJob) -> String { log(ofTrunk: job.trunk) }

  func log(ofTrunk trunk: String) -> String { "\(root)/logs/\(trunk).log" }

  /// Returns the last line of a trunk's log of failures; nil if it has not failed.
  func failure(ofTrunk trunk: String) throws -> String? {
    guard let data = try FileAccess.readIfPresent(log(ofTrunk: trunk)) else { return nil }
    return String(decoding: data, as: UTF8.self).split(separator: "\n").last.map(String.init)
  }

  /// Returns the number of runs that are not finished.
  ///
  /// - Throws: `InputError` if a record cannot be read.
  public func missing(_ runs: [PlannedRun]) throws -> Int {
    try runs.count { try !isFinished($0.configuration) }
  }

  /// Checks that no other file uses the experiment's folder of results.
  ///
  /// - Throws: `InputError` if the folder is reserved, has the results of another experiment's file, or cannot be read.
  public func checkFolder(of experiment: ExperimentFile) throws {
    guard results != root || !Self.isReserved(experiment.name) else {
      throw InputError(
        "an experiment cannot be named `\(experiment.name)`: the folder of that name is reserved",
        file: experiment.path, remedy: "Rename the file")
    }
    _ = try FrozenPlan.last(in: folder(of: experiment), of: experiment)
  }

  /// Returns whether the folder with this name is not available for an experiment.
  static func isReserved(_ name: String) -> Bool {
    name.hasPrefix(".") || ["store", "trunks", "claims", "logs", "book", "book-minutes"].contains(name)
  }

  /// Returns the folder of an experiment's results.
  public func folder(of experiment: ExperimentFile) -> String { "\(results)/\(experiment.name)" }

  /// Calls `body` with an exclusive claim on an experiment's results, which it waits for. If `body` fails and the claim
  /// was lost meanwhile, it is called again, because another process may have changed the results.
  ///
  /// - Throws: The error of `body`, or `InputError` if the claims cannot be read or written.
  public func alone<Result>(
    with experiment: ExperimentFile, _ body: (Claim) throws -> Result
  ) throws -> Result {
    while true {
      if let claim = try claims.claim("results-\(experiment.name)") {
        defer { claim.finish() }
        do {
          // After this, an earlier owner that was suspended can no longer change anything.
          try FileAccess.removeTemporaries(in: folder(of: experiment), mayRemove: claim.check)
          return try body(claim)
        } catch {
          // The loss may be the cause of any error: the other process may have removed files of this one.
          do { try claim.check() } catch is ClaimLost { continue }
          throw error
        }
      } else {
        usleep(100_000)
      }
    }
  }

  /// Returns whether a run is finished and its records are intact.
  ///
  /// - Throws: `InputError` if they cannot be read.
  public func isFinished(_ run: RunConfiguration) throws -> Bool {
    try folder(of: run).finishedRecord() != nil
  }

  /// Returns the records of the finished runs of a plan, by the identifier of the run. Damaged records count as
  /// missing, and their runs are trained again.
  ///
  /// - Throws: `InputError` if one cannot be read.
  public func records(of plan: Plan) throws -> [String: RunRecord] {
    var records: [String: RunRecord] = [:]
    for run in plan.runs {
      records[run.configuration.identifier] = try folder(of: run.configuration).finishedRecord()
    }
    return records
  }

  /// Removes the remains of interrupted commands for finished runs, as after a power cut: trunks, claims, logs,
  /// temporary files, and checkpoints from before a run's end. Trunks that another process has claimed, and those of
  /// unfinished runs of other experiments, are not changed.
  ///
  /// - Parameter plan: A plan whose runs are all finished.
  public func removeRemains(of plan: Plan) throws {
    var awaited: Set<String>?
    for (trunk, runs) in Dictionary(grouping: plan.runs, by: \.configuration.trunkIdentifier) {
      let trunkFolder = RunFolder("\(root)/trunks/\(trunk)")
      let folders = runs.map { folder(of: $0.configuration) }
      let hasRemains =
        try [trunkFolder.path, log(ofTrunk: trunk), "\(root)/claims/\(trunk)"].contains(
          where: FileAccess.exists)
        || folders.contains { try !Self.remains(in: $0).isEmpty }
      guard hasRemains, let claim = try claims.claim(trunk) else { continue }
      defer { claim.finish() }
      for folder in folders {
        try FileAccess.remove(Self.remains(in: folder), through: folder.path, mayRemove: claim.check)
      }
      let others = try awaited ?? StoredRun.awaitedTrunks(in: root)
      awaited = others
      guard !others.contains(trunk) else { continue }
      try FileAccess.removeFolder(trunkFolder.path, mayRemove: claim.check)
      try claim.check()
      try FileAccess.remove(log(ofTrunk: trunk))
    }
    for thing in try claims.things() where thing.hasPrefix("use-") || thing.hasPrefix("results-") {
      try claims.removeIfAbandoned(thing)
    }
  }

  private static func remains(in folder: RunFolder) throws -> [String] {
    let names = try FileAccess.names(in: folder.path)
    var remains = names.filter { $0.hasSuffix(".tmp") }.map { "\(folder.path)/\($0)" }
    // The final weights of a run are not removed.
    if names.contains("checkpoint.safetensors"), let result = try folder.finishedRecord()?.result,
      let step = try unlessDamaged({ try Safetensors(contentsOf: folder.checkpoint).metadata("step") }),
      step != "\(result.steps)"
    {
      remains.append(folder.checkpoint)
    }
    return remains
  }
}
