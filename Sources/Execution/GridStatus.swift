import Files
import Foundation
import Training

/// The progress of a plan's runs, read from the shared files.
public struct GridStatus: Codable, Sendable {
  /// A trunk that a process trains.
  public struct Running: Codable, Sendable {
    /// The identifier of the trunk.
    public let trunk: String
    /// The labels of its unfinished runs.
    public let label: String
    /// The number of its unfinished runs.
    public let runs: Int
    /// The machine of the process; nil while the claim is being written.
    public let host: String?
    /// The fraction of the work that is done, 0 to 1.
    public let done: Double
    /// What the losses of its unfinished runs will be, as far as that can be told.
    public let finalLosses: [FinalLoss]
  }

  /// A trunk that could not be trained.
  public struct Failed: Codable, Sendable {
    /// The identifier of the trunk.
    public let trunk: String
    /// The labels of its unfinished runs.
    public let label: String
    /// The number of its unfinished runs.
    public let runs: Int
    /// The path of the log.
    public let log: String
    /// The last line of the log.
    public let lastLine: String
  }

  /// The name of the experiment.
  public let experiment: String
  /// The number of all runs.
  public let total: Int
  /// The number of finished runs.
  public let done: Int
  /// The number of finished runs that diverged.
  public let diverged: Int
  /// The number of unfinished runs that no process has claimed.
  public let waiting: Int
  /// The trunks that processes train.
  public let running: [Running]
  /// The trunks that could not be trained.
  public let failed: [Failed]
  /// Runs, finished or not, whose losses are far from the power law of their neighbours.
  public let farOff: [FarOffRun]
  /// The predicted seconds until all runs are done with the present number of processes; nil if no process works, or
  /// the time of a trunk is unknown.
  public let secondsLeft: Double?

  /// Reads the status of a plan.
  ///
  /// - Throws: `InputError` if a record, claim or log cannot be read.
  public init(_ plan: FrozenPlan, in store: RunStore) throws {
    try self.init(plan, LossForecaster(plan.runs, in: store))
  }

  /// Reads the status of a plan, with what was read of its runs before.
  package init(_ plan: FrozenPlan, _ forecaster: LossForecaster) throws {
    let store = forecaster.store
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
        guard let result = try forecaster.result(of: run) else { return true }
        done += 1
        diverged += result.status == .diverged ? 1 : 0
        return false
      }
      guard !left.isEmpty else { continue }
      let label = left.map(\.label).joined(separator: "; ")
      let seconds = planned[trunk]?.seconds
      isKnown = isKnown && seconds != nil
      if case .held(let holder) = try store.claims.state(of: trunk) {
        running.append(
          Running(
            trunk: trunk, label: label, runs: left.count, host: holder.process?.host, done: holder.done,
            finalLosses: try left.compactMap(forecaster.finalLoss)))
        secondsRunning += (seconds ?? 0) * (1 - holder.done)
      } else if let lastLine = try store.failure(ofTrunk: trunk) {
        failed.append(
          Failed(
            trunk: trunk, label: label, runs: left.count, log: store.log(ofTrunk: trunk), lastLine: lastLine))
      } else {
        waiting += left.count
        secondsWaiting += seconds ?? 0
      }
    }
    (self.done, self.diverged, self.waiting) = (done, diverged, waiting)
    (self.running, self.failed) = (running, failed)
    farOff = try plan.runs.compactMap(forecaster.farOff)
    secondsLeft =
      running.isEmpty || !isKnown ? nil : (secondsRunning + secondsWaiting) / Double(running.count)
  }
}
