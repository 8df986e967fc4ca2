/// The loss on one domain as a function of the data mixture r, the weights of the training domains (which sum to 1):
///
///     L(r) = c + k·exp(Σⱼ tⱼ·rⱼ)
///
/// Since the weights sum to 1, a constant added to all tⱼ only rescales k. Therefore the last domain's t is fixed at 0.
/// Ye et al. 2024, arXiv:2403.16952, equation 1.
public struct MixtureLaw: Law, Codable {
  /// The number of domains.
  public let domains: Int

  /// Creates a law of at least two domains.
  public init(domains: Int) {
    precondition(domains >= 2, "a data mixture has at least two domains, not \(domains)")
    self.domains = domains
  }

  public var name: String { "mixture of \(domains) domains" }
  public var equation: String { "L = c + k·exp(Σ t_j·r_j), t_\(domains) = 0" }
  public var source: String { "Ye et al. 2024, arXiv:2403.16952" }
  public var variables: [Variable] { (0..<domains).map { .weight($0) } }
  public var parameters: [Parameter] {
    [.linear("irreducible loss", "c", unit: "nats"), .linear("coefficient", "k", unit: "nats")]
      + (1..<domains).map { domain in
        Parameter(
          "effect of domain \(domain)", "t\(domain)", domain: .real,
          starts: domains <= 4 ? [-3, -1, 1] : [-1, 0.5])
      }
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T {
    var sum = T(0)
    for domain in 0..<domains - 1 { sum = sum + θ[2 + domain] * x[domain].value }
    return θ[0] + θ[1] * .exp(sum)
  }
}
