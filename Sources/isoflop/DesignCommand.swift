import Analysis
import ArgumentParser
import Execution
import Files
import Foundation
import Plans
import ScalingLaws

/// `isoflop design`: what a grid will tell, before it is trained.
struct DesignCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "design",
    abstract: "Simulates a planned grid: the intervals and biases that its fits will have, before training.",
    discussion: """
      The losses of the file's runs are drawn from a prior law with noise, and the file's fits are made of them:
        isoflop design experiments/chinchilla.yaml
        isoflop design FILE --law besiroglu --prior E=1.8 --noise 0.5%
        isoflop design FILE --want a=0.02     # the cheapest grid whose interval of a is ± 0.02
        isoflop design FILE --next            # after training: the runs worth most for their FLOPs
      Laws by name: village (the default: the page chinchilla of this program), chinchilla and besiroglu (published \
      constants), or the fits.json of an earlier experiment. Numbers depend only on the options and the seed.
      """)

  @Argument(
    help: "The experiment's file, or the name of a bundled experiment.",
    completion: .file(extensions: ["yaml", "yml"]))
  var file: String
  @Option(
    help: "The prior law: village, chinchilla, besiroglu, or a fits.json.",
    completion: .file(extensions: ["json"]))
  var law = PriorLaw.named[0].name
  @Option(
    name: .customLong("prior"),
    help: "Constants of the prior law L = E + A/N^alpha + B/D^beta, such as E=1.7,A=400. May be repeated.")
  var constants: [String] = []
  @Option(help: "The noise of one run, relative to its loss above the floor.", transform: Fraction.init)
  var noise = Fraction(value: 0.01)
  @Option(help: "A number with the half width of its 95 % interval, such as a=0.02: alpha, beta, a, b or E.")
  var want: String?
  @Flag(help: "Names the next runs worth most, after those in the experiment's results.")
  var next = false
  @Option(help: "Simulated data sets.")
  var simulations = 100
  @Option(help: "The seed of the noise.")
  var seed: UInt64 = 1
  @Option(name: .shortAndLong, help: "The folder of runs and results, for --next.", completion: .directory)
  var output = "runs"
  @Option(help: "whole, or minutes: the reduced form of the experiment.")
  var tier = Tier.whole
  @Option(
    help: ArgumentHelp(
      "A folder that experiments may read texts and recipes from; may be repeated.", valueName: "folder"),
    completion: .directory)
  var corpora: [String] = []
  @Flag(help: "Measures training steps, to predict the time.")
  var time = false
  @Flag(help: "Prints JSON instead of tables.")
  var json = false

  func validate() throws {
    guard (10...10_000).contains(simulations) else {
      throw ValidationError("--simulations must be between 10 and 10000.")
    }
  }

  func run() throws {
    let experiment = try ExperimentFile(contentsOf: BundledExperiments.path(of: file), tier: tier)
    let target = try want.map(Self.target)
    if next { return try printNext(experiment, target ?? .a) }
    let wish = try target.map { GridProposal.Wish($0, halfWidth: try Self.halfWidth(want ?? "")) }
    let prior = try priorLaw()
    let corpora = CorpusCache(allowing: corpora)
    let plan = try Plan(experiment, corpora: corpora)
    complain(notes: plan.notes)
    let table = ResultsTable(plan) { _ in nil }
    let progress = ProgressLine(total: 1)
    let study = progress.measure("design") {
      DesignStudy(
        of: table, requests: experiment.fits, prior: prior, noise: noise.value, simulations: simulations,
        seed: seed, progress: progress.reach)
    }
    let seconds = try time ? predictedSeconds(of: plan, corpora) : nil
    let proposal = try wish.map { wish in
      let surface = Self.surface(of: experiment)
      let search = ProgressLine(total: 1)
      return try search.measure("proposal") {
        try GridProposal(
          wish, models: table, prior: prior, noise: noise.value, floorIsKnown: surface?.floor != .free,
          objective: surface?.objective ?? .chinchilla, seed: seed &+ 1, progress: search.reach)
      }
    }
    let findings = [
      .design(study), .designMinima(study), proposal.map { .proposal($0) },
    ].compactMap { $0 as Finding? }
    guard !json else {
      return try printJSON(
        Output(
          study: study, proposal: proposal, faults: study.faults, seconds: seconds,
          findings: findings.map(FindingJSON.init)))
    }
    print("prior law: \(prior.description)")
    for finding in findings { finding.print() }
    if let seconds {
      print("about \(duration(seconds)) on this machine")
      if let proposal, plan.runs.trainingFlops > 0 {
        print("the proposal: about \(duration(seconds * proposal.compute / plan.runs.trainingFlops))")
      }
    }
    for fault in study.faults { print("not possible: \(fault)") }
  }

  /// What `design --json` prints.
  private struct Output: Encodable {
    let study: DesignStudy
    let proposal: GridProposal?
    let faults: [String]
    /// The time to train the runs that are not finished; nil without `--time`.
    let seconds: Double?
    let findings: [FindingJSON]
  }

  private struct NextOutput: Encodable {
    let next: NextRuns
    let findings: [FindingJSON]
  }

  private func printNext(_ experiment: ExperimentFile, _ target: DesignInformation.Target) throws {
    let path = "\(output)/\(experiment.name)/results.csv"
    guard try FileAccess.exists(path) else {
      throw InputError(
        "has no results yet: there is no \(path)", file: file, remedy: "Run it first: `isoflop run \(file)`")
    }
    let request = Self.surface(of: experiment) ?? FitRequest(.chinchilla, floor: .entropy)
    let next = try NextRuns(after: ResultsTable(contentsOf: path), by: request, for: target, seed: seed)
    let finding = Finding.nextRuns(next)
    guard json else {
      print("law: \(next.law.description)")
      return finding.print()
    }
    try printJSON(NextOutput(next: next, findings: [FindingJSON(finding)]))
  }

  /// The first of the file's fits of L = E + A/N^α + B/D^β.
  private static func surface(of experiment: ExperimentFile) -> FitRequest? {
    let fits = experiment.fits ?? FitRequest.standard(budgets: false, entropy: true)
    let surfaces = fits.filter { $0.law == .chinchilla && $0.loss == "loss" && $0.held.isEmpty }
    return surfaces.first { $0.floor == .entropy } ?? surfaces.first
  }

  private func predictedSeconds(of plan: Plan, _ corpora: CorpusCache) throws -> Double {
    try Scheduler(
      [plan], store: RunStore(reading: output), corpora: corpora,
      workers: ProcessInfo.processInfo.activeProcessorCount
    ).predictedSeconds
  }

  private func priorLaw() throws -> PriorLaw {
    var prior = try namedLaw()
    for text in constants.flatMap({ $0.split(separator: ",") }) {
      let parts = text.split(separator: "=").map { $0.trimmingCharacters(in: .whitespaces) }
      guard parts.count == 2, let value = Double(quantity: parts[1]) else {
        throw InputError(
          "--prior \(text) is not a constant with a value",
          remedy: "Write for example --prior E=1.7,alpha=0.34")
      }
      try prior.set(["alpha": "α", "beta": "β"][parts[0]] ?? parts[0], to: value)
    }
    return prior
  }

  private func namedLaw() throws -> PriorLaw {
    if let named = PriorLaw.named.first(where: { $0.name == law }) { return named }
    guard try FileAccess.exists(law) else {
      throw InputError(
        "--law \(law) is neither a law nor a file",
        remedy: "Choose among \(PriorLaw.named.map(\.name).joined(separator: ", ")), or name a fits.json")
    }
    let fits = try Fits(contentsOf: law).fits.filter { $0.law == .chinchilla && $0.fit != nil }
    guard let chosen = fits.first(where: { $0.floor == .entropy }) ?? fits.first, let fit = chosen.fit else {
      throw InputError(
        "holds no fit of the law chinchilla", file: law,
        remedy: "Fit one: `isoflop fit FILE.csv --law chinchilla`")
    }
    return try PriorLaw(of: fit, named: chosen.name)
  }

  private static func target(_ text: String) throws -> DesignInformation.Target {
    guard
      let target = text.split(separator: "=").first.flatMap({ DesignInformation.Target(rawValue: "\($0)") })
    else {
      let names = DesignInformation.Target.allCases.map(\.rawValue)
      throw InputError(
        "--want \(text) names no number of the law",
        remedy: "Write NUMBER=WIDTH with one of \(names.joined(separator: ", "))")
    }
    return target
  }

  private static func halfWidth(_ text: String) throws -> Double {
    let parts = text.split(separator: "=").map(String.init)
    guard parts.count == 2, let width = Double(quantity: parts[1]), width > 0 else {
      throw InputError("--want \(text) has no half width above 0", remedy: "Write for example --want a=0.02")
    }
    return width
  }
}

/// A positive fraction such as 0.01, or 1%.
struct Fraction: Sendable {
  let value: Double

  /// Creates a fraction.
  init(value: Double) { self.value = value }

  /// Reads an option.
  init(_ argument: String) throws {
    let isPercent = argument.hasSuffix("%")
    guard let number = Double(isPercent ? String(argument.dropLast()) : argument), number > 0,
      number / (isPercent ? 100 : 1) < 1
    else { throw ValidationError("Write a fraction between 0 and 1, such as 1% or 0.01.") }
    value = number / (isPercent ? 100 : 1)
  }
}

extension PriorLaw {
  /// The constants and their source.
  var description: String {
    let constants = zip(Self.symbols, values).map { "\($0) = \(number($1))" }
    return "\(Self.law.equation), \(constants.joined(separator: ", ")) (\(name): \(source))"
  }
}
