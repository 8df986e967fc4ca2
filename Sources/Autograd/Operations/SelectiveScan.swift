import CBLAS

/// y_t = s_t·silu(z_t) with s_t = Σ_n C_tn·h_tn + D·u_t and h_tn = a_tn·h_{t−1,n} + Δ_t·B_tn·u_t: each channel has N
/// states, whose decay a_tn = exp(Δ_t·A_n) and whose input depend on the position   (Gu & Dao 2023)
///
///     Δ = softplus(x)    A = −exp(logarithms)
///     ds = dy·silu(z)    dz = dy·s·silu′(z)    dD = Σ_t ds·u
///     dh_t = C_t·ds_t + a_{t+1}·dh_{t+1}    dC_tn = Σ_e ds_t·h_tn    dB_tn = Σ_e dh_tn·Δ_t·u_t
///     q_tn = dh_tn·a_tn·h_{t−1,n}    dΔ_t = Σ_n (A_n·q_tn + dh_tn·B_tn·u_t)    dA_n = Σ_t q_tn·Δ_t
///     du_t = D·ds_t + Δ_t·Σ_n dh_tn·B_tn    dx = dΔ·σ(x)    d(logarithms) = A·dA
///
/// u, x, z and y (R, E), B and then C in a row (R, 2N), logarithms (N, E), D (E); Σ_e runs over the channels. The
/// states are 0 before a sequence, or those that its window carries on. A program with gradients keeps those before each
/// chunk of positions, from which backward computes the others again: memory does not grow with T·E·N.
///
/// Sixteen channels are the lanes of a vector. A position's results depend only on those before it, and the order of
/// sums on nothing: bits are the same however many rows a replay continues.
struct SelectiveScan: Operation {
  let u: Tensor
  let steps: Tensor
  let maps: Tensor
  let gate: Tensor
  let logRates: Tensor
  let skip: Tensor
  let sequences: Sequences
  /// The states before each chunk: (windows, chunks, blocks, N, 16); nil without gradients.
  let chunkStates: Tensor?
  /// The states of stored sequences: (capacity, blocks, N, 16); nil where nothing is kept.
  let stored: Tensor?
  let output: Tensor

  /// The positions of a chunk. Backward keeps its decays and states for a group of states in the first cache.
  static let chunk = 16

  var inputs: [Tensor] { [u, steps, maps, gate, logRates, skip] }
  var statistics: [Tensor] { chunkStates.map { [$0] } ?? [] }
  var saved: [Tensor] { inputs }

  /// Two products forward, with B and with C, and four backward. That states decay is element-wise.
  var flops: Flops {
    let product = 2 * Double(u.count) * Double(states)
    return Flops(forward: 2 * product, backward: 4 * product)
  }

  private var columns: Int { u.columns }
  private var states: Int { logRates.rows }
  private var blocks: Int { quotient(columns, laneCount) }
  private var chunks: Int { quotient(sequences.rows, Self.chunk) }
  /// The floats of the states of sixteen channels.
  private var block: Int { states * laneCount }
  /// The channels, in whole vectors.
  private var lanes: Int { blocks * laneCount }
  /// The floats of a number for each position of a chunk and channel.
  private var tile: Int { Self.chunk * lanes }

  /// The rates and states of all channels, and tiles. Backward the states of a block instead, the gradients of rates,
  /// states and D of all channels, what the kernel stores, and the terms of the gradients of B and C.
  var scratch: Int {
    let forward = 2 * lanes * states + 3 * tile
    let backward =
      3 * lanes * states + lanes + block + 6 * tile
      + 2 * Self.chunk * laneCount * (Int(scanGroup) + states)
    return output.needsGradient ? max(forward, backward) : forward
  }

  /// Stores the rates A·log₂e (blocks, N, 16), 0 where there is no channel.
  private func loadRates(_ logRates: Floats, into rates: Floats) {
    rates.update(repeating: 0, count: lanes * states)
    for number in 0..<blocks {
      for n in 0..<states {
        let row = rates + (number * states + n) * laneCount
        let logarithms = logRates + n * columns + number * laneCount
        for c in 0..<min(laneCount, columns - number * laneCount) {
          row[c] = -1.442_695_04 * exponential(logarithms[c])
        }
      }
    }
  }

  /// The channels of a block in a chunk of `count` positions, whose first B and C is `maps`.
  private func kernelChunk(
    _ number: Int, count: Int, maps: Floats, rates: Floats, steps: Floats, inputs: Floats
  ) -> ScanChunk {
    ScanChunk(
      count: count, step: lanes, rates: rates + number * block, b: maps, c: maps + states, row: 2 * states,
      steps: steps + number * laneCount, inputs: inputs + number * laneCount)
  }

