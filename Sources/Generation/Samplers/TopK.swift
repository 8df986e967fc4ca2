/// Keeps the k most likely tokens; of equally likely ones the first   (Fan et al. 2018)
public struct TopK: LogitFilter {
  private let k: Int

  /// - Parameter k: At least 1.
  public init(_ k: Int) {
    precondition(k >= 1, "the \(k) most likely tokens")
    self.k = k
  }

  public func apply(to logits: inout [Double]) {
    guard k < logits.count else { return }
    let cut = kthLargest(k, of: logits)
    // As many of those at the cut as there is room for.
    var room = k - logits.count { $0 > cut }
    for token in logits.indices where logits[token] <= cut {
      if logits[token] == cut && room > 0 { room -= 1 } else { logits[token] = -.infinity }
    }
  }
}

/// The k-th largest of some numbers, found by partitions as in quicksort (Hoare 1961): no other is sorted.
private func kthLargest(_ k: Int, of numbers: [Double]) -> Double {
  var rest = numbers
  var k = k
  while true {
    let pivot = rest[rest.count / 2]
    let larger = rest.filter { $0 > pivot }
    if k <= larger.count {
      rest = larger
      continue
    }
    let smaller = rest.filter { $0 < pivot }
    let notSmaller = rest.count - smaller.count
    // Where nothing is left, as with numbers that are NaN, the pivot will do.
    if k <= notSmaller || smaller.isEmpty { return pivot }
    k -= notSmaller
    rest = smaller
  }
}
