import Analysis
import Foundation
import Plans
import ScalingLaws
import Training

/// A grid of runs with synthetic losses: a Chinchilla surface with noise.
struct PlantedExperiment {
  let file: ExperimentFile
  let table: ResultsTable
  let fits: Fits
  let curves: [String: [CurvePoint]]

  static let entropy = 1.05
  static let (sizeExponent, dataExponent) = (0.45, 0.38)

  private static let expectations = """
    expect:
      - {results: completed, between: [67, 67]}
      - {fit: chinchilla, parameter: beta, between: [5, 6]}
    """

  private static func loss(_ n: Double, _ d: Double) -> Double {
    entropy + 60 * pow(n, -sizeExponent) + 90 * pow(d, -dataExponent)
  }

  /// - Parameters:
  ///   - knowsEntropy: True if the corpus has a known entropy.
  ///   - sections: Additional sections of the file.
  init(
    title: String = "A planted surface", knowsEntropy: Bool = true, bootstraps: Int = 50,
    sections: String? = nil
  ) throws {
    file = try ExperimentFile(
      path: "planted.yaml",
      text: """
        title: \(title)
        description: Losses on a surface that is known.
        corpus: village
        grid: {width: [16, 24, 32, 48, 64], tokens: [500k, 1M, 2M, 4M], seeds: 2}
        \(sections ?? Self.expectations)
        """)
    var noise = Noise()
    var rows: [[String: String]] = []
    var curves: [String: [CurvePoint]] = [:]
    for (width, seed) in [16.0, 24, 32, 48, 64].flatMap({ width in [0, 1].map { (width, $0) } }) {
      let size = 24 * width * width + 79 * width
      let grid = [0.5e6, 1e6, 2e6, 4e6].map { (tokens: $0, budget: Double?.none) }
      let budgets = (width < 64 ? [1e11, 2e11, 4e11] : [2e11, 4e11]).map {
        (tokens: $0 / (6 * size), budget: $0)
      }
      for (tokens, budget) in grid + budgets.map({ ($0.tokens, Optional($0.budget)) }) {
        let run = "run\(rows.count)"
        let value = Self.loss(size, tokens) + 0.004 * noise.next()
        let row: [String: Any?] = [
          "run": run, "trunk": "trunk\(Int(width))-\(seed)", "status": "completed", "corpus": "village",
          "tokenizer": "characters", "family": "gpt2", "width": Int(width), "depth": 2, "seed": seed,
          "n_total": Int(size), "n_non_embedding": Int(24 * width * width), "d_tokens": Int(tokens),
          "c_exact": 6 * size * tokens, "c_6nd_non_embedding": 144 * width * width * tokens,
          "isoflop_budget": budget, "loss": value, "loss_se": 0.002,
          "entropy": knowsEntropy ? Self.entropy : nil,
          "reducible": knowsEntropy ? value - Self.entropy : nil,
          "loss_story": value - 0.1, "entropy_story": knowsEntropy ? 0.98 : nil, "loss_sums": value + 0.6,
          "entropy_sums": knowsEntropy ? 1.3 : nil, "exact_match_story": 1 - 0.2 * value,
          "exact_match_sums": 1 / (1 + exp(40 * (value - 1.5))),
        ]
        rows.append(row.compactMapValues { $0.map { "\($0)" } })
        curves[run] = try Self.curve(size, to: tokens, final: value)
      }
    }
    rows[3]["status"] = "diverged"
    for name in ["loss", "loss_se", "reducible", "loss_story", "loss_sums"] { rows[3][name] = nil }
    self.curves = curves
    table = try Self.table(rows)
    fits = Fits(
      of: table, requests: file.fits, comparisons: file.comparisons, bootstraps: bootstraps)
  }

  /// The loss before the cooldown is higher; the steps before it are those of the trunk.
  private static func curve(_ size: Double, to tokens: Double, final: Double) throws -> [CurvePoint] {
    let steps = stride(from: 3.5, to: log10(0.8 * tokens), by: 0.15).map { pow(10, $0) }
    let points = steps.map { ($0, min(4.37, loss(size, $0) * 1.04)) } + [(tokens, final)]
    let lines = points.enumerated().map { step, point in
      """
      {"step":\(step),"tokens":\(Int(point.0)),"validationLoss":\(point.1),"validationStandardError":0.002,\
      "validationWindows":64}

      """
    }
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try lines.joined().write(toFile: RunFolder(folder.path).metrics, atomically: true, encoding: .utf8)
    return try RunFolder(folder.path).curve()
  }

  static func table(_ rows: [[String: String]]) throws -> ResultsTable {
    let columns = Column.all(settings: Setting.columns, tasks: ["story", "sums"]).map(\.name)
    let lines = [columns] + rows.map { row in columns.map { row[$0] ?? "" } }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).csv").path
    defer { try? FileManager.default.removeItem(atPath: path) }
    let text = lines.map { $0.joined(separator: ",") + "\n" }.joined()
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return try ResultsTable(contentsOf: path)
  }

  /// The sum of twelve uniform numbers is approximately normal.
  private struct Noise {
    private var state: UInt64 = 7

    mutating func next() -> Double {
      (0..<12).reduce(-6.0) { sum, _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return sum + Double(state >> 11) * 0x1p-53
      }
    }
  }
}
