/// The entropies Hₙ of a token given the n tokens before it, in nats per token, for n = 0 … 10.
///
/// The loss of an n-gram model (`KneserNey`) on held-out text is an upper bound of Hₙ that falls with the text on which it is
/// counted. With the losses L₁, L₂ and L₄ of the whole training text, a half and a quarter of it, a power law in the
/// text, Lₙ = Hₙ + k·P^−δ, gives
///
///     Hₙ = L₁ − (L₂ − L₁)²/((L₄ − L₂) − (L₂ − L₁)),
///
/// the extrapolation of Schürmann and Grassberger (1996) for entropies of finite texts.
package struct ConditionalEntropies: Sendable {
  /// The entropy after one number of tokens.
  package struct Entropy: Sendable, Encodable {
    /// The number of tokens before the token, n.
    package let n: Int
    /// The held-out loss, an upper bound.
    package let loss: Double
    /// Hₙ, extrapolated to endless text; nil if the losses do not determine it.
    package let value: Double?
    /// Whether the text suffices: the extrapolation lowers the loss by at most `mostCorrection`, here and for all
    /// smaller n.
    package let isSettled: Bool
  }

  /// The largest extrapolation of a settled entropy, relative to the loss.
  package static let mostCorrection = 0.1
  /// Changes of the loss below this fraction are none.
  private static let resolution = 1e-3

  /// The entropies, in the order of n.
  package let entropies: [Entropy]

  /// Measures the entropies for n up to `longest`.
  package init(training: TokenWindows, validation: TokenWindows, vocabulary: Int, longest: Int = 10) {
    let models = KneserNey(
      training: training, validation: validation, vocabulary: vocabulary, longest: longest)
    let losses = [1, 2, 4].map { models.losses(windows: training.count / $0) }
    var isSettled = true
    entropies = (0...longest).map { n in
      let value = Self.limit(whole: losses[0][n], half: losses[1][n], quarter: losses[2][n])
      isSettled = isSettled && value.map { losses[0][n] - $0 <= Self.mostCorrection * losses[0][n] } ?? false
      return Entropy(n: n, loss: losses[0][n], value: value, isSettled: isSettled)
    }
  }

  /// The entropies that the text suffices for.
  package var settled: [(n: Int, value: Double)] {
    entropies.compactMap { entropy in
      entropy.isSettled ? entropy.value.map { (entropy.n, $0) } : nil
    }
  }

  /// Returns the limit of the loss for endless text; nil if it does not fall ever more slowly.
  static func limit(whole: Double, half: Double, quarter: Double) -> Double? {
    let (last, first) = (half - whole, quarter - half)
    if abs(last) <= resolution * whole { return whole }
    guard last > 0, first > last else { return nil }
    let limit = whole - last * last / (first - last)
    return limit > 0 ? limit : nil
  }
}
