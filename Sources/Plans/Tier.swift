/// A variant of an experiment by its size.
public enum Tier: String, CaseIterable, Codable, Sendable {
  /// The complete experiment.
  case whole
  /// The reduced experiment for regression tests, in which the section `minutes` replaces other sections.
  case minutes
}
