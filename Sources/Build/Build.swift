/// The source that this program was built from.
public enum Build {
  /// The commit, with `+` where files had changed; `unknown` outside a checkout. `CommitPlugin` writes it.
  public static var commit: String { sourceCommit }
}
