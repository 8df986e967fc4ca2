/// The version of the sources that this program was built from.
public enum Build {
  /// The commit, followed by `+` if files were modified; `unknown` outside a checkout. `CommitPlugin` generates it.
  public static var commit: String { sourceCommit }
}
