import Analysis
import ArgumentParser
import Execution
import Files
import Foundation
import Plans
import ScalingLaws

extension Shard {
  /// Reads an option.
  fileprivate init(option: String) throws {
    guard let shard = Shard(option) else {
      throw ValidationError("Write for example 2/8, the second of eight shards.")
    }
    self = shard
  }
}

/// `isoflop run`: everything from an experiment's file to its report.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Trains an experiment's grid, fits its laws and writes the report.",
    discussion:
      "If interrupted, the same command continues where it stopped. Finished runs are never trained again.")

  @Argument(
    help: "The experiment's file, or the name of a bundled experiment.",
    completion: .file(extensions: ["yaml", "yml"]))
  var file: String
  @OptionGroup var options: TrainingOptions
  @Option(help: "local, or slurm: the queue of a cluster that shares this folder.")
  var engine = Engine.local
  @Option(
    help: "Which part of the work to do: 2/8 is the second of eight disjoint parts.",
    transform: Shard.init(option:))
  var shard: Shard?
  @OptionGroup(title: "Options of --engine slurm") var slurm: SlurmOptions

  enum Engine: String, ExpressibleByArgument, CaseIterable {
    case local, slurm
  }

  func validate() throws {
    if engine == .slurm, shard != nil { throw ValidationError("--shard is for other engines than Slurm.") }
  }

  func run() throws {
    let session = try TrainingSession([options.experiment(file)], options, shard: shard)
    let plan = session.plans[0]
    if options.dryRun { return try printPlan(plan, session) }
    let renderer = engine == .slurm ? nil : try options.figures.renderer()
    options.out.say(plan.experiment.title)
    try session.announce()
    if engine == .slurm { return try SlurmEngine(session: session, options: options, slurm: slurm).run() }
    try session.freeze(0)
    let failures = try session.train(0)
    guard failures.isEmpty else {
      complain("\(failures.count) trunk\(failures.count == 1 ? "" : "s") failed; what was finished is kept")
      throw ExitCode(Status.someRunsFailed.rawValue)
    }
    let own = plan.runs.filter { session.scheduler.isOwn($0.configuration) }
    let lost = try session.store.missing(own)
    guard lost == 0 else { throw runsAreGone(lost, of: own.count, from: session.store) }
    let missing = try session.store.missing(plan.runs)
    // The shard that finishes last makes the report.
    if missing > 0 {
      return options.out.say("this shard is done; \(missing) runs of other shards are missing")
    }
    try collect(plan, in: session.store, session.corpora, options.out, renderer)
    try session.removeRemains()
  }

  private func printPlan(_ plan: Plan, _ session: TrainingSession) throws {
    let (pending, scheduler) = (session.pending, session.scheduler)
    let table = Table(
      [
        "run", "settings", .init("n_total", title: "parameters"), .init("d_tokens", title: "tokens"),
        .init("c_exact", title: "FLOPs"), .init("bytes", title: "memory"), "seconds",
      ],
      plan.runs.map { run in
        let identifier = run.configuration.identifier
        let isPending = pending.contains(identifier)
        let cost = scheduler.cost(of: run)
        return [
          .init(identifier), .init(run.label), .init(run.counts.total), .init(run.tokens), .init(run.flops),
          .init(isPending ? cost.bytes : nil, text: "\(cost.bytes >> 20) MiB"),
          .init(
            isPending ? cost.seconds : 0, text: isPending ? String(format: "%.1f", cost.seconds) : "finished"),
        ]
      })
    try table.print(json: options.out.json)
    options.out.say(
      "seconds: of each run's own branch and evaluation, without the trunk that it shares")
    options.out.say(
      "in total about \(duration(scheduler.predictedSeconds)) on \(session.workers) cores, "
        + "\(number(plan.runs.trainingFlops)) FLOPs; \(number(plan.runs.reduce(0) { $0 + $1.flops })) if each run "
        + "were trained alone")
    sayWhatIsPossible(plan)
  }

  /// Says which fits and expectations of the file its runs allow, by a simulated data set.
  private func sayWhatIsPossible(_ plan: Plan) {
    let experiment = plan.experiment
    // A dry run ends soon even for a large grid.
    guard plan.runs.count <= 2000 else { return }
    let study = DesignStudy(
      of: ResultsTable(plan) { _ in nil }, requests: experiment.fits, prior: PriorLaw.named[0], noise: 0.01,
      simulations: 1, whole: 1, bootstraps: 50)
    let simulated = study.fits.filter(\.isSimulated)
    let possible = simulated.count { $0.refusal == nil }
    options.out.say(
      "\(possible) of \(simulated.count) fits are possible with these runs, by simulated losses")
    for fault in study.faults { options.out.say("  \(fault)") }
    for obstacle in study.obstacles(to: experiment.expectations, comparisons: experiment.comparisons) {
      options.out.say("  cannot be met: \(obstacle)")
    }
  }
}
