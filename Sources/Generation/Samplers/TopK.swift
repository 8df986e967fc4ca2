/// Keeps the k most likely tokens, the first among equally likely ones   (Fan et al. 2018)
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
    // Of the tokens at the cut, the first are kept.
    var room = k - logits.count { $0 > cut }
    for token in logits.indices where logits[token] <= cut {
      if logits[token] == cut && room > 0 { room -= 1 } else { logits[token] = -.infinity }
    }
  }
}

/// The k-th largest of some numbers, by quickselect (Hoare 1961).
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
    // NaN is neither larger nor smaller than the pivot: if nothing is left, the pivot will do.
    if k <= notSmaller || smaller.isEmpty { return pivot }
    k -= notSmaller
    rest = smaller
  }
}
