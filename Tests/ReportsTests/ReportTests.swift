import Experiments
import Files
import Foundation
import Reports
import ScalingLaws
import Testing
import Training

/// Whole reports, written and read again.
struct ReportTests {
  /// Writes a report into a folder of its own and hands over its page and its figures' names.
  private func write<Result>(_ report: Report, _ body: (String, Set<String>) throws -> Result) throws
    -> Result
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try report.write(to: folder)
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/figures")
    return try body(FileAccess.readText("\(folder)/report.html"), Set(files))
  }

  private func report(_ planted: PlantedExperiment, provenance: [Provenance] = []) -> Report {
    Report(
      of: planted.file, table: planted.table, fits: planted.fits,
      verdicts: planted.file.check(fits: planted.fits, results: planted.table), curves: planted.curves,
      nGrams: [2.85, 2.3, 1.9, 1.62, 1.5], provenance: provenance, timing: "3 minutes on 2 cores.")
  }

  @Test func everyFigureIsDrawnAndEveryTableFilled() throws {
    let planted = try PlantedExperiment()
    try write(report(planted, provenance: [Provenance(threads: 1)])) { page, figures in
      for name in [
        "training-curves", "loss-1-N", "loss-2-D", "loss-3-C", "reducible-loss-1", "isoflop-profiles",
        "compute-optimal",
        "residuals-chinchilla", "residuals-chinchilla_entropy", "law-chinchilla_entropy-N",
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

  @Test func whatDependsOnAnUnknownEntropyIsLeftOutAndToldOf() throws {
    try write(report(PlantedExperiment(knowsEntropy: false))) { page, figures in
      #expect(page.contains("The true entropy of this text is not known"))
      #expect(!figures.contains { $0.hasPrefix("reducible-loss") })
      #expect(figures.contains("loss-1-N.svg"))
      #expect(!page.contains("true entropy 1"))
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

  /// With `ISOFLOP_FIGURES` set, the report stays in that folder to be looked at.
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
      try report(planted).write(to: folder)
    }
  }

  @Test func severalKernelsInOneGridAreTold() throws {
    let here = Provenance(threads: 1)
    let encoder = JSONEncoder()
    let other = try String(decoding: encoder.encode(here), as: UTF8.self)
      .replacing("\"blasKernel\":\"\(here.blasKernel)\"", with: "\"blasKernel\":\"Elsewhere\"")
    let there = try JSONDecoder().decode(Provenance.self, from: Data(other.utf8))
    let planted = try PlantedExperiment(bootstraps: 5)
    let told = "2 different kernels of OpenBLAS"
    try write(report(planted, provenance: [here, there])) { page, _ in #expect(page.contains(told)) }
    try write(report(planted, provenance: [here, here])) { page, _ in #expect(!page.contains(told)) }
  }
}
