/// The sequences along which an operation carries something from row to row: whole windows, or those that a replay
/// continues. Windows may carry it on from the last replay (`Recorder.carries`).
struct Sequences: Hashable, Sendable {
  /// The rows of each.
  let rows: Int
  let count: Int
  /// Where the rows continue sequences; nil where they are whole windows.
  let positions: Continuation?
  /// Whether whole windows begin with the states at the end of those in the last replay.
  let carries: Bool

  /// - Parameters:
  ///   - rows: The number of all rows.
  ///   - context: The positions T of a window.
  init(rows: Int, context: Int, _ positions: Continuation?, _ recorder: Recorder) {
    self.rows = positions?.rows ?? context
    self.positions = positions
    carries = recorder.carries && positions == nil
    count = rows / self.rows
    precondition(
      rows.isMultiple(of: self.rows) && positions.map { $0.sequences == count } ?? true,
      "\(rows) rows for sequences of \(self.rows) positions")
  }

  /// The sequences that states have room for; nil where nothing is kept after a replay.
  var capacity: Int? { carries ? count : positions?.capacity }

  /// One of them.
  struct Sequence {
    /// Its first row.
    let first: Int
    /// The number of its rows that are used; the others are padding.
    let used: Int
    /// Its place in the states.
    let slot: Int
    /// Whether it begins here, so that nothing precedes its first row.
    let isNew: Bool
  }

  func sequence(_ index: Int, _ memory: Frame) -> Sequence {
    guard let positions else {
      return Sequence(first: index * rows, used: rows, slot: index, isNew: !carries)
    }
    return Sequence(
      first: index * rows, used: Int(memory.integers(positions.counts)[index]),
      slot: Int(memory.integers(positions.slots)[index]),
      isNew: memory.integers(positions.starts)[index] == 0)
  }

  /// The state of a sequence, as it is before its first row.
  ///
  /// - Parameters:
  ///   - state: The states of all sequences that there is room for.
  ///   - own: Memory for the state of a sequence of which nothing is kept.
  ///   - count: The floats of a sequence's state.
  func begin(_ sequence: Sequence, _ state: Tensor?, own: Floats, count: Int, _ memory: Frame) -> Floats {
    let start = state.map { memory.value($0) + sequence.slot * count } ?? own
    if sequence.isNew {
      start.update(repeating: 0, count: count)
    } else if carries, let state {
      start.update(from: memory.earlier(state) + sequence.slot * count, count: count)
    }
    return start
  }
}
