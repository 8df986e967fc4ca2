import ArgumentParser
import Autograd
import Execution
import Files
import Foundation
import Plans

/// The options of `run` for the queue of a cluster.
struct SlurmOptions: ParsableArguments {
  @Option(help: "Slurm: the partition.")
  var partition: String?
  @Option(help: "Slurm: the account.")
  var account: String?
  @Option(help: "Slurm: the time limit of a task, as sbatch takes it, for example 2:00:00.")
  var time: String?
  @Option(help: "Slurm: the memory of a task, as sbatch takes it, for example 4G.")
  var memory: String?
  @Option(help: "Slurm: the largest number of tasks at the same time.")
  var maxTasks: Int?
  @Option(help: "Slurm: the least number of runs in a task. Default: as many as fill a minute.")
  var chunk: Int?
  @Option(
    help: "Slurm: seconds before the time limit at which a task saves its work and requeues itself.")
  var signalLead = 90
  @Option(
    parsing: .singleValue, help: "Slurm: a further option of sbatch, for example --sbatch constraint=avx512.")
  var sbatch: [String] = []
  @Flag(help: "Slurm: shows the progress of the jobs until all have ended.")
  var watch = false

  func validate() throws {
    for (name, value) in [("--max-tasks", maxTasks), ("--chunk", chunk), ("--signal-lead", signalLead)] {
      if let value, value < 1 { throw ValidationError("\(name) must be at least 1.") }
    }
  }

  /// The settings of the file, replaced by those of the command line.
  func settings(over file: SlurmSettings) -> SlurmSettings {
    var settings = file
    settings.partition = partition ?? file.partition
    settings.account = account ?? file.account
    settings.time = time ?? file.time
    settings.memory = memory ?? file.memory
    settings.maxTasks = maxTasks ?? file.maxTasks
    settings.chunk = chunk ?? file.chunk
    settings.options += sbatch
    return settings
  }
}

/// Trains an experiment by a job array, and collects its results by a job that depends on the array.
struct SlurmEngine {
  let session: TrainingSession
  let options: TrainingOptions
  let slurm: SlurmOptions

  private var plan: Plan { session.plans[0] }
  private var folder: String { session.store.folder(of: plan.experiment) }

  /// Submits the missing runs, unless they are in the queue already.
  func run() throws {
    if let submission = try SlurmFolder(folder).submissionIfAny,
      case let queue = try Slurm.queue(submission.jobs), !queue.isEmpty
    {
      options.out.say("in the queue already: \(queue.text)")
    } else if session.pending.isEmpty {
      options.out.say("nothing is missing")
      try collect(
        plan, in: session.store, session.corpora, options.out, options.figures.renderer())
      return try session.removeRemains()
    } else {
      try submit()
    }
    if slurm.watch { return try follow() }
    options.out.say("follow   isoflop status \(folder)\ncancel   isoflop cancel \(folder)")
  }

