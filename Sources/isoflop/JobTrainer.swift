import ArgumentParser
import Execution
import Files
import Foundation
import Synchronization
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// Trains jobs in processes of their own, and reports progress.
final class JobTrainer: Sendable {
  let store: RunStore
  let workers: Int
  /// Nil if nothing is trained.
  let stop: Stop?
  private let options: TrainingOptions
  private let processes: [WorkerProcess]
  private let progress: ProgressLine
  private let forecaster: LossForecaster
  /// When the line of progress told the last final loss.
  private let lastForecast = Mutex(ContinuousClock.now)
  /// The training FLOPs of this command until now.
  private let spent = Mutex(0.0)

  /// - Parameters:
  ///   - jobs: All that will be trained.
  ///   - runs: All runs, those included that are finished.
  init(
    _ jobs: [TrunkJob], of runs: [TrunkJob.Run], store: RunStore, workers: Int, _ options: TrainingOptions
  ) {
    self.store = store
    forecaster = LossForecaster(runs, in: store)
    self.workers = workers
    self.options = options
    progress = ProgressLine(
      total: jobs.reduce(0) { $0 + $1.seconds }, isShown: options.out.verbosity > .quiet)
    processes = (0..<workers).map { _ in WorkerProcess(root: options.output) }
    stop = jobs.isEmpty || options.dryRun ? nil : .shared
    guard let stop else { return }
    stop.whenRequested { [processes] in processes.forEach { $0.interrupt() } }
    if let time = options.maxTime { stop.request(.budget("--max-time"), after: time.value) }
  }

  /// Trains some of the jobs.
  ///
  /// - Parameter label: The label of the line of progress.
  /// - Returns: The jobs that failed.
  /// - Throws: The exit status if a stop was requested.
  func train(_ jobs: [TrunkJob], label: String = "") throws -> [JobQueue.Failure] {
    guard let stop else { return [] }
    let failures = progress.measure(label) {
      stop.whileSaving {
        trainAll(
          jobs, workers: workers, retries: options.retries, claims: store.claims,
          isCancelled: { stop.isRequested },
          failed: { failure in
            self.progress.say("\(failure.text) See \(self.store.log(of: failure.job))")
            if failure.concernsAll || self.options.failFast { stop.request(.failure) }
          },
          train: { job, worker, abandoned in
            let order = WorkerOrder(
              job: job, abandoned: abandoned, keepsCheckpoints: self.options.keepCheckpoints)
            let end = self.processes[worker].run(order) { self.show($0, of: job, stop) }
            if case .failed(let error, _) = end { self.note(error, in: self.store.log(of: job)) }
            return end
          })
      }
    }
    if let reason = stop.reason { try leave(reason) }
    return failures
  }

  /// Prints why the command stops, and ends it with the corresponding status.
  private func leave(_ reason: Stop.Reason) throws {
    let remedy = "everything so far is saved, and the same command continues from here"
    switch reason {
    case .budget(let name):
      complain("\(name) is used up: \(remedy)")
      throw ExitCode(Status.budgetUsedUp.rawValue)
    case .failure:
      complain("stopped after a failure: \(remedy)")
      throw ExitCode(Status.someRunsFailed.rawValue)
    case .interrupted, .timeIsNearlyOver:
      complain(Stop.interrupted)
      throw ExitCode(Status.interrupted.rawValue)
    }
  }

  private func show(_ event: TrunkJob.Event, of job: TrunkJob, _ stop: Stop) {
    switch event {
    case .progress(let seconds, let flops):
      progress.advance(by: seconds)
      let sum = spent.withLock { spent in
        spent += flops
        return spent
      }
      if let limit = options.maxFlops?.value, sum >= limit { stop.request(.budget("--max-flops")) }
      showFinalLoss(of: job)
    case .spared(let seconds): progress.skip(seconds)
    case .finished(let identifier, let loss):
      guard let run = job.runs.first(where: { $0.configuration.identifier == identifier }) else { return }
      let folder = store.folder(of: run.configuration)
      if loss == nil {
        progress.say("\(run.label): diverged. See \(folder.metrics)")
      } else if options.out.verbosity == .verbose {
        progress.say("\(run.label): \(outcome(of: folder))")
      }
      // A file that cannot be read is reported where it is needed.
      if loss != nil, let farOff = try? forecaster.farOff(run) { progress.say("warning: \(farOff.text)") }
    case .remark(let text): progress.say(text)
    }
  }

  /// Tells in the line of progress, now and then, what the loss of the job's next run will be.
  private func showFinalLoss(of job: TrunkJob) {
    let isDue = lastForecast.withLock { last in
      guard ContinuousClock.now - last > .seconds(5) else { return false }
      last = .now
      return true
    }
    guard isDue else { return }
    // A file that cannot be read is reported where it is needed.
    let next = try? job.runs.first { try !store.isFinished($0.configuration) }
    let loss = next.flatMap { try? forecaster.finalLoss(of: $0) }
    progress.note(
      loss.map {
        "\($0.label): loss \(number($0.now)), at the end about \(number($0.estimate)) "
          + "[\(number($0.low)) \(number($0.high))]"
      })
  }

  private func outcome(of folder: RunFolder) -> String {
    guard let result = try? folder.record()?.result, let loss = result.loss else { return "" }
    let error = result.lossStandardError.map { " ± \(number($0))" } ?? ""
    let seconds = (try? folder.time()).map { ", \(number($0.seconds)) s" } ?? ""
    return "loss \(number(loss))\(error)\(seconds)"
  }

  /// Adds a line to a log. If that fails too, the original failure has been reported already.
  private func note(_ error: String, in log: String) {
    let line = "\(Date.now.formatted(.iso8601)) \(ProcessInfo.processInfo.hostName): \(error)"
    guard let file = try? AppendingFile(log) else { return }
    try? file.append(Data(line.utf8))
    try? file.flush()
  }
}