  func forward(_ memory: Frame) {
    let (columns, lanes, tile, states) = (columns, lanes, tile, states)
    let (u, x, maps) = (memory.value(self.u), memory.value(self.steps), memory.value(self.maps))
    let (z, d, y) = (memory.value(gate), memory.value(skip), memory.value(output))
    let rates = memory.scratch
    let ownStates = rates + lanes * states
    let steps = ownStates + lanes * states
    let (entries, sums) = (steps + tile, steps + 2 * tile)
    loadRates(memory.value(logRates), into: rates)
    steps.update(repeating: 0, count: 3 * tile)
    for index in 0..<sequences.count {
      let sequence = sequences.sequence(index, memory)
      let end = sequence.first + sequence.used
      (y + end * columns).update(repeating: 0, count: (sequences.rows - sequence.used) * columns)
      guard sequence.used > 0 else { continue }
      let h = sequences.begin(sequence, stored, own: ownStates, count: lanes * states, memory)
      for position in stride(from: 0, to: sequence.used, by: Self.chunk) {
        let row = sequence.first + position
        let count = min(Self.chunk, end - row)
        if let chunkStates {
          let place = (index * chunks + position / Self.chunk) * lanes * states
          (memory.value(chunkStates) + place).update(from: h, count: lanes * states)
        }
        for t in 0..<count {
          let place = (row + t) * columns
          prepare(
            u + place, x + place, d, columns: columns, steps + t * lanes, entries + t * lanes,
            sums + t * lanes)
        }
        for number in 0..<blocks {
          scanForward(
            states,
            kernelChunk(
              number, count: count, maps: maps + row * 2 * states, rates: rates, steps: steps, inputs: entries
            ),
            h + number * block, sums + number * laneCount)
        }
        for t in 0..<count {
          let place = (row + t) * columns
          gated(sums + t * lanes, z + place, columns: columns, into: y + place)
        }
      }
    }
  }

  func backward(_ memory: Frame) {
    guard let chunkStates else { preconditionFailure("selectiveScan: no states for the gradient") }
    let (columns, lanes, tile, states, block) = (columns, lanes, tile, states, block)
    let (u, x, maps) = (memory.value(self.u), memory.value(self.steps), memory.value(self.maps))
    let (z, d, dy) = (memory.value(gate), memory.value(skip), memory.gradient(output))
    /// The gradient of an input, to which all is added; nil where it needs none.
    func gradient(_ number: Int) -> Floats? {
      let input = inputs[number]
      guard input.needsGradient else { return nil }
      if !memory.accumulates(number) { memory.gradient(input).update(repeating: 0, count: input.count) }
      return memory.gradient(input)
    }
    let (du, dx, dmaps, dz) = (gradient(0), gradient(1), gradient(2), gradient(3))
    let rates = memory.scratch
    let dh = rates + lanes * states
    let drates = dh + lanes * states
    let dd = drates + lanes * states
    let h = dd + lanes
    let steps = h + block
    let (entries, sums, ds) = (steps + tile, steps + 2 * tile, steps + 3 * tile)
    let (mapped, rated) = (steps + 4 * tile, steps + 5 * tile)
    let decays = steps + 6 * tile
    let decayed = decays + Self.chunk * laneCount * Int(scanGroup)
    let db = decayed + Self.chunk * laneCount * Int(scanGroup)
    let dc = db + Self.chunk * block
    loadRates(memory.value(logRates), into: rates)
    drates.update(repeating: 0, count: lanes * states + lanes)
    steps.update(repeating: 0, count: 4 * tile)
    for window in 0..<sequences.count {
      dh.update(repeating: 0, count: lanes * states)
      for chunk in (0..<chunks).reversed() {
        let row = window * sequences.rows + chunk * Self.chunk
        let count = min(Self.chunk, sequences.rows - chunk * Self.chunk)
        let before = memory.value(chunkStates) + (window * chunks + chunk) * lanes * states
        for t in 0..<count {
          let place = (row + t) * columns
          prepare(
            u + place, x + place, d, columns: columns, steps + t * lanes, entries + t * lanes,
            sums + t * lanes)
          gated(dy + place, z + place, columns: columns, into: ds + t * lanes)
          addProducts(ds + t * lanes, u + place, to: dd, count: columns)
        }
        mapped.update(repeating: 0, count: 2 * tile)
        db.update(repeating: 0, count: 2 * Self.chunk * block)
        for number in 0..<blocks {
          let first = number * laneCount
          h.update(from: before + number * block, count: block)
          scanBackward(
            states,
            kernelChunk(
              number, count: count, maps: maps + row * 2 * states, rates: rates, steps: steps, inputs: entries
            ),
            ScanGradients(
              ds: ds + first, dh: dh + number * block, drates: drates + number * block,
              db_sums: mapped + first, rate_sums: rated + first, db: db, dc: dc),
            h, sums + first, decays, decayed)
        }
        for t in 0..<count {
          let (place, own) = ((row + t) * columns, t * lanes)
          if let dz { addGateGradient(sums + own, z + place, dy + place, columns: columns, to: dz + place) }
          if let dx {
            addStepGradient(x + place, u + place, mapped + own, rated + own, columns: columns, to: dx + place)
          }
          if let du {
            addInputGradient(ds + own, d, steps + own, mapped + own, columns: columns, to: du + place)
          }
        }
        guard let dmaps else { continue }
        // The states are done with: their memory takes the sums over the lanes.
        for (terms, first) in [(db, 0), (dc, states)] {
          sumLanes(terms, count: count * states, into: h)
          for t in 0..<count {
            store(h + t * states, in: dmaps + (row + t) * 2 * states + first, adding: true, count: states)
          }
        }
      }
    }
    if let dlogarithms = gradient(4) {
      for number in 0..<blocks {
        for n in 0..<states {
          let row = (number * states + n) * laneCount
          let target = dlogarithms + n * columns + number * laneCount
          for c in 0..<min(laneCount, columns - number * laneCount) {
            target[c] += ln2 * rates[row + c] * drates[row + c]
          }
        }
      }
    }
    if let ddSum = gradient(5) { store(dd, in: ddSum, adding: true, count: columns) }
  }
}

