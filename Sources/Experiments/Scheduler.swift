import Dispatch
import Files
import Foundation
import Synchronization
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// Trains the runs of some plans that are not yet finished, each once: plan by plan, trunk by trunk, the longest first,
/// one a core.
public struct Scheduler: Sendable {
  /// What came of a grid.
  public struct Outcome: Sendable {
    public let failures: [Failure]
    public let wasCancelled: Bool
  }

  /// A trunk that could not be trained.
  public struct Failure: Sendable {
    public let job: TrunkJob
    public let error: String

    /// The run and the reason, for people.
    public var text: String { "\(job.label): \(error)" }
  }

  /// What is trained together: all of a plan, or what lies before or after its forecasts.
  public struct Stage: Sendable {
    public let plan: Plan
    /// The trunks with unfinished runs that no stage before it has, the longest first. A trunk comes with all its runs,
    /// of whichever plan, but for those that a forecast still holds out.
    public let jobs: [TrunkJob]
  }

  /// The stages of each plan.
  public let stages: [[Stage]]
  private let store: RunStore
  private let workers: Int
  private let calibration: Calibration

  /// - Parameters:
  ///   - workers: How many trunks will be trained at once.
  ///   - share: Which part of the trunks is meant; nil for all.
  /// - Throws: `InputError` if there is not enough memory.
  public init(
    _ plans: [Plan], store: RunStore, corpora: CorpusCache, workers: Int, share: Share? = nil
  ) throws {
    self.store = store
    self.workers = workers
    var seen: Set<String> = []
    let runs = plans.flatMap(\.runs).filter { seen.insert($0.configuration.identifier).inserted }
    let own = share.map { $0.trunks(of: runs) }
    let pending = runs.filter { run in
      own?.contains(run.configuration.trunkIdentifier) ?? true && !store.isFinished(run.configuration)
    }
    try MemoryNeed.check(pending, workers: workers)
    let calibration = try Calibration(pending, corpora: corpora)
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

  /// A trunk's runs, those that forecasts hold out apart: these must not be known before they are predicted.
  private struct Part: Hashable {
    let trunk: String
    let isHeldOut: Bool
  }

  /// The jobs of all stages.
  public var jobs: [TrunkJob] { stages.joined().flatMap(\.jobs) }

  /// Predicted seconds of all jobs together, on one core.
  public var totalSeconds: Double { jobs.reduce(0) { $0 + $1.seconds } }

  /// Predicted seconds until all jobs are done, plan by plan.
  public var predictedSeconds: Double { stages.reduce(0) { $0 + predictedSeconds(of: $1) } }

  /// Predicted seconds until a plan's stages are done, one after the other.
  public func predictedSeconds(of stages: [Stage]) -> Double {
    stages.reduce(0) { $0 + predictedSeconds(of: $1.jobs) }
  }

  /// Predicted seconds until some jobs are done, the longest first, each on the first core that is free.
  private func predictedSeconds(of jobs: [TrunkJob]) -> Double {
    var busy = Array(repeating: 0.0, count: max(workers, 1))
    for job in jobs {
      guard let free = busy.indices.min(by: { busy[$0] < busy[$1] }) else { continue }
      busy[free] += job.seconds
    }
    return busy.max() ?? 0
  }

  /// The predicted seconds and the bytes of a run's own part.
  public func cost(of run: PlannedRun) -> (seconds: Double, bytes: Int) {
    (calibration.branchSeconds(of: run), calibration.bytes(of: run))
  }

  /// Trains some of the jobs, those that other commands are at last. One that fails does not stop the others.
  ///
  /// - Parameters:
  ///   - retries: How often a job that fails is tried again.
  ///   - train: Does a job on one of the workers, which are numbered from 0, and tells how it ended.
  ///   - failed: Told of each job that has failed for good.
  public func run(
    _ jobs: [TrunkJob], retries: Int, isCancelled: @escaping @Sendable () -> Bool,
    failed: @escaping @Sendable (Failure, _ concernsAll: Bool) -> Void,
    train: @escaping @Sendable (TrunkJob, _ worker: Int, Claims.Sighting?) -> TrunkJob.End
  ) -> Outcome {
    let queue = Mutex(JobQueue(jobs, retries: retries))
    DispatchQueue.concurrentPerform(iterations: min(workers, max(jobs.count, 1))) { worker in
      while !isCancelled() {
        switch queue.withLock({ $0.next(store.claims) }) {
        case .job(let job, let abandoned):
          let end = train(job, worker, abandoned)
          let failure = queue.withLock { $0.take(end, of: job) }
          if let failure, case .failed(_, let concernsAll) = end { failed(failure, concernsAll) }
        case .wait: usleep(200_000)
        case .nothing: return
        }
      }
    }
    return Outcome(failures: queue.withLock(\.failures), wasCancelled: isCancelled())
  }
}
