import Foundation
import Testing

/// Errors are reported before any work is done, by the exit status, and for scripts as JSON.
@Suite struct EarlyFaultTests {
  private func folder(expecting runs: Int = 4) throws -> ScratchFolder {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment.replacing("[4, 4]", with: "[\(runs), 9]"), to: "small.yaml")
    return folder
  }

  private func isThere(_ name: String, in folder: ScratchFolder) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder.path)/\(name)")
  }

  @Test(
    "Without the packages a build names those to install", arguments: ["CBLAS/CBLAS.h", "CXXHash/CXXHash.h"])
  func withoutPackages(header: String) throws {
    let compile = "\"$(dirname \"$(command -v swift)\")/clang\" -fsyntax-only -nostdinc -x c"
    let build = try Script(
      "/bin/sh", "-c", "\(compile) '\(packageRoot)/Sources/\(header)'", in: packageRoot)
    #expect(build.status != 0)
    #expect(
      build.errors.contains(
        "apt-get install libopenblas-dev libxxhash-dev zlib1g-dev libzstd-dev libssl-dev pkg-config")
    )
  }

  @Test("Without gnuplot nothing is trained, unless --no-figures is given")
  func withoutGnuplot() throws {
    let folder = try folder()
    let none = "export PATH=/nowhere"
    for command in [["run", "small.yaml"], ["book", "small.yaml"], ["regress", "small.yaml"]] {
      let result = try Command(all: command, in: folder.path, shell: none)
      #expect(result.status == 2 && result.errors.contains("gnuplot, which is not installed"))
      #expect(result.errors.contains("--no-figures"), "\(result.errors)")
    }
    #expect(!isThere("runs/store", in: folder))
    let run = try Command("run", "small.yaml", "--no-figures", in: folder.path, shell: none)
    #expect(run.status == 0, "\(run.errors)")
    #expect(try folder.read("runs/small/report.html").contains("Not drawn: "))
    #expect(isThere("runs/small/figures/training-curves.gp", in: folder))
    #expect(!isThere("runs/small/figures/training-curves.svg", in: folder))
    for command in [["collect", "small.yaml"], ["regress", "small.yaml"]] {
      let result = try Command(all: command + ["--no-figures"], in: folder.path, shell: none)
      #expect(result.status == 0, "\(result.errors)")
    }

    try folder.write(FitTests.table, to: "runs.csv")
    let fit = [
      "fit", "runs.csv", "--x", "N=millions*1e6", "--law", "power_d", "--bootstraps", "0", "-o", "fits",
    ]
    let refused = try Command(all: fit, in: folder.path, shell: none)
    #expect(refused.status == 2 && refused.output.isEmpty && !isThere("fits", in: folder))
    let fitted = try Command(all: fit + ["--no-figures"], in: folder.path, shell: none)
    #expect(fitted.status == 0 && isThere("fits/report.html", in: folder), "\(fitted.errors)")
  }

  @Test(
    "An expectation that is not met is status 1 of every command that prints it, and check says to run first")
  func failures() throws {
    let folder = try folder(expecting: 5)
    let early = try Command("check", "small.yaml", in: folder.path)
    #expect(early.status == 2 && early.errors.contains("Run it first: `isoflop run small.yaml`"))
    for command in ["run", "collect", "book", "regress", "check"] {
      let result = try Command(command, "small.yaml", in: folder.path)
      #expect(result.status == 1, "\(command): \(result.errors)")
    }
  }

  @Test("A missing key figure or number of a report is a failed expectation")
  func keyResults() throws {
    let folder = try folder()
    try folder.write(
      smallExperiment + "key: {fit: chinchilla, parameter: alpha, figure: training-curve}\n", to: "small.yaml"
    )
    let run = try Command("run", "small.yaml", in: folder.path)
    #expect(run.status == 1, "\(run.errors)")
    #expect(run.output.contains("key figure training-curve"), "\(run.output)")
    #expect(run.output.contains("the nearest is `training-curves`"))
    #expect(run.output.contains("key number chinchilla alpha"))
    let book = try Command("book", "small.yaml", in: folder.path)
    #expect(book.status == 1)
    #expect(try folder.read("runs/book/index.html").contains("expectations are not met: key figure"))
  }

  @Test("A dry run creates nothing, and ends soon even for long training")
  func dryRun() throws {
    let folder = try folder()
    try folder.write(smallExperiment.replacing("[20k, 40k]", with: "[1T]"), to: "long.yaml")
    for file in ["small.yaml", "long.yaml"] {
      let dry = try Command("run", file, "--dry-run", in: folder.path)
      #expect(dry.status == 0, "\(dry.errors)")
    }
    let regress = try Command("regress", "small.yaml", "--dry-run", "-o", "none", in: folder.path)
    #expect(regress.status == 0 && !isThere("none", in: folder) && !isThere("runs", in: folder))
  }

  @Test("If the verdicts cannot be written, nothing is trained")
  func junit() throws {
    let folder = try folder()
    let regress = try Command("regress", "small.yaml", "--junit", "none/out.xml", in: folder.path)
    #expect(regress.status == 2 && regress.errors.contains("none/out.xml: cannot be written"))
    #expect(!isThere("runs/store", in: folder))
  }

  @Test(
    "With --json an error is a line of JSON on standard error",
    arguments: [
      (["run", "none.yaml", "--json"], "no such file", "none.yaml"),
      (["fit", "a.csv", "--lwa", "x", "--json"], "Unknown option '--lwa'. Did you mean '--law'?", nil),
    ] as [([String], String, String?)])
  func json(_ arguments: [String], _ message: String, _ file: String?) throws {
    let folder = try ScratchFolder()
    let result = try Command(all: arguments, in: folder.path)
    #expect(result.status == 2 && result.output.isEmpty)
    let fault = try #require(
      try JSONSerialization.jsonObject(with: Data(result.errors.utf8)) as? [String: Any])
    #expect(Set(fault.keys) == ["message", "file", "line", "remedy", "status"])
    #expect(fault["message"] as? String == message && fault["status"] as? Int == 2)
    #expect(fault["file"] as? String == file && fault["line"] is NSNull && fault["remedy"] is String)
  }

  @Test("The error names the smallest length beyond the warmup")
  func warmup() throws {
    let folder = try folder()
    try folder.write(smallExperiment.replacing("warmup_steps: 5", with: "warmup_steps: 500"), to: "a.yaml")
    let run = try Command("run", "a.yaml", "--dry-run", in: folder.path)
    #expect(run.errors.contains("Raise `tokens` to at least 128256 tokens, or lower"), "\(run.errors)")
    try folder.write(
      smallExperiment.replacing("warmup_steps: 5", with: "warmup_steps: 500")
        .replacing("tokens: [20k, 40k]", with: "flops: 1e8"), to: "b.yaml")
    let budget = try Command("run", "b.yaml", "--dry-run", in: folder.path)
    let least = try #require(budget.errors.firstMatch(of: /at least ([0-9.e+]+) FLOPs/)?.output.1)
    try folder.write(
      smallExperiment.replacing("warmup_steps: 5", with: "warmup_steps: 500").replacing("[8, 16]", with: "8")
        .replacing("tokens: [20k, 40k]", with: "flops: \(least)"), to: "c.yaml")
    let enough = try Command("run", "c.yaml", "--dry-run", in: folder.path)
    #expect(enough.status == 0, "\(enough.errors)")
  }

  @Test("The bundled corpora are found from any folder, or at ISOFLOP_CORPORA")
  func corpora() throws {
    let folder = try ScratchFolder()
    let copy = "\(folder.path)/elsewhere"
    try FileManager.default.copyItem(atPath: Command.program, toPath: copy)
    // The wrapper runs the copy, and comments out the program itself.
    let list = try Command(
      "corpus", "list", "--json", in: folder.path, wrapper: "\(copy) corpus list --json #")
    #expect(list.status == 0 && list.output.contains("village"), "\(list.errors)")
    let named = try Command(
      "corpus", "list", in: folder.path, shell: "export ISOFLOP_CORPORA=\(packageRoot)/corpora")
    #expect(named.status == 0)
    #expect(named.output.contains("of endless text") && named.output.contains("isoflop corpus stats"))
    let wrong = try Command("corpus", "list", in: folder.path, shell: "export ISOFLOP_CORPORA=\(folder.path)")
    #expect(
      wrong.status == 2 && wrong.errors.contains("ISOFLOP_CORPORA names this folder"), "\(wrong.errors)")
  }

  @Test(
    "A plan consists of finite numbers or is rejected",
    arguments: [
      ["--flops", "1e300"], ["--flops", "1e-300"], ["--params", "1e300"], ["--tokens", "1e-300"],
      ["--params", "1e300", "--tokens", "1e300"], ["--params", "1e-300", "--tokens", "1e-300"],
      ["--loss", "1e300"], ["--flops", "1e20", "--inference-tokens", "1e300"],
    ])
  func plans(_ arguments: [String]) throws {
    let folder = try ScratchFolder()
    try folder.write(FitTests.table, to: "runs.csv")
    _ = try Command(
      "fit", "runs.csv", "--x", "N=millions*1e6", "--law", "chinchilla", "--bootstraps", "20", "-o", "fits",
      "--no-figures", in: folder.path)
    let plan = try Command(all: ["plan", "fits/fits.json"] + arguments, in: folder.path)
    #expect([0, 2].contains(plan.status) && (plan.status == 0 || !plan.errors.isEmpty), "\(plan.errors)")
    let words = plan.output.split { !$0.isLetter }
    #expect(!words.contains { ["nan", "inf"].contains($0.lowercased()) }, "\(plan.output)")
  }
}

