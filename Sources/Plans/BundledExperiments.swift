import Files

/// The experiments that are distributed with the program: the files of its folder `experiments`, or of the folder that
/// the environment variable `ISOFLOP_EXPERIMENTS` names.
public enum BundledExperiments {
  private static let folder = BundledFolder(
    "experiments", variable: "ISOFLOP_EXPERIMENTS", content: ("experiments", "experiment (.yaml)"),
    alternative: "give the path of an experiment's file"
  ) { folder in
    let files = try FileAccess.names(in: folder).filter { $0.hasSuffix(".yaml") }
    return Dictionary(uniqueKeysWithValues: files.map { (String($0.dropLast(5)), "\(folder)/\($0)") })
  }

  /// Returns the paths of the files, by their names without the extension.
  ///
  /// - Throws: `InputError` if their folder is not found.
  public static func paths() throws -> [String: String] { try folder.items() }

  /// Returns the path of the experiment that a user names: a file, or a bundled experiment without its extension.
  ///
  /// - Throws: `InputError` if it looks like the name of a bundled experiment and there is none.
  public static func path(of experiment: String) throws -> String {
    guard !experiment.isEmpty, !experiment.contains(where: { $0 == "/" || $0 == "." }),
      try !FileAccess.exists(experiment)
    else { return experiment }
    let paths = try paths()
    if let path = paths[experiment] { return path }
    let names = paths.keys.sorted()
    throw InputError(
      "there is no experiment `\(experiment)`, neither a file nor bundled",
      remedy: nearestName(to: experiment, among: names).map { "The nearest name is `\($0)`" }
        ?? "Give the path of a file, or a name: \(names.joined(separator: ", "))")
  }
}
