import Dispatch
import Files
import Foundation
import Synchronization
import Training

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
    public let job: Job
    public let error: String

    /// The run and the reason, for people.
    public var text: String { "\(job.runs[0].label): \(error)" }
  }

  /// A trunk, and what is to be done for it.
  public struct Job: Sendable {
    public let runs: [PlannedRun]
    /// Predicted seconds on one core.
    public let seconds: Double
    /// What cannot be continued: the record of one of its runs is damaged.
    let fault: InputError?
  }

  /// What is trained together: all of a plan, or what lies before or after its forecasts.
  public struct Stage: Sendable {
    public let plan: Plan
    /// The trunks with unfinished runs that no stage before it has, the longest first. A trunk comes with all its runs,
    /// of whichever plan, but for those that a forecast still holds out.
    public let jobs: [Job]
  }

  /// The stages of each plan.
  public let stages: [[Stage]]
  private let store: RunStore
  private let corpora: CorpusCache
  private let calibration: Calibration

  public init(_ plans: [Plan], store: RunStore, corpora: CorpusCache) throws {
    self.store = store
    self.corpora = corpora
    var faults: [String: InputError] = [:]
    var seen: Set<String> = []
    let runs = plans.flatMap(\.runs).filter { seen.insert($0.configuration.identifier).inserted }
    let pending = runs.filter { run in
      do {
        return try store.folder(of: run.configuration).record() == nil
      } catch {
        faults[run.configuration.trunkIdentifier] = error as? InputError ?? InputError("\(error)")
        return true
      }
    }
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
            Job(runs: runs, seconds: calibration.seconds(ofTrunk: runs), fault: faults[part.trunk])
          }
        }
        return Stage(
          plan: plan, jobs: jobs.sorted { ($1.seconds, $0.runs[0].label) < ($0.seconds, $1.runs[0].label) })
      }
    }
  }

  /// A trunk's runs, those that forecasts hold out apart: these must not be known before they are predicted.
  private struct Part: Hashable {
    let trunk: String
    let isHeldOut: Bool
  }

  /// The jobs of all stages.
  public var jobs: [Job] { stages.joined().flatMap(\.jobs) }

  /// Predicted seconds of all jobs together, on one core.
  public var totalSeconds: Double { jobs.reduce(0) { $0 + $1.seconds } }

  /// Predicted seconds until all jobs are done, plan by plan.
  public func predictedSeconds(workers: Int) -> Double {
    stages.reduce(0) { $0 + predictedSeconds(of: $1, workers: workers) }
  }

  /// Predicted seconds until a plan's stages are done, one after the other.
  public func predictedSeconds(of stages: [Stage], workers: Int) -> Double {
    stages.reduce(0) { $0 + predictedSeconds(of: $1.jobs, workers: workers) }
  }

  /// Predicted seconds until some jobs are done, the longest first, each on the first core that is free.
  private func predictedSeconds(of jobs: [Job], workers: Int) -> Double {
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

  /// Trains some of the jobs. A trunk that fails does not stop the others.
  ///
  /// - Parameters:
  ///   - workers: How many trunks at once; more than there are cores bring nothing.
  ///   - progress: Told predicted seconds of work as it is done.
  public func run(
    _ jobs: [Job], workers: Int, keepsCheckpoints: Bool, isCancelled: @escaping @Sendable () -> Bool,
    progress: @escaping @Sendable (Double) -> Void
  ) -> Outcome {
    let next = Atomic<Int>(0)
    let failures = Mutex<[Failure]>([])
    DispatchQueue.concurrentPerform(iterations: min(workers, max(jobs.count, 1))) { _ in
      while !isCancelled() {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < jobs.count else { return }
        do {
          try train(jobs[index], keepsCheckpoints, isCancelled, progress)
        } catch is TrunkTraining.Cancelled {
          return
        } catch {
          failures.withLock { $0.append(Failure(job: jobs[index], error: "\(error)")) }
        }
      }
    }
    return Outcome(failures: failures.withLock { $0 }, wasCancelled: isCancelled())
  }

  private func train(
    _ job: Job, _ keepsCheckpoints: Bool, _ isCancelled: @escaping @Sendable () -> Bool,
    _ progress: @escaping @Sendable (Double) -> Void
  ) throws {
    if let fault = job.fault { throw fault }
    guard let longest = job.runs.max(by: { $0.tokens < $1.tokens }) else { return }
    let configuration = longest.configuration
    let perToken = calibration.secondsPerToken(of: longest)
    let control = TrunkTraining.Control(
      keepsCheckpoints: keepsCheckpoints, isCancelled: isCancelled,
      progress: { tokens, windows in
        progress(Double(tokens) * perToken + calibration.seconds(of: longest, windows: windows))
      })
    let training = try TrunkTraining(
      job.runs.map(\.configuration),
      corpus: corpora.corpus(configuration.corpus, context: configuration.model.context),
      folder: store.folder(of:), trunkFolder: store.trunkFolder(of: configuration), control: control)
    try training()
  }
}
