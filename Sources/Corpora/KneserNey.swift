import Foundation

/// The losses of n-gram models with interpolated Kneser–Ney smoothing (Chen and Goodman 1999), which are lower than
/// those of `NGrams` where contexts are long:
///
///     p(w | h) = (max(c(h, w) − d, 0) + d T(h) p′(w | h′)) / c(h),
///
/// with c(h, w) the count of token w after context h, c(h) its sum, T(h) the number of distinct tokens after h, and h′
/// the context without its first token. p′ has the same form, but counts after how many different tokens h′ and w occur.
/// The discount of each order is d = n₁/(n₁ + 2n₂), with the numbers of counts that are 1 and 2.
struct KneserNey {
  private let contexts: SortedContexts
  private let training: Int
  private let validation: TokenWindows
  private let vocabulary: Int

  /// Prepares models with up to `longest` tokens of context.
  init(training: TokenWindows, validation: TokenWindows, vocabulary: Int, longest: Int) {
    contexts = SortedContexts(of: [training, validation], vocabulary: vocabulary, longest: longest)
    self.training = training.count
    self.validation = validation
    self.vocabulary = vocabulary
  }

  /// Returns the losses on validation, in nats per token, of the models with 0, 1, … tokens of context that are counted
  /// on the first `windows` training windows.
  func losses(windows: Int) -> [Double] {
    let width = validation.context + 1
    let firstValidation = training * width
    var counts = Counts(contexts, vocabulary: vocabulary, end: min(windows, training) * width)
    // By target of validation: the probability of this order, and p′ of the order below.
    var probabilities = [Double](repeating: 1 / Double(vocabulary), count: validation.count * width)
    var lower = probabilities
    return (0...contexts.longest).map { length in
      let discounts = counts.discounts(length)
      contexts.forEachGroup(sharing: length) { group in
        guard group.contains(where: { contexts.positions[$0] >= firstValidation }) else { return }
        counts.count(group, length)
        for place in group where contexts.positions[place] >= firstValidation {
          let target = Int(contexts.positions[place]) - firstValidation
          let token = Int(contexts.targets[place])
          let below = lower[target]
          probabilities[target] = counts.occurrences.probability(of: token, discounts.occurrences, below)
          lower[target] = counts.continuations.probability(of: token, discounts.continuations, below)
        }
        counts.clear(group)
      }
      var nats = 0.0
      for window in 0..<validation.count {
        for target in window * width + 1..<(window + 1) * width { nats -= log(probabilities[target]) }
      }
      return nats / Double(validation.targetCount)
    }
  }

  /// The counts of tokens after one context.
  private struct TokenCounts {
    var counts: [UInt32]
    var total = 0.0
    var types = 0.0
    /// The numbers of tokens with the counts 1 and 2.
    var ones = 0.0
    var twos = 0.0

    @inline(__always)
    mutating func add(_ token: Int) {
      let count = counts[token] + 1
      counts[token] = count
      total += 1
      if count == 1 {
        types += 1
        ones += 1
      } else if count == 2 {
        ones -= 1
        twos += 1
      } else if count == 3 {
        twos -= 1
      }
    }

    mutating func clear() { (total, types, ones, twos) = (0, 0, 0, 0) }

    func probability(of token: Int, _ discount: Double, _ below: Double) -> Double {
      guard total > 0 else { return below }
      return (max(Double(counts[token]) - discount, 0) + discount * types * below) / total
    }
  }

  /// The counts of one context at a time.
  private struct Counts {
    let contexts: SortedContexts
    /// The position at which the counted text ends.
    let end: Int
    var occurrences: TokenCounts
    var continuations: TokenCounts
    /// The last longer context in which each token was found.
    var contextOf: [Int]

    init(_ contexts: SortedContexts, vocabulary: Int, end: Int) {
      self.contexts = contexts
      self.end = end
      occurrences = TokenCounts(counts: [UInt32](repeating: 0, count: vocabulary))
      continuations = occurrences
      contextOf = [Int](repeating: -1, count: vocabulary)
    }

    /// Counts the tokens of a group, and the contexts that are longer by one token and that they follow.
    mutating func count(_ group: Range<Int>, _ length: Int) {
      var context = group.lowerBound
      for place in group {
        if contexts.shares(place, atMost: length) { context = place }
        guard contexts.positions[place] < end else { continue }
        let token = Int(contexts.targets[place])
        occurrences.add(token)
        if contextOf[token] != context {
          contextOf[token] = context
          continuations.add(token)
        }
      }
    }

    mutating func clear(_ group: Range<Int>) {
      for place in group where contexts.positions[place] < end {
        let token = Int(contexts.targets[place])
        (occurrences.counts[token], continuations.counts[token], contextOf[token]) = (0, 0, -1)
      }
      occurrences.clear()
      continuations.clear()
    }

    /// Returns the discounts of one order.
    mutating func discounts(_ length: Int) -> (occurrences: Double, continuations: Double) {
      var sums = (occurrences: (ones: 0.0, twos: 0.0), continuations: (ones: 0.0, twos: 0.0))
      contexts.forEachGroup(sharing: length) { group in
        if group.count == 1 {
          guard contexts.positions[group.lowerBound] < end else { return }
          sums.occurrences.ones += 1
          sums.continuations.ones += 1
          return
        }
        count(group, length)
        sums.occurrences.ones += occurrences.ones
        sums.occurrences.twos += occurrences.twos
        sums.continuations.ones += continuations.ones
        sums.continuations.twos += continuations.twos
        clear(group)
      }
      let discount = { (ones: Double, twos: Double) in ones > 0 && twos > 0 ? ones / (ones + 2 * twos) : 0.5 }
      return (
        discount(sums.occurrences.ones, sums.occurrences.twos),
        discount(sums.continuations.ones, sums.continuations.twos)
      )
    }
  }
}
