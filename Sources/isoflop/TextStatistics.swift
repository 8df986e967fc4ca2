import Analysis
import Corpora
import Foundation
import ScalingLaws

/// What repeats in the user's own text.
struct OwnText: Encodable {
  let bytes: Int
  let pieces: Int
  /// The pieces that are copies of an earlier one, and those that are near copies.
  let copies: Int
  let nearCopies: Int
  /// The Jaccard similarity from which on pieces count as near copies.
  let threshold: Double
  /// The fraction of the bytes of training that repeat earlier text, and of validation that occur in training.
  let repeatedTraining: Double
  let repeatedValidation: Double
  /// The pieces that the filter dropped before.
  let dropped: [DocumentFilter.Dropped]

  init(_ text: TextFiles, validation: [Int], threshold: Double?) {
    bytes = text.byteCount
    pieces = text.pieces.count
    dropped = text.dropped
    self.threshold = threshold ?? NearDuplicates.usualThreshold
    let duplicates = NearDuplicates(in: text.pieces, threshold: self.threshold)
    copies = duplicates.count(of: .copy)
    nearCopies = duplicates.count(of: .nearCopy)
    let held = Set(validation)
    let training = text.pieces.indices.filter { !held.contains($0) }
    let length = { (pieces: [Int]) in pieces.reduce(0) { $0 + text.pieces[$1].count } }
    var seen = RepeatedText(bytes: length(training))
    var repeated = 0
    for piece in training { repeated += seen.add(text.pieces[piece]) }
    repeatedTraining = Double(repeated) / Double(max(length(training), 1))
    repeated = validation.reduce(0) { $0 + seen.bytes(of: text.pieces[$1]) }
    repeatedValidation = Double(repeated) / Double(max(length(validation), 1))
  }

  func print() {
    let percent = { (value: Double) in String(format: "%.2f %%", 100 * value) }
    isoflop.print("text         \(bytes) bytes in \(pieces) pieces")
    for drop in dropped { isoflop.print("dropped      \(drop.count) pieces by \(drop.key)") }
    isoflop.print(
      "copies       \(copies) pieces (\(percent(Double(copies) / Double(pieces)))) have the bytes of an earlier one"
    )
    isoflop.print(
      "near copies  \(nearCopies) pieces (\(percent(Double(nearCopies) / Double(pieces)))) have a similarity of \(threshold) or more with an earlier one"
    )
    isoflop.print(
      "repeated     \(percent(repeatedTraining)) of the training text repeats \(RepeatedText.leastBytes) bytes or more of earlier text,\n             \(percent(repeatedValidation)) of the validation text repeats as much of the training text"
    )
  }
}

/// The statistics of a text from which the exponent of data is predicted.
struct TextLaws: Encodable {
  let windows: RepeatedWindows
  /// The bits that Zstandard needs for a byte, and the number of bytes that it compressed.
  let compressedBitsPerByte: Double?
  let compressedBytes: Int
  let entropies: [ConditionalEntropies.Entropy]
  let correlations: [TokenCorrelations.Correlation]
  let correlationTokens: Int
  let correlationClasses: Int
  let exponents: DataExponent

  /// - Parameters:
  ///   - sample: Documents, for correlations and compression.
  ///   - entropy: The true entropy, where it is known.
  init(
    windows: RepeatedWindows, entropies: ConditionalEntropies, entropy: Double?,
    correlations: TokenCorrelations,
    sample: [[UInt8]]
  ) {
    self.windows = windows
    let text = Array(sample.joined().prefix(Compression.mostBytes))
    compressedBytes = text.count
    compressedBitsPerByte = Compression.bitsPerByte(text)
    self.entropies = entropies.entropies
    self.correlations = correlations.correlations
    correlationTokens = correlations.tokens
    correlationClasses = correlations.classes
    exponents = DataExponent(
      entropies: entropies.settled, entropy: entropy, correlations: correlations.significant)
  }

  func print() {
    isoflop.print(
      String(
        format: "windows      %.2f %% of the training windows of %d tokens repeat earlier training text,\n"
          + "             %.2f %% of the validation windows occur in the training text",
        100 * windows.training,
        windows.context, 100 * windows.validation))
    if let compressedBitsPerByte {
      isoflop.print(
        String(
          format: "compression  %.4f bits per byte (zstd, level %d, on %d bytes)", compressedBitsPerByte,
          Compression.level, compressedBytes))
    }
    isoflop.print("\nentropy H(n) of a token given the n before it, in nats per token")
    printTable(
      ["n", "held-out loss", "H(n)", "in the fit"],
      entropies.map {
        [
          "\($0.n)", String(format: "%.4f", $0.loss), $0.value.map { String(format: "%.4f", $0) } ?? "",
          $0.isSettled && $0.n > 0 ? "yes" : "no",
        ]
      })
    isoflop.print(
      "correlation C(n) of tokens at distance n, of \(correlationClasses) tokens or classes, on \(correlationTokens) tokens"
    )
    printTable(
      ["n", "C(n)", "std. error", "in the fit"],
      correlations.map {
        [
          "\($0.n)", $0.value.map(number) ?? "", $0.standardError.map(number) ?? "",
          $0.isSignificant ? "yes" : "no",
        ]
      })
    isoflop.print(Self.line("γ", "H(n) − H∞ ∝ n^−γ", exponents.entropy))
    if exponents.entropy.exponent == nil {
      isoflop.print(
        "             Give more text (--training-tokens), and drop its copies (--filter): both settle H(n)")
    }
    isoflop.print(Self.line("β", "C(n) − C∞ ∝ n^−β", exponents.correlation))
    let alpha = exponents.exponent.map { Self.text($0, exponents.interval) }
    isoflop.print("α = γ/(2β)   \(alpha ?? "not identified"): the predicted exponent of data, L − H∞ ∝ D^−α")
  }

  private static func text(_ value: Double, _ interval: Interval?) -> String {
    String(format: "%.3f", value)
      + (interval.map { String(format: " [%.3f, %.3f]", $0.low, $0.high) } ?? "")
  }

  private static func line(_ symbol: String, _ law: String, _ decay: DataExponent.Decay) -> String {
    let head = "\(symbol)            "
    guard let exponent = decay.exponent else { return "\(head)not identified: \(decay.lack ?? "")" }
    let range = decay.range.map { String(format: ", n from %.0f to %.0f", $0.low, $0.high) } ?? ""
    let floor = decay.floor.flatMap { value in
      value > 0 ? ", limit \(number(value)) (\(decay.isFloorKnown ? "true" : "fitted"))" : nil
    }
    let residual = decay.residual.map { String(format: ", residuals %.1f %%", 100 * $0) } ?? ""
    return "\(head)\(text(exponent, decay.interval))  \(law)\(range)\(floor ?? "")\(residual)"
  }
}
