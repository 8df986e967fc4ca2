/// The new positions of sequences whose earlier positions are in states: it describes the rows of a program that
/// continues sequences instead of reading whole windows.
///
/// The program has S·N rows, N for each of S sequences. Row (s, i) is position `starts[s]` + i of the stored sequence
/// in slot `slots[s]`. The first `counts[s]` rows of a sequence are used; the others are padding, which must not
/// change the states, and on which no used row may depend. A sequence that starts at 0 is new: its states may hold
/// another sequence, and must be ignored.
public struct Continuation: Hashable, Sendable {
  /// The number S of sequences that one replay continues.
  public let sequences: Int
  /// The number N of rows for each sequence.
  public let rows: Int
  /// The number of slots: sequences that the states have room for.
  public let capacity: Int
  /// The slot of each sequence, below `capacity`. Those of sequences with used rows must differ.
  public let slots: Integers
  /// The number of earlier positions of each sequence.
  public let starts: Integers
  /// The number of used rows of each sequence, from 0 to N.
  public let counts: Integers
}

extension Continuation {
  /// The position of a row. Padding rows, which may lie beyond `last`, get `last`.
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
