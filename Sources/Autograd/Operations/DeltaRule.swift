import CBLAS

/// o_t = S_t·q_t with S_t = α_t·S_{t−1}·(I − β_t·k_t·k_tᵀ) + β_t·v_t·k_tᵀ: the state of a head maps keys to values, and a
/// position replaces the value that the state has for its key   (gated delta rule; Yang et al. 2024)
///
///     p = S_{t−1}·k    u = v − α·p    S_t = α·S_{t−1} + β·u·kᵀ
///     G_t = dS_t + do·qᵀ    dq = S_tᵀ·do    du = β·G_t·k    dv = du    dβ = u·G_t·k    dα = ⟨S_{t−1}, G_t⟩ − p·du
///     dk = β·G_tᵀ·u − α·S_{t−1}ᵀ·du    dS_{t−1} = α·G_t − α·du·kᵀ
///
/// where k = k′/‖k′‖, q = q′/‖q′‖, β = σ(b) and α = exp(−r·softplus(a + c)), with
///
///     dk′ = (dk − k·(k·dk))/‖k′‖    db = β·(1 − β)·dβ    da = −r·α·dα·σ(a + c)    d(log r) = −r·softplus(a + c)·α·dα
///
/// A row of x (R, H·(2N + 16)) is the queries q′ of all heads, N each, their keys k′, and their values v, 16 each; a row
/// of gates (R, 2H) is a, and then b. log r (H), c (H), o (R, 16·H). The states are 0 before a sequence, or those that its
/// window carries on. A program with gradients keeps those before each chunk of positions, from which backward computes
/// the others again.
///
/// The sixteen values of a head are the lanes of a vector. A position's results depend only on those before it, and the
/// order of sums on nothing: bits are the same however many rows a replay continues.
struct DeltaRule: Operation {
  let x: Tensor
  let gates: Tensor
  let logRates: Tensor
  let bias: Tensor
  let states: Int
  let sequences: Sequences
  /// The states before each chunk: (windows, chunks, heads, N, 16); nil without gradients.
  let chunkStates: Tensor?
  /// The states of stored sequences: (capacity, heads, N, 16); nil where nothing is kept.
  let stored: Tensor?
  let output: Tensor

  /// The positions of a chunk.
  static let chunk = 16
  /// Keeps what is divided by a norm finite.
  static let epsilon: Float = 1e-6

  /// N in whole groups of four, as the kernel has it; the others are 0.
  static func padded(_ states: Int) -> Int { quotient(states, 4) * 4 }

  var inputs: [Tensor] { [x, gates, logRates, bias] }
  var statistics: [Tensor] { chunkStates.map { [$0] } ?? [] }
  var saved: [Tensor] { inputs }

  /// Three products forward, S·k, u·kᵀ and S·q, and twice as many backward.
  var flops: Flops {
    let product = 2 * Double(output.count) * Double(states)
    return Flops(forward: 3 * product, backward: 6 * product)
  }

  private var heads: Int { logRates.count }
  private var rowsOfState: Int { Self.padded(states) }
  /// The floats of the state of a head.
  private var block: Int { rowsOfState * laneCount }

  /// Rates, and of a chunk and head keys, queries and what each position has once. Forward the states of all heads.
  /// Backward a state, its gradient for all heads, what the kernel keeps, and the terms of gradients.
  var scratch: Int {
    let chunk = Self.chunk
    let shared = roundedToCacheLine(heads) + 2 * chunk * rowsOfState + Scalars.count * chunk
    let forward = shared + heads * block
    let backward =
      shared + (heads + 1) * block + 3 * chunk * block + 5 * chunk * laneCount + 2 * chunk * rowsOfState
    return output.needsGradient ? max(forward, backward) : forward
  }

  /// Numbers that a position of a chunk has once for a head.
  private struct Scalars {
    static let count = 6
    /// α and β.
    let decays: Floats
    let rates: Floats
    /// 1/‖k′‖ and 1/‖q′‖.
    let keys: Floats
    let queries: Floats
    /// softplus(a + c), and its slope σ(a + c).
    let steps: Floats
    let slopes: Floats

