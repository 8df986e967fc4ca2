import Analysis
import Execution
import Files
import Foundation
import Plans
import Reports
import ScalingLaws
import Testing
import Training

/// Tests of complete reports.
struct ReportTests {
  /// Writes a report into a temporary folder, and passes on its page and the names of its figures.
  private func write<Result>(_ report: Report, _ body: (String, Set<String>) throws -> Result) throws
    -> Result
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try report.write(to: folder, renderer: Renderer(Gnuplot().draw))
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/figures")
    return try body(FileAccess.readText("\(folder)/report.html"), Set(files))
  }

  private func report(_ planted: PlantedExperiment, provenance: [Provenance] = []) -> Report {
    Report(
      of: planted.file, table: planted.table, fits: planted.fits,
      verdicts: planted.file.check(fits: planted.fits, results: planted.table), curves: planted.curves,
      nGrams: [2.85, 2.3, 1.9, 1.62, 1.5], provenance: provenance)
  }

  @Test func everyFigureIsDrawnAndEveryTableFilled() throws {
    let planted = try PlantedExperiment()
    try write(report(planted, provenance: [Provenance(threads: 1)])) { page, figures in
      for name in [
        "training-curves", "loss-1-N", "loss-2-D", "loss-3-C", "reducible-loss-1", "isoflop-profiles",
        "compute-optimal",
        "accuracy", "residuals-chinchilla", "residuals-chinchilla_entropy", "law-chinchilla_entropy-N",
        "law-chinchilla_entropy-D",
      ] {
        #expect(figures.isSuperset(of: ["svg", "png", "gp"].map { "\(name).\($0)" }))
        #expect(page.contains("id=\"\(name)\""))
      }
      #expect(page.contains("1 of 2 expectations are met"))
      #expect(page.contains("1 diverged"))
      #expect(page.contains("true entropy 1.050"))
      #expect(page.contains("5-gram"))
      #expect(!page.contains("No fit"))
    }
  }

  @Test("Learning curves show the text, the depth and the cooldown, and the table of runs the repetitions")
  func learningCurves() throws {
    let kinds = ["village", "hamlet"].flatMap { corpus in [2, 4].map { (corpus: corpus, depth: $0) } }
    let rows = kinds.enumerated().map { index, kind in
      [
        "run": "run\(index)", "trunk": "trunk\(index)", "status": "completed", "corpus": kind.corpus,
        "width": "16", "depth": "\(kind.depth)", "n_total": "9000", "d_tokens": "1000000",
        "unique_tokens": "250000", "epochs": "4", "c_exact": "1e11", "loss": "2", "loss_se": "0.01",
      ]
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder(folder)
    let log = [(100_000, 3.0, ""), (800_000, 2.5, ""), (1_000_000, 2.0, ",\"cooldownFrom\":800000")]
    try FileAccess.write(
      Data(
        log.map { tokens, loss, cooldown in
          """
          {"step":1,"tokens":\(tokens),"validationLoss":\(loss),"validationStandardError":0.01,\
          "validationWindows":64\(cooldown)}

          """
        }.joined().utf8), to: RunFolder(folder).metrics)
    let curve = try RunFolder(folder).curve()
    #expect(curve.map(\.cooldownFrom) == [nil, nil, 800_000])
    let planted = try PlantedExperiment(bootstraps: 0)
    let table = try PlantedExperiment.table(rows)
    let report = Report(
      of: planted.file, table: table, fits: Fits(of: table, requests: [], bootstraps: 0),
      curves: Dictionary(uniqueKeysWithValues: rows.map { ($0["run"] ?? "", curve) }))
    let (page, scripts) = try report.pageWithScripts()
    let script = try #require(scripts.first { $0.contains("Validation loss (nats per token)") })
    #expect(script.contains("village") && script.contains("hamlet"))
    #expect(script.contains("16 × 2") && script.contains("16 × 4") && script.contains("width × depth"))
    // Eight lines: each curve is solid up to the cooldown and dashed from there.
    #expect(script.matches(of: #/lw 2.0 dt '-'/#).count >= 4, "\(script)")
    #expect(page.contains(">U<") && page.contains(">epochs<"), "\(page)")
  }

  @Test func mixturesOfExpertsAreDrawn() throws {
    let file = try ExperimentFile(
      path: "planted.yaml",
      text: """
        title: Experts
        corpus: village
        grid: {width: 16, tokens: 1M}
        fits: [{law: routed, floor: entropy, n: active, hold: {Es: 1, Em: 1e9}, mix: true}]
        sweeps: [balance]
        """)
    var rows: [[String: String]] = []
    var curves: [String: [CurvePoint]] = [:]
    for (index, size) in [8000.0, 16_000, 32_000, 64_000].enumerated() {
      for experts in [1, 2, 4, 8] {
        for balance in experts == 1 ? [""] : ["auxiliary", "none"] {
          for seed in [0, 1] {
            let (n, e) = (log10(size), log10(Double(experts)))
            let noise = 1 + 0.003 * sin(Double(rows.count))
            let loss = 1.05 + pow(10, 1.5 - 0.4 * n - 0.5 * e + 0.08 * n * e) * noise
            var row: [String: Any] = [
              "run": "run\(rows.count)", "trunk": "trunk\(rows.count)", "status": "completed",
              "width": 16 << index, "depth": 2, "experts": experts, "balance": balance, "seed": seed,
              "n_active": Int(size), "n_total": Int(size) * experts, "d_tokens": 1_000_000,
              "c_exact": 6e6 * size, "loss": loss, "entropy": 1.05, "reducible": loss - 1.05,
            ]
            if experts > 1 {
              row.merge([
                "granularity": 1, "load_entropy": balance == "none" ? 0.4 : 0.98, "dead_experts": 1,
                "dropped": 0,
                "router_entropy": 0.5,
              ]) { $1 }
              curves["run\(rows.count)"] = try routedCurve(experts: experts)
            }
            rows.append(row.mapValues { "\($0)" })
          }
        }
      }
    }
    let table = try PlantedExperiment.table(rows)
    let fits = Fits(of: table, requests: file.fits, sweeps: file.sweeps, bootstraps: 100)
    try write(Report(of: file, table: table, fits: fits, curves: curves)) { page, figures in
      let names = [
        "expert-loads", "expert-specialisation", "loss-loads", "experts-size", "experts-routed_entropy",
      ]
      for name in names { #expect(figures.contains("\(name).svg"), "\(name)") }
      #expect(page.contains("Ncut"))
      #expect(page.contains("Losses by balance"))
      #expect(!page.contains("No fit"))
    }
  }

  /// The log of a training in which the first expert gets most tokens.
  private func routedCurve(experts: Int) throws -> [CurvePoint] {
    let lines = (0..<6).map { step in
      let most = 0.4 + 0.1 * Double(step)
      let loads = (0..<experts).map { $0 == 0 ? most : (1 - most) / Double(experts - 1) }
      return """
        {"step":\(step),"tokens":\(8192 << step),"validationLoss":2.0,"validationStandardError":0.002,\
        "validationWindows":64,"routing":[{"block":0,"loads":\(loads),"loadEntropy":0.5,"dead":0,"dropped":0,\
        "routerEntropy":0.5,"families":{"story":\(loads),"sums":\(loads.reversed().map { $0 })},\
        "classes":{"letter":\(loads),"digit":\(loads)}}]}

        """
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try lines.joined().write(toFile: RunFolder(folder.path).metrics, atomically: true, encoding: .utf8)
    return try RunFolder(folder.path).curve()
  }

  @Test func theCriticalBatchIsDrawn() throws {
    let file = try ExperimentFile(
      path: "planted.yaml",
      text: "title: Batches\ncorpus: village\ngrid: {width: 16, tokens: 1M}\nfits: [critical_batch]\n")
    var rows: [[String: String]] = []
    for batch in [256.0, 512, 1024, 2048, 4096, 8192] {
      for tokens in [0.5e6, 1e6, 2e6, 4e6, 8e6] {
        for seed in [0.0, 1, 2] {
          // Bcrit = 1000·√(D/1M), about.
          let useful = tokens / (1 + batch / (1000 * (tokens / 1e6).squareRoot()))
          let loss = 1.05 + 400 * pow(useful, -0.5) * (1 + 0.004 * sin(batch + tokens + 2 * seed))
          let row: [String: Any] = [
            "run": "run\(rows.count)", "trunk": "\(batch)-\(seed)", "status": "completed", "width": 16,
            "batch": Int(batch), "learning_rate": 0.008, "n_total": 7000, "d_tokens": Int(tokens),
            "c_exact": 6 * 7000 * tokens, "steps": Int(tokens / batch), "loss": loss, "entropy": 1.05,
            "reducible": loss - 1.05, "seed": Int(seed),
          ]
          rows.append(row.mapValues { "\($0)" })
        }
      }
    }
    let table = try PlantedExperiment.table(rows)
    let fits = Fits(of: table, requests: file.fits, bootstraps: 100)
    try write(Report(of: file, table: table, fits: fits)) { page, figures in
      #expect(figures.contains("critical-batch-1.svg"))
      #expect(page.contains("steps and tokens for each loss"))
      #expect(!page.contains("No fit"))
      // No run has an exact-match result.
      #expect(!figures.contains("accuracy.svg"))
    }
  }

  @Test func whatDependsOnAnUnknownEntropyIsLeftOutAndToldOf() throws {
    try write(report(PlantedExperiment(knowsEntropy: false))) { page, figures in
      #expect(page.contains("The true entropy of this text is not known"))
      #expect(!figures.contains { $0.hasPrefix("reducible-loss") })
      #expect(figures.contains("loss-1-N.svg"))
      #expect(!page.contains("true entropy 1"))
      // The entropy of a user's text is unknown.
      let said = page.components(separatedBy: "true entropy").count - 1
      #expect(said == 1 && !page.contains("below which no model can go"), "\(said)")
    }
  }

  @Test func fitsToDataFromElsewhereHaveFiguresAndRefusalsAreTold() throws {
    // One size alone: no law of N, no profile.
    let rows = (1...8).map { "20000,\($0)00000,\(1 + 300 * pow(Double($0) * 1e5, -0.45))\n" }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).csv").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try ("N,D,loss\n" + rows.joined()).write(toFile: path, atomically: true, encoding: .utf8)
    let fits = Fits(of: try ObservationFile(contentsOf: path), bootstraps: 20)
    try write(Report(of: fits, title: "From elsewhere")) { page, figures in
      #expect(page.contains("No fit power_n: "))
      #expect(page.contains("No fit isoflop: "))
      #expect(figures.contains("loss-1-D.png"))
      #expect(!figures.contains("training-curves.png"))
    }
  }

  @Test func aFileNamesWhatStandsForIt() throws {
    let planted = try PlantedExperiment(bootstraps: 5)
    let highlight = { (key: String) in
      let file = try ExperimentFile(
        path: "e.yaml", text: "title: t\ncorpus: village\ngrid: {width: 16, tokens: 1M}\n\(key)")
      let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
      defer { try? FileManager.default.removeItem(atPath: folder) }
      return try Report(of: file, table: planted.table, fits: planted.fits).write(
        to: folder, renderer: Renderer(Gnuplot().draw))
    }
    let named = try highlight("key: {fit: chinchilla_entropy, parameter: beta, figure: loss-2-D}\n")
    #expect(named.fact?.name == "β of chinchilla_entropy" && named.figure?.figure.name == "loss-2-D")
    #expect(named.fact?.note.hasPrefix("95 % interval [") == true)
    let first = try highlight("")
    #expect(first.fact?.name == "Size exponent α" && first.figure?.figure.name == "loss-1-N")
    // A missing figure is not replaced by another one.
    #expect(try highlight("key: {figure: loss-9-X}\n").figure == nil)
  }

  /// If `ISOFLOP_FIGURES` is set, the report is kept in that folder for inspection.
  @Test func analysesBesideTheFitsHaveTheirChapters() throws {
    let planted = try PlantedExperiment(
      bootstraps: 100,
      sections: """
        fits:
          - {law: chinchilla, floor: entropy, also: [counting], forecast: {width: 64, d_tokens: ">= 2M"}}
          - {law: power_c, floor: entropy, also: [bends, slopes], forecast: {width: 64, d_tokens: ">= 2M"}}
          - {name: story_d, law: power_d, loss: loss_story, floor: 0.95}
          - {name: sums_d, law: power_d, loss: loss_sums, floor: 1.65}
          - {name: all_d, law: power_d, floor: 1.05}
        compare:
          - {name: kinds, parameter: alpha, fits: [all_d, story_d, sums_d], title: Kinds of task}
          - {name: axis, parameter: alpha, fits: [all_d, story_d, sums_d], at: [1.2, 1.5, 2], axis: Zipf exponent s,
             theory: [0.36, 0.38, 0.4], theory_label: (s − 1)/s, trend: rising}
        """)
    try write(report(planted)) { page, figures in
      for name in [
        "forecast-chinchilla_entropy", "forecast-power_c_entropy", "slopes-power_c_entropy",
        "bends-power_c_entropy", "side-by-side-kinds", "side-by-side-axis", "counting-chinchilla_entropy",
      ] {
        #expect(figures.contains("\(name).png"), "\(name)")
        #expect(page.contains("id=\"\(name)\""))
      }
      for text in ["The forecast", "ΔAICc", "the same trainings, compared draw by draw", "How straight"] {
        #expect(page.contains(text), "\(text)")
      }
    }
    if let folder = ProcessInfo.processInfo.environment["ISOFLOP_FIGURES"] {
      try report(planted).write(to: folder, renderer: Renderer(Gnuplot().draw))
    }
  }

  @Test func severalSetsOfInstructionsInOneGridAreTold() throws {
    let here = Provenance(threads: 1)
    let json = String(decoding: try JSONEncoder().encode(here), as: UTF8.self)
    let others = try [
      ("instructions", here.instructions ?? ""), ("kernels", here.kernelNames),
      ("blasKernel", here.blasKernel),
    ].map { name, value in
      let other = json.replacing("\"\(name)\":\"\(value)\"", with: "\"\(name)\":\"Others\"")
      return try JSONDecoder().decode(Provenance.self, from: Data(other.utf8))
    }
    let planted = try PlantedExperiment(bootstraps: 5)
    let told = "2 different sets of instructions and kernels"
    for there in others {
      try write(report(planted, provenance: [here, there])) { page, _ in #expect(page.contains(told)) }
    }
    try write(report(planted, provenance: [here, here])) { page, _ in #expect(!page.contains(told)) }
  }
}
