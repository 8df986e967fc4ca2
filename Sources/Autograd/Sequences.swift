/// The sequences along which an operation carries something from row to row: whole windows, or those that a replay
/// continues.
struct Sequences: Hashable, Sendable {
  /// The rows of each.
  let rows: Int
  let count: Int
  /// Where the rows continue sequences; nil where they are whole windows.
  let positions: Continuation?

  /// - Parameters:
  ///   - rows: The number of all rows.
  ///   - context: The positions T of a window.
  init(rows: Int, context: Int, _ positions: Continuation?) {
    self.rows = positions?.rows ?? context
    self.positions = positions
    count = rows / self.rows
    precondition(
      rows.isMultiple(of: self.rows) && positions.map { $0.sequences == count } ?? true,
      "\(rows) rows for sequences of \(self.rows) positions")
  }

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
    guard let positions else { return Sequence(first: index * rows, used: rows, slot: index, isNew: true) }
    return Sequence(
      first: index * rows, used: Int(memory.integers(positions.counts)[index]),
      slot: Int(memory.integers(positions.slots)[index]),
      isNew: memory.integers(positions.starts)[index] == 0)
  }
}
