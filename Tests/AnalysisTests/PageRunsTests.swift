import Analysis
import Files
import Foundation
import ScalingLaws
import TestSupport
import Testing

/// Tests of the runs of pages in `experiments/reference`.
@Suite struct PageRunsTests {
  /// A fit in `fits.json`, as far as these tests need it.
  private struct Stored: Decodable {
    struct Fit: Decodable {
      struct Estimate: Decodable { let symbol: String, value: Double }
      struct Law: Decodable { let parameters: [Estimate] }
      struct Size: Decodable { let exponent: Estimate }
      struct Profiles: Decodable { let parameters: Size }
      let name: String
      let fit: Law?
      let isoFLOP: Profiles?

      var values: [Double] {
        fit?.parameters.map(\.value) ?? isoFLOP.map { [$0.parameters.exponent.value] } ?? []
      }
    }
    let fits: [Fit]

    init(of page: String) throws {
      let data = try FileAccess.read("\(packageFolder)/experiments/reference/\(page)/fits.json")
      self = try JSONDecoder().decode(Stored.self, from: data)
    }

    func values(_ name: String) -> [Double]? { fits.first { $0.name == name }?.values }
  }

  private func values(_ fit: ExperimentFit) -> [Double] {
    fit.fit?.parameters.map(\.value) ?? fit.isoFLOP?.parameters.map { [$0.exponent.value] } ?? []
  }

  private func areEqual(_ a: [Double], _ b: [Double]) -> Bool {
    !a.isEmpty && a.count == b.count && zip(a, b).allSatisfy { abs($0 / $1 - 1) < 1e-6 }
  }

  @Test func everyPageHasItsRunsAndFits() throws {
    let pages = try ReferenceTable.pages()
    #expect(pages.contains("pages/quickstart"))
    for name in pages {
      let table = try ObservationFile(ReferenceTable.withPages(named: name))
      #expect(table.leftOut == 0 && table.observations.allSatisfy { $0.cluster != nil }, "\(name)")
      let page = name.dropFirst("pages/".count)
      let experiment = page.replacing("-minutes", with: "")
      #expect(try FileAccess.exists("\(packageFolder)/experiments/\(experiment).yaml"), "\(name)")
      for file in ["results.csv", "fits.json"] {
        let text = try FileAccess.readText("\(packageFolder)/experiments/reference/\(page)/\(file)")
        // The only absolute paths are those of texts of Debian, which are the same on all machines.
        let path = text.firstMatch(of: #/["',;\s]/(?!usr/share/)[\w.\-]+/#)?.output
        #expect(path == nil, "\(name): \(file) has the path \(path ?? "") of a machine")
      }
    }
  }

  /// The table is a foreign one for the fitter, which must find the columns, the entropy, the trainings and the budgets.
  @Test func fitsToTheRunsAreThoseOfThePage() throws {
    let table = try ObservationFile(ReferenceTable.withPages(named: "pages/quickstart"))
    let entropy = try #require(table.entropy)
    let stored = try Stored(of: "quickstart")
    let fits = Fits(of: table, entropy: entropy, bootstraps: 0).fits
    #expect(fits.map(\.name) == stored.fits.map(\.name))
    for fit in fits {
      #expect(areEqual(values(fit), stored.values(fit.name) ?? []), "\(fit.name)")
    }
  }

  @Test func oneOfSeveralKindsIsSelected() throws {
    let table = try ObservationFile(
      ReferenceTable.withPages(named: "pages/layers"), where: [RowFilter("layers=MM")])
    let requests = [FitRequest(.powerC, floor: .entropy), FitRequest(.isoFLOP)]
    let fits = Fits(of: table, requests: requests, entropy: table.entropy, bootstraps: 0).fits
    let stored = try Stored(of: "layers")
    for (fit, name) in zip(fits, ["scan", "scan budgets"]) {
      #expect(areEqual(values(fit), stored.values(name) ?? []), "\(name)")
    }
  }

  @Test func theEntropyIsThatOfOneText() throws {
    let header = "corpus,n_total,d_tokens,loss,entropy,reducible\n"
    let table = { (rows: String) in
      let folder = try TemporaryFolder()
      return try ObservationFile(contentsOf: folder.write(header + rows, to: "a.csv"))
    }
    #expect(try table("a,1000,2000,2,1.5,0.5\na,2000,2000,1.9,1.5,0.4\n").entropy == 1.5)
    #expect(try table("a,1000,2000,2,1.5,0.5\nb,2000,2000,1.9,1.6,0.3\n").entropy == nil)
    #expect(try table("a,1000,2000,2,,\na,2000,2000,1.9,,\n").entropy == nil)
    let other = try ObservationFile(
      ReferenceTable.withPages(named: "pages/quickstart"), columns: [.loss: "loss_bits_per_byte"])
    #expect(other.entropy == nil)
  }

  @Test func anUnknownPageIsAnsweredByTheNearest() {
    let error = #expect(throws: InputError.self) { try ReferenceTable.withPages(named: "pages/quickstar") }
    #expect(error?.remedy == "The nearest is `pages/quickstart`")
    let bare = #expect(throws: InputError.self) { try ReferenceTable.withPages(named: "quickstart") }
    #expect(bare?.remedy == "The runs of this page are `pages/quickstart`")
  }
}
