import Foundation
import ScalingLaws

/// What may be wrong with a table that could be read.
struct TableDoubts {
  let header: [String]
  let rows: [[String]]
  let sources: [ObservationFile.Role: ObservationFile.Source]
  let observations: [Observation]

  /// The doubts, a sentence each, with what to do.
  var all: [String] { [unitOfCompute, checkpoints, unlikeRuns].compactMap { $0 } }

  /// Nil unless C is far from 6·N·D, which is a matter of units.
  private var unitOfCompute: String? {
    let variables: [Variable] = [.parameters, .tokens, .compute]
    guard variables.allSatisfy({ sources[.variable($0)] != nil }) else { return nil }
    let ratios = observations.compactMap { run -> Double? in
      guard let n = run.parameters, let d = run.tokens, let c = run.compute else { return nil }
      return log10(c / (6 * n * d))
    }.sorted()
    guard !ratios.isEmpty else { return nil }
    let middle = ratios[ratios.count / 2]
    // Attention and the head raise C above 6·N·D by a small factor only, in very small models by a few.
    guard abs(middle) > 1.5 || abs(abs(middle) - 1) < 0.05 else { return nil }
    let isPower = abs(middle - middle.rounded()) < 0.05
    let factor = isPower ? String(format: "1e%.0f", middle) : String(format: "%.2g", pow(10, middle))
    let column = sources[.variable(.parameters)]?.column ?? "N"
    return
      "C is \(factor) × 6·N·D: if a column is in another unit, name the unit, as in `--x 'N=\(column)*1e6'`"
  }

  /// Nil unless the D of each N are evenly spaced, as are those of checkpoints and seldom those of runs.
  private var checkpoints: String? {
    guard sources[.cluster] == nil, sources[.variable(.tokens)] != nil,
      let size = sources[.variable(.parameters)]?.column
    else { return nil }
    let curves = observations.grouped { $0.parameters }
      .map { Set($0.compactMap(\.tokens)).sorted() }.filter { $0.count >= 5 }
    let even = curves.count { tokens in
      let steps = zip(tokens.dropFirst(), tokens).map { $0 - $1 }
      guard let least = steps.min(), let most = steps.max() else { return false }
      return most < 1.05 * least
    }
    guard even > 0, 2 * even >= curves.count else { return nil }
    return
      "the D of each N are evenly spaced: if these are checkpoints of one run, they are not independent; name a column "
      + "that joins them, as in `--x 'cluster=\(size)'`"
  }

  /// Nil unless a setting varies that is neither N, D nor C and does not follow from one of them.
  private var unlikeRuns: String? {
    let varying = settingColumns.filter { index in
      let follows = [Variable.parameters, .tokens, .compute].contains { variable in
        let groups = rows.indices.grouped { observations[$0][variable] }
        return groups.allSatisfy { group in Set(group.map { rows[$0][index] }).count == 1 }
      }
      return !follows
    }
    guard !varying.isEmpty else { return nil }
    let names = varying.map { "`\(header[$0])`" }.joined(separator: ", ")
    return "the runs differ in \(names), which the laws do not tell apart: choose some with `--where`"
  }

  /// The settings of each row, by their columns.
  var settings: [[String: Cell]] {
    let columns = settingColumns
    return rows.map { row in
      Dictionary(
        columns.map { (header[$0], Cell(row[$0])) }, uniquingKeysWith: { first, _ in first })
    }
  }

  private var settingColumns: [Int] {
    let used = Set(sources.values.flatMap(\.indices))
    return header.indices.filter { !used.contains($0) && isSetting($0) }
  }

  /// Returns whether a column may hold a setting: its values repeat, and its name is not that of a result, or of what
  /// tells equal runs apart.
  private func isSetting(_ index: Int) -> Bool {
    let words = Set(ColumnName(header[index]).plain.split(separator: "_").map(String.init))
    guard words.isDisjoint(with: Self.others) else { return false }
    let values = Set(rows.map { $0[index] })
    return values.count > 1 && values.count <= max(2, rows.count / 3)
  }

  /// Words in the names of results and identifiers.
  private static let others: Set<String> = [
    "loss", "losses", "ppl", "perplexity", "acc", "accuracy", "match", "score", "error", "err", "entropy",
    "reducible",
    "bits", "bpb", "se", "std", "stderr", "grad", "time", "seconds", "secs", "hours", "date", "day", "seed",
    "rng",
    "trial", "run", "runs", "id", "hash", "trunk", "name", "index", "column", "step", "steps", "epoch",
    "epochs", "split",
    "budget", "flops", "flop", "tokens", "params", "parameters", "commit", "host", "cpu", "gpu", "dead",
    "dropped", "load",
    "status", "outlier", "reason", "notes", "comment",
  ]
}
