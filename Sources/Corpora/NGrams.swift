import Foundation
import RandomNumbers

/// The validation losses of n-gram models, which are the baselines for trained models.
public enum NGrams {
  /// Returns the cross-entropies, in nats per token, of the 1- to `order`-gram models: counted on `training`, evaluated
  /// on all targets of `validation` given each window's first token.
  ///
  /// Interpolated after Witten and Bell (1991): with c(h, w) the count of token w after context h, c(h) its
  /// sum, T(h) the number of distinct tokens after h and h′ the context without its first token,
  ///
  ///     p(w | h) = (c(h, w) + T(h) p(w | h′)) / (c(h) + T(h)),  below the unigram p = 1 / V.
  public static func losses(
    training: TokenWindows, validation: TokenWindows, vocabulary: Int, order: Int = 5
  ) -> [Double] {
    precondition(order >= 1, "NGrams: order \(order)")
    let counts = ContextCounts(training, order: order)
    var nats = [Double](repeating: 0, count: order)
    for window in 0..<validation.count {
      counts.addNats(of: Array(validation[window]), vocabulary: vocabulary, to: &nats)
    }
    return nats.map { $0 / Double(validation.targetCount) }
  }

  /// Returns the cross-entropy of each window, in nats per token, by the bigram model counted on all of them.
  static func windowLosses(of windows: TokenWindows, vocabulary: Int) -> [Double] {
    let counts = ContextCounts(windows, order: 2)
    return (0..<windows.count).map { window in
      var nats = [0.0, 0.0]
      counts.addNats(of: Array(windows[window]), vocabulary: vocabulary, to: &nats)
      return nats[1] / Double(windows.context)
    }
  }
}

/// Counts of contexts and of tokens after them, in one hash table with open addressing. Contexts are identified by
/// 64-bit hashes: for 10⁷ contexts the probability of any collision is below 10⁻⁵.
private struct ContextCounts {
  struct Entry {
    var key: UInt64 = 0
    /// The number of occurrences of the context before any token, or of a token after a context.
    var total: UInt32 = 0
    /// The number of distinct tokens after the context.
    var types: UInt32 = 0
  }

  static let empty: UInt64 = 1

  /// Returns the key of `context` extended by the token before it.
  static func key(_ context: UInt64, _ token: UInt16) -> UInt64 { mix(context ^ UInt64(token) << 3 ^ 2) | 1 }

  /// Returns the key of `token` after `context`.
  static func key(_ context: UInt64, following token: UInt16) -> UInt64 {
    mix(context ^ UInt64(token) << 3 ^ 4) | 1
  }

  private var entries: [Entry]
  private var used = 0

  /// Counts the contexts of up to `order` − 1 tokens, and the tokens after them.
  init(_ windows: TokenWindows, order: Int) {
    self.init(capacity: windows.targetCount)
    for window in 0..<windows.count {
      let tokens = Array(windows[window])
      for position in 1..<tokens.count {
        var context = Self.empty
        for length in 0..<min(order, position + 1) {
          if length > 0 { context = Self.key(context, tokens[position - length]) }
          count(tokens[position], after: context)
        }
      }
    }
  }

  /// Adds the cost of all tokens but the first, by the model of each order from 1 on, to `nats`.
  func addNats(of tokens: [UInt16], vocabulary: Int, to nats: inout [Double]) {
    for position in 1..<tokens.count {
      var context = Self.empty
      var probability = 1 / Double(vocabulary)
      for length in nats.indices {
        if length <= position {
          if length > 0 { context = Self.key(context, tokens[position - length]) }
          let seen = self[context]
          if seen.total > 0 {
            let types = Double(seen.types)
            let count = Double(self[Self.key(context, following: tokens[position])].total)
            probability = (count + types * probability) / (Double(seen.total) + types)
          }
        }
        nats[length] -= log(probability)
      }
    }
  }

  init(capacity: Int) {
    entries = Array(repeating: Entry(), count: 1 << max(10, Int.bitWidth - capacity.leadingZeroBitCount))
  }

  subscript(key: UInt64) -> Entry { entries[slot(key)] }

  mutating func count(_ token: UInt16, after context: UInt64) {
    let isNew = increment(Self.key(context, following: token))
    increment(context)
    if isNew { entries[slot(context)].types += 1 }
  }

  /// Adds 1 to the total of `key`; returns whether it was new.
  @discardableResult
  private mutating func increment(_ key: UInt64) -> Bool {
    let slot = slot(key)
    entries[slot].total += 1
    guard entries[slot].key == 0 else { return false }
    entries[slot].key = key
    used += 1
    if 2 * used > entries.count { grow() }
    return true
  }

  /// Returns the index of the entry of `key`, or the free one where it belongs.
  private func slot(_ key: UInt64) -> Int {
    var slot = Int(truncatingIfNeeded: key >> 1) & (entries.count - 1)
    while entries[slot].key != 0, entries[slot].key != key { slot = (slot + 1) & (entries.count - 1) }
    return slot
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: Entry(), count: 2 * old.count)
    for entry in old where entry.key != 0 { entries[slot(entry.key)] = entry }
  }
}
