import Foundation
import Testing

@Suite(.serialized) struct MainJobTests {
  @Test("The shrunken quickstart runs from end to end")
  func quickstart() throws {
    let folder = try ScratchFolder()
    let file = "\(packageRoot)/experiments/quickstart.yaml"
    let run = try Command("run", file, "--shrink", "-o", folder.path, in: packageRoot)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("report"))
    let report = try folder.read("quickstart-shrunken/report.html")
    #expect(report.contains("<svg") && report.contains("</html>"))
    let table = try folder.read("quickstart-shrunken/results.csv").split(separator: "\n")
    #expect(table.count > 10)
    #expect(table.dropFirst().allSatisfy { $0.contains(",completed,") })
    // Nothing is trained again, and nothing changes.
    let again = try Command("run", file, "--shrink", "--json", "-o", folder.path, in: packageRoot)
    #expect(again.status == 0)
    // The tables of the terminal are also available as JSON.
    struct Output: Decodable {
      struct Finding: Decodable {
        let title: String
        let rows: [[String: Value]]
      }
      struct Value: Decodable {
        init(from decoder: any Decoder) {}
      }
      let findings: [Finding]
    }
    let findings = try JSONDecoder().decode(Output.self, from: Data(again.output.utf8)).findings
    #expect(!findings.isEmpty && findings.allSatisfy { !$0.title.isEmpty && !$0.rows.isEmpty })
    let unchanged = try folder.read("quickstart-shrunken/results.csv").split(separator: "\n")
    #expect(unchanged == table)
  }

  @Test("A text given by its path can be trained on and sampled")
  func ownText() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    let plan = try Command("run", "small.yaml", "--dry-run", in: folder.path)
    #expect(plan.status == 0, "\(plan.errors)")
    #expect(plan.output.contains("width 16, tokens 40k"))
    let run = try Command("run", "small.yaml", "--keep-checkpoints", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let check = try Command("check", "small.yaml", in: folder.path)
    #expect(check.status == 0 && check.output.contains("pass"))
    let store = "\(folder.path)/runs/store"
    let first = try #require(try FileManager.default.contentsOfDirectory(atPath: store).sorted().first)
    let checkpoint = "\(store)/\(first)/checkpoint.safetensors"
    let sample = try Command("sample", checkpoint, "--prompt", "the ", "--tokens", "20", in: folder.path)
    #expect(sample.status == 0 && sample.output.hasPrefix("the ") && sample.output.utf8.count >= 24)
    let fit = try Command("fit", "runs/small/results.csv", "--law", "power_d", in: folder.path)
    #expect(fit.status == 0 || fit.errors.contains("allows no fit"), "\(fit.errors)")
  }

  @Test(
    "Held-out runs are predicted before they are trained, and the prediction is never rewritten afterwards")
  func forecast() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(
      """
      title: A forecast
      corpus: {source: text.txt, validation_tokens: 4096}
      model: {context: 32, depth: 1}
      training: {warmup_steps: 5}
      grid: {width: 16, tokens: [20k, 40k, 80k, 160k, 320k], seeds: 2}
      fits:
        - {law: power_d, floor: zero, forecast: {d_tokens: ">= 300k"}}
      expect:
        - {fit: power_d_zero, parameter: forecast_error, between: [0, 1]}
      """, to: "future.yaml")
    let run = try Command("run", "future.yaml", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("before any of these runs is trained"))
    let before = try folder.read("runs/future/forecast.json")
    #expect(before.contains("power_d_zero") && before.contains("interval"))
    #expect(!before.contains("relativeError"))
    #expect(try folder.read("runs/future/fits.json").contains("relativeError"))
    #expect(try folder.read("runs/future/report.html").contains("The forecast"))
    let again = try Command("run", "future.yaml", in: folder.path)
    #expect(again.status == 0 && !again.output.contains("before any of these runs is trained"))
    let unchanged = try folder.read("runs/future/forecast.json")
    #expect(unchanged == before)
    let check = try Command("check", "future.yaml", in: folder.path)
    #expect(check.status == 0 && check.output.contains("pass"))
  }

  @Test("A forecast needs a complete first stage, records its runs, and is updated when they change")
  func forecastAgain() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    let text =
      smallExperiment.replacing("[4, 4]", with: "[4, 9]")
      .replacing("[8, 16]", with: "8").replacing("[20k, 40k]", with: "[20k, 40k, 80k, 160k]")
      + "fits: [{law: power_d, floor: zero, forecast: {d_tokens: \">= 150k\"}}]\n"
    try folder.write(text, to: "future.yaml")
    let plan = try Command("run", "future.yaml", "--dry-run", "--json", in: folder.path)
    let rows = try JSONSerialization.jsonObject(with: Data(plan.output.utf8)) as? [[String: Any]]
    let run = try #require(rows?.first?["run"] as? String)
    // A file at the path of the folder prevents training.
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/runs/store", withIntermediateDirectories: true)
    try folder.write("", to: "runs/store/\(run)")
    let failing = try Command("run", "future.yaml", "--retries", "0", in: folder.path)
    #expect(failing.status == 3, "\(failing.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/runs/future/forecast.json"))
    let held = try #require(rows?.last?["run"] as? String)
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/runs/store/\(held)/result.json"))
    try FileManager.default.removeItem(atPath: "\(folder.path)/runs/store/\(run)")
    #expect(try Command("run", "future.yaml", in: folder.path).status == 0)
    func forecast() throws -> (runs: [String], finishedBefore: Int?) {
      let file = try JSONSerialization.jsonObject(with: Data(folder.read("runs/future/forecast.json").utf8))
      let object = try #require(file as? [String: Any])
      return (
        (object["from"] as? [String: Any])?["runs"] as? [String] ?? [], object["finishedBefore"] as? Int
      )
    }
    #expect(
      try forecast().runs.count == 3 && forecast().runs.contains(run) && !forecast().runs.contains(held))
    #expect(try forecast().finishedBefore == 0)
    try folder.write(text.replacing("[20k,", with: "[10k, 20k,"), to: "future.yaml")
    #expect(try Command("run", "future.yaml", in: folder.path).status == 0)
    #expect(try forecast().runs.count == 4 && forecast().finishedBefore == 1)
  }

  @Test("A run whose loss is far above that of guessing has diverged, even if it is short")
  func divergedAtTheEnd() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(
      smallExperiment.replacing("[8, 16]", with: "8\n  learning_rate: [0.01, 100]")
        .replacing("[20k, 40k]", with: "5k").replacing("[4, 4]", with: "[1, 1]"),
      to: "short.yaml")
    let run = try Command("run", "short.yaml", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let rows = try folder.read("runs/short/results.csv").split(separator: "\n").dropFirst()
    #expect(
      rows.count { $0.contains(",completed,") } == 1 && rows.count { $0.contains(",diverged,") } == 1,
      "\(rows)")
  }

  @Test("The commit in a record is that of the program, whatever the current folder is")
  func commit() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(
      smallExperiment.replacing("[8, 16]", with: "8").replacing("[4, 4]", with: "[2, 2]"), to: "small.yaml")
    func commit(_ program: String, _ output: String) throws -> String? {
      let run = try Script(program, "run", "small.yaml", "-o", output, in: folder.path)
      #expect(run.status == 0, "\(run.errors)")
      let rows =
        try JSONSerialization.jsonObject(
          with: Data(Command("ls", "-o", output, "--json", in: folder.path).output.utf8)) as? [[String: Any]]
      return rows?.first?["commit"] as? String
    }
    let expected = try #require(try commit(Command.program, "one"))
    for arguments in [
      ["init", "-q"],
      ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
    ] {
      #expect(try Script("/usr/bin/env", all: ["git"] + arguments, in: folder.path).status == 0)
    }
    try FileManager.default.copyItem(atPath: Command.program, toPath: "\(folder.path)/isoflop")
    #expect(try commit("\(folder.path)/isoflop", "two") == expected)
  }

  @Test("A failed expectation gives exit status 1")
  func failedExpectation() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment.replacing("[4, 4]", with: "[5, 9]"), to: "small.yaml")
    _ = try Command("run", "small.yaml", in: folder.path)
    let check = try Command("check", "small.yaml", in: folder.path)
    #expect(check.status == 1 && check.output.contains("FAIL"))
  }
}
