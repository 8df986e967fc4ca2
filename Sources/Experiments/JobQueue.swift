/// Jobs that are yet to be done, those first that no other command is at.
struct JobQueue {
  enum Next {
    case job(TrunkJob, abandoned: Claims.Sighting?)
    /// All that are left are being done by others.
    case wait
    case nothing
  }

  private var waiting: [TrunkJob]
  /// Jobs that others are at.
  private var elsewhere: [TrunkJob] = []
  private var attempts: [String: Int] = [:]
  private let retries: Int
  private(set) var failures: [Scheduler.Failure] = []

  init(_ jobs: [TrunkJob], retries: Int) {
    waiting = jobs
    self.retries = retries
  }

  mutating func next(_ claims: Claims) -> Next {
    if !waiting.isEmpty { return .job(waiting.removeFirst(), abandoned: nil) }
    for (index, job) in elsewhere.enumerated() {
      switch claims.state(of: job.trunk) {
      case .held: continue
      case .free: return .job(elsewhere.remove(at: index), abandoned: nil)
      case .abandoned(let sighting): return .job(elsewhere.remove(at: index), abandoned: sighting)
      }
    }
    return elsewhere.isEmpty ? .nothing : .wait
  }

  /// Takes note of how a job has ended. Gives its failure, if it is not tried again.
  mutating func take(_ end: TrunkJob.End, of job: TrunkJob) -> Scheduler.Failure? {
    switch end {
    case .done: return nil
    case .busy: elsewhere.append(job)
    case .stopped: waiting.append(job)
    case .failed(let error, let concernsAll):
      attempts[job.trunk, default: 0] += 1
      if attempts[job.trunk, default: 0] <= retries && !concernsAll {
        waiting.append(job)
      } else {
        let failure = Scheduler.Failure(job: job, error: error)
        failures.append(failure)
        return failure
      }
    }
    return nil
  }
}
