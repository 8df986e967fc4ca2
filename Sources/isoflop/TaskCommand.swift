import ArgumentParser
import Execution
import Files
import Foundation
import Plans

/// `isoflop task`: one task of a job array.
struct TaskCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "task", abstract: "Trains a part of a frozen plan, as a task of a queue.",
    shouldDisplay: false)

  @Argument var plan: String
  @Option var stage: Int
  @Option var index: Int
  @Option var chunk: Int?
  @Option var mostTasks: Int
  @OptionGroup var options: TrainingOptions

  func run() throws {
    Stop.shared.farewell.withLock { $0 = Stop.interrupted }
    options.kernels.apply()
    KernelOptions.warn()
    let frozen = try FrozenPlan(contentsOf: plan)
    let tasks =
      frozen.stages.indices.contains(stage) ? frozen.tasks(ofStage: stage, chunk: chunk, most: mostTasks) : []
    guard tasks.indices.contains(index) else {
      throw InputError(
        "has no task \(index) of stage \(stage)", file: plan, remedy: "Submit the experiment again")
    }
    try MemoryNeed.check(tasks[index].flatMap(\.runs), workers: options.jobs ?? 1)
    let store = try RunStore(options.output)
    Console.beforeLeaving { status in
      guard status == Status.interrupted.rawValue, case .timeIsNearlyOver = Stop.shared.reason else { return }
      do { try Slurm.requeueOwnTask() } catch { complain("error: \(error)") }
    }
    try store.useUntilTheEnd()
    let trainer = JobTrainer(
      tasks[index], of: frozen.runs, store: store, workers: options.jobs ?? 1, options)
    if stage > 0 {
      let experiment = try ExperimentFile(contentsOf: frozen.file, tier: frozen.tier)
      let whole = try Plan(
        frozen.isShrunken ? experiment.shrunken() : experiment,
        corpora: CorpusCache(allowing: options.corpora))
      try frozen.requireSame(as: whole)
      try requireFinished(whole.stages[..<stage].flatMap(\.runs), in: trainer.store, isShard: true)
      try announceForecasts(of: whole, before: whole.stages[stage], store: trainer.store, options.out)
    }
    let failures = try trainer.train(tasks[index])
    if !failures.isEmpty { throw ExitCode(Status.someRunsFailed.rawValue) }
  }
}
