extension BytePairTokenizer {
  /// Learns merges from UTF-8 texts until there are `vocabulary` tokens or no pair occurs twice. Of equally frequent
  /// pairs, the one with the smaller tokens is merged first.
  public init(trainedOn texts: [[UInt8]], vocabulary: Int) {
    var trainer = BytePairTrainer(texts)
    var merges: [Pair] = []
    while merges.count + 256 < vocabulary,
      let pair = trainer.mergeMostFrequent(into: UInt16(256 + merges.count))
    {
      merges.append(pair)
    }
    self.init(configuration: .bytePairs(vocabulary: vocabulary), merges: merges)
  }
}

/// The counts of all pairs in the distinct pieces of a text. Each merge updates only the pieces that contain its pair.
private struct BytePairTrainer {
  typealias Pair = BytePairTokenizer.Pair

  /// A candidate for the next merge. Its count may have changed since it was inserted.
  private struct Candidate: Comparable {
    let count: Int
    let pair: Pair

    static func < (a: Self, b: Self) -> Bool {
      (a.count, b.pair.left, b.pair.right) < (b.count, a.pair.left, a.pair.right)
    }
  }

  private var pieces: [[UInt16]] = []
  private var frequencies: [Int] = []
  private var counts: [Pair: Int] = [:]
  /// The pieces that contain a pair, or did before a merge.
  private var homes: [Pair: Set<Int>] = [:]
  private var heap = Heap<Candidate>()

  init(_ texts: [[UInt8]]) {
    var indexOfPiece: [ArraySlice<UInt8>: Int] = [:]
    for text in texts {
      let text = text[...]
      var start = text.startIndex
      while start < text.endIndex {
        let end = BytePairTokenizer.pieceEnd(text, from: start)
        let piece = text[start..<end]
        if let index = indexOfPiece[piece] {
          frequencies[index] += 1
        } else {
          indexOfPiece[piece] = pieces.count
          pieces.append(piece.map(UInt16.init))
          frequencies.append(1)
        }
        start = end
      }
    }
    for (index, piece) in pieces.enumerated() {
      for pair in Self.pairs(piece) {
        counts[pair, default: 0] += frequencies[index]
        homes[pair, default: []].insert(index)
      }
    }
    for (pair, count) in counts { heap.insert(Candidate(count: count, pair: pair)) }
  }

  private static func pairs(_ piece: [UInt16]) -> some Sequence<Pair> {
    zip(piece, piece.dropFirst()).lazy.map { Pair(left: $0, right: $1) }
  }

  /// Replaces the most frequent pair by `token` in all pieces and returns the pair; nil if none occurs twice.
  mutating func mergeMostFrequent(into token: UInt16) -> Pair? {
    while let candidate = heap.removeLargest() {
      let pair = candidate.pair
      // An outdated candidate: the pair was inserted again with its new count.
      guard candidate.count == counts[pair] else { continue }
      guard candidate.count > 1 else { return nil }
      var changed: Set<Pair> = []
      for index in homes.removeValue(forKey: pair) ?? [] {
        for old in Self.pairs(pieces[index]) {
          counts[old, default: 0] -= frequencies[index]
          changed.insert(old)
        }
        Self.merge(pair, into: token, in: &pieces[index])
        for new in Self.pairs(pieces[index]) {
          counts[new, default: 0] += frequencies[index]
          homes[new, default: []].insert(index)
          changed.insert(new)
        }
      }
      for pair in changed {
        let count = counts[pair, default: 0]
        if count > 0 { heap.insert(Candidate(count: count, pair: pair)) } else { counts[pair] = nil }
      }
      return pair
    }
    return nil
  }

  private static func merge(_ pair: Pair, into token: UInt16, in piece: inout [UInt16]) {
    var kept = 0
    var position = 0
    while position < piece.count {
      let isPair =
        position + 1 < piece.count && piece[position] == pair.left && piece[position + 1] == pair.right
      piece[kept] = isPair ? token : piece[position]
      kept += 1
      position += isPair ? 2 : 1
    }
    piece.removeLast(piece.count - kept)
  }
}

/// A binary heap with its largest element on top.
private struct Heap<Element: Comparable> {
  private var elements: [Element] = []

  mutating func insert(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0, elements[(child - 1) / 2] < elements[child] {
      elements.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  mutating func removeLargest() -> Element? {
    guard let last = elements.popLast() else { return nil }
    guard let largest = elements.first else { return last }
    elements[0] = last
    var parent = 0
    while true {
      var child = 2 * parent + 1
      guard child < elements.count else { return largest }
      if child + 1 < elements.count, elements[child] < elements[child + 1] { child += 1 }
      guard elements[parent] < elements[child] else { return largest }
      elements.swapAt(parent, child)
      parent = child
    }
  }
}
