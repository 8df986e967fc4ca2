import Foundation
import Testing

/// Tests of `isoflop design`.
@Suite struct DesignCommandTests {
  private static let file = """
    title: A planned grid
    corpus: {source: \(packageRoot)/corpora/village.yaml, validation_tokens: 4096}
    grid: {width: [8, 16, 24, 32], tokens: [250k, 500k, 1M, 2M]}
    fits: [{law: chinchilla, floor: entropy}, {law: isoflop}]
    expect:
      - {fit: chinchilla_entropy, parameter: a, between: [0, 1]}
      - {fit: isoflop, parameter: a, between: [0, 1]}
    """

  @Test("A planned grid is simulated, and a cheaper one proposed")
  func design() throws {
    let folder = try ScratchFolder()
    try folder.write(Self.file, to: "grid.yaml")
    let result = try Command(
      "design", "grid.yaml", "--corpora", packageRoot, "--want", "a=0.05", "--simulations", "20", "--json",
      in: folder.path)
    #expect(result.status == 0, "\(result.errors)")
    let found = try #require(
      try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
    let faults = try #require(found["faults"] as? [String])
    #expect(
      faults.count == 1 && faults[0].hasPrefix("isoflop: no run belongs to an IsoFLOP budget"), "\(faults)")
    let proposal = try #require(found["proposal"] as? [String: Any])
    #expect(try #require(proposal["simulated"] as? Double) <= 0.05)
    let plain = try Command(
      "design", "grid.yaml", "--corpora", packageRoot, "--law", "besiroglu", "--prior", "E=1.7,alpha=0.3",
      "--noise", "0.5%", "--simulations", "10", in: folder.path)
    #expect(
      plain.status == 0 && plain.output.contains("α = 0.3") && plain.output.contains("E = 1.7")
        && plain.output.contains("not possible: isoflop"), "\(plain.output)\(plain.errors)")
    // A dry run says the same.
    let dry = try Command("run", "grid.yaml", "--corpora", packageRoot, "--dry-run", in: folder.path)
    #expect(
      dry.output.contains("1 of 2 fits are possible") && dry.output.contains("cannot be met: isoflop a"),
      "\(dry.output)\(dry.errors)")
  }

  @Test(
    "Mistakes give one message with a remedy",
    arguments: [
      (["--law", "kaplan"], "--law kaplan is neither a law nor a file. Choose among village, chinchilla"),
      (["--prior", "E"], "--prior E is not a constant with a value"),
      (["--prior", "G=1"], "the law has no G; it has A, B, α, β, E"),
      (["--want", "c=0.1"], "--want c=0.1 names no number of the law"),
      (["--want", "a"], "--want a has no half width above 0"),
      (["--noise", "2"], "Write a fraction between 0 and 1"),
      (["--next"], "grid.yaml: has no results yet: there is no runs/grid/results.csv"),
    ])
  func mistakes(arguments: [String], message: String) throws {
    let folder = try ScratchFolder()
    try folder.write(Self.file, to: "grid.yaml")
    let result = try Command(
      all: ["design", "grid.yaml", "--corpora", packageRoot] + arguments, in: folder.path)
    #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
  }
}
