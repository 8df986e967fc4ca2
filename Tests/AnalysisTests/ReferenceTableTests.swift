import Analysis
import Files
import ScalingLaws
import Testing

@Suite struct ReferenceTests {
  @Test(arguments: ReferenceTable.all)
  func everyTableIsRead(reference: ReferenceTable) throws {
    let table = try ObservationFile(reference)
    #expect(table.observations.allSatisfy { $0.parameters != nil && $0.tokens != nil && $0.compute != nil })
    #expect(!reference.source.isEmpty && table.path == reference.name)
  }

  /// The refit of Besiroglu et al. (2024) of the published points.
  @Test func chinchillaGivesThePublishedRefit() throws {
    let table = try ObservationFile(ReferenceTable.named("chinchilla"), droppingHighest: 5)
    #expect(table.observations.count == 240)
    let fit = try #require(Fits(of: table, requests: [FitRequest(.chinchilla)], bootstraps: 0).fits.first)
    for (name, value) in [("alpha", 0.34731), ("beta", 0.36717), ("E", 1.8172)] {
      #expect(abs((fit.number(name)?.value ?? 0) / value - 1) < 1e-3, "\(name)")
    }
  }

  /// The least-squares fit of Open Athena.
  @Test func llama3GivesThePublishedFit() throws {
    let objective = Objective(.leastSquares, on: .raw)
    let fits = Fits(
      of: try ObservationFile(ReferenceTable.named("llama3")),
      requests: [FitRequest(.chinchilla, objective: objective)], bootstraps: 0)
    let fit = try #require(fits.fits.first)
    for (name, value) in [("alpha", 0.3100), ("beta", 0.3136), ("E", 0.6047)] {
      #expect(abs((fit.number(name)?.value ?? 0) / value - 1) < 1e-3, "\(name)")
    }
  }

  @Test func villageFarReachesBeyondTheGrid() throws {
    let reference = try ReferenceTable.named("village-far")
    let table = try ObservationFile(reference, where: [RowFilter("learning_rate=0.008")])
    #expect(table.observations.count == 35)
    #expect(table.observations.compactMap(\.compute).max() == 9.92249e15)
    #expect(reference.entropy.map { entropy in table.observations.allSatisfy { $0.loss > entropy } } == true)
  }

  @Test func anUnknownNameIsAnsweredByTheNames() {
    let error = #expect(throws: InputError.self) { try ReferenceTable.named("gpt4") }
    #expect(error?.remedy?.contains("chinchilla, llama3") == true)
  }
}
