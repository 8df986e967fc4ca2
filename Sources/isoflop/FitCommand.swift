import Analysis
import ArgumentParser
import Files
import Foundation
import Reports
import ScalingLaws

/// `isoflop fit`: laws of any table of runs.
struct FitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit",
    abstract: "Fits scaling laws to a table with columns for a loss and for what it depends on.",
    discussion:
      "Columns are found by their usual names, or named with --x. Where two of N, D and C are there, "
      + "C = 6ND gives the third.")

  @Argument(
    help: "A CSV file, such as an experiment's results.csv; - for standard input.",
    completion: .file(extensions: ["csv"]))
  var file: String?
  @Option(
    defaultAsFlag: Self.list,
    help:
      "A bundled table instead of a file: one of other programs, such as chinchilla, or the runs of a page of the book, such as pages/quickstart. Without a name, lists them.",
    completion: .reference)
  var reference: String?
  @Option(
    help:
      "A law to fit, such as chinchilla or power_n, or an equation, such as 'L = E + A*N^-alpha + G*log(batch)', in which names that are no quantity or column are parameters. May be repeated. Default: those that the table allows."
  )
  var law: [LawArgument] = []
  @Option(
    help:
      "Where the search of an equation's parameter starts: A=1..1e4 or A=1,10,100. May be repeated. Parameters in which the equation is linear are solved for."
  )
  var start: [String] = []
  @Option(help: "Parameters of an equation that must be positive: A,B.")
  var positive: [String] = []
  @Option(
    name: .customLong("x"),
    help:
      "The column of a quantity, and its unit if it is not 1, or an expression of columns: N=size, D=tokens*1e9, D=steps*batch. Quantities: N, D, C, U (unique tokens), S (steps), E (experts), r1, r2, … (weights of a data mixture), loss, loss_se, cluster."
  )
  var columns: [String] = []
  @Option(help: "The column of the loss, or an expression of columns: log(ppl), bpb*0.6931*bytes.")
  var loss: String?
  @Option(
    name: .customLong("where"),
    help:
      "A condition on rows, such as C<1e21, model=a,b, router!=Dense or 'N<1e8 or D>=1e10'. If repeated, all must hold."
  )
  var conditions: [String] = []
  @Option(help: "How many of the highest losses to leave out.")
  var dropHighest = 0
  @Option(
    help:
      "What the loss tends to: free, zero, or the true entropy of the text, as a number, or as the word entropy if the table has it.",
    completion: .list(["free", "zero", "entropy"]))
  var floor: String?
  @Option(help: "Holds a parameter at a value: beta=0.37. May be repeated.")
  var hold: [String] = []
  @Option(help: "Breaks of a broken law, 1 to 3.")
  var breaks = 1
  @Option(help: "What is summed over the residuals: huber, least_squares or least_absolute.")
  var penalty = PenaltyChoice.huber
  @Option(help: "The δ of Huber's penalty: beyond it the penalty is linear.")
  var delta = Objective.delta
  @Option(help: "What residuals compare: log, raw or log1p of the loss.")
  var on = Objective.Scale.log
  @Flag(help: "Weighs residuals by the losses' standard errors.")
  var weighted = false
  @Flag(help: "An analysis beside the fits.")
  var analyses: [AnalysisChoice] = []
  @Option(help: "Bootstrap samples for the intervals; 0 for none.")
  var bootstraps = 1000
  @Option(help: "The seed of the bootstrap samples.")
  var seed: UInt64 = 1
  @Option(name: .shortAndLong, help: "A folder for fits.json and report.html.", completion: .directory)
  var output: String?
  @OptionGroup var figures: FigureOptions
  @Flag(help: "Prints the fits and their tables as JSON.")
  var json = false

  /// The value of --reference without a name.
  private static let list = "list"

  func validate() throws {
    guard (file == nil) != (reference == nil) else {
      throw ValidationError(
        file == nil ? "Name a CSV file, or a bundled table with --reference." : "A FILE excludes --reference."
      )
    }
    guard (1...3).contains(breaks) else { throw ValidationError("--breaks must be 1, 2 or 3.") }
    let named = law.compactMap(\.choice)
    guard breaks == 1 || named.contains(where: \.isBroken) else {
      throw ValidationError("--breaks needs a broken law, such as --law broken_d.")
    }
    guard hold.isEmpty || !law.isEmpty else { throw ValidationError("--hold needs a --law.") }
    guard start.isEmpty && positive.isEmpty || named.count < law.count else {
      throw ValidationError("--start and --positive need an equation as --law.")
    }
    guard delta > 0 else { throw ValidationError("--delta must be positive.") }
    guard delta == Objective.delta || penalty == .huber else {
      throw ValidationError("--delta applies to the penalty huber only.")
    }
    guard bootstraps >= 0, dropHighest >= 0 else {
      throw ValidationError("--bootstraps and --drop-highest must not be negative.")
    }
  }

  func run() throws {
    if reference == Self.list { return try printReferences() }
    let renderer = output == nil ? nil : try figures.renderer()
    let bundled = try reference.map(ReferenceTable.withPages)
    let table = try table(bundled)
    let known = bundled?.entropy ?? table.entropy
    let (choice, given) = try floorChoice(known, of: table)
    let entropy = given ?? (floor == nil ? known : nil)
    let objective = Objective(penalty.penalty(delta: delta), on: on, weighted: weighted)
    let held = try Dictionary(hold.map(heldParameter), uniquingKeysWith: { $1 })
    let hints = try FormulaHints(starts: start, positive: positive)
    let requests =
      law.isEmpty
      ? FitRequest.standard(
        budgets: true, entropy: entropy != nil, objective: objective, analyses: analyses)
      : try law.enumerated().map { index, law -> FitRequest in
        switch law {
        case .choice(let law):
          try requireColumns(of: law, in: table)
          return FitRequest(
            law, floor: law.hasFloor ? choice : .free, breaks: law.isBroken ? breaks : 1,
            objective: objective, held: held, analyses: analyses)
        case .formula(let text):
          return FitRequest(
            try FormulaLaw(text, over: table, hints: hints), name: formulaName(index), floor: choice,
            objective: objective, held: held, analyses: analyses)
        }
      }
    // A folder that cannot be written is reported before the fits are computed.
    if let output { try FileAccess.makeFolder(output) }
    let progress = ProgressLine(total: 1)
    let fits = Fits(
      of: table, requests: requests, entropy: entropy, bootstraps: bootstraps, seed: seed,
      progress: progress.reach)
    progress.finish()
    for warning in table.warnings { complain("warning: \(warning)") }
    if json {
      try printJSON(Summary(fits: fits))
    } else {
      if let bundled { print("\(bundled.title)\nsource: \(bundled.source)") }
      if let advice = bundled?.advice { print(advice) }
      let count =
        table.trainings < fits.completed
        ? "\(fits.completed) points of \(table.trainings) trainings" : "\(fits.completed) runs"
      print("\(table.path): \(count), \(table.selection)\n\(table.convention)")
      for note in table.notes { print(note) }
      print("")
      printFits(fits)
    }
    if let output {
      try fits.write(to: "\(output)/fits.json")
      try Report(of: fits, title: bundled?.title ?? URL(fileURLWithPath: table.path).lastPathComponent).write(
        to: output, renderer: renderer)
      if !json { print("report  \(output)/report.html") }
    }
    if fits.fits.allSatisfy({ $0.refusal != nil }) {
      let reason = fits.fits.count == 1 ? fits.fits[0].refusal : nil
      throw InputError(
        "allows no fit" + (reason.map { ": \($0)" } ?? ""), file: table.path,
        remedy: reason == nil
          ? "See the reasons above" : "Correct the table or the options, or choose another --law")
    }
  }

  private func table(_ bundled: ReferenceTable?) throws -> ObservationFile {
    let names = try law.flatMap { try $0.names }
    let named = columns + (loss.map { ["loss=\($0)"] } ?? [])
    let columns = try Dictionary(
      named.map { try ObservationFile.role($0, of: names) }, uniquingKeysWith: { $1 })
    let filters = try conditions.map { try RowFilter($0) }
    if let bundled {
      return try ObservationFile(
        bundled, columns: columns, formulaNames: names, where: filters, droppingHighest: dropHighest)
    }
    return try ObservationFile(
      contentsOf: file == "-" ? "/dev/stdin" : file ?? "", columns: columns, formulaNames: names,
      where: filters,
      droppingHighest: dropHighest)
  }

  private func printReferences() throws {
    var pages: [String] = []
    do { pages = try ReferenceTable.pages() } catch { complain("note: \(error)") }
    if json {
      return try printJSON(ReferenceTable.all + pages.map(ReferenceTable.withPages))
    }
    print("Published tables, and tables of this program:\n")
    for reference in ReferenceTable.all {
      print("\(reference.name)\n  \(reference.title)\n  source: \(reference.source)")
      if let advice = reference.advice { print("  \(advice)") }
    }
    guard !pages.isEmpty else { return }
    print("\nRuns of the pages of the book, of the tier minutes where the name says so:\n")
    for page in pages { print(page) }
  }

  /// Checks that the table has the columns of a published law.
  private func requireColumns(of law: LawChoice, in table: ObservationFile) throws {
    for (name, meaning) in (law.published?.columns ?? [:]).sorted(by: { $0.key < $1.key })
    where table.variable(named: name) == nil {
      throw InputError(
        "the law \(law.rawValue) needs a column `\(name)`: \(meaning)", file: table.path, line: 1,
        remedy: "Name it: `--x \(name)=COLUMN`")
    }
  }

  /// The name of the fit of an equation among several; nil for the only one.
  private func formulaName(_ index: Int) -> String? {
    let formulas = law.indices.filter { law[$0].choice == nil }
    return formulas.count == 1 ? nil : formulas.firstIndex(of: index).map { "formula_\($0 + 1)" }
  }

  /// The floor of the laws, and the entropy if the option gives it.
  ///
  /// - Parameter known: The entropy that the table has.
  private func floorChoice(_ known: Double?, of table: ObservationFile) throws -> (
    FloorChoice, entropy: Double?
  ) {
    guard let floor else { return (.free, nil) }
    if !law.isEmpty, law.allSatisfy({ $0.choice?.hasFloor == false }) {
      throw InputError(
        "--floor \(floor): none of these laws takes a floor",
        remedy: "Remove it, or choose for example --law chinchilla")
    }
    switch floor {
    case "free": return (.free, nil)
    case "zero":
      guard law.allSatisfy({ $0.choice != nil }) else {
        throw InputError(
          "--floor zero: an equation has the floor that is written in it", remedy: "Remove it")
      }
      return (.zero, nil)
    case "entropy":
      guard let known else {
        throw InputError(
          "--floor entropy: the table does not give one entropy of the text for all rows", file: table.path,
          remedy: "Write the number, or select the runs of one text with `--where`")
      }
      return (.entropy, known)
    default:
      guard let entropy = Double(floor), entropy > 0, entropy.isFinite else {
        throw InputError(
          "--floor \(floor) is not a floor", remedy: "Write free, zero, entropy or a positive number")
      }
      return (.entropy, entropy)
    }
  }

  private func heldParameter(_ text: String) throws -> (String, Double) {
    let parts = text.split(separator: "=").map(String.init)
    guard parts.count == 2, let value = Double(quantity: parts[1]) else {
      throw InputError(
        "--hold \(text) is not a parameter with a value", remedy: "Write for example --hold beta=0.37")
    }
    return (parts[0], value)
  }
}

