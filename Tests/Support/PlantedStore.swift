import Execution
import Files
import Foundation
import Plans
import Training

/// A store with planted runs of a plan, whose final losses and learning curves are known.
public struct PlantedStore {
  public let folder: TemporaryFolder
  public let store: RunStore
  /// The runs of the plan.
  public let runs: [TrunkJob.Run]

  /// Writes the records and logs of runs.
  ///
  /// - Parameters:
  ///   - loss: The loss of a run after a number of tokens.
  ///   - share: The part of a run's tokens that it has seen; 1 for a finished run, 0 for one that has not begun.
  public init(
    _ plan: Plan, entropy: Double, share: (PlannedRun) -> Double, loss: (PlannedRun, _ tokens: Int) -> Double
  )
    throws
  {
    folder = try TemporaryFolder()
    store = try RunStore(folder.path)
    runs = plan.runs.map(TrunkJob.Run.init)
    for run in plan.runs {
      let part = share(run)
      guard part > 0 else { continue }
      let own = store.folder(of: run.configuration)
      try FileAccess.makeFolder(own.path)
      let seen = (10...40).map { Int(pow(2, Double($0) / 2)) }.filter {
        Double($0) < part * Double(run.tokens)
      }
      let log = (seen + [Int(part * Double(run.tokens))]).enumerated().map { step, tokens in
        """
        {"curveLoss":\(loss(run, tokens)),"step":\(step + 1),"tokens":\(tokens),"validationLoss":\(loss(run, tokens)),\
        "validationStandardError":0.001,"validationWindows":32}

        """
      }.joined()
      try FileAccess.write(Data(log.utf8), to: own.metrics)
      guard part == 1 else { continue }
      let record: [String: Any] = [
        "configuration": try object(run.configuration), "provenance": try object(Provenance(threads: 1)),
        "result": try object(plantedResult(of: run, entropy: entropy, loss: loss(run, run.tokens))),
      ]
      let decoded = try JSONDecoder().decode(
        RunRecord.self, from: JSONSerialization.data(withJSONObject: record))
      try FileAccess.write(decoded.encoded(log: checksum(Data(log.utf8))), to: own.result)
    }
  }

  private func object(_ value: some Encodable) throws -> Any {
    try JSONSerialization.jsonObject(with: canonicalJSON(value))
  }
}
