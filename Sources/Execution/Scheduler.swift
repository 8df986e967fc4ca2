import Files
import Foundation
import Plans
import Training

/// The unfinished runs of some plans, without duplicates, in the order of training: plan by plan, the longest trunks
/// first.
public struct Scheduler: Sendable {
  /// Runs that are trained together: all runs of a plan, or those before or after its forecasts.
  public struct Stage: Sendable {
    /// The runs of the stage.
    public let plan: Plan
    /// The trunks with unfinished runs that no earlier stage has, the longest first. A trunk comes with its runs of all
    /// plans, except those that a forecast still holds out.
    public let jobs: [TrunkJob]
  }

  /// The stages of each plan.
  public let stages: [[Stage]]
  /// True if it covers only a shard of the trunks.
  public var isShard: Bool { own != nil }
  /// The trunks of the shard; nil for all.
  private let own: Set<String>?
  private let workers: Int
  private let calibration: Calibration

  /// Schedules the unfinished runs of some plans, and measures their cost.
  ///
  /// - Parameters:
  ///   - workers: The number of trunks that are trained at the same time.
  ///   - shard: The shard to train; nil for all trunks.
  /// - Throws: `InputError` if this machine does not have enough memory to train the runs or to measure their cost, or
  ///   if a record cannot be read.
  public init(
    _ plans: [Plan], store: RunStore, corpora: CorpusCache, workers: Int, shard: Shard? = nil
  ) throws {
    self.workers = workers
    var seen: Set<String> = []
    let runs = plans.flatMap(\.runs).filter { seen.insert($0.configuration.identifier).inserted }
    let own = shard.map { $0.trunks(of: runs) }
    self.own = own
    let pending = try runs.filter { run in
      try own?.contains(run.configuration.trunkIdentifier) ?? true && !store.isFinished(run.configuration)
    }
    try MemoryNeed.check(pending.map(TrunkJob.Run.init), workers: workers)
    let calibration = try Calibration(pending, corpora: corpora, workers: workers)
    self.calibration = calibration
    let parts = plans.map(\.stages)
    let heldOut = Set(parts.flatMap { $0.dropFirst() }.flatMap(\.runs).map(\.configuration.identifier))
    let part = { (run: PlannedRun) in
      Part(
        trunk: run.configuration.trunkIdentifier, isHeldOut: heldOut.contains(run.configuration.identifier))
    }
    var trunks = Dictionary(grouping: pending, by: part)
    stages = parts.map { plans in
      plans.map { plan in
        let jobs = Set(plan.runs.map(part)).compactMap { part in
          trunks.removeValue(forKey: part).map { runs in
            TrunkJob(runs, calibration)
          }
        }
        return Stage(
          plan: plan, jobs: jobs.sorted { ($1.seconds, $0.label) < ($0.seconds, $1.label) })
      }
    }
  }

  /// A trunk's runs, separated by whether forecasts hold them out: those are trained only after they were predicted.
  private struct Part: Hashable {
    let trunk: String
    let isHeldOut: Bool
  }

  /// Returns whether a run belongs to the shard.
  public func isOwn(_ run: RunConfiguration) -> Bool { own?.contains(run.trunkIdentifier) ?? true }

  /// The jobs of all stages.
  public var jobs: [TrunkJob] { stages.joined().flatMap(\.jobs) }

  /// The predicted seconds until all jobs are done, plan by plan.
  public var predictedSeconds: Double { stages.reduce(0) { $0 + predictedSeconds(of: $1) } }

  /// Returns the predicted seconds until a plan's stages are done, one after the other.
  public func predictedSeconds(of stages: [Stage]) -> Double {
    stages.reduce(0) { $0 + predictedSeconds(of: $1.jobs) }
  }

  /// Returns the predicted seconds until some jobs are done, each on the first core that becomes free.
  private func predictedSeconds(of jobs: [TrunkJob]) -> Double {
    var busy = Array(repeating: 0.0, count: max(workers, 1))
    for job in jobs {
      guard let free = busy.indices.min(by: { busy[$0] < busy[$1] }) else { continue }
      busy[free] += job.seconds
    }
    return busy.max() ?? 0
  }

  /// Returns the predicted seconds and the memory in bytes of a run without its trunk.
  public func cost(of run: PlannedRun) -> (seconds: Double, bytes: Int) {
    (calibration.branchSeconds(of: run), calibration.bytes(of: run))
  }
}
