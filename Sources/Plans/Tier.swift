/// How much of an experiment is wanted.
public enum Tier: String, CaseIterable, Codable, Sendable {
  /// The file as it stands.
  case whole
  /// The file with what its section `minutes` gives instead, for a regression test.
  case minutes
}