  private func submit() throws {
    let frozen = try session.freeze(0)
    let files = SlurmFolder(folder)
    try FileAccess.makeFolder(files.path)
    let planPath = "\(files.path)/plan-\(try frozen.identifier).json"
    try frozen.write(to: planPath)
    try FileAccess.write(Data(script.utf8), to: files.script)
    let settings = slurm.settings(over: plan.experiment.slurm)
    let workers = options.jobs ?? 1
    if let limit = settings.memoryBytes {
      try MemoryNeed.check(frozen.stages.joined().flatMap(\.runs), workers: workers, limit: limit)
    }
    let common =
      ["job-name=isoflop-\(plan.experiment.name)", "open-mode=append", "ntasks=1"]
      + [
        ("partition", settings.partition), ("account", settings.account), ("time", settings.time),
        ("mem", settings.memory),
      ].compactMap { name, value in value.map { "\(name)=\($0)" } } + settings.options
    let ofTasks = [
      "requeue", "signal=B:USR1@\(slurm.signalLead)", "output=\(files.path)/%A_%a.log",
      "cpus-per-task=\(workers)",
    ]
    let mostTasks = try Slurm.largestArray()
    let allowed = options.corpora.flatMap { ["--corpora", $0] }
    // Where nothing is chosen, each node uses what is fast there.
    let kernels = Kernels.chosen == nil ? [] : KernelOptions.ofThisProcess
    var jobs: [String] = []
    for stage in frozen.stages.indices {
      let count = frozen.tasks(ofStage: stage, chunk: settings.chunk, most: mostTasks).count
      guard count > 0 else { continue }
      let limit = settings.maxTasks.map { "%\($0)" } ?? ""
      let after = jobs.last.map { ["dependency=afterany:\($0)", "kill-on-invalid-dep=yes"] } ?? []
      let job = try Slurm.submit(
        (common + ofTasks + after + ["array=0-\(count - 1)\(limit)"]).map { "--\($0)" },
        [
          files.script, "task", planPath, "--stage", "\(stage)", "--output", options.output, "--retries",
          "\(options.retries)", "--jobs", "\(workers)", "--most-tasks", "\(mostTasks)",
        ] + (settings.chunk.map { ["--chunk", "\($0)"] } ?? [])
          + (options.keepCheckpoints ? ["--keep-checkpoints"] : [])
          + (options.failFast ? ["--fail-fast"] : []) + kernels + allowed)
      jobs.append(job)
      // From now on the job can be found and cancelled, whatever happens to the rest.
      try files.write(Slurm.Submission(plan: planPath, jobs: jobs))
      options.out.say(
        "array    \(job): \(count) tasks, \(frozen.stages[stage].reduce(0) { $0 + $1.runs.count }) runs")
    }
    let collector = try Slurm.submit(
      (common + [
        "dependency=afterany:\(jobs.joined(separator: ":"))", "kill-on-invalid-dep=yes",
        "output=\(files.path)/collect-%j.log",
      ]).map { "--\($0)" },
      [
        files.script, "collect", plan.experiment.path, "--output", options.output, "--tier",
        options.tier.rawValue,
      ]
        + (options.shrink ? ["--shrink"] : []) + (options.figures.noFigures ? ["--no-figures"] : [])
        + ["--frozen", planPath] + allowed)
    try files.write(Slurm.Submission(plan: planPath, jobs: jobs + [collector]))
    options.out.say("collect  \(collector), after the tasks")
  }

  /// The script for sbatch. It names this program, which must lie where all machines find it.
  private var script: String {
    let named = CommandLine.arguments[0]
    let program = named.contains("/") ? named : Bundle.main.executablePath ?? named
    let quoted = program.replacing("'", with: "'\\''")
    return """
      #!/bin/sh
      # Written by `isoflop run --engine slurm`.
      if [ -n "$SLURM_ARRAY_TASK_ID" ]; then set -- "$@" --index "$SLURM_ARRAY_TASK_ID"; fi
      exec '\(quoted)' "$@"

      """
  }

  /// Shows the progress of the jobs, until none is left.
  private func follow() throws {
    let submission = try SlurmFolder(folder).submission
    let frozen = try FrozenPlan(contentsOf: submission.plan)
    Stop.shared.farewell.withLock { $0 = "no longer watching; the jobs continue" }
    let progress = ProgressLine(
      total: Double(frozen.runs.count), isShown: options.out.verbosity > .quiet)
    while case let queue = try Slurm.queue(submission.jobs), !queue.isEmpty {
      let status = try GridStatus(frozen, in: session.store)
      progress.show("\(status.done) of \(status.total) runs; in the queue: \(queue.text)")
      sleep(2)
    }
    progress.finish()
    let status = try GridStatus(frozen, in: session.store)
    try printStatus(status, json: options.out.json)
    if status.done < status.total { throw ExitCode(Status.someRunsFailed.rawValue) }
    options.out.say("report  \(folder)/report.html")
  }
}

/// The files of a submission, in the folder `slurm` beside an experiment's results.
struct SlurmFolder {
  let path: String

  init(_ results: String) {
    path = "\(results)/slurm"
  }

  var script: String { "\(path)/task.sh" }

  /// The last submission.
  ///
  /// - Throws: `InputError` if there is none.
  var submission: Slurm.Submission {
    get throws {
      guard let submission = try submissionIfAny else {
        throw InputError(
          "nothing has been submitted", file: path, remedy: "Submit it with `isoflop run FILE --engine slurm`"
        )
      }
      return submission
    }
  }

  /// The last submission; nil if there is none.
  ///
  /// - Throws: `InputError` if it cannot be read, or is damaged.
  var submissionIfAny: Slurm.Submission? {
    get throws {
      guard let data = try FileAccess.readIfPresent(file) else { return nil }
      return try decodeRecord(
        Slurm.Submission.self, from: data, path: file,
        remedy: "See with `squeue` whether its jobs are still in the queue, then delete it")
    }
  }

  private var file: String { "\(path)/jobs.json" }

  func write(_ submission: Slurm.Submission) throws {
    try FileAccess.write(recordJSON(submission), to: file)
  }
}
