import CBLAS

/// g_rj = softmax(z_r)_e over all experts, or only over those chosen, with e = e_rj the expert of rank j by z_r + b
///
///     dz_re = p_re·([e chosen]·dg_re − Σ_j dg_rj·p_rj)    db_e = load_e − mean load
///
/// z (R, E), b (E), g (R, K). Among equal logits the first expert ranks first. The choice has no gradient. b balances
/// the experts and does not affect g; in place of its gradient stands the expert's load above the mean (Wang et al.
/// 2024, arXiv:2408.15664).
///
/// Then the choices are sorted by expert, those of one expert by row (a counting sort). Where an expert has a
/// capacity, the last rows that exceed it are dropped.
struct Routing: Operation {
  let logits: Tensor
  let bias: Tensor?
  let gate: Gate
  let routes: Routes
  let output: Tensor

  var inputs: [Tensor] { [logits] + (bias.map { [$0] } ?? []) }
  var saved: [Tensor] { [logits] }
  /// The scores of one row.
  var scratch: Int { logits.columns }

  func forward(_ memory: Frame) {
    choose(memory)
    sort(memory)
  }

  /// Finds the experts of every row, and their gates.
  private func choose(_ memory: Frame) {
    let bias = self.bias.map(memory.value)
    let chosen = memory.integers(routes.chosen)
    let gates = memory.value(output)
    let (experts, choices) = (logits.columns, routes.choices)
    let scores = memory.scratch
    for row in 0..<logits.rows {
      let z = memory.value(logits) + row * experts
      if let bias {
        for e in 0..<experts { scores[e] = z[e] + bias[e] }
      } else {
        scores.update(from: z, count: experts)
      }
      let chosen = chosen + row * choices
      for j in 0..<choices {
        let top = greatest(scores, count: experts)
        // If logits are NaN, as in a run that diverges, any choice will do.
        let expert = (0..<experts).first { scores[$0] == top } ?? 0
        scores[expert] = -.infinity
        chosen[j] = Int32(expert)
      }
      let logSum = normaliser(z, chosen)
      for j in 0..<choices { gates[row * choices + j] = exponential(z[Int(chosen[j])] - logSum) }
    }
  }

  /// The logarithm of the sum that the gates of a row are divided by.
  private func normaliser(_ z: UnsafePointer<Float>, _ chosen: UnsafePointer<Int32>) -> Float {
    var sum: Float = 0
    switch gate {
    case .softmaxFirst:
      let top = greatest(z, count: logits.columns)
      for e in 0..<logits.columns { sum = relaxed_add(sum, exponential(z[e] - top)) }
      return top + logarithm(sum)
    case .choiceFirst:
      var top = z[Int(chosen[0])]
      for j in 0..<routes.choices { top = max(top, z[Int(chosen[j])]) }
      for j in 0..<routes.choices { sum += exponential(z[Int(chosen[j])] - top) }
      return top + logarithm(sum)
    }
  }

  private func sort(_ memory: Frame) {
    let chosen = memory.integers(routes.chosen)
    let place = memory.integers(routes.place)
    let source = memory.integers(routes.source)
    let starts = memory.integers(routes.starts)
    let (experts, choices) = (logits.columns, routes.choices)
    // In the order of the rows, so that no token depends on later ones.
    starts.update(repeating: 0, count: experts + 1)
    for index in 0..<logits.rows * choices {
      let expert = Int(chosen[index])
      let isFull = routes.capacity.map { starts[expert + 1] >= $0 } ?? false
      place[index] = isFull ? -1 : 0
      if !isFull { starts[expert + 1] += 1 }
    }
    for expert in 0..<experts { starts[expert + 1] += starts[expert] }
    for index in 0..<logits.rows * choices where place[index] == 0 {
      let expert = Int(chosen[index])
      place[index] = starts[expert]
      source[Int(starts[expert])] = Int32(index)
      starts[expert] += 1
    }
    // Each start has moved to where the next expert's rows begin.
    for expert in stride(from: experts, to: 0, by: -1) { starts[expert] = starts[expert - 1] }
    starts[0] = 0
  }

