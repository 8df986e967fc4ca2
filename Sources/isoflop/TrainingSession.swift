import ArgumentParser
import Experiments
import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Experiments that are trained together, each run once: `run` has one of them, `book` many.
struct TrainingSession {
  let plans: [Plan]
  let store: RunStore
  let corpora: CorpusCache
  let scheduler: Scheduler
  let workers: Int
  private let options: TrainingOptions
  /// Nil where nothing is to be trained: then nothing asks whether to stop.
  private let stop: Stop?
  private let processes: [WorkerProcess]
  private let progress: ProgressLine

  /// Opens and plans all experiments, so that their faults are told before anything is trained.
  init(_ experiments: [ExperimentFile], _ options: TrainingOptions, share: Share? = nil) throws {
    let corpora = CorpusCache()
    plans = try experiments.map { try Plan($0, corpora: corpora) }
    self.corpora = corpora
    self.options = options
    let store = try RunStore(options.output)
    self.store = store
    let workers = options.jobs ?? ProcessInfo.processInfo.activeProcessorCount
    self.workers = workers
    scheduler = try Scheduler(plans, store: store, corpora: corpora, workers: workers, share: share)
    progress = ProgressLine(total: scheduler.totalSeconds)
    processes = (0..<workers).map { _ in WorkerProcess(root: options.output) }
    stop = scheduler.jobs.isEmpty || options.dryRun ? nil : Stop()
    if let stop {
      // A worker that has died must not take this command with it.
      signal(SIGPIPE, SIG_IGN)
      stop.whenRequested { [processes] in processes.forEach { $0.interrupt() } }
      options.maxTime.map { stop.request(.budget("--max-time"), after: $0.value) }
    }
  }

  /// The identifiers of the runs that were not finished at first.
  var pending: Set<String> { Set(scheduler.jobs.flatMap(\.identifiers)) }

  /// All runs, each once.
  var runs: [PlannedRun] {
    var seen: Set<String> = []
    return plans.flatMap(\.runs).filter { seen.insert($0.configuration.identifier).inserted }
  }

  /// Says how much there is to do.
  func announce() {
    let (all, pending) = (runs.count, pending.count)
    let time = duration(scheduler.predictedSeconds)
    print(
      "\(all) runs, \(all - pending) of them finished before"
        + (pending == 0 ? "" : "; about \(time) of training on \(workers) cores"))
  }

  /// Trains what a plan still needs and no plan before it has trained. Forecasts are told before the runs that they
  /// are about.
  ///
  /// - Parameter label: what the line of progress calls it.
  /// - Returns: Trunks that failed.
  func train(_ index: Int, label: String = "") throws -> [Scheduler.Failure] {
    guard let stop else { return [] }
    var failures: [Scheduler.Failure] = []
    for (order, stage) in scheduler.stages[index].enumerated() {
      if order > 0 { try announceForecasts(of: plans[index], before: stage.plan, store: store) }
      failures += try train(stage.jobs, label, stop)
    }
    return failures
  }

  /// Trains some jobs.
  ///
  /// - Throws: the exit status, if it was asked to stop.
  private func train(_ jobs: [TrunkJob], _ label: String, _ stop: Stop) throws -> [Scheduler.Failure] {
    let outcome = progress.measure(label) {
      scheduler.run(
        jobs, retries: options.retries, isCancelled: { stop.isRequested },
        failed: { [self] failure, concernsAll in
          tell(failure)
          if concernsAll || options.failFast { stop.request(.failure) }
        },
        train: { [self] job, worker, abandoned in
          let order = WorkerOrder(job: job, abandoned: abandoned, keepsCheckpoints: options.keepCheckpoints)
          // What has been asked while the worker was starting, it may not have heard.
          let end = processes[worker].run(order) { tell($0, of: job, stop) }
          if case .failed(let error, _) = end { note(error, in: store.log(of: job)) }
          return end
        })
    }
    if outcome.wasCancelled { try leave(stop, outcome.failures) }
    return outcome.failures
  }

  /// Says why it stops, and ends the command with the status of that.
  private func leave(_ stop: Stop, _ failures: [Scheduler.Failure]) throws {
    let remedy = "everything so far is saved, and the same command goes on from here"
    switch stop.reason {
    case .budget(let name):
      complain("\(name) is used up: \(remedy)")
      throw ExitCode(Status.budgetUsedUp.rawValue)
    case .failure:
      complain("stopped after a failure: \(remedy)")
      throw ExitCode(Status.someRunsFailed.rawValue)
    case .interrupted, .timeIsNearlyOver, nil:
      complain("interrupted: \(remedy)")
      throw ExitCode(Status.interrupted.rawValue)
    }
  }

  private func tell(_ event: TrunkJob.Event, of job: TrunkJob, _ stop: Stop) {
    switch event {
    case .progress(let seconds, let tokens):
      progress.advance(by: seconds)
      guard let limit = options.maxFlops?.value, let longest = job.runs.last else { return }
      let perToken = longest.flops / Double(max(longest.configuration.training.tokens, 1))
      if spent.add(Double(tokens) * perToken) >= limit { stop.request(.budget("--max-flops")) }
    case .finished(let identifier, let loss):
      guard let run = job.runs.first(where: { $0.configuration.identifier == identifier }) else { return }
      if let loss {
        progress.say("\(run.label): loss \(number(loss))", if: options.verbose)
      } else {
        progress.say("\(run.label): diverged; see \(store.folder(of: run.configuration).metrics)")
      }
    case .damaged(let text): progress.say(text)
    }
  }

  private let spent = Total()

  private func tell(_ failure: Scheduler.Failure) {
    progress.say("\(failure.text) See \(store.log(of: failure.job))")
  }

  /// Adds a line to a log. Where even that cannot be written, the failure itself is told.
  private func note(_ error: String, in log: String) {
    let line = "\(Date.now.formatted(.iso8601)) \(ProcessInfo.processInfo.hostName): \(error)"
    guard let file = try? AppendingFile(log) else { return }
    try? file.append(Data(line.utf8))
    try? file.flush()
  }
}

/// A sum that grows from several threads.
private final class Total: Sendable {
  private let value = Mutex(0.0)

  /// Adds to the sum and gives it.
  func add(_ amount: Double) -> Double {
    value.withLock {
      $0 += amount
      return $0
    }
  }
}
