import Analysis
import Execution
import Files
import Foundation
import Plans
import Reports
import Training

/// All experiments as one book: trained together, a page each, and a page of contents.
struct Book {
  /// The outcome of an experiment.
  struct Page {
    let plan: Plan
    /// Nil if no report could be made.
    let results: ExperimentResults?
    /// Why runs are missing, or the report.
    let faults: [String]
    /// Seconds of training of its runs on one core, by this or earlier commands; runs that pages share count in each.
    let trainingSeconds: Double
    /// Seconds that this command spent on the page.
    let seconds: Double
    /// Runs that were finished before this command.
    let finishedBefore: Int

    var name: String { plan.experiment.name }
    var verdicts: [Verdict] { results?.verdicts ?? [] }
  }

  let session: TrainingSession
  private let tier: Tier
  private let began = ContinuousClock.now

  /// Opens and plans the experiments of `files`, in the order of their chapters; pages without one come last, by name.
  init(_ files: [String], _ options: TrainingOptions) throws {
    tier = options.tier
    let experiments = try files.map(options.experiment).sorted {
      ($0.chapter ?? .max, $0.name) < ($1.chapter ?? .max, $1.name)
    }
    let byName = experiments.sorted { $0.name < $1.name }
    for (one, other) in zip(byName, byName.dropFirst()) where one.name == other.name {
      throw InputError(
        "has the same name as \(one.path), and both write to the folder `\(one.name)`", file: other.path,
        remedy: "Rename one of them, or give it once")
    }
    session = try TrainingSession(experiments, options)
  }

  /// The named files, or all bundled experiments if none are named.
  static func files(_ named: [String]) throws -> [String] {
    try named.isEmpty ? BundledExperiments.paths().values.sorted() : named
  }

  /// The path of the contents.
  var contents: String { "\(session.store.root)/\(folder)/index.html" }

  private var folder: String { tier == .whole ? "book" : "book-\(tier.rawValue)" }

  /// Trains, fits and writes page by page, then the contents. A page that fails does not stop the others.
  ///
  /// - Parameter renderer: Draws the figures; nil for none.
  func make(_ renderer: Renderer?) throws -> [Page] {
    let pending = session.pending
    var failures: [JobQueue.Failure] = []
    let pages = try session.plans.indices.map { index in
      let began = ContinuousClock.now
      let plan = session.plans[index]
      let label = "page \(index + 1) of \(session.plans.count), \(plan.experiment.name)"
      try session.freeze(index)
      failures += try session.train(index, label: label)
      let own = Set(plan.runs.map(\.configuration.identifier))
      var faults = failures.filter { !$0.job.identifiers.isDisjoint(with: own) }.map(\.text)
      var results: ExperimentResults?
      do {
        results = try ExperimentResults.write(
          of: plan, in: session.store, corpora: session.corpora, renderer: renderer,
          neighbours: neighbours(of: index), label: label)
        if let missing = results?.missing, missing > 0, faults.isEmpty {
          faults.append("\(missing) of \(plan.runs.count) runs no longer exist.")
        }
      } catch {
        complain("\(plan.experiment.name): \(error)")
        faults.append("No report: \(error)")
      }
      return Page(
        plan: plan, results: results, faults: faults, trainingSeconds: try trainingSeconds(of: plan.runs),
        seconds: (ContinuousClock.now - began).seconds,
        finishedBefore: own.subtracting(pending).count)
    }
    try FileAccess.makeFolder("\(session.store.root)/\(folder)")
    try contents(of: pages).write(to: contents)
    return pages
  }

  /// Seconds on one core that training some runs took, by their records.
  private func trainingSeconds(of runs: [PlannedRun]) throws -> Double {
    try runs.reduce(0) { sum, run in
      let time = try session.store.folder(of: run.configuration).time()
      return sum + (time?.seconds ?? 0) + (time?.trunkSeconds ?? 0)
    }
  }

  private func neighbours(of index: Int) -> Reports.Page.Neighbours {
    let link = { (index: Int) -> Reports.Page.Neighbours.Link? in
      guard session.plans.indices.contains(index) else { return nil }
      let experiment = session.plans[index].experiment
      return (experiment.title, "../\(address(experiment.name))/report.html")
    }
    return Reports.Page.Neighbours(
      contents: "../\(folder)/index.html", previous: link(index - 1), next: link(index + 1))
  }

  private func contents(of pages: [Page]) throws -> Contents {
    let runs = session.runs
    let machineSeconds = try trainingSeconds(of: runs) / Double(session.workers)
    let verdicts = pages.flatMap(\.verdicts)
    let before = runs.count - session.pending.count
    let untimed = try runs.count {
      try session.store.folder(of: $0.configuration).time()?.trunkSeconds == nil
    }
    let facts: [Reports.Page.Fact] = [
      .init(
        "Machine time of training", duration(machineSeconds),
        note: "training time of all runs, each once, divided by \(session.workers) cores"
          + (untimed == 0 ? "" : "; not all times of \(untimed) runs are known")),
      .init(
        "This command", duration((ContinuousClock.now - began).seconds), note: "training, fits and figures"),
      .init(
        "FLOPs", runs.trainingFlops.text(), note: "exact, of training; a shared trunk counts once"),
      .init("Runs", "\(runs.count)", note: before == 0 ? "all trained now" : "\(before) finished before"),
      .init(
        "Expectations met", "\(verdicts.count(where: \.passed)) of \(verdicts.count)",
        note: "as given in the pages' files"),
    ]
    return Contents(
      title: "The book of experiments",
      lead: ["Each page asks one question of small language models that were trained for it."]
        + (tier == .minutes ? ["These are the short forms of the experiments, which take minutes."] : []),
      facts: facts, entries: pages.map(entry),
      footer: """
        Made by Isoflop \(Provenance.version) on \(Date.now.formatted(.iso8601.year().month().day())), \
        \(Provenance(threads: 1).cpu). Time and FLOPs of a page are those of its own runs, whenever they were trained; \
        runs that pages share count in each page, and once in the sums above. Evaluation counts as time, not as FLOPs.
        """)
  }

  private func entry(of page: Page) -> Contents.Entry {
    let experiment = page.plan.experiment
    var faults = page.faults
    let passed = page.verdicts.count(where: \.passed)
    if passed < page.verdicts.count {
      let subjects = page.verdicts.filter { !$0.passed }.map(\.subject).joined(separator: ", ")
      faults.append(
        "\(page.verdicts.count - passed) of \(page.verdicts.count) expectations are not met: \(subjects).")
    }
    let runs = page.plan.runs
    let machine = duration(page.trainingSeconds / Double(session.workers))
    let before = page.finishedBefore == 0 ? "" : ", \(page.finishedBefore) of them finished before"
    return Contents.Entry(
      number: experiment.chapter, title: experiment.title,
      address: "../\(address(experiment.name))/report.html",
      highlight: page.results?.highlight, faults: faults,
      lines: (!page.verdicts.isEmpty && passed == page.verdicts.count
        ? [passed == 1 ? "The expectation is met." : "All \(passed) expectations are met."] : []) + [
          "\(runs.count) runs\(before). \(runs.trainingFlops.text()) FLOPs.",
          "Machine time \(machine); in this command \(duration(page.seconds)).",
        ])
  }

  /// A folder's name in a link.
  private func address(_ name: String) -> String {
    name.addingPercentEncoding(withAllowedCharacters: .urlPathAllowed.subtracting(["/"])) ?? name
  }
}