    init(_ start: Floats) {
      func place(_ number: Int) -> Floats { start + number * DeltaRule.chunk }
      (decays, rates, keys, queries, steps, slopes) = (
        place(0), place(1), place(2), place(3), place(4), place(5)
      )
    }
  }

  /// Normalised keys and queries of a chunk and head, and its numbers.
  private struct Chunk {
    let keys: Floats
    let queries: Floats
    let scalars: Scalars
    let rowsOfState: Int

    init(_ start: Floats, rowsOfState: Int) {
      (keys, self.rowsOfState) = (start, rowsOfState)
      queries = start + DeltaRule.chunk * rowsOfState
      scalars = Scalars(queries + DeltaRule.chunk * rowsOfState)
      // The rows beyond N stay 0.
      start.update(repeating: 0, count: 2 * DeltaRule.chunk * rowsOfState)
    }

    /// What lies behind it.
    var end: Floats { scalars.decays + Scalars.count * DeltaRule.chunk }

    func kernelChunk(count: Int, values: Floats, step: Int) -> DeltaChunk {
      DeltaChunk(
        count: count, keys: keys, queries: queries, values: values, step: step, decays: scalars.decays,
        rates: scalars.rates)
    }
  }

  /// Computes what the kernel reads of some rows of a head, whose first are `x` and `gates`.
  private func prepare(
    _ chunk: Chunk, head: Int, count: Int, _ x: Floats, _ gates: Floats, rate: Float, bias: Float
  ) {
    let s = chunk.scalars
    s.steps.update(repeating: 0, count: Self.chunk)
    s.rates.update(repeating: 0, count: Self.chunk)
    for t in 0..<count {
      let queries = x + t * self.x.columns + head * states
      let keys = queries + heads * states
      s.queries[t] = normalize(queries, count: states, into: chunk.queries + t * rowsOfState)
      s.keys[t] = normalize(keys, count: states, into: chunk.keys + t * rowsOfState)
      s.steps[t] = gates[t * 2 * heads + head] + bias
      s.rates[t] = gates[t * 2 * heads + heads + head]
    }
    for t in 0..<Self.chunk { s.slopes[t] = sigmoid(s.steps[t]) }
    for t in 0..<Self.chunk { s.steps[t] = softplus(s.steps[t]) }
    for t in 0..<Self.chunk { s.decays[t] = exponential(-rate * s.steps[t]) }
    for t in 0..<Self.chunk { s.rates[t] = sigmoid(s.rates[t]) }
  }

  func forward(_ memory: Frame) {
    let (x, gates, bias) = (memory.value(self.x), memory.value(self.gates), memory.value(self.bias))
    let (o, logRates) = (memory.value(output), memory.value(self.logRates))
    let (columns, heads, block) = (output.columns, heads, block)
    let chunk = Chunk(memory.scratch, rowsOfState: rowsOfState)
    let rates = chunk.end
    let ownStates = rates + roundedToCacheLine(heads)
    for head in 0..<heads { rates[head] = exponential(logRates[head]) }
    for index in 0..<sequences.count {
      let sequence = sequences.sequence(index, memory)
      let end = sequence.first + sequence.used
      (o + end * columns).update(repeating: 0, count: (sequences.rows - sequence.used) * columns)
      guard sequence.used > 0 else { continue }
      let s = sequences.begin(sequence, stored, own: ownStates, count: heads * block, memory)
      for position in stride(from: 0, to: sequence.used, by: Self.chunk) {
        let row = sequence.first + position
        let count = min(Self.chunk, end - row)
        if let chunkStates {
          let place = (index * quotient(sequences.rows, Self.chunk) + position / Self.chunk) * heads * block
          (memory.value(chunkStates) + place).update(from: s, count: heads * block)
        }
        for head in 0..<heads {
          let rows = x + row * self.x.columns
          prepare(
            chunk, head: head, count: count, rows, gates + row * 2 * heads, rate: rates[head],
            bias: bias[head])
          deltaForward(
            rowsOfState,
            chunk.kernelChunk(
              count: count, values: rows + 2 * heads * states + head * laneCount, step: self.x.columns),
            s + head * block, o + row * columns + head * laneCount, columns, nil, nil)
        }
      }
    }
  }

