import Foundation
import ScalingLaws

/// The runs of a planned grid with losses from a prior law.
struct SimulatedRuns: Sendable {
  let table: ResultsTable
  let law: PriorLaw
  /// The standard deviation of the log of the loss above the floor.
  let noise: Double
  let seed: UInt64

  /// Returns the table with the losses of one simulation; nil for exact losses.
  func results(_ simulation: Int?) -> ResultsTable {
    var generator = SeededGenerator(seed: seed, stream: simulation ?? 0)
    let rows = table.rows.map { row in
      guard let n = row.totalParameters, let tokens = row.tokens else { return row }
      let exact = law.reducible(parameters: Double(n), tokens: Double(tokens))
      let reducible = exact * (simulation == nil ? 1 : exp(noise * generator.normal()))
      var row = row
      row.status = .completed
      row.loss = law.floor + reducible
      row.lossBitsPerByte = row.loss
      row.entropy = law.floor
      row.entropyBitsPerByte = law.floor
      row.reducible = reducible
      row.lossStandardError = noise * exact
      row.reducibleStandardError = noise * exact
      row.uniqueTokens = row.uniqueTokens ?? tokens
      for task in table.tasks { row.tasks[task] = RunRow.Task(loss: row.loss, entropy: law.floor) }
      return row
    }
    return ResultsTable(settings: table.settings, tasks: table.tasks, rows: rows)
  }

  /// Returns a fit to the losses of one simulation.
  ///
  /// - Parameter isWhole: True for intervals and profile likelihoods.
  func fit(_ request: FitRequest, to results: ResultsTable, bootstraps: Int, isWhole: Bool) -> ExperimentFit {
    ExperimentFit(
      request, FitData(request, rows: results.rows), variants: { [] }, bootstraps: bootstraps, seed: seed,
      extent: isWhole ? .fit : .estimates, progress: { _ in })
  }
}

extension FitRequest {
  /// The reason why the fit cannot be simulated from a law of N and D; nil if it can.
  var whyNotSimulated: String? {
    if law == .criticalBatch { return "the prior law does not depend on the batch" }
    let known: [Variable] = [.parameters, .tokens, .compute, .steps]
    let others = (law(floor: .zero)?.law.variables ?? []).filter { !known.contains($0) }
    return others.isEmpty
      ? nil : "the prior law does not depend on \(others.map(\.symbol).joined(separator: ", "))"
  }

  /// Returns the value that a number of the fit has under a law; nil if the law does not determine it.
  func truth(of symbol: String, under prior: PriorLaw) -> Double? {
    guard size == .total else { return nil }
    switch law {
    case .chinchilla: return prior[symbol]
    case .isoFLOP, .isoFLOPLocal, .isoFLOPRobust, .envelope:
      return ["a", "b"].contains(symbol) ? prior[symbol] : nil
    case .powerC: return symbol == "α" ? prior.computeExponent : symbol == "E" ? prior.floor : nil
    default: return nil
    }
  }
}
