import Dispatch
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// A queue of unfinished jobs, unclaimed ones first.
public struct JobQueue {
  /// A job that failed.
  public struct Failure: Sendable {
    /// The job.
    public let job: TrunkJob
    /// The error message.
    public let error: String
    /// True if other jobs would fail for the same reason.
    public let concernsAll: Bool

    /// A message with the runs and the error.
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
      // If a claim cannot be read, a worker tries the job and reports the error.
      case .success(.free), .failure: return .job(elsewhere.remove(at: index), abandoned: nil)
      }
    }
    return elsewhere.isEmpty ? .nothing : .wait
  }

  /// Records the end of a job. Returns the failure if the job is not tried again.
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

/// Runs jobs, those that other commands have claimed last. A failure does not stop the other jobs.
///
/// - Parameters:
///   - workers: The number of jobs that run at the same time.
///   - retries: The number of times that a failing job is tried again.
///   - failed: Called for each job that has failed and is not tried again.
///   - train: Runs a job on one of the workers, numbered from 0, and returns its end.
/// - Returns: The failures.
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
