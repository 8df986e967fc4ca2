import Foundation
import Testing

/// Tests of `isoflop fit` and `isoflop plan` on a synthetic surface.
@Suite struct FitTests {
  /// L = 1.7 + 400/N^.34 + 1200/D^.34, times 1 ± a little, in millions of parameters.
  static let table: String = {
    let rows = (0..<6).flatMap { i in
      (0..<6).map { j -> String in
        let (n, d) = (1e7 * pow(2.5, Double(i)), 2e8 * pow(3, Double(j)))
        let error = 1 + 0.002 * Double((7 * i + 5 * j) % 5 - 2)
        return "\(n / 1e6),\(d),\((1.7 + 400 * pow(n, -0.34) + 1200 * pow(d, -0.34)) * error)\n"
      }
    }
    return "millions,tokens,loss\n" + rows.joined()
  }()

  @Test("A table gives fits, a page and a plan")
  func fitAndPlan() throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table, to: "runs.csv")
    let fit = try Command(
      "fit", "runs.csv", "--x", "N=millions*1e6", "--law", "chinchilla", "--law", "power_d", "--selection",
      "--sensitivity", "--bends", "-o", "fits", in: folder.path)
    #expect(fit.status == 0, "\(fit.errors)")
    for word in [
      "N = column `millions` × 1000000.0", "AICc", "Huber, δ = 0.1",
      "bends are tested for laws in one variable",
    ] {
      #expect(fit.output.contains(word), "\(word) in \(fit.output)")
    }
    let page = try folder.read("fits/report.html")
    #expect(page.contains("Other laws, other choices"))

    let plan = try Command("plan", "fits/fits.json", "--flops", "1e21", "--json", in: folder.path)
    #expect(plan.status == 0, "\(plan.errors)")
    let numbers = try #require(
      try JSONSerialization.jsonObject(with: Data(plan.output.utf8)) as? [String: Any])
    let value = { (name: String) in (numbers[name] as? [String: Any])?["value"] as? Double ?? .nan }
    let low = { (name: String) in (numbers[name] as? [String: Any])?["low"] as? Double ?? .nan }
    // N* = G·(C/6)^a with a = ½ and G = (αA/βB)^(1/(α + β)).
    let best = pow(400 / 1200, 1 / 0.68) * pow(1e21 / 6, 0.5)
    #expect(abs(value("parameters") / best - 1) < 0.3, "\(value("parameters")) for \(best)")
    #expect(abs(6 * value("parameters") * value("tokens") / 1e21 - 1) < 1e-6)
    #expect(low("loss") < value("loss") && low("loss_of_one_run") < low("loss"))
    #expect((numbers["decades_beyond_data"] as? Double ?? 0) > 0)
    #expect(plan.errors.contains("decades beyond the data of the fit"))

    let serving = try Command(
      "plan", "fits/fits.json", "--flops", "1e21", "--inference-tokens", "1T", in: folder.path)
    #expect(serving.status == 0 && serving.output.contains("FLOPs, training and serving"))
    let model = try Command("plan", "fits/fits.json", "--params", "50M", "--tokens", "1G", in: folder.path)
    #expect(model.status == 0 && model.errors.isEmpty && model.output.contains("loss of one run"))
  }

  @Test("The runs of a page are found from any folder, and their entropy is a floor")
  func pages() throws {
    let folder = try ScratchFolder()
    let page = try Command(
      "fit", "--reference", "pages/quickstart", "--law", "chinchilla", "--floor", "entropy", in: folder.path)
    #expect(page.status == 0 && page.output.contains("L = 0.25329 + A/N^α + B/D^β"), "\(page.errors)")
    let list = try Command("fit", "--reference", in: folder.path)
    #expect(list.output.contains("\nkaplan-grid\n") && list.output.contains("\npages/quickstart\n"))
    let named = "export ISOFLOP_REFERENCE=\(folder.path)"
    let empty = try Command("fit", "--reference", "pages/quickstart", in: folder.path, shell: named)
    #expect(empty.status == 2 && empty.errors.contains("contains no PAGE/results.csv"), "\(empty.errors)")
    let without = try Command("fit", "--reference", in: folder.path, shell: named)
    #expect(without.status == 0 && without.output.contains("\nkaplan-grid\n"), "\(without.errors)")
    try folder.write(Self.table, to: "runs.csv")
    let unknown = try Command(
      "fit", "runs.csv", "--x", "N=millions*1e6", "--law", "chinchilla", "--floor", "entropy",
      in: folder.path)
    #expect(unknown.status == 2 && unknown.errors.contains("--floor entropy"), "\(unknown.errors)")
  }

  @Test("An equation of columns is fitted, compared, written and planned with")
  func equation() throws {
    let folder = try ScratchFolder()
    let rows = Self.table.split(separator: "\n").enumerated().map {
      "\($1)," + ($0 == 0 ? "bs" : "\(1 << ($0 % 4))")
    }
    try folder.write(rows.joined(separator: "\n"), to: "runs.csv")
    let law = "L = E + A*N^-alpha + B*D^-beta + G*log(batch)"
    let fit = try Command(
      "fit", "runs.csv", "--x", "N=millions*1e6", "--x", "batch=bs*1e3", "--law", law, "--law",
      "L = E + A*N^-a + B*D^-a", "--positive", "A,B", "--start", "a=0.1..1", "--selection", "-o", "fits",
      in: folder.path)
    #expect(fit.status == 2 && fit.errors.contains("it has no parameter `a`"), "\(fit.errors)")
    let both = try Command(
      "fit", "runs.csv", "--x", "N=millions*1e6", "--x", "batch=bs*1e3", "--law", law, "--law",
      "L = E + A*N^-alpha + B*D^-alpha", "--positive", "A,B", "--start", "alpha=0.1..1", "--selection", "-o",
      "fits", in: folder.path)
    #expect(both.status == 0, "\(both.errors)")
    for word in [
      "batch = column `bs` × 1000.0", "formula_1", "formula_2", "AICc", "L = E + A/N^α + B/D^β", law,
    ] {
      #expect(both.output.contains(word), "\(word) in \(both.output)")
    }
    let plan = try Command(
      "plan", "fits/fits.json", "--flops", "1e21", "--fit", "formula_2", in: folder.path)
    #expect(plan.status == 0 && plan.output.contains("tokens per parameter"), "\(plan.errors)")
    #expect(try folder.read("fits/report.html").contains("residuals-formula_1"))
    for (arguments, message) in [
      (["--law", "L = E + A*exq(N)"], "character 11: there is no function `exq`"),
      (["--law", "L = E + A*loss"], "character 11: `loss` is the loss itself"),
      (["--law", "L = 2*N"], "it has no parameter to fit"),
      (["--law", "chinchila"], "chinchila"), (["--law", "coverage"], "the law coverage needs a column `k`"),
      (["--law", "L = A*N^-a", "--start", "a=x"], "--start a=x is not a parameter with starts"),
      (["--law", "chinchilla", "--positive", "A"], "need an equation"),
      (["--law", "L = A*N^-a", "--floor", "zero"], "an equation has the floor that is written in it"),
      (["--law", "L = A*N^-a*batch", "--x", "batch=bsz"], "there is no column `bsz`"),
    ] {
      let result = try Command(
        all: ["fit", "runs.csv", "--x", "N=millions*1e6"] + arguments, in: folder.path)
      #expect(result.status != 0 && result.errors.contains(message), "\(arguments): \(result.errors)")
    }
  }

  @Test("A loss and quantities may be expressions of columns")
  func expressions() throws {
    let folder = try ScratchFolder()
    let rows = Self.table.split(separator: "\n").dropFirst().map { row -> String in
      let cells = row.split(separator: ",").map { Double($0) ?? .nan }
      return "\(cells[0]),\(cells[1] / 512),512,\(exp(cells[2])),0.1"
    }
    let text = "millions,steps taken,batch,ppl,loss_se\n" + rows.joined(separator: "\n")
    try folder.write(text, to: "runs.csv")
    try folder.write(Self.table, to: "plain.csv")
    let fit = { (file: String, arguments: [String]) in
      try Command(
        all: ["fit", file, "--x", "N=millions*1e6", "--law", "chinchilla", "--bootstraps", "0", "--json"]
          + arguments, in: folder.path)
    }
    let plain = try fit("plain.csv", [])
    let computed = try fit("runs.csv", ["--loss", "log(ppl)", "--x", "D=`steps taken`*batch"])
    #expect(computed.status == 0 && computed.output.contains("loss = log(ppl)"), "\(computed.errors)")
    func exponent(_ command: Command) throws -> Double? {
      let json = try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [String: Any]
      let fits = json?["fits"] as? [[String: Any]]
      let parameters = (fits?.first?["fit"] as? [String: Any])?["parameters"] as? [[String: Any]]
      return parameters?.first { $0["symbol"] as? String == "β" }?["value"] as? Double
    }
    let (own, expected) = (try #require(try exponent(computed)), try #require(try exponent(plain)))
    #expect(abs(own / expected - 1) < 1e-6)
    for (arguments, message) in [
      (["--loss", "log(pl)"], "there is no column `pl`"),
      (["--loss", "log(ppl"], "loss = `log(ppl`, character 8: `)` is missing"),
      (["--loss", "1 - ppl"], "`1 - ppl` is -"),
      (["--loss", "log(1 - ppl)"], "is not defined where `ppl` is `"),
      (["--loss", "log(2)"], "it names no column"),
    ] {
      let result = try fit("runs.csv", ["--x", "D=`steps taken`*batch"] + arguments)
      #expect(result.status == 2 && result.errors.contains(message), "\(arguments): \(result.errors)")
    }
  }

  @Test("Plans by a law in C, of repeated data, and by published constants")
  func otherPlans() throws {
    let folder = try ScratchFolder()
    let surface = { (n: Double, d: Double) in 1.7 + 400 * pow(n, -0.34) + 1200 * pow(d, -0.34) }
    let rows = (0..<36).map { index -> String in
      let (n, d) = (1e7 * pow(2.5, Double(index % 6)), 2e8 * pow(3, Double(index / 6)))
      return "\(n),\(d),\(d / Double(1 + index % 3)),\(surface(n, d) * (1 + 0.002 * Double(index % 5 - 2)))"
    }
    try folder.write("N,D,U,loss\n" + rows.joined(separator: "\n"), to: "runs.csv")
    func plan(_ fit: [String], _ arguments: [String]) throws -> [String: Any] {
      let fitted = try Command(all: ["fit", "runs.csv", "-o", "fits"] + fit, in: folder.path)
      #expect(fitted.status == 0, "\(fitted.errors)")
      let plan = try Command(all: ["plan", "fits/fits.json", "--json"] + arguments, in: folder.path)
      #expect(plan.status == 0, "\(fit) \(arguments): \(plan.errors)")
      return try JSONSerialization.jsonObject(with: Data(plan.output.utf8)) as? [String: Any] ?? [:]
    }
    func number(_ plan: [String: Any], _ name: String, _ part: String = "value") -> Double? {
      (plan[name] as? [String: Any])?[part] as? Double
    }
    let curve = try plan(["--law", "L = E + A*C^-a"], ["--flops", "1e20"])
    let loss = try #require(number(curve, "loss"))
    #expect(number(curve, "compute") == 1e20 && curve["parameters"] == nil && loss > 1.5 && loss < 4)
    let back = try plan(["--law", "L = E + A*C^-a"], ["--loss", "\(loss)"])
    #expect(abs((number(back, "compute") ?? 0) / 1e20 - 1) < 1e-6)

    let repeated = ["--law", "repeated_data", "--bootstraps", "20"]
    let fresh = try plan(repeated, ["--flops", "1e20"])
    let worn = try plan(repeated, ["--flops", "1e20", "--unique-tokens", "1e9"])
    #expect(try #require(number(worn, "loss")) >= #require(number(fresh, "loss")))
    #expect(worn["unique_tokens"] as? Double == 1e9)

    let held = ["A=400", "B=1200", "alpha=0.34", "beta=0.34", "E=1.7"].flatMap { ["--hold", $0] }
    let published = try plan(["--law", "chinchilla"] + held, ["--flops", "1e20"])
    let best = pow(400 / 1200, 1 / 0.68) * pow(1e20 / 6, 0.5)
    #expect(abs((number(published, "parameters") ?? 0) / best - 1) < 1e-3)
    #expect(number(published, "loss", "low") == nil && number(published, "loss_of_one_run", "low") != nil)

    // Another D is meant in each draw of the law; a single run is not more certain.
    let longer = try plan(["--law", "chinchilla"], ["--params", "1e11"])
    for (end, sign) in [("low", 1.0), ("high", -1)] {
      let (law, run) = (number(longer, "loss", end), number(longer, "loss_of_one_run", end))
      #expect(try sign * #require(law) >= sign * #require(run))
    }
    let wrong = try Command(
      "plan", "fits/fits.json", "--flops", "1e20", "--unique-tokens", "1e9", in: folder.path)
    #expect(wrong.status == 2 && wrong.errors.contains("does not depend on unique tokens"))
  }

  @Test("JSON on standard output equals the file, with names in snake_case")
  func json() throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table, to: "runs.csv")
    let fit = try Command(
      "fit", "runs.csv", "--x", "N=millions*M", "--law", "chinchilla", "--json", "-o", "fits", in: folder.path
    )
    #expect(fit.status == 0, "\(fit.errors)")
    func object(_ text: String) throws -> [String: Any] {
      // The file's names are in camelCase.
      func plain(_ value: Any) -> Any {
        switch value {
        case let object as [String: Any]:
          [String: Any](
            uniqueKeysWithValues: object.map { key, value in
              let name = key == "mixture" ? "dataMixture" : key
              return (name.lowercased().replacingOccurrences(of: "_", with: ""), plain(value))
            })
        case let list as [Any]: list.map(plain)
        default: value
        }
      }
      let value = plain(try JSONSerialization.jsonObject(with: Data(text.utf8)))
      return try #require(value as? [String: Any])
    }
    var written = try object(folder.read("fits/fits.json"))
    written["checksum"] = nil
    var printed = try object(fit.output)
    let findings = try #require(printed.removeValue(forKey: "findings") as? [[String: Any]])
    #expect(written as NSDictionary == printed as NSDictionary)
    let laws = try #require(findings.first?["rows"] as? [[String: Any]])
    #expect(laws.first?["fit"] as? String == "chinchilla", "\(findings)")
    #expect(
      fit.output.contains("rms_log_residual") && fit.output.firstMatch(of: /"[a-z]+[A-Z][A-Za-z]*" :/) == nil)
  }

  @Test(
    "Mistakes give one message with a remedy",
    arguments: [
      (["--law", "chinchilla", "--x", "N=sizes"], "runs.csv:1: there is no column `sizes`"),
      (["--law", "chinchilla", "--x", "M=millions"], "--x M=millions names no quantity. Write Q=column"),
      (["--law", "chinchilla", "--where", "tokens<1"], "no row is left of 36. Widen the conditions"),
      (["--law", "chinchilla", "--floor", "low"], "--floor low is not a floor"),
      (["--law", "kaplan", "--floor", "1.7"], "none of these laws takes a floor"),
      (
        ["--law", "chinchilla", "--hold", "gamma=1"], "there is no parameter gamma to hold among A, B, alpha"
      ),
      (["--law", "chinchilla", "--weighted"], "weights need a standard error for every observation"),
      (["--law", "routed"], "has no E (experts), which routed needs"),
      (["--law", "mixture"], "a data mixture needs columns of weights"),
      (
        ["--law", "chinchilla", "--where", "tokens<1e9", "--where", "millions<20"],
        "needs at least 6 observations"
      ),
    ])
  func mistakes(arguments: [String], message: String) throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table, to: "runs.csv")
    let name = arguments.contains("N=sizes") ? [] : ["--x", "N=millions*1e6"]
    let result = try Command(all: ["fit", "runs.csv"] + name + arguments, in: folder.path)
    #expect(result.status == 2)
    #expect(result.errors.contains(message), "\(result.errors)")
  }

  @Test("A bundled table is fitted by its name, and listed without one")
  func references() throws {
    let folder = try ScratchFolder()
    let fit = try Command(
      "fit", "--reference", "chinchilla", "--law", "chinchilla", "--drop-highest", "5", "--bootstraps", "0",
      in: folder.path)
    #expect(fit.status == 0 && fit.output.contains("chinchilla: 240 runs"), "\(fit.errors)")
    #expect(fit.output.contains("arXiv:2404.10102") && fit.output.contains("0.34731"), "\(fit.output)")
    let list = try Command("fit", "--reference", in: folder.path)
    #expect(list.status == 0 && list.output.contains("llama3\n") && list.output.contains("source: "))
    let json = try Command("fit", "--json", "--reference", in: folder.path)
    #expect(json.status == 0 && json.output.contains("\"name\" : \"village-far\""), "\(json.output)")
    for (arguments, message) in [
      (["fit", "--reference", "gpt4"], "there is no reference `gpt4`. Choose one of chinchilla"),
      (["fit", "a.csv", "--reference", "llama3"], "A FILE excludes --reference"),
      (["fit"], "Name a CSV file, or a bundled table with --reference"),
    ] {
      let result = try Command(all: arguments, in: folder.path)
      #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
    }
  }

  @Test(
    "Points are counted beside their trainings, and a law in one variable says which points it takes"
  )
  func countsOfRows() throws {
    let folder = try ScratchFolder()
    let rows = Self.table.split(separator: "\n").dropFirst().enumerated().map {
      "\($1),\($0 / 6)\n"
    }
    try folder.write("params (M),tokens,loss,cluster\n" + rows.joined(), to: "runs.csv")
    let fit = try Command(
      "fit", "runs.csv", "--law", "power_d", "--law", "power_c", "--bootstraps", "0",
      in: folder.path)
    #expect(
      fit.status == 0 && fit.output.contains("runs.csv: 36 points of 6 trainings, all rows"),
      "\(fit.errors)")
    #expect(
      fit.output.contains("6 of 36") && fit.output.contains("means over seeds, "), "\(fit.output)")
  }

  @Test("A table may come from standard input, and what was decided and what is doubtful is said")
  func notesAndWarnings() throws {
    let folder = try ScratchFolder()
    let rows = Self.table.split(separator: "\n").dropFirst().map { $0.split(separator: ",") }
      .map { "\($0[0]);\($0[1]);1e18;\($0[2].replacing(".", with: ","))\n" }
    let odd = "7;1e9;1e18;\n8;1e9;1e18;NA\n"
    try folder.write("\u{FEFF}params;tokens;C;loss\n" + rows.joined() + odd, to: "runs.csv")
    let fit = try Command(
      "fit", "-", "--law", "chinchilla", "--bootstraps", "0", "-o", "fits", in: folder.path,
      shell: "exec <runs.csv")
    #expect(fit.status == 0, "\(fit.errors)")
    #expect(fit.output.contains("2 rows are left out, without a number in `loss`"), "\(fit.output)")
    #expect(
      fit.errors.contains("warning: C is ") && fit.errors.contains("--x 'N=params*1e6'"), "\(fit.errors)")
    #expect(try folder.read("fits/report.html").contains("2 rows are left out"))
    #expect(try folder.read("fits/fits.json").contains("is read as"))
    let accuracy = rows.map { $0.replacing("1e18;", with: "1e18;-") }.joined()
    try folder.write("params;tokens;C;loss\n" + accuracy, to: "negative.csv")
    let negative = try Command("fit", "negative.csv", in: folder.path)
    #expect(negative.status == 2 && negative.errors.contains("not a positive number"), "\(negative.errors)")
    let empty = try Command("fit", "-", in: folder.path, shell: "exec </dev/null")
    #expect(empty.status == 2 && empty.errors.contains("is empty. The first line must name the columns"))
  }

  @Test("A folder that cannot be written is reported before anything is fitted")
  func unwritableFolder() throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table, to: "runs.csv")
    let fit = try Command("fit", "runs.csv", "--x", "N=millions*1e6", "-o", "/proc/fits", in: folder.path)
    #expect(fit.status == 2 && fit.output.isEmpty && fit.errors.contains("/proc/fits"), "\(fit.errors)")
  }

  @Test("An impossible plan gives the reason")
  func badPlans() throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table, to: "runs.csv")
    _ = try Command(
      "fit", "runs.csv", "--x", "N=millions*1e6", "--law", "chinchilla", "--law", "power_d", "-o", "fits",
      in: folder.path)
    for (arguments, message) in [
      (["--loss", "1"], "fits/fits.json: a loss of 1 is not above the floor of the fit chinchilla, "),
      (["--tokens", "1e300"], "has no optimum for this budget; plan for one nearer to the data of the fit"),
      (
        ["--flops", "1e20", "--fit", "power_d"],
        "the fit power_d is a law in D alone. Give --tokens or --loss"
      ),
      (["--flops", "1e20", "--fit", "chinchila"], "there is no fit `chinchila`"),
    ] {
      let result = try Command(all: ["plan", "fits/fits.json"] + arguments, in: folder.path)
      #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
    }
    try folder.write("{}", to: "other.json")
    let other = try Command("plan", "other.json", "--flops", "1e20", in: folder.path)
    #expect(
      other.status == 2 && other.errors.contains("other.json: is damaged, or is not a file of fits"),
      "\(other.errors)")
  }
}
