import ScalingLaws

/// Returns the share of pairs of runs in which the larger one has the higher loss; nil unless it is most of them. Then
/// the loss is a metric that rises, such as an accuracy.
///
/// The larger one of a pair exceeds the other in one variable or more, and in none falls short of it.
func risingShare(of observations: [Observation], in variables: [Variable]) -> Double? {
  let variables = variables.filter { [.parameters, .tokens, .compute, .steps].contains($0) }
  // The pairs of some hundred runs tell as much as those of all.
  let step = max(1, observations.count / 200)
  let runs = stride(from: 0, to: observations.count, by: step).map { observations[$0] }
  var (rising, pairs) = (0, 0)
  for small in runs {
    for large in runs {
      let signs = variables.compactMap { variable in
        large[variable].flatMap { x in small[variable].map { x > $0 ? 1 : x < $0 ? -1 : 0 } }
      }
      guard signs.count == variables.count, signs.contains(1), !signs.contains(-1) else { continue }
      pairs += 1
      if large.loss > small.loss { rising += 1 }
    }
  }
  let share = Double(rising) / Double(max(pairs, 1))
  return pairs >= 6 && share > 0.8 ? share : nil
}
