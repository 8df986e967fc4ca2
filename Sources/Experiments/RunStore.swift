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
/// | `EXPERIMENT/` | `results.csv`, `timings.csv`, `fits.json`, `report.html` and its figures |
public final class RunStore: Sendable {
  public let root: String
  private let lock: Int32

  /// Opens the store at `root`, made if missing, for this process alone.
  ///
  /// - Throws: `InputError` if another command uses the folder, or it cannot be written.
  public init(_ root: String) throws {
    self.root = root
    try FileAccess.makeFolder(root)
    let path = "\(root)/lock"
    lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else {
      throw InputError(
        "cannot be written: \(String(cString: strerror(errno)))", file: root,
        remedy: "Choose another folder with --output, or change its permissions")
    }
    // The system lets go of the lock when the process ends, however it ends.
    guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
      close(lock)
      throw InputError(
        "is in use by another command", file: root,
        remedy: "Wait for it, or choose another folder with --output")
    }
  }

  deinit { close(lock) }

  /// The folder of a run.
  public func folder(of run: RunConfiguration) -> RunFolder { RunFolder("\(root)/store/\(run.identifier)") }

  /// The folder of the trunk that a run shares.
  func trunkFolder(of run: RunConfiguration) -> RunFolder {
    RunFolder("\(root)/trunks/\(run.trunkIdentifier)")
  }

  /// The folder of an experiment's results.
  public func folder(of experiment: ExperimentFile) -> String { "\(root)/\(experiment.name)" }

  /// The records of the finished runs of a plan, by run. Damaged ones count as missing: `Scheduler` reports them.
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
