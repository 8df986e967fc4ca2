import ArgumentParser
import Experiments
import Files
import Foundation

/// `isoflop book`: the pages of all experiments, and their contents.
struct BookCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "book", abstract: "Trains all experiments and writes their reports as a book with contents.",
    discussion:
      "Every file is read and planned before anything is trained. Runs that pages share are trained once.")

  @Argument(help: "The experiments' files. Default: all of the folder `experiments`.")
  var files: [String] = []
  @OptionGroup var options: TrainingOptions

  func run() throws {
    let book = try Book(Book.files(files), options)
    if options.dryRun { return book.printPlan() }
    let pages = try book.announceAndMake()
    printTable(
      ["page", "runs", "expectations met", "key"],
      pages.map { page in
        let fact = page.results?.highlight.fact
        return [
          page.name, "\(page.plan.runs.count)",
          "\(page.verdicts.count(where: \.passed)) of \(page.verdicts.count)",
          page.faults.isEmpty ? fact.map { "\($0.name) \($0.value)" } ?? "" : "FAILED",
        ]
      })
    print("book  \(book.contents)")
    try book.requireAllRuns(of: pages)
  }
}

/// `isoflop regress`: every expectation of every experiment.
struct RegressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "regress",
    abstract: "Makes the book and holds every page against what its file expects.",
    discussion: "Exit status 0 if all is met, 1 if not, 3 if runs failed.")

  @Argument(help: "The experiments' files. Default: all of the folder `experiments`.")
  var files: [String] = []
  @OptionGroup var options: TrainingOptions
  @Option(help: "Where to write the verdicts as JUnit XML. Default: regress.xml in the folder of runs.")
  var junit: String?

  func run() throws {
    let book = try Book(Book.files(files), options)
    if options.dryRun { return book.printPlan() }
    let pages = try book.announceAndMake()
    let path = junit ?? "\(options.output)/regress.xml"
    try JUnit(pages).write(to: path)
    printTable(
      ["page", "expectation", "expected", "found", ""],
      pages.flatMap { page in
        page.faults.map { [page.name, "all runs", "trained", $0, "FAIL"] }
          + page.verdicts.map { [page.name, $0.subject, $0.expected, $0.found, $0.passed ? "pass" : "FAIL"] }
      })
    print("book  \(book.contents)\njunit \(path)")
    try book.requireAllRuns(of: pages)
    guard pages.allSatisfy({ $0.verdicts.allSatisfy(\.passed) }) else {
      throw ExitCode(Status.expectationFailed.rawValue)
    }
  }
}

extension Book {
  func announceAndMake() throws -> [Page] {
    session.announce()
    return try make()
  }

  /// Prints the pages with what is left to train.
  func printPlan() {
    let (pending, scheduler) = (session.pending, session.scheduler)
    printTable(
      ["page", "title", "runs", "finished", "FLOPs", "seconds"],
      zip(session.plans, scheduler.stages).map { plan, stages in
        [
          plan.experiment.name, plan.experiment.title, "\(plan.runs.count)",
          "\(plan.runs.count { !pending.contains($0.configuration.identifier) })",
          number(plan.runs.trainingFlops),
          String(format: "%.0f", scheduler.predictedSeconds(of: stages)),
        ]
      })
    print("seconds: of the training that no page before has done, on \(session.workers) cores")
    session.announce()
  }

  /// - Throws: the exit status of failed runs, if a page has faults.
  func requireAllRuns(of pages: [Page]) throws {
    if pages.contains(where: { !$0.faults.isEmpty }) { throw ExitCode(Status.someRunsFailed.rawValue) }
  }
}
