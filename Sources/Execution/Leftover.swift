import Files
import Foundation
import Training

#if canImport(Glibc)
  import Glibc
#endif

/// A file or folder in a folder of runs that may be removed.
public struct Leftover: Sendable {
  /// The kind of a leftover. Raw values are shown to users.
  public enum Kind: String, CaseIterable, Sendable {
    /// A temporary file of an interrupted write.
    case temporary
    /// A run with damaged records.
    case damaged
    /// The state of a trunk whose runs are all finished.
    case leftTrunk = "left trunk"
    /// The log of a trunk whose runs are all finished.
    case leftLog = "left log"
    /// The claim of a process that has ended, on a trunk whose runs are all finished.
    case leftClaim = "left claim"
    /// The state of an unfinished trunk.
    case trunk
    /// The weights of a finished run.
    case checkpoint
    /// A run that is in no results.csv. Runs of experiments that have no results yet count as orphans.
    case orphan
    /// The results of an experiment, without its runs.
    case experiment

    /// The kinds that are never needed again.
    public static let worthless: Set<Kind> = [.temporary, .damaged, .leftTrunk, .leftLog, .leftClaim]
  }

  /// The kind.
  public let kind: Kind
  /// The path, relative to the folder of runs.
  public let path: String
  /// The size in bytes.
  public let bytes: Int

  /// Returns the leftovers in a folder of runs. One that lies inside another is part of it and not listed.
  ///
  /// - Parameters:
  ///   - kinds: The kinds to list.
  ///   - experiment: An experiment whose results may be removed; its runs then count as orphans unless others have
  ///     them.
  /// - Throws: `InputError` if this is not a folder of runs, the experiment does not exist, or orphans are requested
  ///   and the results of an experiment cannot be read.
  public static func all(_ kinds: Set<Kind>, in root: String, experiment: String? = nil) throws -> [Leftover]
  {
    // If the user names a wrong folder, files with the same names must not be removed from it.
    guard try FileAccess.exists("\(root)/store") else {
      throw InputError(
        "is not a folder of runs", file: root, remedy: "Name one that has a folder `store`, with --output")
    }
    let runs = try StoredRun.all(in: root).filter { isIdentifier($0.identifier) }
    if let experiment { _ = try StoredExperiment.named(experiment, in: root) }
    let orphans = try kinds.contains(.orphan) ? orphans(among: runs, in: root, without: experiment) : []
    let isGoing = { (run: StoredRun) in
      run.status == .damaged ? kinds.contains(.damaged) : orphans.contains(run.identifier)
    }
    // A damaged run is trained again, from its trunk if there is one. The trunk of a run of another
    // version is unknown.
    let awaited = StoredRun.awaitedTrunks(of: runs.filter { !orphans.contains($0.identifier) })
    let hasOthers = runs.contains { $0.status == .otherVersion && !isGoing($0) }

    var found: [(Kind, String)] = experiment.map { [(.experiment, $0)] } ?? []
    found += runs.filter(isGoing).map {
      ($0.status == .damaged ? .damaged : .orphan, "store/\($0.identifier)")
    }
    found += try folders(in: "\(root)/trunks").filter(isIdentifier).map {
      (hasOthers || awaited.contains($0) ? .trunk : .leftTrunk, "trunks/\($0)")
    }
    found += try FileAccess.names(in: "\(root)/logs").filter { name in
      name.hasSuffix(".log") && isIdentifier(String(name.dropLast(4)))
        && !hasOthers && !awaited.contains(String(name.dropLast(4)))
    }.map { (.leftLog, "logs/\($0)") }
    found += try leftClaims(in: root, awaited: awaited).map { (.leftClaim, "claims/\($0)") }
    found += runs.filter(\.isFinished).map { (.checkpoint, "store/\($0.identifier)/checkpoint.safetensors") }
    found += try temporaryFiles(in: root).map { (.temporary, $0) }

    let wanted = try found.filter { try kinds.contains($0.0) && FileAccess.exists("\(root)/\($0.1)") }
    let going = Set(wanted.map(\.1))
    return try wanted.filter { _, path in !parents(of: path).contains(where: going.contains) }
      .map { Leftover(kind: $0, path: $1, bytes: try size(of: "\(root)/\($1)")) }
  }

  /// The paths below the folder of runs that are to be removed (`RunStore.removing`): with a trunk, also its claim and
  /// its log.
  public var paths: [String] {
    guard path.hasPrefix("trunks/") else { return [path] }
    let trunk = path.dropFirst("trunks/".count)
    return [path, "claims/\(trunk)", "logs/\(trunk).log"]
  }

  private static func orphans(among runs: [StoredRun], in root: String, without experiment: String?) throws
    -> Set<String>
  {
    let experiments = try StoredExperiment.all(in: root).filter { $0.name != experiment }
    let mentioned = try experiments.flatMap { experiment in
      guard let runs = experiment.runs else {
        throw InputError(
          "is not a table of results, so the runs that it refers to are unknown",
          file: "\(root)/\(experiment.name)/results.csv",
          remedy: "Write it again with `isoflop run`, or leave out --orphans")
      }
      return runs
    }
    return Set(runs.map(\.identifier)).subtracting(mentioned)
  }

  /// Returns the names of claims that no process holds, except claims on unfinished trunks.
  private static func leftClaims(in root: String, awaited: Set<String>) throws -> [String] {
    let claims = Claims("\(root)/claims")
    return try claims.things().filter { thing in
      if awaited.contains(thing) { return false }
      if case .held = try claims.state(of: thing) { return false }
      return true
    }
  }

  /// Returns the temporary files of killed commands.
  private static func temporaryFiles(in root: String) throws -> [String] {
    try FileAccess.paths(below: root).filter { $0.firstMatch(of: /\.[0-9A-F]{8}-[0-9A-F]{4}\.tmp$/) != nil }
  }

  private static func isIdentifier(_ name: String) -> Bool {
    name.wholeMatch(of: /[0-9a-f]{16}/) != nil
  }

  private static func parents(of path: String) -> [String] {
    path.indices.filter { path[$0] == "/" }.map { String(path[..<$0]) }
  }

  /// Returns the size in bytes of a file, or of all files below a folder.
  private static func size(of path: String) throws -> Int {
    let files = try [path] + FileAccess.paths(below: path).map { "\(path)/\($0)" }
    return try files.reduce(0) { sum, file in
      guard let status = try FileAccess.status(of: file), status.st_mode & S_IFMT == S_IFREG else {
        return sum
      }
      return sum + Int(status.st_size)
    }
  }
}
