/// The offsets in an arena of all values, gradients and scratch buffers of operations.
///
/// Time runs from 0: operation i of n works at time i forward and at 2n − 1 − i backward. What is needed at
/// different times may share memory. Each piece is placed, the largest first, at the lowest offset where
/// nothing lies that lives at the same time.
struct MemoryPlan: Sendable {
  private(set) var valueOffsets: [Int]
  private(set) var gradientOffsets: [Int]
  private(set) var scratchOffsets: [(forward: Int, backward: Int)]
  /// The length of the arena, in floats.
  private(set) var count = 0

  /// A piece of memory, and the times between which it holds something.
  private struct Piece {
    var size: Int
    var first: Int
    var last: Int
    var offset = 0
  }

  /// - Parameter shared: Without it every piece has memory of its own, so that reading what another piece
  ///   has overwritten shows.
  init(for program: Program, shared: Bool) {
    let operations = program.steps.map(\.operation)
    let (slots, output, gradients) = (program.slots, program.output, program.gradients)
    let n = operations.count
    let lives = Lifetimes(
      operations: operations, slots: slots, output: output, kept: program.kept, gradients: gradients)
    let owner = shared ? lives.owners : Array(slots.indices)

    var pieces: [Piece] = []
    func add(size: Int, first: Int, last: Int) -> Int {
      pieces.append(Piece(size: roundedToCacheLine(size), first: first, last: last))
      return pieces.count - 1
    }
    /// One piece for each owner, which lives from the first to the last use of all that it owns.
    func pieceOfSlot(_ uses: [ClosedRange<Int>?]) -> [Int?] {
      var piece: [Int?] = Array(repeating: nil, count: slots.count)
      for slot in slots.indices {
        guard let use = uses[slot] else { continue }
        if let existing = piece[owner[slot]] {
          pieces[existing].first = min(pieces[existing].first, use.lowerBound)
          pieces[existing].last = max(pieces[existing].last, use.upperBound)
          piece[slot] = existing
        } else {
          piece[owner[slot]] = add(size: slots[slot].count, first: use.lowerBound, last: use.upperBound)
          piece[slot] = piece[owner[slot]]
        }
      }
      return piece
    }
    let values = pieceOfSlot(lives.values)
    let gradientPieces = pieceOfSlot(lives.gradients)
    let scratch = operations.enumerated().map { i, operation in
      (
        forward: add(size: operation.scratch, first: i, last: i),
        backward: add(size: gradients ? operation.scratch : 0, first: 2 * n - 1 - i, last: 2 * n - 1 - i)
      )
    }

    var placed: [Int] = []
    for index in pieces.indices.sorted(by: { (-pieces[$0].size, $0) < (-pieces[$1].size, $1) }) {
      let piece = pieces[index]
      let neighbours =
        shared
        ? placed.filter { pieces[$0].first <= piece.last && piece.first <= pieces[$0].last } : placed
      var offset = 0
      for neighbour in neighbours.map({ pieces[$0] }).sorted(by: { $0.offset < $1.offset }) {
        if offset + piece.size <= neighbour.offset { break }
        offset = max(offset, neighbour.offset + neighbour.size)
      }
      pieces[index].offset = offset
      placed.append(index)
      count = max(count, offset + piece.size)
    }
    valueOffsets = values.map { $0.map { pieces[$0].offset } ?? 0 }
    gradientOffsets = gradientPieces.map { $0.map { pieces[$0].offset } ?? 0 }
    scratchOffsets = scratch.map { (pieces[$0.forward].offset, pieces[$0.backward].offset) }
  }
}

/// The times of the first and last use of every slot's value and gradient, and which slots may be one.
private struct Lifetimes {
  var values: [ClosedRange<Int>?]
  var gradients: [ClosedRange<Int>?]
  /// For each slot the slot whose memory it lives in: itself, unless an operation works in place.
  var owners: [Int]

  init(
    operations: [any Operation], slots: [Tensor], output: Tensor, kept: [Tensor],
    gradients hasGradients: Bool
  ) {
    let n = operations.count
    values = Array(repeating: nil, count: slots.count)
    gradients = values
    owners = Array(slots.indices)
    var readers = Array(repeating: 0, count: slots.count)
    var isSaved = Array(repeating: false, count: slots.count)

    func use(_ tensor: Tensor, at time: Int, in uses: inout [ClosedRange<Int>?]) {
      guard let slot = tensor.slot else { return }
      uses[slot] = uses[slot].map { min($0.lowerBound, time)...max($0.upperBound, time) } ?? time...time
    }
    for (i, operation) in operations.enumerated() {
      let backward = 2 * n - 1 - i
      for tensor in operation.inputs + operation.statistics + [operation.output] {
        use(tensor, at: i, in: &values)
      }
      for slot in operation.inputs.compactMap(\.slot) { readers[slot] += 1 }
      guard hasGradients, operation.output.needsGradient else { continue }
      for tensor in operation.saved + operation.statistics {
        use(tensor, at: backward, in: &values)
        if let slot = tensor.slot { isSaved[slot] = true }
      }
      for tensor in operation.inputs + [operation.output] where tensor.needsGradient {
        use(tensor, at: backward, in: &gradients)
      }
    }
    // The caller reads the output after the forward pass and writes its gradient before the backward pass.
    for tensor in kept + [output] { use(tensor, at: 2 * n, in: &values) }
    for slot in kept.compactMap(\.slot) { isSaved[slot] = true }
    if output.needsGradient { use(output, at: n - 1, in: &gradients) }

    for operation in operations {
      guard let number = operation.overwrites, let result = operation.output.slot,
        let victim = operation.inputs[number].slot, readers[victim] == 1, !isSaved[victim],
        operation.inputs[number].count == operation.output.count
      else { continue }
      owners[result] = owners[victim]
    }
  }
}

extension Tensor {
  /// The number of its slot in the arena; nil for a parameter.
  fileprivate var slot: Int? {
    if case .slot(let index) = place { index } else { nil }
  }
}