/// A law by its name, or as an equation.
enum LawArgument: ExpressibleByArgument {
  case choice(LawChoice)
  case formula(String)

  init?(argument: String) {
    if FormulaLaw.isFormula(argument) {
      self = .formula(argument)
    } else if let law = LawChoice(rawValue: argument), law != .formula {
      self = .choice(law)
    } else {
      return nil
    }
  }

  static var allValueStrings: [String] {
    // The target of a best mixture is given in experiment files.
    LawChoice.allCases.filter { ![.formula, .bestMixture].contains($0) }.map(\.rawValue)
  }

  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

  /// The law; nil for an equation.
  var choice: LawChoice? { if case .choice(let law) = self { law } else { nil } }

  /// The names in an equation, or the columns of a published law beside N, D and C; none for other laws.
  var names: [String] {
    get throws {
      switch self {
      case .choice(let law): (law.published?.columns.keys).map { $0.sorted() } ?? []
      case .formula(let text): try FormulaLaw.namesOfUser(in: text)
      }
    }
  }
}

/// What `fit --json` prints: the content of fits.json, and the tables made of it.
private struct Summary: Encodable {
  let fits: Fits

  private enum Key: CodingKey { case findings }

  func encode(to encoder: any Encoder) throws {
    try fits.encode(to: encoder)
    var container = encoder.container(keyedBy: Key.self)
    try container.encode(Finding.all(in: fits).map(FindingJSON.init), forKey: .findings)
  }
}