private let ln2: Float = 0.693_147_18

// Element-wise parts, for one position each.

/// Δ ← softplus(x), Δ·u and D·u
@inline(never)
private func prepare(
  _ u: Floats, _ x: Floats, _ d: Floats, columns: Int, _ steps: Floats, _ inputs: Floats, _ sums: Floats
) {
  for c in 0..<columns { steps[c] = softplus(x[c]) }
  for c in 0..<columns { inputs[c] = steps[c] * u[c] }
  for c in 0..<columns { sums[c] = d[c] * u[c] }
}

/// y ← s·silu(z)
@inline(never)
private func gated(_ s: Floats, _ z: Floats, columns: Int, into y: Floats) {
  for c in 0..<columns { y[c] = s[c] * (z[c] * sigmoid(z[c])) }
}

/// dz ← dz + dy·s·silu′(z)
@inline(never)
private func addGateGradient(_ s: Floats, _ z: Floats, _ dy: Floats, columns: Int, to dz: Floats) {
  for c in 0..<columns {
    let slope = sigmoid(z[c])
    dz[c] += dy[c] * s[c] * slope * (1 + z[c] * (1 - slope))
  }
}

/// dx ← dx + σ(x)·(r·ln 2 + m·u), with the kernel's sums r and m
@inline(never)
private func addStepGradient(
  _ x: Floats, _ u: Floats, _ m: Floats, _ r: Floats, columns: Int, to dx: Floats
) {
  for c in 0..<columns { dx[c] += sigmoid(x[c]) * (ln2 * r[c] + m[c] * u[c]) }
}

/// du ← du + D·ds + Δ·m
@inline(never)
private func addInputGradient(
  _ ds: Floats, _ d: Floats, _ steps: Floats, _ m: Floats, columns: Int, to du: Floats
) {
  for c in 0..<columns { du[c] += d[c] * ds[c] + steps[c] * m[c] }
}

// Functions of their own, which hold a loop for every group of states.

@inline(never)
private func scanForward(_ states: Int, _ chunk: ScanChunk, _ h: Floats, _ s: Floats) {
  scan_forward(states, chunk, h, s)
}

@inline(never)
private func scanBackward(
  _ states: Int, _ chunk: ScanChunk, _ gradients: ScanGradients, _ h: Floats, _ s: Floats, _ decays: Floats,
  _ decayed: Floats
) {
  scan_backward(states, chunk, gradients, h, s, decays, decayed)
}

extension Recorder {
  /// The selective scan with its gate   (Gu & Dao 2023): u and steps (B·T, E), B and then C in each row of maps
  /// (B·T, 2N), gate (B·T, E), the logarithms (N, E) of the rates −A, skip (E) → (B·T, E). Steps are given before their
  /// softplus, the gate before its SiLU.
  ///
  /// - Parameters:
  ///   - context: The positions T of a window.
  ///   - positions: Where the rows continue sequences; nil where they are whole windows.
  public func selectiveScan(
    _ u: Tensor, steps: Tensor, maps: Tensor, gate: Tensor, logRates: Tensor, skip: Tensor, context: Int,
    _ positions: Continuation? = nil
  ) -> Tensor {
    let states = logRates.rows
    precondition(
      steps.shape == u.shape && gate.shape == u.shape && maps.shape == [u.rows, 2 * states]
        && logRates.columns == u.columns && skip.shape == [u.columns],
      "selectiveScan: u \(u.shape), steps \(steps.shape), maps \(maps.shape), gate \(gate.shape), "
        + "logRates \(logRates.shape), skip \(skip.shape)")
    let sequences = Sequences(rows: u.rows, context: context, positions, self)
    let blocks = quotient(u.columns, laneCount)
    let inputs = [u, steps, maps, gate, logRates, skip]
    let output = tensor(u.shape, from: inputs)
    let chunks = quotient(sequences.rows, SelectiveScan.chunk)
    return record(
      SelectiveScan(
        u: u, steps: steps, maps: maps, gate: gate, logRates: logRates, skip: skip, sequences: sequences,
        chunkStates: output.needsGradient
          ? tensor([sequences.count, chunks, blocks, states, laneCount]) : nil,
        stored: sequences.capacity.map { state([$0, blocks, states, laneCount]) }, output: output))
  }
}
