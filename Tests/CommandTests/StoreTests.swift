import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// `isoflop ls`, `diff` and `clean` on a small folder of runs.
@Suite struct StoreTests {
  /// A folder with the four runs of the small experiment, and their identifiers by size and tokens.
  private func trained() throws -> (ScratchFolder, runs: [String]) {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    let run = try Command("run", "small.yaml", "--keep-checkpoints", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    return (folder, try list([], in: folder).map { $0["run"] as? String ?? "" })
  }

  private func list(_ arguments: [String], in folder: ScratchFolder) throws -> [[String: Any]] {
    try json(Command(all: ["ls", "--json"] + arguments, in: folder.path))
  }

  private func json(_ command: Command) throws -> [[String: Any]] {
    #expect(command.status == 0, "\(command.errors)")
    return try #require(
      try JSONSerialization.jsonObject(with: Data(command.output.utf8)) as? [[String: Any]])
  }

  private func damage(_ file: String) throws {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    try text.replacing("\"steps\" : ", with: "\"steps\" : 1").write(
      toFile: file, atomically: true, encoding: .utf8)
  }

  @Test("Runs are listed by size and tokens, with the columns of the results")
  func ls() throws {
    let (folder, runs) = try trained()
    let rows = try list([], in: folder)
    #expect(rows.map { $0["width"] as? Int } == [8, 8, 16, 16])
    #expect(rows.map { ($0["d_tokens"] as? Int ?? 0) < 30_000 } == [true, false, true, false])
    for row in rows {
      #expect(row["status"] as? String == "completed" && row["experiments"] as? [String] == ["small"])
      #expect((row["loss"] as? Double ?? 0) > 0 && (row["seconds"] as? Double ?? 0) > 0)
      #expect(row["experts"] as? Int == 1 && row["corpus"] as? String == "text.txt")
      #expect(row["entropy"] is NSNull && row["commit"] is String)
    }
    let text = try Command("ls", in: folder.path)
    #expect(text.status == 0 && runs.allSatisfy(text.output.contains), "\(text.output)")
    #expect(text.output.contains("small"))
  }

  @Test(
    "Runs are selected by columns and quantities, and by experiment",
    arguments: [
      (["--where", "width>=16"], 2), (["--where", "D<30k", "--where", "width=8"], 1), (["small"], 4),
      (["--where", "status=diverged"], 0), (["small", "--where", "loss>0"], 4),
    ])
  func selection(_ arguments: [String], _ count: Int) throws {
    let (folder, _) = try trained()
    #expect(try list(arguments, in: folder).count == count)
  }

  @Test(
    "The error names an invalid condition",
    arguments: [
      (["--where", "widht>1"], "there is no column `widht`. The nearest is `width`"),
      (["smal"], "an experiment `smal` in runs. The nearest is `small`"),
      (["-o", "nowhere"], "nowhere: no such folder"),
    ])
  func noSelection(_ arguments: [String], _ message: String) throws {
    let (folder, _) = try trained()
    let command = try Command(all: ["ls"] + arguments, in: folder.path)
    #expect(command.status == 2 && command.errors.contains(message), "\(command.errors)")
  }