extension ObservationFile {
  /// Reads an option `--x`, the column of a quantity.
  ///
  /// - Parameter names: Names in laws, which may be given columns too.
  static func role(_ text: String, of names: [String] = []) throws -> (Role, String) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    let own = parts.first.flatMap { names.contains($0) ? Role.variable(.column($0)) : nil }
    guard parts.count == 2, let role = Role(parts[0]) ?? own else {
      let names = Role.common.map(\.name)
      throw InputError(
        "--x \(text) names no quantity",
        remedy: "Write Q=column with Q among \(names.joined(separator: ", ")), r1, r2, …")
    }
    return (role, parts[1])
  }
}

extension PenaltyChoice: ExpressibleByArgument {}
extension Objective.Scale: ExpressibleByArgument {}

extension AnalysisChoice: EnumerableFlag {
  public static func help(for value: AnalysisChoice) -> ArgumentHelp? {
    switch value {
    case .bends: "Tests whether, where and by how much the laws in one variable bend, and on what evidence."
    case .selection: "Compares each law with its rivals: AICc, and how well each predicts the largest runs."
    case .sensitivity:
      "Shows how the numbers move with the penalty, outliers dropped, and other columns of N and C."
    case .slopes: "Shows the local slope of the laws in one variable, and whether it is constant."
    case .counting:
      "Shows how the best size grows by N with and without embeddings; for fits of an experiment only."
    }
  }
}
