import ArgumentParser
import Files
import Foundation
import Plans
import Reports

/// `isoflop book`: the pages of all experiments, and their contents.
struct BookCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "book", abstract: "Trains all experiments and writes their reports as a book with contents.",
    discussion:
      "Every file is read and planned before anything is trained. Shared runs are trained once. "
      + "Exit status 0 if all expectations are met, 1 if not, 3 if runs failed.")

  @Argument(
    help: "The experiments' files, or names of bundled ones. Default: all of the folder `experiments`.",
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String] = []
  @OptionGroup var options: TrainingOptions

  func run() throws {
    let book = try Book(Book.files(files), options)
    if options.dryRun { return try book.printPlan(options.out) }
    let pages = try book.announceAndMake(options.figures)
    let table = Table(
      [
        "page", "runs", .init("met", title: "expectations met"), .init("expectations", title: nil),
        .init("key", title: "key"), .init("faults", title: nil),
      ],
      pages.map { page in
        let fact = page.results?.highlight.fact
        let (met, all) = (page.verdicts.count(where: \.passed), page.verdicts.count)
        let key = page.faults.isEmpty ? fact.map { "\($0.name) \($0.value)" } ?? "" : "FAILED"
        return [
          .init(page.name), .init(page.plan.runs.count), .init(met, text: "\(met) of \(all)"), .init(all),
          .init(key), .init(page.faults, text: ""),
        ]
      })
    try table.print(json: options.out.json)
    options.out.say("book  \(book.contents)")
    try book.requireSuccess(of: pages)
  }
}

/// `isoflop regress`: every expectation of every experiment.
struct RegressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "regress",
    abstract: "Makes the book and checks every page against the expectations in its file.",
    discussion: "Exit status 0 if all expectations are met, 1 if not, 3 if runs failed.")

  @Argument(
    help: "The experiments' files, or names of bundled ones. Default: all of the folder `experiments`.",
    completion: .file(extensions: ["yaml", "yml"]))
  var files: [String] = []
  @OptionGroup var options: TrainingOptions
  @Option(
    help: "Where to write the verdicts as JUnit XML. Default: regress.xml in the folder of runs.",
    completion: .file(extensions: ["xml"]))
  var junit: String?

  func run() throws {
    let book = try Book(Book.files(files), options)
    if options.dryRun { return try book.printPlan(options.out) }
    let path = junit ?? "\(options.output)/regress.xml"
    try FileAccess.requireWritable(path)
    let pages = try book.announceAndMake(options.figures)
    try JUnit(
      pages.map {
        JUnit.Page(
          name: $0.name, file: $0.plan.experiment.path, seconds: $0.seconds, faults: $0.faults,
          verdicts: $0.verdicts)
      }
    ).write(to: path)
    let verdicts = pages.map { Table(.verdicts($0.verdicts)) }
    let table = Table(
      ["page"] + Table(.verdicts([])).columns,
      zip(pages, verdicts).flatMap { page, verdicts in
        page.faults.map {
          [
            .init(page.name), .init(false, text: "FAIL"), "all runs", "trained", .init($0), "",
            .init(nil, text: ""),
          ]
        } + verdicts.rows.map { [.init(page.name)] + $0 }
      })
    try table.print(json: options.out.json)
    options.out.say("book  \(book.contents)\njunit \(path)")
    try book.requireSuccess(of: pages)
  }
}

extension Book {
  func announceAndMake(_ figures: FigureOptions) throws -> [Page] {
    let renderer = try figures.renderer()
    try session.announce()
    let pages = try make(renderer)
    try session.removeRemains()
    return pages
  }

  /// Prints the pages with what is left to train.
  func printPlan(_ out: OutputOptions) throws {
    let (pending, scheduler) = (session.pending, session.scheduler)
    let table = Table(
      ["page", "title", "runs", "finished", "FLOPs", "seconds"],
      zip(session.plans, scheduler.stages).map { plan, stages in
        let seconds = scheduler.predictedSeconds(of: stages)
        return [
          .init(plan.experiment.name), .init(plan.experiment.title), .init(plan.runs.count),
          .init(plan.runs.count { !pending.contains($0.configuration.identifier) }),
          .init(plan.runs.trainingFlops), .init(seconds, text: String(format: "%.0f", seconds)),
        ]
      })
    try table.print(json: out.json)
    out.say("seconds: of training that earlier pages do not include, on \(session.workers) cores")
    try session.announce()
  }

  /// - Throws: the exit status of failed runs, if a page has faults, or of an expectation that is not met.
  func requireSuccess(of pages: [Page]) throws {
    if pages.contains(where: { !$0.faults.isEmpty }) { throw ExitCode(Status.someRunsFailed.rawValue) }
    guard pages.allSatisfy({ $0.verdicts.allSatisfy(\.passed) }) else {
      throw ExitCode(Status.expectationFailed.rawValue)
    }
  }
}