  @Test("Damage, another version and an unfinished run are listed as such")
  func status() throws {
    let (folder, runs) = try trained()
    let store = "\(folder.path)/runs/store"
    try damage("\(store)/\(runs[0])/result.json")
    try FileManager.default.removeItem(atPath: "\(store)/\(runs[1])/result.json")
    let other = "\(store)/\(runs[2])/result.json"
    try String(contentsOfFile: other, encoding: .utf8).replacing("\"width\"", with: "\"breadth\"")
      .write(toFile: other, atomically: true, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: "\(store)/0empty", withIntermediateDirectories: true)
    let rows = try list([], in: folder)
    let found = Dictionary(
      uniqueKeysWithValues: rows.map { ($0["run"] as? String ?? "", $0["status"] as? String) })
    #expect(
      found == [
        runs[0]: "damaged", runs[1]: "under way", runs[2]: "other version", runs[3]: "completed",
        "0empty": "damaged",
      ])
    #expect(rows.first?["run"] as? String == runs[1])
  }

  @Test("The differences of two runs are their settings and results")
  func diff() throws {
    let (folder, runs) = try trained()
    let prefix = try #require(
      (1...16).map { String(runs[0].prefix($0)) }.first { start in runs.count { $0.hasPrefix(start) } == 1 })
    let rows = try json(Command("diff", prefix, "runs/store/\(runs[2])", "--json", in: folder.path))
    let settings = rows.filter { $0["part"] as? String == "settings" }
    #expect(settings.contains { $0["name"] as? String == "width" && $0["difference"] as? Int == 8 })
    #expect(Set(settings.compactMap { $0["name"] as? String }).isSubset(of: ["width", "heads", "kv_heads"]))
    let loss = try #require(rows.first { $0["name"] as? String == "loss" })
    let numbers = ["difference", "first_error", "second_error"].map { loss[$0] as? Double ?? .nan }
    #expect(
      loss["exceeds_errors"] as? Bool == (abs(numbers[0]) > 2 * hypot(numbers[1], numbers[2])))
    #expect(!rows.contains { $0["name"] as? String == "d_tokens" || $0["part"] as? String == "provenance" })
    #expect(rows.contains { $0["part"] as? String == "timing" })

    let text = try Command("diff", runs[0], runs[2], in: folder.path)
    #expect(text.status == 0 && text.output.contains("width") && text.output.contains(" ± "))
    let same = try Command("diff", runs[0], runs[0], in: folder.path)
    #expect(same.status == 0 && same.output == "no differences\n")
  }

  @Test("A missing or ambiguous run gives an error with the alternatives")
  func unknownRun() throws {
    let (folder, runs) = try trained()
    let missing = try Command("diff", "zzz", runs[0], in: folder.path)
    #expect(missing.status == 2 && missing.errors.contains("there is no run `zzz`"), "\(missing.errors)")
    for copy in ["ab1", "ab2"] {
      try FileManager.default.copyItem(
        atPath: "\(folder.path)/runs/store/\(runs[0])", toPath: "\(folder.path)/runs/store/\(copy)")
    }
    let several = try Command("diff", "ab", runs[0], in: folder.path)
    #expect(several.status == 2 && several.errors.contains("2 runs: ab1, ab2"), "\(several.errors)")
    try damage("\(folder.path)/runs/store/ab1/result.json")
    let damaged = try Command("diff", "ab1", runs[0], in: folder.path)
    #expect(damaged.status == 2 && damaged.errors.contains("ab1: is damaged"), "\(damaged.errors)")
  }

  @Test("Nothing is removed without --yes, and then only unneeded files")
  func clean() throws {
    let (folder, runs) = try trained()
    let root = "\(folder.path)/runs"
    try damage("\(root)/store/\(runs[0])/result.json")
    try FileManager.default.createDirectory(
      atPath: "\(root)/trunks/0000000000000000", withIntermediateDirectories: true)
    try folder.write("half", to: "runs/small/results.csv.0A1B2C3D-4E5F.tmp")
    try folder.write("mine", to: "runs/small/notes.tmp")
    for name in ["store/mine", "trunks/mine"] {
      try FileManager.default.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
    }
    let before = try tree(root)
    let plan = try Command("clean", in: folder.path)
    #expect(plan.status == 0 && plan.output.contains("add --yes"), "\(plan.output)")
    #expect(plan.output.contains("--checkpoints would remove"))
    let unchanged = try tree(root)
    #expect(unchanged == before)

    let freed = try json(Command("clean", "--yes", "--json", in: folder.path))
    #expect(
      Set(freed.compactMap { $0["path"] as? String }) == [
        "store/\(runs[0])", "trunks/0000000000000000", "small/results.csv.0A1B2C3D-4E5F.tmp",
      ])
    #expect(freed.allSatisfy { $0["freed"] as? Bool == true && $0["bytes"] is Int })
    let after = try tree(root)
    #expect(
      after
        == before.filter {
          !$0.hasPrefix("store/\(runs[0])") && !$0.hasPrefix("trunks/0")
            && !$0.hasSuffix(".0A1B2C3D-4E5F.tmp")
        })
    #expect(try Command("clean", in: folder.path).output.hasPrefix("nothing to remove"))
    let elsewhere = try Command("clean", "-o", ".", "--yes", in: folder.path)
    #expect(elsewhere.status == 2 && elsewhere.errors.contains("is not a folder of runs"))
  }

  @Test("Needed trunks, checkpoints, orphans and results are only removed with their options")
  func cleanMore() throws {
    let (folder, runs) = try trained()
    let root = "\(folder.path)/runs"
    let row = try #require(try list([], in: folder).last)
    let trunk = "trunks/\(row["trunk"] as? String ?? "")"
    try FileManager.default.createDirectory(atPath: "\(root)/\(trunk)", withIntermediateDirectories: true)
    try FileManager.default.removeItem(atPath: "\(root)/store/\(runs[3])/result.json")
    let paths = { (flags: [String]) in
      Set(
        try json(Command(all: ["clean", "--json"] + flags, in: folder.path)).compactMap {
          $0["path"] as? String
        })
    }
    #expect(try paths([]) == [])
    #expect(try paths(["--trunks"]) == [trunk])
    // The unfinished run continues from its weights.
    #expect(
      try paths(["--checkpoints"]) == Set(runs.dropLast().map { "store/\($0)/checkpoint.safetensors" }))
    #expect(try paths(["--orphans"]) == [])
    #expect(try paths(["--experiment", "small"]) == ["small"])
    #expect(
      try paths(["--experiment", "small", "--orphans", "--checkpoints"])
        == Set(runs.map { "store/\($0)" } + ["small", trunk]))
    let unknown = try Command("clean", "--experiment", "store", in: folder.path)
    #expect(unknown.status == 2 && unknown.errors.contains("no results of an experiment `store`"))
  }

  @Test("Nothing is removed while a command uses the folder")
  func cleanInUse() throws {
    let (folder, _) = try trained()
    try folder.write(smallExperiment.replacing("[20k, 40k]", with: "[1M, 2M]"), to: "long.yaml")
    let process = try Command.start(["run", "long.yaml"], in: folder.path)
    while process.isRunning && !FileManager.default.fileExists(atPath: "\(folder.path)/runs/long/plan.json") {
      usleep(5000)
    }
    let before = try tree("\(folder.path)/runs/store")
    let clean = try Command("clean", "--yes", "--orphans", "--trunks", in: folder.path)
    #expect(
      clean.status == 2 && clean.errors.contains("runs: is in use by another command"), "\(clean.errors)")
    #expect(try tree("\(folder.path)/runs/store").isSuperset(of: before))
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    #expect(try Command("clean", "--yes", "--orphans", "--trunks", in: folder.path).status == 0)
  }

  @Test(
    "Reserved names of folders are rejected",
    arguments: ["store", "claims", "trunks", "logs", "book"])
  func reserved(_ name: String) throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "\(name).yaml")
    for command in ["run", "collect"] {
      let result = try Command(command, "\(name).yaml", in: folder.path)
      #expect(result.status == 2 && result.errors.contains("cannot be named `\(name)`"), "\(result.errors)")
    }
  }

  @Test("Two files with the same name do not overwrite each other's results")
  func sameName() throws {
    let (folder, _) = try trained()
    try FileManager.default.createDirectory(atPath: "\(folder.path)/b", withIntermediateDirectories: true)
    try folder.write(smallText(words: 40_000), to: "b/text.txt")
    try folder.write(smallExperiment.replacing("[8, 16]", with: "[12]"), to: "b/small.yaml")
    let before = try folder.read("runs/small/results.csv")
    for command in ["run", "collect", "book"] {
      let other = try Command(command, "b/small.yaml", in: folder.path)
      #expect(
        other.status == 2 && other.errors.contains("b/small.yaml: has the same name as"), "\(other.errors)")
    }
    #expect(try folder.read("runs/small/results.csv") == before)
    // A file that was moved is still the same experiment.
    try FileManager.default.removeItem(atPath: "\(folder.path)/small.yaml")
    #expect(try Command("run", "b/small.yaml", "--dry-run", in: folder.path).status == 0)
  }

  @Test("The runs of a read-only folder can be listed")
  func readOnly() throws {
    let (folder, _) = try trained()
    let runs = "\(folder.path)/runs"
    let mounted = try Script("/bin/mount", "--bind", runs, runs, in: folder.path)
    guard mounted.status == 0,
      try Script("/bin/mount", "-o", "remount,ro,bind", runs, in: folder.path).status == 0
    else {
      print("skipped: this user cannot mount a folder read-only")
      return
    }
    defer { _ = try? Script("/bin/umount", "-l", runs, in: folder.path) }
    for arguments in [["status", "runs/small"], ["ls"], ["clean"], ["run", "small.yaml", "--dry-run"]] {
      let command = try Command(all: arguments, in: folder.path)
      #expect(command.status == 0, "\(arguments): \(command.errors)")
    }
  }

  private func tree(_ root: String) throws -> Set<String> {
    Set(try FileManager.default.subpathsOfDirectory(atPath: root))
  }
}
