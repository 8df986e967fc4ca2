/// Divides logits by a temperature: below 1 likely tokens become more likely, above 1 less likely.
public struct Temperature: LogitFilter {
  private let temperature: Double

  /// - Parameter temperature: More than 0. For the limit of 0 see `Greedy`.
  public init(_ temperature: Double) {
    precondition(temperature > 0, "a temperature of \(temperature)")
    self.temperature = temperature
  }

  public func apply(to logits: inout [Double]) {
    guard temperature != 1 else { return }
    // Dividing differences to the largest logit, which are at most 0, avoids positive overflow.
    let top = logits.max() ?? 0
    for token in logits.indices { logits[token] = (logits[token] - top) / temperature }
  }
}
