import ArgumentParser
import Execution
import Files
import Foundation

/// `isoflop status`: the progress of an experiment's runs, wherever they are trained.
struct StatusCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Shows the progress of an experiment's runs on all machines.")

  @Argument(help: "The experiment's folder of results, for example runs/quickstart.", completion: .directory)
  var folder: String
  @Flag(help: "Prints JSON.")
  var json = false

  func run() throws {
    let plan = try FrozenPlan(contentsOf: "\(folder)/plan.json")
    let status = try GridStatus(plan, in: RunStore(reading: root(of: folder)))
    try printStatus(status, json: json)
    if !json, let submission = try SlurmFolder(folder).submissionIfAny {
      let queue = try Slurm.queue(submission.jobs)
      print("queue    \(queue.isEmpty ? "empty" : queue.text)")
    }
  }
}

/// `isoflop cancel`: takes an experiment's jobs out of the queue.
struct CancelCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cancel",
    abstract: "Removes an experiment's jobs from Slurm's queue. Their progress is kept.")

  @Argument(help: "The experiment's folder of results, for example runs/quickstart.", completion: .directory)
  var folder: String

  func run() throws {
    let submission = try SlurmFolder(folder).submission
    let queue = try Slurm.queue(submission.jobs)
    guard !queue.isEmpty else { return print("no jobs in the queue") }
    try Slurm.cancel(submission.jobs)
    print("cancelled: \(queue.text). The same command submits what is missing")
  }
}

/// The folder of runs that an experiment's results lie in.
private func root(of folder: String) -> String {
  let path = folder.hasSuffix("/") ? String(folder.dropLast()) : folder
  let parent = (path as NSString).deletingLastPathComponent
  return parent.isEmpty ? "." : parent
}

func printStatus(_ status: GridStatus, json: Bool) throws {
  if json { return try printJSON(status) }
  let failed = status.failed.reduce(0) { $0 + $1.runs }
  let running = status.running.reduce(0) { $0 + $1.runs }
  let diverged = status.diverged > 0 ? " (\(status.diverged) diverged)" : ""
  print(
    "\(status.experiment): \(status.done) of \(status.total) runs done\(diverged), \(running) running, "
      + "\(status.waiting) waiting, \(failed) failed")
  if !status.running.isEmpty {
    printTable(
      ["running", "host", "done"],
      status.running.map { [$0.label, $0.host ?? "", String(format: "%.0f %%", 100 * $0.done)] })
  }
  let finalLosses = status.running.flatMap(\.finalLosses)
  if !finalLosses.isEmpty {
    printTable(
      ["loss at the end", "tokens so far", "loss now", "at the end", "95 % interval", "from runs"],
      finalLosses.map {
        [
          $0.label, "\($0.tokens)", number($0.now), number($0.estimate),
          "\(number($0.low)) … \(number($0.high))",
          "\($0.basis)",
        ]
      })
  }
  for run in status.farOff { print("warning: \(run.text)") }
  if !status.failed.isEmpty {
    printTable(["failed", "log", "last line"], status.failed.map { [$0.label, $0.log, $0.lastLine] })
  }
  if let seconds = status.secondsLeft {
    let trainings = status.running.count == 1 ? "training" : "trainings"
    print("about \(duration(seconds)) left, with \(status.running.count) \(trainings) at once")
  }
}
