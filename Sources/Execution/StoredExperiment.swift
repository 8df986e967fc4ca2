import Analysis
import Files
import Foundation

/// The results of an experiment in a folder of runs.
public struct StoredExperiment: Sendable {
  /// The name of the experiment and of its folder.
  public let name: String
  /// The runs in its `results.csv`; nil if that is not a table of results.
  public let runs: [String]?

  /// Returns all experiments in a folder of runs, by name.
  ///
  /// - Throws: `InputError` if a folder or table cannot be read.
  public static func all(in root: String) throws -> [StoredExperiment] {
    try folders(in: root).compactMap { name in
      let path = "\(root)/\(name)/results.csv"
      guard !RunStore.isReserved(name), try FileAccess.exists(path) else { return nil }
      return StoredExperiment(name: name, runs: try mentioned(in: path))
    }
  }

  /// Returns the experiment with a name.
  ///
  /// - Throws: `InputError` if there is none.
  public static func named(_ name: String, in root: String) throws -> StoredExperiment {
    let all = try all(in: root)
    guard let experiment = all.first(where: { $0.name == name }) else {
      throw InputError(
        "there are no results of an experiment `\(name)` in \(root)",
        remedy: nearestName(to: name, among: all.map(\.name)).map { "The nearest is `\($0)`" }
          ?? "`isoflop ls` lists all")
    }
    return experiment
  }

  /// Reads only the column `run`, so that tables of other versions can be read too.
  private static func mentioned(in path: String) throws -> [String]? {
    guard let file = try unlessDamaged({ try CSVFile(contentsOf: path) }),
      let column = file.header.firstIndex(of: "run")
    else { return nil }
    return file.rows.map { $0.cells[column] }
  }
}