  func backward(_ memory: Frame) {
    guard let chunkStates else { preconditionFailure("deltaRule: no states for the gradient") }
    let (x, gates, bias) = (memory.value(self.x), memory.value(self.gates), memory.value(self.bias))
    let (dy, logRates) = (memory.gradient(output), memory.value(self.logRates))
    let (columns, wide, heads, block, states) = (output.columns, self.x.columns, heads, block, states)
    /// The gradient of an input, to which all is added; nil where it needs none.
    func gradient(_ number: Int) -> Floats? {
      let input = inputs[number]
      guard input.needsGradient else { return nil }
      if !memory.accumulates(number) { memory.gradient(input).update(repeating: 0, count: input.count) }
      return memory.gradient(input)
    }
    let (dx, dgates, dlogRates, dbias) = (gradient(0), gradient(1), gradient(2), gradient(3))
    let chunk = Chunk(memory.scratch, rowsOfState: rowsOfState)
    let scalars = chunk.scalars
    let rates = chunk.end
    let ds = rates + roundedToCacheLine(heads)
    let s = ds + heads * block
    let kept = s + block
    let keyTerms = kept + Self.chunk * block
    let queryTerms = keyTerms + Self.chunk * block
    let recalled = queryTerms + Self.chunk * block
    let tile = Self.chunk * laneCount
    let (unused, values) = (recalled + tile, recalled + 2 * tile)
    let (decayTerms, rateTerms) = (recalled + 3 * tile, recalled + 4 * tile)
    let dkeys = recalled + 5 * tile
    let dqueries = dkeys + Self.chunk * rowsOfState
    for head in 0..<heads { rates[head] = exponential(logRates[head]) }
    // Sums over lanes take whole squares.
    decayTerms.update(repeating: 0, count: 2 * tile)
    keyTerms.update(repeating: 0, count: 2 * Self.chunk * block)
    let chunks = quotient(sequences.rows, Self.chunk)
    for window in 0..<sequences.count {
      ds.update(repeating: 0, count: heads * block)
      for number in (0..<chunks).reversed() {
        let row = window * sequences.rows + number * Self.chunk
        let count = min(Self.chunk, sequences.rows - number * Self.chunk)
        for head in 0..<heads {
          let rows = x + row * wide
          prepare(
            chunk, head: head, count: count, rows, gates + row * 2 * heads, rate: rates[head],
            bias: bias[head])
          let job = chunk.kernelChunk(
            count: count, values: rows + 2 * heads * states + head * laneCount, step: wide)
          s.update(
            from: memory.value(chunkStates) + ((window * chunks + number) * heads + head) * block,
            count: block)
          deltaForward(rowsOfState, job, s, unused, laneCount, kept, recalled)
          deltaBackward(
            rowsOfState, job,
            DeltaGradients(
              outputs: dy + row * columns + head * laneCount, step: columns, states: ds + head * block,
              keys: keyTerms, queries: queryTerms, values: values, decays: decayTerms, rates: rateTerms),
            kept, recalled)
          if let dx {
            sumLanes(keyTerms, count: count * rowsOfState, into: dkeys)
            sumLanes(queryTerms, count: count * rowsOfState, into: dqueries)
            for t in 0..<count {
              let queries = dx + (row + t) * wide + head * states
              let place = t * rowsOfState
              addNormGradient(
                dqueries + place, chunk.queries + place, scalars.queries[t], count: states, to: queries)
              addNormGradient(
                dkeys + place, chunk.keys + place, scalars.keys[t], count: states,
                to: queries + heads * states)
              store(
                values + t * laneCount, in: dx + (row + t) * wide + 2 * heads * states + head * laneCount,
                adding: true, count: laneCount)
            }
          }
          // The places of the terms take their sums.
          sumLanes(decayTerms, count: count, into: unused)
          sumLanes(rateTerms, count: count, into: values)
          var (rateSum, biasSum): (Float, Float) = (0, 0)
          for t in 0..<count {
            let slope = -rates[head] * scalars.decays[t] * unused[t]
            rateSum += slope * scalars.steps[t]
            biasSum += slope * scalars.slopes[t]
            guard let dgates else { continue }
            let gate = dgates + (row + t) * 2 * heads + head
            gate[0] += slope * scalars.slopes[t]
            gate[heads] += values[t] * scalars.rates[t] * (1 - scalars.rates[t])
          }
          if let dlogRates { dlogRates[head] += rateSum }
          if let dbias { dbias[head] += biasSum }
        }
      }
    }
  }
}

