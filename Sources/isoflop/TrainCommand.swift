import ArgumentParser
import Corpora
import Execution
import Files
import Foundation
import Plans
import Training

/// `isoflop train`: one run, from flags.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train", abstract: "Trains one model and keeps its checkpoint.")

  @OptionGroup(title: "Settings") var settings: SettingOptions
  @Option(help: "Threads within the run. They do not change the numbers.")
  var threads = 1
  @Option(name: .shortAndLong, help: "The folder to write.", completion: .directory)
  var output = "runs/train"

  @OptionGroup var kernels: KernelOptions
  @Flag(help: "Prints the result as JSON.")
  var json = false

  func validate() throws {
    guard (1...1024).contains(threads) else { throw ValidationError("--threads must be from 1 to 1024.") }
  }

  func run() throws {
    kernels.apply()
    KernelOptions.warn()
    try MemoryNeed.checkBase()
    let corpora = CorpusCache()
    let planned = try PlannedRun(options: settings.given, corpora: corpora)
    try planned.checkIsAlone()
    try MemoryNeed.check([TrunkJob.Run(planned)], workers: 1)
    let run = planned.configuration
    let corpus = try corpora.corpus(of: run)
    complain(notes: corpus.notes)
    let folder = RunFolder("\(output)/\(run.identifier)")
    let progress = ProgressLine(total: Double(planned.tokens))
    let claims = Claims("\(output)/claims")
    guard let claim = try claims.claim(run.identifier) else {
      throw InputError(
        "is being trained by another command", file: folder.path,
        remedy:
          "Wait for it, or for \(Int(claims.patience)) seconds if it died on another machine, and try again")
    }
    let stop = Stop.shared
    stop.farewell.withLock { $0 = Stop.interrupted }
    Console.beforeLeaving { _ in claims.releaseAll() }
    let control = TrunkTraining.Control(
      keepsCheckpoints: true,
      isCancelled: {
        if !claim.isHeld { try claim.check() }
        return stop.isRequested
      },
      mayWrite: claim.check,
      progress: { tokens, _ in progress.advance(by: Double(tokens)) },
      spared: { progress.skip(Double($0)) },
      damaged: { complain("\($0)") }, remark: complain)
    let training = try TrunkTraining(
      [run], corpus: corpus, folder: { _ in folder }, trunkFolder: RunFolder("\(folder.path)/trunk"),
      threads: threads, control: control)
    do {
      try stop.whileSaving { try training() }
    } catch is TrunkTraining.Cancelled {
      claim.release()
      progress.finish()
      complain(Stop.interrupted)
      throw ExitCode(Status.interrupted.rawValue)
    } catch let error where error is ClaimLost || error is TrunkTraining.Overtaken {
      progress.finish()
      throw InputError(
        "another command has taken over", file: folder.path,
        remedy: "Wait for it, then run the same command again")
    } catch {
      claim.release()
      throw error
    }
    claim.finish()
    progress.finish()
    guard let result = try folder.record()?.result else { return }
    if json {
      try printJSON(result)
    } else {
      show(result, folder)
    }
    if result.status == .diverged { throw ExitCode(Status.someRunsFailed.rawValue) }
  }

  private func show(_ result: RunResult, _ folder: RunFolder) {
    let counts = result.counts
    print("parameters    \(counts.total) (\(counts.nonEmbedding) without embeddings)")
    print("tokens        \(result.tokens)")
    print("FLOPs         \(number(result.flops))")
    if let loss = result.loss, let error = result.lossStandardError {
      print("loss          \(number(loss)) ± \(number(error)) nats per token")
    } else {
      print("loss          diverged")
    }
    if let entropy = result.entropy { print("true entropy  \(number(entropy)) nats per token") }
    print("folder        \(folder.path)")
  }
}
