import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Jobs that are still to be done, unclaimed ones first.
public struct JobQueue {
  /// A job that could not be done.
  public struct Failure: Sendable {
    public let job: TrunkJob
    public let error: String
    /// Whether other jobs would fail for the same reason.
    public let concernsAll: Bool

    /// The runs and the reason, for people.
    public var text: String { "\(job.label): \(error)" }
  }

  enum Next {
    case job(TrunkJob, abandoned: Claims.Sighting?)
    /// Other processes work on all remaining jobs.
    case wait
    case nothing
  }

  private var waiting: [TrunkJob]
  /// Jobs that other processes work on.
  private var elsewhere: [TrunkJob] = []
  private var attempts: [String: Int] = [:]
  private let retries: Int
  private(set) var failures: [Failure] = []

  init(_ jobs: [TrunkJob], retries: Int) {
    waiting = jobs
    self.retries = retries
  }

  mutating func next(_ claims: Claims) -> Next {
    if !waiting.isEmpty { return .job(waiting.removeFirst(), abandoned: nil) }
    for (index, job) in elsewhere.enumerated() {
      switch Result(catching: { try claims.state(of: job.trunk) }) {
      case .success(.held): continue
      case .success(.abandoned(let sighting)):
        return .job(elsewhere.remove(at: index), abandoned: sighting)
      // A claim that cannot be read is not waited for: the worker that tries the job reports the reason.
      case .success(.free), .failure: return .job(elsewhere.remove(at: index), abandoned: nil)
      }
    }
    return elsewhere.isEmpty ? .nothing : .wait
  }

  /// Records how a job has ended. Returns its failure if it is not tried again.
  mutating func take(_ end: TrunkJob.End, of job: TrunkJob) -> Failure? {
    switch end {
    case .done: return nil
    case .busy: elsewhere.append(job)
    case .stopped: waiting.append(job)
    case .failed(let error, let concernsAll):
      attempts[job.trunk, default: 0] += 1
      if attempts[job.trunk, default: 0] <= retries && !concernsAll {
        waiting.append(job)
      } else {
        let failure = Failure(job: job, error: error, concernsAll: concernsAll)
        failures.append(failure)
        return failure
      }
    }
    return nil
  }
}

/// Runs jobs, with those that other commands have claimed last. A failure does not stop the other jobs.
///
/// - Parameters:
///   - workers: The number of jobs at a time.
///   - retries: How often a job that fails is tried again.
///   - failed: Called for each job that has failed and is not tried again.
///   - train: Runs a job on one of the workers, numbered from 0, and returns how it ended.
public func trainAll(
  _ jobs: [TrunkJob], workers: Int, retries: Int, claims: Claims,
  isCancelled: @escaping @Sendable () -> Bool, failed: @escaping @Sendable (JobQueue.Failure) -> Void,
  train: @escaping @Sendable (TrunkJob, _ worker: Int, Claims.Sighting?) -> TrunkJob.End
) -> [JobQueue.Failure] {
  let queue = Mutex(JobQueue(jobs, retries: retries))
  DispatchQueue.concurrentPerform(iterations: min(workers, max(jobs.count, 1))) { worker in
    while !isCancelled() {
      switch queue.withLock({ $0.next(claims) }) {
      case .job(let job, let abandoned):
        let end = train(job, worker, abandoned)
        if let failure = queue.withLock({ $0.take(end, of: job) }) { failed(failure) }
      case .wait: usleep(200_000)
      case .nothing: return
      }
    }
  }
  return queue.withLock(\.failures)
}