  func backward(_ memory: Frame) {
    let chosen = memory.integers(routes.chosen)
    let dgates = memory.gradient(output)
    let (experts, choices) = (logits.columns, routes.choices)
    if logits.needsGradient && !memory.accumulates(0) {
      memory.gradient(logits).update(repeating: 0, count: logits.count)
    }
    for row in 0..<(logits.needsGradient ? logits.rows : 0) {
      let z = memory.value(logits) + row * experts
      let dz = memory.gradient(logits) + row * experts
      let (chosen, dg) = (chosen + row * choices, dgates + row * choices)
      let logSum = normaliser(z, chosen)
      var mean: Float = 0
      for j in 0..<choices {
        let expert = Int(chosen[j])
        let slope = exponential(z[expert] - logSum) * dg[j]
        dz[expert] += slope
        mean += slope
      }
      switch gate {
      case .softmaxFirst:
        for e in 0..<experts { dz[e] = fused_multiply_add(-mean, exponential(z[e] - logSum), dz[e]) }
      case .choiceFirst:
        for j in 0..<choices { dz[Int(chosen[j])] -= mean * exponential(z[Int(chosen[j])] - logSum) }
      }
    }
    if let bias, bias.needsGradient {
      let db = memory.gradient(bias)
      if !memory.accumulates(1) { db.update(repeating: 0, count: experts) }
      for index in 0..<logits.rows * choices { db[Int(chosen[index])] += 1 }
      let mean = Float(logits.rows * choices) / Float(experts)
      for e in 0..<experts { db[e] -= mean }
    }
  }
}

/// How the gates of the chosen experts are computed.
public enum Gate: String, Codable, Sendable, CaseIterable {
  /// The probabilities of the chosen experts in the softmax over all experts   (Fedus et al. 2021)
  case softmaxFirst = "softmax_first"
  /// The softmax over the chosen experts alone, so that their gates sum to 1   (Jiang et al. 2024)
  case choiceFirst = "choice_first"
}

/// Which rows go to which experts: whole numbers that routing writes and the operations of the experts read.
///
/// Experts compute with *places*: copies of rows, sorted by expert.
public struct Routes: Hashable, Sendable {
  /// The number R of rows that are routed.
  public let rows: Int
  /// The number E of experts.
  public let experts: Int
  /// The number K of experts that each row chooses.
  public let choices: Int
  /// The most rows that an expert takes; nil for no limit.
  public let capacity: Int?
  /// The expert of each choice (R · K), dropped ones included.
  public let chosen: Integers
  /// The place of each choice (R · K); −1 where it was dropped.
  public let place: Integers
  /// The choice at each place.
  let source: Integers
  /// Where each expert's places begin (E + 1); the last element is where they end.
  let starts: Integers

  /// The number of places, used or not: the most that can be used. Unused ones hold zeros.
  public var places: Int { Routes.places(rows: rows, experts: experts, choices: choices, capacity: capacity) }

  /// The number of places that rows have taken.
  func taken(_ memory: Frame) -> Int { Int(memory.integers(starts)[experts]) }

  fileprivate static func places(rows: Int, experts: Int, choices: Int, capacity: Int?) -> Int {
    min(rows * choices, experts * (capacity ?? rows))
  }
}

extension Recorder {
  /// Chooses `choices` experts for each row of logits (R, E) → their gates (R, K), and where the rows go.
  ///
  /// - Parameters:
  ///   - bias: A bias (E) that is added to the logits for the choice alone.
  ///   - capacity: The most rows that an expert takes; nil for no limit.
  public func route(
    _ logits: Tensor, choices: Int, gate: Gate, bias: Tensor? = nil, capacity: Int? = nil
  ) -> (gates: Tensor, routes: Routes) {
    let (rows, experts) = (logits.rows, logits.columns)
    precondition((1...experts).contains(choices), "route: \(choices) of \(experts) experts")
    precondition(
      bias == nil || bias?.shape == [experts], "route: bias \(bias?.shape ?? []) of \(experts) experts")
    precondition(capacity ?? 1 > 0, "route: experts without capacity")
    let places = Routes.places(rows: rows, experts: experts, choices: choices, capacity: capacity)
    let routes = Routes(
      rows: rows, experts: experts, choices: choices, capacity: capacity, chosen: integers(rows * choices),
      place: integers(rows * choices), source: integers(places), starts: integers(experts + 1))
    let gates = record(
      Routing(
        logits: logits, bias: bias, gate: gate, routes: routes,
        output: tensor([rows, choices], from: [logits] + (bias.map { [$0] } ?? []))))
    return (gates, routes)
  }
}
