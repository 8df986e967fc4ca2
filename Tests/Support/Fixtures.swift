import Files
import Foundation
import Plans
import Training

/// The folder of the package.
public let packageFolder = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// A temporary folder for a test, which is removed with the value.
public final class TemporaryFolder {
  public let path = FileManager.default.temporaryDirectory.appendingPathComponent(
    "isoflop-\(UUID().uuidString)"
  )
  .path

  public init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  public func write(_ text: String, to name: String) throws -> String {
    try FileAccess.write(Data(text.utf8), to: "\(path)/\(name)")
    return "\(path)/\(name)"
  }
}

/// An experiment over a small generated text.
public func experiment(_ text: String) throws -> ExperimentFile {
  try ExperimentFile(path: "e.yaml", text: text)
}

/// Returns the plan of an experiment, to whose text a title and a small corpus are prepended.
public func plan(_ rest: String) throws -> Plan {
  try Plan(
    experiment(
      "title: t\ncorpus: {source: \(packageFolder)/corpora/village.yaml, validation_tokens: 4096}\n\(rest)"),
    corpora: CorpusCache(allowing: [packageFolder]))
}

/// Returns the error of reading and planning an experiment.
public func complaint(_ text: String) -> String? {
  do {
    _ = try Plan(experiment(text), corpora: CorpusCache(allowing: [packageFolder]))
    return nil
  } catch {
    return "\(error)"
  }
}

/// A result of a run whose loss lies exactly on a surface: .3 + 20/N^.5 + 40/D^.4, times 1 ± a little for its seed.
///
/// - Parameter loss: Another loss.
public func plantedResult(of run: PlannedRun, entropy: Double = 0.3, loss other: Double? = nil) throws
  -> RunResult
{
  let (n, d) = (Double(run.counts.total), Double(run.tokens))
  let wobble = 1 + 0.002 * (Double(run.configuration.seed) - 0.5) * (run.steps.isMultiple(of: 3) ? 1 : -1)
  let loss = other ?? 0.3 + (20 / n.squareRoot() + 40 * pow(d, -0.4)) * wobble
  let counts = try JSONSerialization.jsonObject(with: JSONEncoder().encode(run.counts))
  let fields: [String: Any] = [
    "status": "completed", "counts": counts, "tokens": run.tokens, "uniqueTokens": run.tokens,
    "steps": run.steps,
    "flops": run.flops, "loss": loss, "lossStandardError": 0.001, "lossBitsPerByte": loss / log(2),
    "entropy": entropy, "entropyBitsPerByte": entropy / log(2), "validationTokens": 4096,
    "reducibleStandardError": 0.0005,
    "positions": [(1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, 32)].map { first, last in
      // Falls with the position as a power, to .2.
      ["first": first, "last": last, "loss": 0.2 + loss * pow(Double(first * last), -0.35)]
    },
    "families": [
      ["family": "facts", "share": 0.5, "loss": loss * 1.1, "entropy": entropy, "exactMatch": 0.25]
    ],
  ]
  return try JSONDecoder().decode(RunResult.self, from: JSONSerialization.data(withJSONObject: fields))
}
