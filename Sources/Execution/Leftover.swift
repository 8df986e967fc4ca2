import Files
import Foundation
import Training

/// Something in a folder of runs that may go.
public struct Leftover: Sendable {
  public enum Kind: String, CaseIterable, Sendable {
    /// Of a write that was interrupted.
    case temporary
    /// A run whose records are not what was written.
    case damaged
    /// The state of a trunk of which no run is left to train.
    case leftTrunk = "left trunk"
    /// The state of a trunk that would be gone on with.
    case trunk
    /// The weights of a finished run.
    case checkpoint
    /// A run that no results mention: also one of an experiment that has not come to its results yet.
    case orphan
    /// The results of an experiment; its runs stay.
    case experiment

    /// Those that nobody can miss.
    public static let worthless: Set<Kind> = [.temporary, .damaged, .leftTrunk]
  }

  public let kind: Kind
  /// Below the folder of runs.
  public let path: String
  public let bytes: Int

  /// What there is, each once: what lies in something that goes anyway is part of that.
  ///
  /// - Parameters:
  ///   - kinds: what is asked for.
  ///   - experiment: the one whose results may go, and then mention nothing.
  /// - Throws: `InputError` if this is no folder of runs, if there is no such experiment, or if orphans are asked for
  ///   and the results of an experiment cannot be read.
  public static func all(_ kinds: Set<Kind>, in root: String, experiment: String? = nil) throws -> [Leftover]
  {
    // Whoever names another folder by mistake must not lose what happens to be called alike.
    guard FileManager.default.fileExists(atPath: "\(root)/store") else {
      throw InputError(
        "is no folder of runs", file: root, remedy: "Name one that has a folder `store`, with --output")
    }
    let runs = try StoredRun.all(in: root).filter { isIdentifier($0.identifier) }
    if let experiment { _ = try StoredExperiment.named(experiment, in: root) }
    let orphans = try kinds.contains(.orphan) ? orphans(among: runs, in: root, without: experiment) : []
    let isGoing = { (run: StoredRun) in
      run.status == .damaged ? kinds.contains(.damaged) : orphans.contains(run.identifier)
    }
    // A damaged run is trained again, from its trunk if that is there. What a run of another version awaits is not known.
    let awaited = Set(
      runs.filter { !$0.isFinished && !orphans.contains($0.identifier) }
        .compactMap(\.configuration?.trunkIdentifier))
    let hasOthers = runs.contains { $0.status == .otherVersion && !isGoing($0) }

    var found: [(Kind, String)] = experiment.map { [(.experiment, $0)] } ?? []
    found += runs.filter(isGoing).map {
      ($0.status == .damaged ? .damaged : .orphan, "store/\($0.identifier)")
    }
    found += folders(in: "\(root)/trunks").filter(isIdentifier).map {
      (hasOthers || awaited.contains($0) ? .trunk : .leftTrunk, "trunks/\($0)")
    }
    found += runs.filter(\.isFinished).map { (.checkpoint, "store/\($0.identifier)/checkpoint.safetensors") }
    found += temporaryFiles(in: root).map { (.temporary, $0) }

    let wanted = found.filter {
      kinds.contains($0.0) && FileManager.default.fileExists(atPath: "\(root)/\($0.1)")
    }
    let going = Set(wanted.map(\.1))
    return wanted.filter { _, path in !parents(of: path).contains(where: going.contains) }
      .map { Leftover(kind: $0, path: $1, bytes: size(of: "\(root)/\($1)")) }
  }

  /// Removes it for good.
  public func remove(from root: String) throws {
    do {
      try FileManager.default.removeItem(atPath: "\(root)/\(path)")
      // Of a trunk, who was at it, and what went wrong.
      for (folder, suffix) in [("claims", ""), ("logs", ".log")] where path.hasPrefix("trunks/") {
        let name = path.dropFirst("trunks/".count)
        try? FileManager.default.removeItem(atPath: "\(root)/\(folder)/\(name)\(suffix)")
      }
    } catch {
      throw InputError(
        "cannot be removed", file: "\(root)/\(path)", remedy: "Check the permissions of its folder")
    }
  }

  private static func orphans(among runs: [StoredRun], in root: String, without experiment: String?) throws
    -> Set<String>
  {
    let experiments = StoredExperiment.all(in: root).filter { $0.name != experiment }
    let mentioned = try experiments.flatMap { experiment in
      guard let runs = experiment.runs else {
        throw InputError(
          "cannot be read, so that nobody knows which runs it mentions",
          file: "\(root)/\(experiment.name)/results.csv",
          remedy: "Give the command `isoflop run` again, which writes it anew, or leave out --orphans")
      }
      return runs
    }
    return Set(runs.map(\.identifier)).subtracting(mentioned)
  }

  /// Files as `FileAccess.write` leaves them where it is killed: with a name that no other has.
  private static func temporaryFiles(in root: String) -> [String] {
    let all = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    return all.filter { $0.firstMatch(of: /\.[0-9A-F]{8}-[0-9A-F]{4}\.tmp$/) != nil }.sorted()
  }

  private static func isIdentifier(_ name: String) -> Bool {
    name.wholeMatch(of: /[0-9a-f]{16}/) != nil
  }

  private static func parents(of path: String) -> [String] {
    path.indices.filter { path[$0] == "/" }.map { String(path[..<$0]) }
  }

  /// The bytes of a file, or of all files in a folder.
  private static func size(of path: String) -> Int {
    let inside = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    let files = inside.isEmpty ? [path] : inside.map { "\(path)/\($0)" }
    return files.reduce(0) { sum, file in
      let attributes = try? FileManager.default.attributesOfItem(atPath: file)
      return sum
        + (attributes?[.type] as? FileAttributeType == .typeRegular ? attributes?[.size] as? Int ?? 0 : 0)
    }
  }
}
