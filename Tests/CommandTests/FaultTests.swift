import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Events that can disturb a grid while it runs.
@Suite(.serialized) struct FaultTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment.replacing("[20k, 40k]", with: "[100k, 200k]"), to: "small.yaml")
    try folder.write(smallExperiment.replacing("[20k, 40k]", with: "[1M, 2M]"), to: "long.yaml")
  }

  /// Returns the files of records in a folder of runs, except those that differ between repetitions.
  private func records(_ output: String) throws -> [String: Data] {
    let store = "\(folder.path)/\(output)/store"
    let names = try FileManager.default.subpathsOfDirectory(atPath: store).filter {
      $0.hasSuffix("result.json") || $0.hasSuffix("metrics.jsonl")
    }
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: URL(fileURLWithPath: "\(store)/\($0)"))) })
  }

  /// An undisturbed run of `small.yaml`.
  private func undisturbed() throws -> [String: Data] {
    let run = try Command("run", "small.yaml", "-o", "undisturbed", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    return try records("undisturbed")
  }

  private func isThere(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: "\(folder.path)/\(path)")
  }

  /// Waits until a command has begun to train.
  private func waitForTraining(_ process: Process, _ output: String) {
    while process.isRunning && !isThere("\(output)/trunks") { usleep(20_000) }
    usleep(300_000)
  }

  @Test("A grid whose command or workers are killed twenty times has the same results")
  func soak() throws {
    let soak = try Script("soak", "20", "7", in: packageRoot)
    #expect(soak.status == 0, "\(soak.output)\(soak.errors)")
    #expect(soak.output.contains("all identical byte by byte"))
  }

  @Test("On a signal, a command saves its work and prints a message", arguments: [SIGINT, SIGTERM, SIGHUP])
  func signals(_ signal: Int32) throws {
    let outputs = try ScratchFolder()
    let process = try Command.start(["run", "long.yaml"], in: folder.path, outputs: outputs.path)
    waitForTraining(process, "runs")
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 4)
    let lines = try outputs.read("errors").split(separator: "\n").filter { !$0.contains("%") }
    #expect(lines == ["interrupted: everything so far is saved, and the same command continues from here"])
    let checkpoints = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
      .filter { $0.hasSuffix("checkpoint.safetensors") }
    #expect(!checkpoints.isEmpty)
  }

  @Test("Two commands on one folder divide the work, also from two containers")
  func shared() throws {
    let expected = try undisturbed()
    let first = try Command.start(["run", "small.yaml", "-o", "both", "-j", "1"], in: folder.path)
    // In another namespace, the second command cannot see the processes of the first.
    let isContained = try Script("/usr/bin/unshare", "--pid", "--fork", "true", in: folder.path).status == 0
    let second = try Command(
      "run", "small.yaml", "-o", "both", "-j", "1", in: folder.path,
      wrapper: isContained ? "unshare --pid --fork --mount-proc --kill-child" : "")
    first.waitUntilExit()
    #expect(first.terminationStatus == 0 && second.status == 0, "\(second.errors)")
    #expect(try records("both") == expected)
    #expect(try folder.read("both/small/results.csv") == folder.read("undisturbed/small/results.csv"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/both/claims").isEmpty)
  }

  @Test(
    "A command that wakes up after others have finished its work, and begun more, changes nothing of theirs")
  func sleeping() throws {
    let more = smallExperiment.replacing("[20k, 40k]", with: "[100k, 200k, 1M]")
      .replacing("[4, 4]", with: "[6, 6]")
    try folder.write(more, to: "more.yaml")
    let expected = try undisturbed()
    #expect(try Command("run", "more.yaml", "-o", "undisturbed", in: folder.path).status == 0)
    let all = try records("undisturbed")
    let patience = "export ISOFLOP_PATIENCE=1"
    let first = try Command.start(["run", "small.yaml", "-j", "1"], in: folder.path, shell: patience)
    waitForTraining(first, "runs")
    let children = try Script("/usr/bin/pgrep", "-P", "\(first.processIdentifier)", in: folder.path).output
    let processes = [first.processIdentifier] + children.split(separator: "\n").compactMap { Int32($0) }
    #expect(processes.count == 2)
    for process in processes { kill(process, SIGSTOP) }
    let second = try Command("run", "small.yaml", in: folder.path, shell: patience)
    #expect(second.status == 0, "\(second.errors)")
    #expect(try records("runs") == expected)
    // Its claims have the same numbers as those of the first command.
    let third = try Command.start(["run", "more.yaml"], in: folder.path, shell: patience)
    waitForTraining(third, "runs")
    for process in processes { kill(process, SIGCONT) }
    first.waitUntilExit()
    third.waitUntilExit()
    #expect(first.terminationStatus == 0 && third.terminationStatus == 0)
    #expect(try records("runs") == all)
    #expect(
      try Command("run", "more.yaml", in: folder.path).output.contains("6 runs, 6 of them finished before"))
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/runs/claims").isEmpty)
  }

  @Test("The next command removes the remains of a grid after a power cut")
  func remains() throws {
    let process = try Command.start(["run", "small.yaml", "-j", "1", "-o", "cut"], in: folder.path)
    waitForTraining(process, "cut")
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    #expect(try Command("run", "small.yaml", in: folder.path).status == 0)
    let root = "\(folder.path)/runs"
    let run = try #require(try FileManager.default.contentsOfDirectory(atPath: "\(root)/store").first)
    let list = try Command("ls", "--json", in: folder.path)
    let rows = try JSONSerialization.jsonObject(with: Data(list.output.utf8)) as? [[String: Any]]
    let trunk = try #require(rows?.first { $0["run"] as? String == run }?["trunk"] as? String)
    let manager = FileManager.default
    let before = try Set(manager.subpathsOfDirectory(atPath: root))
    func spoil() throws {
      for name in ["trunks/\(trunk)", "claims/\(trunk)", "claims/use-0"] {
        try manager.createDirectory(atPath: "\(root)/\(name)", withIntermediateDirectories: true)
      }
      let claim = try manager.subpathsOfDirectory(atPath: "\(folder.path)/cut/claims").first {
        $0.hasSuffix("/1")
      }
      for name in ["claims/\(trunk)/4", "claims/use-0/1"] {
        try manager.copyItem(atPath: "\(folder.path)/cut/claims/\(claim ?? "")", toPath: "\(root)/\(name)")
      }
      for name in [
        "trunks/\(trunk)/metrics.jsonl", "logs/\(trunk).log", "store/\(run)/result.json.0A1B2C3D-4E5F.tmp",
      ] {
        try folder.write("half", to: "runs/\(name)")
      }
    }
    try spoil()
    #expect(try Command("run", "small.yaml", in: folder.path).status == 0)
    #expect(try Set(manager.subpathsOfDirectory(atPath: root)) == before)
    try spoil()
    let clean = try Command("clean", "--yes", in: folder.path)
    #expect(
      clean.status == 0 && clean.output.contains("left log") && clean.output.contains("left claim"),
      "\(clean)")
    #expect(try Set(manager.subpathsOfDirectory(atPath: root)) == before)
  }

  @Test("A finished grid does not remove the trunk of an unfinished one")
  func othersTrunk() throws {
    // Its runs leave the same trunks earlier.
    #expect(try Command("run", "small.yaml", in: folder.path).status == 0)
    let trunkFiles = {
      try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs/trunks").filter {
        $0.contains("/")
      }
    }
    let process = try Command.start(["run", "long.yaml", "-j", "1"], in: folder.path)
    while try process.isRunning && !trunkFiles().contains(where: { $0.hasSuffix("metrics.jsonl") }) {
      usleep(5000)
    }
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    let before = try trunkFiles()
    #expect(before.contains { $0.hasSuffix("checkpoint.safetensors") })
    #expect(try Command("run", "small.yaml", in: folder.path).status == 0)
    #expect(try trunkFiles() == before)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/runs/claims").isEmpty)
  }

  @Test("If the folder is moved away while its grid is trained, the command fails")
  func movedAway() throws {
    let outputs = try ScratchFolder()
    let process = try Command.start(
      ["run", "small.yaml", "-j", "1"], in: folder.path, outputs: outputs.path)
    // As soon as the runs of the first trunk are finished.
    while try process.isRunning
      && (!isThere("runs/store") || records("runs").keys.count { $0.hasSuffix("result.json") } < 2)
    {
      usleep(5000)
    }
    try FileManager.default.moveItem(atPath: "\(folder.path)/runs", toPath: "\(folder.path)/elsewhere")
    process.waitUntilExit()
    #expect(process.terminationStatus == 2)
    #expect(try outputs.read("errors").contains("2 of 4 runs that were finished no longer exist"))
  }

  @Test("A run that was begun by another instruction set gives a message")
  func instructions() throws {
    let process = try Command.start(["run", "long.yaml", "-j", "1"], in: folder.path)
    waitForTraining(process, "runs")
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
    let checkpoint = try #require(files.first { $0.hasSuffix("checkpoint.safetensors") })
    let path = "\(folder.path)/runs/\(checkpoint.replacing("checkpoint.safetensors", with: "config.json"))"
    // Without a checksum, as in earlier versions.
    let text = try String(contentsOfFile: path, encoding: .utf8)
      .replacing(/\n *"checksum" : "[0-9a-f]+",/, with: "")
      .replacing(/"instructions" : "[^"]*"/, with: "\"instructions\" : \"abacus\"")
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let run = try Command("run", "long.yaml", in: folder.path)
    #expect(run.status == 0 && run.errors.contains("abacus, then "), "\(run.errors)")
    let results = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs/store")
      .filter { $0.hasSuffix("result.json") }
    #expect(try results.contains { try folder.read("runs/store/\($0)").contains("abacus, then ") })
  }

  @Test("Shards of an experiment train different runs, and the last one makes the report")
  func shards() throws {
    let expected = try undisturbed()
    let first = try Command("run", "small.yaml", "-o", "shards", "--shard", "1/2", in: folder.path)
    #expect(
      first.status == 0 && first.output.contains("this shard is done; 2 runs of other shards are missing"))
    #expect(!isThere("shards/small/report.html"))
    #expect(try records("shards").count == 4)
    let again = try Command("run", "small.yaml", "-o", "shards", "--shard", "1/2", in: folder.path)
    #expect(try again.status == 0 && records("shards").count == 4)
    let early = try Command("collect", "small.yaml", "-o", "shards", in: folder.path)
    #expect(early.status == 3 && early.errors.contains("2 of 4 runs are missing"))
    let status = try Command("status", "shards/small", in: folder.path)
    #expect(status.output.contains("2 of 4 runs done, 0 running, 2 waiting, 0 failed"), "\(status.output)")
    let second = try Command("run", "small.yaml", "-o", "shards", "--shard", "2/2", in: folder.path)
    #expect(second.status == 0 && second.output.contains("report"))
    #expect(try records("shards") == expected)
  }

  @Test("A shard waits for the others before it trains held-out runs")
  func forecastShards() throws {
    try folder.write(
      smallExperiment.replacing("[8, 16]", with: "[8, 12, 16]").replacing(
        "[20k, 40k]", with: "[50k, 100k, 200k]"
      )
      .replacing("[4, 4]", with: "[9, 9]") + "fits: [{law: power_d, forecast: {width: 16}}]\n",
      to: "forecast.yaml")
    let whole = try Command("run", "forecast.yaml", "-o", "whole", in: folder.path)
    #expect(whole.status == 0, "\(whole.errors)")
    func shard(_ number: Int) throws -> Command {
      try Command("run", "forecast.yaml", "-o", "shards", "--shard", "\(number)/3", in: folder.path)
    }
    let statuses = try (1...3).map { try shard($0).status }
    // Three trunks, one of them held out: its shard must come last.
    let trained = try records("shards").count
    #expect(statuses.contains(6) ? trained == 12 : trained == 18)
    for (number, status) in zip(1..., statuses) where status == 6 {
      let again = try shard(number)
      #expect(again.status == 0 && again.output.contains("report"), "\(again.errors)")
    }
    #expect(try records("shards") == records("whole"))
    for name in ["forecast.json", "results.csv", "fits.json"] {
      #expect(try folder.read("shards/forecast/\(name)") == folder.read("whole/forecast/\(name)"))
    }
  }

  @Test(
    "If the process of a run is killed, only that run fails, with its log, and the next command trains it")
  func workerKilled() throws {
    let expected = try undisturbed()
    let outputs = try ScratchFolder()
    let process = try Command.start(
      ["run", "small.yaml", "-j", "1", "--retries", "0"], in: folder.path, outputs: outputs.path)
    waitForTraining(process, "runs")
    let worker = try Script("/usr/bin/pgrep", "-P", "\(process.processIdentifier)", in: folder.path).output
    if let pid = Int32(worker.trimmingCharacters(in: .whitespacesAndNewlines)) { kill(pid, SIGKILL) }
    process.waitUntilExit()
    let errors = try outputs.read("errors")
    #expect(process.terminationStatus == 3, "\(errors)")
    #expect(errors.contains("was ended by signal 9") && errors.contains("See runs/logs/"), "\(errors)")
    let status = try Command("status", "runs/small", in: folder.path)
    #expect(status.output.contains("0 running, 0 waiting"), "\(status.output)")
    #expect(status.output.contains("failed") && status.output.contains("was ended by signal 9"))
    #expect(try Command("run", "small.yaml", in: folder.path).status == 0)
    #expect(try records("runs") == expected)
    #expect(try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/runs/logs").isEmpty)
  }

  @Test("A failure stops the others only with --fail-fast", arguments: [true, false])
  func failFast(_ isWanted: Bool) throws {
    let expected = try undisturbed()
    // A file at the path of the folder prevents training. The trunk of the run is the first, because it is the longest.
    let plan = try Command("run", "small.yaml", "-o", "failing", "--dry-run", "--json", in: folder.path)
    let runs = try JSONSerialization.jsonObject(with: Data(plan.output.utf8)) as? [[String: Any]]
    let run = try #require(
      runs?.first { ($0["settings"] as? String)?.hasPrefix("width 16") ?? false }?["run"] as? String)
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/failing/store", withIntermediateDirectories: true)
    try folder.write("", to: "failing/store/\(run)")
    let arguments =
      ["run", "small.yaml", "-o", "failing", "-j", "1", "--retries", "0"] + (isWanted ? ["--fail-fast"] : [])
    let failing = try Command(all: arguments, in: folder.path)
    #expect(failing.status == 3 && failing.errors.contains("See failing/logs/"), "\(failing.errors)")
    #expect(try records("failing").count == (isWanted ? 0 : 4))
    try FileManager.default.removeItem(atPath: "\(folder.path)/failing/store/\(run)")
    #expect(try Command("run", "small.yaml", "-o", "failing", in: folder.path).status == 0)
    #expect(try records("failing") == expected)
  }

  @Test("Limits on time and FLOPs stop training cleanly")
  func budgets() throws {
    let time = try Command("run", "long.yaml", "--max-time", "1s", in: folder.path)
    #expect(time.status == 5 && time.errors.contains("--max-time is used up"), "\(time.errors)")
    let flops = try Command("run", "long.yaml", "--max-flops", "1e9", in: folder.path)
    #expect(flops.status == 5 && flops.errors.contains("--max-flops is used up"), "\(flops.errors)")
  }

  @Test("One damaged file costs one run", arguments: ["result.json", "metrics.jsonl"], [true, false])
  func damage(_ name: String, _ isCut: Bool) throws {
    let expected = try undisturbed()
    let path = try #require(expected.keys.sorted().first { $0.hasSuffix(name) })
    var bytes = try #require(expected[path])
    if isCut { bytes.removeLast(bytes.count / 3) } else { bytes[bytes.count / 2] ^= 4 }
    try bytes.write(to: URL(fileURLWithPath: "\(folder.path)/undisturbed/store/\(path)"))
    let run = try Command("run", "small.yaml", "-o", "undisturbed", "-v", in: folder.path)
    #expect(run.status == 0 && run.output.contains("4 runs, 3 of them finished before"), "\(run.errors)")
    #expect(run.errors.contains("\(path): is damaged. The run will be done again"), "\(run.errors)")
    #expect(run.errors.components(separatedBy: ": loss ").count == 2)
    #expect(try records("undisturbed") == expected)
  }

  @Test(
    "A damaged checkpoint is reported and not used",
    arguments: ["checkpoint.safetensors", "metrics.jsonl"])
  func damagedCheckpoint(_ name: String) throws {
    let expected = try undisturbed()
    let process = try Command.start(["run", "small.yaml", "-j", "1"], in: folder.path)
    waitForTraining(process, "runs")
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    // The checkpoint of the trunk or of a branch.
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
    let checkpoint = try #require(files.first { $0.hasSuffix("checkpoint.safetensors") })
    let path = checkpoint.replacing("checkpoint.safetensors", with: name)
    let url = URL(fileURLWithPath: "\(folder.path)/runs/\(path)")
    var bytes = try Data(contentsOf: url)
    bytes[bytes.count / 3] ^= 1
    try bytes.write(to: url)
    let run = try Command("run", "small.yaml", in: folder.path)
    #expect(run.status == 0 && run.errors.contains("\(path): is damaged"), "\(run.errors)")
    #expect(try records("runs") == expected)
  }

  @Test("A changed text is reported, and its runs are not mixed with the old ones")
  func changedText() throws {
    let share = try Command("run", "small.yaml", "--shard", "1/2", in: folder.path)
    #expect(share.status == 0)
    let before = try records("runs").count
    try folder.write(smallText(words: 40_000).replacing("dog", with: "dig"), to: "text.txt")
    let changed = try Command("run", "small.yaml", in: folder.path)
    #expect(changed.status == 0 && changed.output.contains("4 runs, 0 of them finished before"))
    #expect(changed.errors.contains("text.txt: has changed since"), "\(changed.errors)")
    #expect(try records("runs").count == before + 8)
  }

  @Test("Training continues in a folder that was moved or copied")
  func moved() throws {
    let expected = try undisturbed()
    let process = try Command.start(["run", "small.yaml"], in: folder.path)
    waitForTraining(process, "runs")
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    try FileManager.default.moveItem(atPath: "\(folder.path)/runs", toPath: "\(folder.path)/elsewhere")
    try FileManager.default.copyItem(atPath: "\(folder.path)/elsewhere", toPath: "\(folder.path)/copy")
    for output in ["elsewhere", "copy"] {
      let run = try Command("run", "small.yaml", "-o", output, in: folder.path)
      #expect(run.status == 0, "\(run.errors)")
      #expect(try records(output) == expected)
    }
    // No record contains its own path.
    let texts = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/elsewhere")
      .filter { $0.hasSuffix(".json") || $0.hasSuffix(".jsonl") || $0.hasSuffix(".csv") }
    for text in texts { #expect(try !folder.read("elsewhere/\(text)").contains(folder.path), "\(text)") }
  }

  @Test("A full disk gives one message, and the same command continues when there is room")
  func fullDisk() throws {
    let expected = try undisturbed()
    try FileManager.default.createDirectory(atPath: "\(folder.path)/small", withIntermediateDirectories: true)
    let mounted = try Script(
      "/bin/mount", "-t", "tmpfs", "-o", "size=64k", "none", "\(folder.path)/small", in: folder.path)
    guard mounted.status == 0 else {
      print("skipped: this user cannot mount a small file system")
      return
    }
    defer { _ = try? Script("/bin/umount", "-l", "\(folder.path)/small", in: folder.path) }
    let full = try Command("run", "small.yaml", "-o", "small/runs", in: folder.path)
    #expect(full.status == 3, "\(full.errors)")
    let complaints = full.errors.split(separator: "\n").filter { $0.contains("No space left on device") }
    #expect(
      !complaints.isEmpty && complaints.allSatisfy { $0.contains("Make room on the disk") }, "\(full.errors)")
    #expect(complaints.count <= 2, "\(full.errors)")
    let room = try Script("/bin/mount", "-o", "remount,size=64m", "\(folder.path)/small", in: folder.path)
    #expect(room.status == 0)
    let again = try Command("run", "small.yaml", "-o", "small/runs", in: folder.path)
    #expect(again.status == 0 && !again.errors.contains("damaged"), "\(again.errors)")
    #expect(try records("small/runs") == expected)
    // A read-only folder also gives one message.
    _ = try Script("/bin/mount", "-o", "remount,ro", "\(folder.path)/small", in: folder.path)
    try folder.write(smallExperiment, to: "other.yaml")
    let unwritable = try Command("run", "other.yaml", "-o", "small/runs", in: folder.path)
    #expect(unwritable.status != 0)
    #expect(
      unwritable.errors.split(separator: "\n").count == 1
        && unwritable.errors.contains("cannot be written"),
      "\(unwritable.errors)")
  }

  @Test("Insufficient memory is reported before training")
  func memory() throws {
    try folder.write(
      smallExperiment.replacing("[8, 16]", with: "[8, 2048]").replacing("context: 32", with: "context: 128"),
      to: "large.yaml")
    let run = try Command("run", "large.yaml", in: folder.path, shell: "ulimit -v 3000000")
    #expect(run.status == 2, "\(run.errors)")
    #expect(run.errors.contains("width 2048") && run.errors.contains("ulimit -v"), "\(run.errors)")
    #expect(!isThere("runs/trunks"))
  }

  @Test("Insufficient memory of the queue's tasks is reported before they are submitted")
  func memoryOfTasks() throws {
    try folder.write(smallExperiment + "slurm: {memory: 30M}\n", to: "small.yaml")
    let run = try Command("run", "small.yaml", "--engine", "slurm", in: folder.path)
    #expect(
      run.status == 2 && run.errors.contains("0.03 GiB are available. Raise --memory, or"), "\(run.errors)")
  }

  @Test("A clock that is set back changes neither results nor the time left")
  func clock() throws {
    let expected = try undisturbed()
    try folder.write(
      """
      #define _GNU_SOURCE
      #include <dlfcn.h>
      #include <time.h>
      #include <sys/time.h>
      // The clock is an hour earlier in the second half of each second.
      int clock_gettime(clockid_t clock, struct timespec *time) {
        static int (*real)(clockid_t, struct timespec *);
        if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
        int result = real(clock, time);
        if (clock == CLOCK_REALTIME && time->tv_nsec > 500000000) time->tv_sec -= 3600;
        return result;
      }
      int gettimeofday(struct timeval *restrict time, void *restrict zone) {
        struct timespec precise;
        clock_gettime(CLOCK_REALTIME, &precise);
        time->tv_sec = precise.tv_sec, time->tv_usec = precise.tv_nsec / 1000;
        return 0;
      }
      """, to: "clock.c")
    let built = try Script(
      "/usr/bin/env", "clang", "-shared", "-fPIC", "-o", "clock.so", "clock.c", in: folder.path)
    #expect(built.status == 0, "\(built.errors)")
    let run = try Command(
      "run", "small.yaml", "-o", "clock", in: folder.path, shell: "export LD_PRELOAD=$PWD/clock.so")
    #expect(run.status == 0, "\(run.errors)")
    #expect(!run.errors.contains("-") && !run.errors.contains("60 min"), "\(run.errors)")
    #expect(try records("clock") == expected)
    for patience in ["nan", "inf", "1e300"] {
      let run = try Command(
        "run", "small.yaml", in: folder.path, shell: "export ISOFLOP_PATIENCE=\(patience)")
      #expect(run.status == 0, "\(patience): \(run.errors)")
    }
  }

  private static let hasSlurm = ["slurmctld", "slurmd", "munged"].allSatisfy { name in
    ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"].contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
    }
  }

  @Test(
    "A grid on the queue has the results of a local run, also after a task was cancelled",
    .enabled(if: hasSlurm, "Slurm is not installed: apt-get install --no-install-recommends slurm-wlm munge"))
  func queue() throws {
    let run = try Script("test-slurm", "--short", in: packageRoot)
    #expect(run.status == 0, "\(run.output)\(run.errors)")
    #expect(run.output.components(separatedBy: ": same").count == 3, "\(run.output)")
  }
}
