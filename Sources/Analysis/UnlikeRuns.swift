/// Returns the settings that vary among runs without following from their size, length or budget, and that a law of N, D
/// and C therefore mixes. Of settings that vary together, the first one is named.
///
/// - Parameters:
///   - runs: The settings of each run, but for the seed.
///   - tokens: The length of each run.
///   - budgets: The IsoFLOP budget of each run; nil for none.
///   - seen: Settings that may vary, such as a number of experts that the law depends on.
func unlike(_ runs: [[String: Cell]], tokens: [Double?], budgets: [Double?], seen: [String])
  -> [String]
{
  let known = ["width", "depth", "layers", "heads", "head_width", "kv_heads"] + seen
  let sizes = groups(of: runs.indices.map { index in known.map { runs[index][$0] ?? .none } })
  let lengths = groups(of: tokens)
  // Where every run has a length of its own, as in IsoFLOP profiles, everything would follow from the length.
  let explanations =
    [sizes, groups(of: budgets)] + (2 * lengths.count <= runs.count ? [lengths] : [])
  func follows(_ setting: String, from groups: [[Int]]) -> Bool {
    groups.allSatisfy { group in
      group.allSatisfy {
        runs[$0][setting, default: .none] == runs[group[0]][setting, default: .none]
      }
    }
  }
  let names = Set(runs.flatMap(\.keys)).subtracting(known).sorted().filter { name in
    !follows(name, from: [Array(runs.indices)])
      && !explanations.contains { follows(name, from: $0) }
  }
  var first: [String] = []
  for name in names
  where !first.contains(where: { one in follows(name, from: groups(of: runs.map { $0[one] })) }) {
    first.append(name)
  }
  return first
}

/// Returns the indices of equal values, together.
private func groups<Value: Hashable>(of values: [Value]) -> [[Int]] {
  values.indices.grouped { values[$0] }
}

extension [RunRow] {
  /// Returns the runs with the best values of some settings: of those that differ only in these settings and in their
  /// seeds, the ones whose mean loss over seeds is lowest.
  func best(across names: [String], by loss: String) -> [RunRow] {
    let hidden = Set(names + ["seed"])
    let kept = indices.grouped { index in
      // Lengths of one budget differ by a fraction of a step, if the batch does.
      let row = self[index]
      return [row.isoFLOPBudget.map { "\($0)" } ?? row.roughTokens]
        + row.settings.filter { !hidden.contains($0.key) }.sorted { $0.key < $1.key }.map {
          "\($0.key) \($0.value)"
        }
    }.flatMap { equals -> [Int] in
      let trials = equals.grouped { index in names.map { self[index].text($0) } }
      func mean(_ trial: [Int]) -> Double {
        trial.reduce(0) { $0 + (self[$1].number(loss) ?? .infinity) } / Double(trial.count)
      }
      return trials.min { mean($0) < mean($1) } ?? []
    }
    return kept.sorted().map { self[$0] }
  }
}