private let cases = "\(packageRoot)/../shared/cases"

/// Tables that once crashed or hung the program, or gave meaningless numbers.
@Suite(.enabled(if: FileManager.default.fileExists(atPath: cases), "needs ../shared/cases"))
struct SharedCasesTests {
  @Test(
    "A table with little information becomes a page or an error",
    arguments: [
      ("crash/crash_flat.csv", [], 0, ""), ("crash/crash_one_outlier.csv", [], 0, ""),
      ("crash/crash_ticks.csv", [], 0, ""),
      ("crash/hang_overtraining.csv", ["--law", "overtraining", "--selection"], nil, ""),
      ("fit/one_place_only.csv", ["--law", "chinchilla"], 2, "all observations have one and the same N, D"),
      ("fit/metric_rises_accuracy.csv", ["--law", "chinchilla"], 2, "the loss rises with N and D"),
      (
        "fit/isoflop_all_refused.csv", ["--law", "isoflop"], 2,
        "fewer than two budgets have a minimum: C = 1e+18"
      ),
      ("fit/isoflop_no_budgets.csv", ["--law", "isoflop"], 2, "fewer than three model sizes"),
      ("fit/miss_nan.csv", ["--where", "loss>0"], 0, "2 rows are left out, without a number in `loss`"),
      ("fit/semicolon_comma.csv", [], 0, "`4,21430` is read as 4.21430"),
      ("fit/thousands.csv", [], 0, "`15,000,000` is read as 15000000"),
    ] as [(String, [String], Int32?, String)])
  func table(_ file: String, _ arguments: [String], _ status: Int32?, _ text: String) throws {
    let folder = try ScratchFolder()
    let fit = try Command(
      all: ["fit", "\(cases)/\(file)", "--bootstraps", "100", "-o", "fits"] + arguments, in: folder.path)
    #expect(status.map { $0 == fit.status } ?? [0, 2].contains(fit.status), "\(fit.errors)")
    #expect(text.isEmpty || (fit.output + fit.errors).contains(text), "\(fit.output)\(fit.errors)")
    if fit.status == 0 { #expect(try folder.read("fits/report.html").contains("</html>")) }
  }

  @Test("A table of one size cannot determine an allocation")
  func oneSize() throws {
    let folder = try ScratchFolder()
    let fit = try Command(
      "fit", "\(cases)/fit/one_size_only.csv", "--law", "chinchilla", "-o", "fits", in: folder.path)
    let rows = fit.output.split(separator: "\n").filter { $0.contains(/^chinchilla +[abG] +/) }
    #expect(rows.count == 3 && rows.allSatisfy { $0.contains("not identified") }, "\(fit.output)")
    let plan = try Command("plan", "fits/fits.json", "--flops", "1e21", in: folder.path)
    #expect(plan.status == 2 && plan.errors.contains("do not determine how to split a budget"))
  }

  @Test("An experiment of which most runs diverge keeps its report")
  func diverged() throws {
    let folder = try ScratchFolder()
    let run = try Command(
      "run", "\(cases)/crash/crash_report_diverged.yaml", in: folder.path,
      shell: "export ISOFLOP_CORPORA=\(packageRoot)/corpora")
    #expect(run.status == 0, "\(run.errors)")
    #expect(try folder.read("runs/crash_report_diverged/report.html").contains("diverged"))
  }
}