/// y ← x/‖x‖. Returns 1/‖x‖.
@inline(__always)
private func normalize(_ x: Floats, count: Int, into y: Floats) -> Float {
  let inverse = 1 / relaxed_sqrt(short_dot(x, x, count) + DeltaRule.epsilon)
  short_scale(inverse, x, y, count)
  return inverse
}

/// dx ← dx + (dy − y·(y·dy))/‖x‖
@inline(__always)
private func addNormGradient(_ dy: Floats, _ y: Floats, _ inverse: Float, count: Int, to dx: Floats) {
  let along = short_dot(y, dy, count)
  short_add(inverse, dy, -inverse * along, y, dx, count)
}

// Functions of their own, with loops for the usual number of keys, whose states stay in registers.

@inline(never)
private func deltaForward(
  _ states: Int, _ chunk: DeltaChunk, _ s: Floats, _ o: Floats, _ step: Int, _ kept: Floats?,
  _ recalled: Floats?
) {
  delta_forward(states, chunk, s, o, step, kept, recalled)
}

@inline(never)
private func deltaBackward(
  _ states: Int, _ chunk: DeltaChunk, _ gradients: DeltaGradients, _ kept: Floats, _ recalled: Floats
) {
  delta_backward(states, chunk, gradients, kept, recalled)
}

extension Recorder {
  /// The gated delta rule   (Yang et al. 2024): rows x (B·T, H·(2N + 16)) of queries, keys, both before they are
  /// normalised, and sixteen values for each of H heads, gates (B·T, 2H) of decays and rates, the logarithms (H) of the
  /// decays' rates, and the bias (H) of their steps → (B·T, 16·H).
  ///
  /// - Parameters:
  ///   - context: The positions T of a window.
  ///   - positions: Where the rows continue sequences; nil where they are whole windows.
  public func deltaRule(
    _ x: Tensor, gates: Tensor, logRates: Tensor, bias: Tensor, context: Int, _ positions: Continuation? = nil
  ) -> Tensor {
    let heads = logRates.count
    let states = (x.columns / heads - laneCount) / 2
    precondition(
      states > 0 && x.columns == heads * (2 * states + laneCount) && gates.shape == [x.rows, 2 * heads]
        && logRates.shape == [heads] && bias.shape == [heads],
      "deltaRule: x \(x.shape), gates \(gates.shape), logRates \(logRates.shape), bias \(bias.shape)")
    let sequences = Sequences(rows: x.rows, context: context, positions, self)
    let rows = DeltaRule.padded(states)
    let output = tensor([x.rows, heads * laneCount], from: [x, gates, logRates, bias])
    let chunks = quotient(sequences.rows, DeltaRule.chunk)
    return record(
      DeltaRule(
        x: x, gates: gates, logRates: logRates, bias: bias, states: states, sequences: sequences,
        chunkStates: output.needsGradient
          ? tensor([sequences.count, chunks, heads, rows, laneCount]) : nil,
        stored: sequences.capacity.map { state([$0, heads, rows, laneCount]) }, output: output))
  }
}
