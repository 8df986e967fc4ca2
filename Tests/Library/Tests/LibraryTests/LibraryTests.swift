import Analysis
import Foundation
import ScalingLaws
import Testing

@Suite struct LibraryTests {
  /// L = 1.7 + 400/N^.34 + 410/D^.28 on a grid.
  private static let observations: [Observation] = [1e6, 3e6, 1e7, 3e7].flatMap { n in
    [1e8, 3e8, 1e9, 3e9].map { d in observation(n, d) }
  }

  private static func observation(_ n: Double, _ d: Double) -> Observation {
    let loss = 1.7 + 400 * pow(n, -0.34) + 410 * pow(d, -0.28)
    return Observation(parameters: n, tokens: d, compute: 6 * n * d, loss: loss)
  }

  @Test("A law is fitted to observations")
  func lawsAreFitted() throws {
    let fit = try Fitter(.chinchilla(ChinchillaLaw(floor: .free)), bootstraps: 20).fit(Self.observations)
    #expect(abs((fit["α"]?.value ?? 0) - 0.34) < 0.005)
    #expect(abs((fit["E"]?.value ?? 0) - 1.7) < 0.02)
  }

  @Test("A table of results is fitted as on the command line")
  func tablesAreFitted() throws {
    let rows = Self.observations.map { "\($0.parameters ?? 0),\($0.tokens ?? 0),\($0.loss)" }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).csv").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    try (["params,tokens,loss"] + rows).joined(separator: "\n").write(
      toFile: path, atomically: true, encoding: .utf8)
    let fits = Fits(
      of: try ObservationFile(contentsOf: path), requests: [FitRequest(.chinchilla)], bootstraps: 20)
    #expect(abs((fits["chinchilla"]?.number("beta")?.value ?? 0) - 0.28) < 0.005)
  }
}
