import Analysis
import Files
import Foundation
import Plans
import Reports
import Testing

/// Tests that texts of pages quote results and do not state those of one tier.
struct PageTextTests {
  private static let folder = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("experiments").path

  private static let pages = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
    .filter { $0.hasSuffix(".yaml") }.sorted().flatMap { file in [Tier.whole, .minutes].map { (file, $0) } }

  /// Digits, and counts of runs in words.
  private static func fixedResult(in text: String) -> String? {
    text.firstRange(of: #/[0-9]+/#).map { String(text[$0]) } ?? fixedCount(in: text)
  }

  /// Counts of runs in words. A theory and a question may have other numbers.
  private static func fixedCount(in text: String) -> String? {
    let counted =
      "approaches|sizes|widths|budgets|lengths|runs|seeds|models|batches|trainings|vocabularies|fits|grids"
    let number = "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    return text.firstRange(of: try! Regex("(?i)\\b(\(number)) (\(counted))\\b")).map { String(text[$0]) }
  }

  @Test("The text of a page has no fixed results and is complete in every tier", arguments: pages)
  func everyPage(file: String, tier: Tier) throws {
    let experiment = try ExperimentFile(contentsOf: "\(Self.folder)/\(file)", tier: tier)
    #expect(Self.fixedResult(in: experiment.description) == nil, "\(file): description")
    let page = try #require(experiment.page)
    for paragraph in page.seen + page.look + page.toy {
      for case .text(let text) in paragraph.sentences.joined() {
        #expect(Self.fixedResult(in: text) == nil, "\(file): \(text)")
      }
    }
    let asked = page.questions.flatMap { [$0.ask] + $0.answer }
    for paragraph in page.why + asked {
      for case .text(let text) in paragraph.sentences.joined() {
        #expect(Self.fixedCount(in: text) == nil, "\(file): \(text)")
      }
    }
    // These runs satisfy the conditions of few pages, so most quotes give the reason for a missing number.
    let planted = try PlantedExperiment(bootstraps: 0)
    let requests = (experiment.fits ?? []).filter { $0.analyses.isEmpty }
    let fits = Fits(of: planted.table, requests: requests, bootstraps: 0)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Report(of: experiment, table: planted.table, fits: fits).write(to: folder, renderer: nil)
    let html = try FileAccess.readText("\(folder)/report.html")
    let prose = html.split(separator: "<style>").joined().split(separator: "</style>").dropFirst().joined()
    #expect(!prose.contains("{") && !prose.contains("| interval"))
    #expect(html.contains("Trained for this page:") && html.contains("What the figures show"))
  }

  @Test func numbersAreQuotedAndRefusalsTold() throws {
    let planted = try PlantedExperiment(
      bootstraps: 20,
      sections: """
        fits: [{law: chinchilla, floor: entropy}, {name: nothing, law: power_n, where: {width: 7}}]
        page:
          numbers: {lowest: {least: loss, where: {width: 64}}}
          toy: >
            {widths} sizes were trained. The exponent is {chinchilla_entropy.alpha | interval}. It misses by
            {chinchilla_entropy.rms | percent}. There is {nothing.alpha}. At best {lowest}. By valleys {isoflop.a}.
            The end.
        minutes: {fits: [isoflop]}
        """)
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Report(of: planted.file, table: planted.table, fits: planted.fits).write(to: folder, renderer: nil)
    let page = try FileAccess.readText("\(folder)/report.html")
    let alpha = try #require(planted.fits["chinchilla_entropy"]?.number("alpha"))
    #expect(page.contains("Five sizes were trained. The exponent is \(alpha.value.text()) ["))
    #expect(page.contains("There is — (no fit: "))
    // A result of the other tier only.
    #expect(!page.contains("By valleys") && page.contains("The end."))
  }
}
