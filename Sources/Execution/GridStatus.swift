import Files
import Foundation
import Training

/// The progress of a plan's runs, read from the shared files.
public struct GridStatus: Codable, Sendable {
  /// A trunk that a process trains.
  public struct Running: Codable, Sendable {
    public let label: String
    public let runs: Int
    /// Nil while the claim is being made.
    public let host: String?
    /// 0 to 1
    public let done: Double
  }

  /// A trunk that could not be trained.
  public struct Failed: Codable, Sendable {
    public let label: String
    public let runs: Int
    public let log: String
    public let lastLine: String
  }

  public let experiment: String
  /// Numbers of runs.
  public let total: Int
  public let done: Int
  public let diverged: Int
  /// Unclaimed runs.
  public let waiting: Int
  public let running: [Running]
  public let failed: [Failed]
  /// Seconds until all runs are done with as many processes as work now; nil if none works, or if the time of a trunk is
  /// not known.
  public let secondsLeft: Double?

  /// - Throws: `InputError` if something cannot be read.
  public init(_ plan: FrozenPlan, in store: RunStore) throws {
    experiment = plan.experiment
    total = plan.runs.count
    let trunks = Dictionary(grouping: plan.runs, by: \.configuration.trunkIdentifier)
    let planned = Dictionary(
      plan.stages.joined().map { ($0.trunk, $0) }, uniquingKeysWith: { first, _ in first })
    var (done, diverged, waiting) = (0, 0, 0)
    var running: [Running] = []
    var failed: [Failed] = []
    var (secondsRunning, secondsWaiting, isKnown) = (0.0, 0.0, true)
    for (trunk, runs) in trunks.sorted(by: { $0.value[0].label < $1.value[0].label }) {
      let left = try runs.filter { run in
        guard let record = try store.folder(of: run.configuration).finishedRecord() else { return true }
        done += 1
        diverged += record.result.status == .diverged ? 1 : 0
        return false
      }
      guard !left.isEmpty else { continue }
      let label = left.map(\.label).joined(separator: "; ")
      let seconds = planned[trunk]?.seconds
      isKnown = isKnown && seconds != nil
      if case .held(let holder) = try store.claims.state(of: trunk) {
        running.append(
          Running(label: label, runs: left.count, host: holder.process?.host, done: holder.done))
        secondsRunning += (seconds ?? 0) * (1 - holder.done)
      } else if let lastLine = try store.failure(ofTrunk: trunk) {
        failed.append(
          Failed(label: label, runs: left.count, log: store.log(ofTrunk: trunk), lastLine: lastLine))
      } else {
        waiting += left.count
        secondsWaiting += seconds ?? 0
      }
    }
    (self.done, self.diverged, self.waiting) = (done, diverged, waiting)
    (self.running, self.failed) = (running, failed)
    secondsLeft =
      running.isEmpty || !isKnown ? nil : (secondsRunning + secondsWaiting) / Double(running.count)
  }
}
