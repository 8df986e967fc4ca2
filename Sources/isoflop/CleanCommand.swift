import Analysis
import ArgumentParser
import Execution
import Files
import Foundation

/// `isoflop clean`: removes files that are not needed.
struct CleanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "clean",
    abstract:
      "Lists what can be removed from a folder of runs, and removes it with --yes, unless a command uses it.",
    discussion:
      "Without other flags: temporary files of interrupted writes, damaged records, and trunks whose runs are all finished."
  )

  @Option(name: .shortAndLong, help: "The folder of runs and results.", completion: .directory)
  var output = "runs"
  @Flag(help: "Also the weights of finished runs.")
  var checkpoints = false
  @Flag(help: "Also unfinished trunks: their runs start from the beginning.")
  var trunks = false
  @Flag(help: "Also runs, finished or not, that are not in any experiment's results.csv.")
  var orphans = false
  @Option(
    help: "Also all results of an experiment. Its runs stay, unless --orphans is given.",
    completion: .experiment)
  var experiment: String?
  @Flag(help: "Removes it. This cannot be undone.")
  var yes = false
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  func run() throws {
    var leftovers: [Leftover] = []
    if yes {
      // Searched once more inside: until then, another command may have been using the folder.
      _ = try Leftover.all(kinds, in: output, experiment: experiment)
      try RunStore(output).removing { remove in
        leftovers = try Leftover.all(kinds, in: output, experiment: experiment)
        for leftover in leftovers { try remove(leftover.paths) }
      }
    } else {
      leftovers = try Leftover.all(kinds, in: output, experiment: experiment)
    }
    if json || !leftovers.isEmpty { try Table(leftovers, areFreed: yes).print(json: json) }
    guard !json else { return }
    let total = size(leftovers.reduce(0) { $0 + $1.bytes })
    print(
      leftovers.isEmpty
        ? "nothing to remove" : yes ? "removed \(total)" : "would remove \(total): add --yes to remove it")
    if !yes { try printMore() }
  }

  /// Prints what the flags that were not given would remove in addition.
  private func printMore() throws {
    let flags: [(String, Leftover.Kind)] = [
      ("--checkpoints", .checkpoint), ("--trunks", .trunk), ("--orphans", .orphan),
    ]
    for (flag, kind) in flags where !kinds.contains(kind) {
      // If a table of results is damaged, orphans are not known.
      let more = try unlessDamaged { try Leftover.all([kind], in: output, experiment: experiment) } ?? []
      if !more.isEmpty { print("\(flag) would remove \(size(more.reduce(0) { $0 + $1.bytes })) more") }
    }
  }

  private var kinds: Set<Leftover.Kind> {
    var kinds = Leftover.Kind.worthless
    if checkpoints { kinds.insert(.checkpoint) }
    if trunks { kinds.insert(.trunk) }
    if orphans { kinds.insert(.orphan) }
    if experiment != nil { kinds.insert(.experiment) }
    return kinds
  }
}

extension Table {
  fileprivate init(_ leftovers: [Leftover], areFreed: Bool) {
    self.init(
      ["kind", "path", Column("bytes", title: "size"), Column("freed", title: nil)],
      leftovers.map { leftover in
        [
          Cell(leftover.kind.rawValue), Cell(leftover.path), Cell(leftover.bytes, text: size(leftover.bytes)),
          Cell(areFreed, text: ""),
        ]
      })
  }
}

/// Bytes as a person reads them.
private func size(_ bytes: Int) -> String {
  bytes < 1 << 20
    ? String(format: "%.1f KiB", Double(bytes) / 1024) : String(format: "%.1f MiB", Double(bytes) / 1_048_576)
}
