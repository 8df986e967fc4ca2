import Plans
import Files
import Foundation
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// The folder of all runs, each under the name of its configuration's hash, whichever experiment asked for it: a
/// finished run is never done again.
///
/// | path | content |
/// |---|---|
/// | `store/RUN/` | a run's records (`RunFolder`) |
/// | `trunks/TRUNK/` | the state of a trunk under way |
/// | `claims/TRUNK/` | which process is at it (`Claims`) |
/// | `logs/TRUNK.log` | what went wrong with it |
/// | `EXPERIMENT/` | `plan.json`, `results.csv`, `timings.csv`, `fits.json`, `report.html` and its figures |
///
/// Any number of processes on any number of machines may work in it at one time.
public final class RunStore: Sendable {
  public let root: String
  public let claims: Claims

  /// Opens the store at `root`, made if missing.
  ///
  /// - Throws: `InputError` if it cannot be written.
  public init(_ root: String) throws {
    self.root = root
    try FileAccess.makeFolder(root)
    claims = Claims("\(root)/claims")
    guard FileManager.default.isWritableFile(atPath: root) else {
      throw InputError(
        "cannot be written", file: root,
        remedy: "Choose another folder with --output, or change its permissions", concernsAll: true)
    }
  }

  /// The folder of a run.
  public func folder(of run: RunConfiguration) -> RunFolder { RunFolder("\(root)/store/\(run.identifier)") }

  /// The folder of the trunk that a run shares.
  func trunkFolder(of run: RunConfiguration) -> RunFolder {
    RunFolder("\(root)/trunks/\(run.trunkIdentifier)")
  }

  /// Where what goes wrong with a job is told.
  public func log(of job: TrunkJob) -> String { log(ofTrunk: job.trunk) }

  func log(ofTrunk trunk: String) -> String { "\(root)/logs/\(trunk).log" }

  /// Why a trunk has failed: the last line of its log; nil if it has not.
  func failure(ofTrunk trunk: String) -> String? {
    (try? FileAccess.readText(log(ofTrunk: trunk)))?.split(separator: "\n").last.map(String.init)
  }

  /// The number of runs that are neither finished nor have failed.
  public func awaited(_ runs: [PlannedRun]) -> Int {
    runs.count { run in
      !isFinished(run.configuration) && failure(ofTrunk: run.configuration.trunkIdentifier) == nil
    }
  }

  /// The folder of an experiment's results.
  public func folder(of experiment: ExperimentFile) -> String { "\(root)/\(experiment.name)" }

  /// Does something to an experiment's results that only one process may do at a time, and waits for its turn.
  public func alone<Result>(with experiment: ExperimentFile, _ body: () throws -> Result) throws -> Result {
    let thing = "results-\(experiment.name)"
    while true {
      if let claim = try claims.claim(thing) {
        defer { claim.finish() }
        return try body()
      }
      usleep(100_000)
    }
  }

  /// Whether a run is finished, its records whole.
  public func isFinished(_ run: RunConfiguration) -> Bool { (try? folder(of: run).record()) != nil }

  /// The records of the finished runs of a plan, by run. Damaged ones count as missing: their runs are done again.
  public func records(of plan: Plan) -> [String: RunRecord] {
    var records: [String: RunRecord] = [:]
    for run in plan.runs {
      if let record = try? folder(of: run.configuration).record() {
        records[run.configuration.identifier] = record
      }
    }
    return records
  }
}
