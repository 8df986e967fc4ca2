/// The new positions of sequences whose earlier positions live in states: what the operations of a program that
/// continues sequences, instead of reading whole windows, must know of its rows.
///
/// The program has S·N rows, N for each of S sequences. Row (s, i) is position `starts[s]` + i of the stored sequence
/// number `slots[s]`. Only the first `counts[s]` rows of a sequence are there; the others fill it up. They must leave
/// the states as they are, and no row that is there may depend on them. A sequence that starts at 0 is new: what its
/// states hold then belongs to another.
public struct Continuation: Hashable, Sendable {
  /// The number S of sequences that one replay continues.
  public let sequences: Int
  /// The number N of rows for each.
  public let rows: Int
  /// The number of sequences that the states have room for.
  public let capacity: Int
  /// For each sequence the number of the stored one that it is, below `capacity`; no two with rows may be equal.
  public let slots: Integers
  /// The positions that each has in the states already.
  public let starts: Integers
  /// The rows of each that are there, from 0 to N.
  public let counts: Integers
}

extension Continuation {
  /// The position of a row, at most `last`, where rows that are not there would go beyond it.
  func position(of row: Int, starts: UnsafePointer<Int32>, last: Int) -> Int {
    min(Int(starts[row / rows]) + row % rows, last)
  }
}

extension Recorder {
  /// Makes the integers for a program that continues `sequences` of `capacity` stored sequences by up to `rows`
  /// positions each. The caller fills `slots`, `starts` and `counts` before each replay.
  public func continuation(sequences: Int, rows: Int, capacity: Int) -> Continuation {
    precondition(
      rows > 0 && (1...capacity).contains(sequences),
      "continuation: \(sequences) of \(capacity) sequences by \(rows) positions")
    return Continuation(
      sequences: sequences, rows: rows, capacity: capacity, slots: integers(sequences),
      starts: integers(sequences), counts: integers(sequences))
  }
}
