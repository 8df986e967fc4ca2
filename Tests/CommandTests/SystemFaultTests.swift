import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Faults of the machine: failing system calls, a closed terminal, and limits on open files and processes.
@Suite(.serialized) struct SystemFaultTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    for (source, options) in [
      ("faults.c", ["-shared", "-fPIC", "-o", "faults.so"]), ("hangup.c", ["-o", "hangup"]),
    ] {
      let built = try Script(
        "/usr/bin/env", all: ["clang"] + options + ["\(packageRoot)/scripts/\(source)", "-lutil"],
        in: folder.path)
      #expect(built.status == 0, "\(built.errors)")
    }
  }

  /// Makes calls fail for all paths that contain `part`.
  private func faults(_ part: String, _ code: Int32, calls: String = "osd") -> String {
    "export LD_PRELOAD=$PWD/faults.so FAULT_PATH='\(part)' FAULT_ERROR=\(code) FAULT_CALLS=\(calls)"
  }

  /// All files in a folder with their content.
  private func content(_ name: String) throws -> [String: Data] {
    let root = "\(folder.path)/\(name)"
    return try Dictionary(
      uniqueKeysWithValues: FileManager.default.subpathsOfDirectory(atPath: root).compactMap { path in
        // The claims differ with each command.
        guard !path.hasPrefix("claims"), let data = FileManager.default.contents(atPath: "\(root)/\(path)")
        else {
          return nil
        }
        return (path, data)
      })
  }

  private func run(_ arguments: String..., shell: String = "") throws -> Command {
    try Command(all: arguments, in: folder.path, shell: shell)
  }

  // MARK: Reading

  @Test(
    "An unreadable file is not treated as absent or damaged: the command reports it and changes nothing",
    arguments: [
      (EIO, "result.json"), (EACCES, "result.json"), (ESTALE, "metrics.jsonl"), (ENFILE, "result.json"),
    ])
  func unreadable(_ code: Int32, _ name: String) throws {
    #expect(try run("run", "small.yaml", "--keep-checkpoints").status == 0)
    let before = try content("runs")
    for arguments in [
      ["run", "small.yaml"], ["collect", "small.yaml"], ["status", "runs/small"], ["ls"], ["clean", "--yes"],
      ["clean", "--yes", "--orphans", "--trunks", "--checkpoints"],
    ] {
      let command = try Command(all: arguments, in: folder.path, shell: faults(name, code))
      #expect(command.status == 2 || command.status == 3, "\(arguments): \(command.status) \(command.errors)")
      #expect(command.errors.contains(String(cString: strerror(code))), "\(arguments): \(command.errors)")
      let after = try content("runs")
      #expect(after == before, "\(arguments)")
    }
    let again = try run("run", "small.yaml")
    #expect(
      again.status == 0 && again.output.contains("4 runs, 4 of them finished before"), "\(again.errors)")
  }

  @Test("Unreadable results do not count as missing")
  func unreadableResults() throws {
    #expect(try run("run", "small.yaml").status == 0)
    let check = try run("check", "small.yaml", shell: faults("results.csv", EIO))
    #expect(check.status == 2 && check.errors.contains("Input/output error"), "\(check.errors)")
  }

  @Test("Unreadable bundled corpora do not count as missing")
  func unreadableCorpora() throws {
    // Otherwise, this text would be used as the corpus.
    try folder.write(smallText(words: 40_000), to: "village")
    try folder.write(smallExperiment.replacing("text.txt", with: "village"), to: "village.yaml")
    let corpora = "export ISOFLOP_CORPORA=\(packageRoot)/corpora"
    for arguments in [["corpus", "stats", "village"], ["run", "village.yaml"]] {
      let faulty = try Command(
        all: arguments, in: folder.path, shell: "\(corpora); \(faults("/corpora", EIO, calls: "d"))")
      #expect(
        faulty.status == 2 && faulty.errors.contains("corpora: cannot be read: Input/output error"),
        "\(faulty)")
    }
  }

  @Test("A folder that cannot be listed does not count as empty", arguments: ["store", "claims"])
  func unlisted(_ name: String) throws {
    #expect(try run("run", "small.yaml").status == 0)
    let before = try content("runs")
    let clean = try run("clean", "--yes", "--orphans", shell: faults("runs/\(name)", EIO, calls: "d"))
    #expect(clean.status == 2 && clean.errors.contains("Input/output error"), "\(clean.errors)")
    #expect(try content("runs") == before)
  }

  @Test(
    "An error during training ends the command with a message, and the next command continues",
    arguments: [
      "metrics.jsonl", "checkpoint.safetensors", "claims/",
    ])
  func faultOnTheWay(_ name: String) throws {
    try folder.write(smallExperiment.replacing("[20k, 40k]", with: "[100k, 200k]"), to: "small.yaml")
    #expect(try run("run", "small.yaml", "-o", "whole").status == 0)
    let process = try Command.start(["run", "small.yaml", "-j", "1"], in: folder.path)
    while process.isRunning && !FileManager.default.fileExists(atPath: "\(folder.path)/runs/trunks") {
      usleep(20_000)
    }
    usleep(300_000)
    kill(process.processIdentifier, SIGTERM)
    process.waitUntilExit()
    let faulty = try run("run", "small.yaml", shell: faults(name, EIO))
    #expect([2, 3].contains(faulty.status), "\(faulty.status) \(faulty.errors)")
    #expect(
      faulty.errors.contains("Input/output error") && !faulty.errors.contains("is damaged"),
      "\(faulty.errors)")
    let again = try run("run", "small.yaml")
    #expect(again.status == 0 && !again.errors.contains("damaged"), "\(again.errors)")
    for name in ["results.csv", "fits.json"] {
      #expect(try folder.read("runs/small/\(name)") == folder.read("whole/small/\(name)"))
    }
  }

  // MARK: Output

  @Test(
    "If results cannot be printed, the command fails",
    arguments: [["ls"], ["--help"], ["corpus", "list", "--json"], ["collect", "small.yaml", "--json"]])
  func fullOutput(_ arguments: [String]) throws {
    #expect(try run("run", "small.yaml").status == 0)
    let full = try Command(all: arguments, in: folder.path, shell: "exec >/dev/full")
    #expect(
      full.status == 2 && full.errors.contains("standard output: cannot be written: No space left"), "\(full)"
    )
    let closed = try Command(all: arguments, in: folder.path, shell: "exec >&-")
    #expect(closed.status == 2 && closed.errors.contains("Bad file descriptor"), "\(closed)")
  }

  @Test(
    "A grid is trained even if its output is lost",
    arguments: ["exec 2>/dev/full", "exec 2>&-", "exec 0<&- 2>&-", "exec 2> >(head -c 1 >/dev/null)"])
  func lostErrors(_ shell: String) throws {
    #expect(try run("run", "small.yaml", "-v", shell: shell).status == 0)
    #expect(try folder.read("runs/small/results.csv").split(separator: "\n").count == 5)
    let piped = try Script(
      "/bin/bash", "-c", "set -o pipefail; '\(Command.program)' run small.yaml -v -o piped 2>&1 | head -c 1",
      in: folder.path)
    #expect(piped.status == 2 && piped.errors.isEmpty, "\(piped)")
    #expect(try folder.read("piped/small/results.csv").split(separator: "\n").count == 5)
  }

  @Test("Closing the terminal interrupts the command without a crash")
  func hangUp() throws {
    try folder.write(smallExperiment.replacing("[20k, 40k]", with: "[1M, 2M]"), to: "long.yaml")
    let script = try Script(
      "\(folder.path)/hangup", "runs/trunks", Command.program, "run", "long.yaml", in: folder.path)
    #expect(script.output == "status 4\n", "\(script.output)\(script.errors)")
    let workers = try Script("/usr/bin/pgrep", "-f", "isoflop worker \(folder.path)", in: folder.path)
    #expect(workers.output.isEmpty)
  }

  @Test("Text from files cannot send escape sequences to a terminal")
  func terminal() throws {
    let name = "a\u{1B}[5mb.yaml"
    try folder.write(smallExperiment, to: name)
    let words = "two \u{1B}]0;words\u{7}"
    try folder.write(String(repeating: "\(words)\n", count: 100), to: "words.txt")
    try folder.write(
      "'\(Command.program)' corpus sample words.txt\n'\(Command.program)' book *.yaml --no-figures\n",
      to: "commands.sh")
    // In a new terminal.
    let shown = try Script("/usr/bin/script", "-qec", "sh commands.sh", "/dev/null", in: folder.path).output
    #expect(shown.contains("two \u{FFFD}]0;words\u{FFFD}") && shown.contains("a\u{FFFD}[5mb"), "\(shown)")
    #expect(!shown.contains("\u{1B}]0;") && !shown.contains("\u{1B}[5m"))
    // A pipe receives the unchanged text.
    #expect(try run("corpus", "sample", "words.txt").output.contains(words))
  }

  // MARK: Writing

  @Test("After every rename the folder is forced to the disk, and an error is reported")
  func folders() throws {
    let shim = "export LD_PRELOAD=$PWD/faults.so"
    #expect(try run("run", "small.yaml", "-j", "1", shell: "\(shim) FAULT_LOG=$PWD/calls").status == 0)
    let calls = try folder.read("calls").split(separator: "\n").map {
      $0.split(separator: " ").map(String.init)
    }
    let renamed = calls.enumerated().filter { $1[0] == "rename" && !$1[1].contains(".tmp/") }
    for name in ["metrics.jsonl", "result.json", "checkpoint.safetensors", "results.csv", "report.html"] {
      #expect(renamed.contains { $1[1].hasSuffix(name) }, "\(name)")
    }
    let root = URL(fileURLWithPath: folder.path).resolvingSymlinksInPath().path
    for (index, call) in renamed {
      let parent = "\(root)/\(call[1].prefix(upTo: call[1].lastIndex(of: "/") ?? call[1].startIndex))"
      #expect(calls[index...].contains(["sync", parent]), "\(call[1])")
    }
    for (part, status) in [("store", 3), ("/small", 2)] as [(String, Int32)] {
      let failing = try run("run", "small.yaml", "-o", "other", shell: faults(part, EIO, calls: "f"))
      #expect(failing.status == status, "\(part): \(failing.status) \(failing.errors)")
      #expect(failing.errors.contains("cannot be written: Input/output error"), "\(failing.errors)")
    }
    #expect(try run("run", "small.yaml", "-o", "other").status == 0)
    for name in ["results.csv", "fits.json"] {
      #expect(try folder.read("other/small/\(name)") == folder.read("runs/small/\(name)"))
    }
  }

  // MARK: Suspended processes

  /// Returns those of a process and its children that have stopped themselves.
  private func stopped(_ parent: Process) throws -> [Int32] {
    let children = try Script("/usr/bin/pgrep", "-P", "\(parent.processIdentifier)", in: folder.path).output
    return ([parent.processIdentifier] + children.split(separator: "\n").compactMap { Int32($0) }).filter {
      let stat = try? String(contentsOfFile: "/proc/\($0)/stat", encoding: .utf8)
      return stat?.split(separator: ")").last?.hasPrefix(" T") ?? false
    }
  }

  /// Starts a command that is suspended between its last check and the first rename of a path with `part`, and
  /// calls `body` then.
  private func whileSuspended(at part: String, _ arguments: [String], _ body: () throws -> Void) throws
    -> Int32
  {
    let process = try Command.start(
      arguments, in: folder.path,
      shell: "export ISOFLOP_PATIENCE=1 LD_PRELOAD=$PWD/faults.so FAULT_STOP='\(part)'")
    var suspended: [Int32] = []
    while process.isRunning && suspended.isEmpty {
      usleep(20_000)
      suspended = try stopped(process)
    }
    #expect(suspended.count == 1, "\(part)")
    try body()
    for process in suspended { kill(process, SIGCONT) }
    process.waitUntilExit()
    return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
  }

  @Test(
    "A worker that is suspended between its check and what it was about to do changes nothing of others' work",
    arguments: ["/metrics.jsonl", "checkpoint.safetensors", "result.json", "removed."])
  func suspendedWorker(_ part: String) throws {
    let other = "export ISOFLOP_PATIENCE=1"
    #expect(try run("run", "small.yaml", "-o", "whole").status == 0)
    var before: [String: Data] = [:]
    let status = try whileSuspended(at: part, ["run", "small.yaml", "-j", "1"]) {
      let second = try run("run", "small.yaml", shell: other)
      #expect(second.status == 0, "\(second.errors)")
      before = try content("runs/store")
    }
    #expect(status == 0)
    #expect(try content("runs/store") == before)
    for name in ["results.csv", "fits.json"] {
      #expect(try folder.read("runs/small/\(name)") == folder.read("whole/small/\(name)"))
    }
    #expect(try run("run", "small.yaml").output.contains("4 runs, 4 of them finished before"))
    let left = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs").filter {
      $0.hasSuffix(".tmp") || $0.hasPrefix("claims/") || $0.hasPrefix("trunks/")
    }
    #expect(left.isEmpty)
  }

  @Test("A collect that is suspended while it publishes does not write over results of more runs")
  func suspendedCollect() throws {
    #expect(try run("run", "small.yaml", "--shard", "1/2").status == 0)
    let files = ["results.csv", "fits.json"]
    var expected: [String] = []
    let status = try whileSuspended(at: "small/results.", ["collect", "small.yaml"]) {
      let second = try run("run", "small.yaml", shell: "export ISOFLOP_PATIENCE=1")
      #expect(second.status == 0, "\(second.errors)")
      expected = try files.map { try folder.read("runs/small/\($0)") }
    }
    // It has read again, and found nothing missing.
    #expect(status == 0)
    #expect(try files.map { try folder.read("runs/small/\($0)") } == expected)
    #expect(expected.first?.split(separator: "\n").count == 5)
  }

  @Test("A clean that is suspended removes nothing once a command has begun to use the folder")
  func suspendedClean() throws {
    #expect(try run("run", "small.yaml").status == 0)
    try FileManager.default.removeItem(atPath: "\(folder.path)/runs/small")
    let before = try content("runs/store")
    let status = try whileSuspended(at: "removed.", ["clean", "--yes", "--orphans"]) {
      let second = try run("run", "small.yaml", shell: "export ISOFLOP_PATIENCE=1")
      #expect(second.status == 0 && second.output.contains("4 runs, 4 of them finished before"), "\(second)")
    }
    #expect(status == 2)
    #expect(try content("runs/store") == before)
  }

  // MARK: Signals

  @Test(
    "A signal ends a command in every stage, which would take hours",
    arguments: [
      (SIGTERM, ["fit", "table.csv", "--x", "N=millions*1e6", "--bootstraps", "1000000000"]),
      (SIGINT, ["run", "drawn.yaml"]), (SIGTERM, ["run", "drawn.yaml"]), (SIGTERM, ["book", "drawn.yaml"]),
      (SIGINT, ["run", "text.yaml"]),
      (SIGTERM, ["train", "--corpus", "long.txt", "--tokenizer", "bytePairs(60000)"]),
      (SIGTERM, ["corpus", "stats", "village", "--validation-tokens", "100M"]),
      (SIGINT, ["sample", "checkpoint", "--tokens", "100000000"]),
    ] as [(Int32, [String])])
  func signalInEveryStage(_ signal: Int32, _ arguments: [String]) throws {
    try folder.write(FitTests.table, to: "table.csv")
    try folder.write(smallExperiment, to: "drawn.yaml")
    try folder.write(
      smallExperiment.replacing("4096", with: "100M").replacing("text.txt", with: "village"), to: "text.yaml")
    if arguments.contains("long.txt") {
      try folder.write(String(repeating: smallText(words: 100_000), count: 200), to: "long.txt")
    }
    if arguments.contains("checkpoint") {
      #expect(try run("run", "small.yaml", "--keep-checkpoints").status == 0)
      let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
      let checkpoint = try #require(files.first { $0.hasSuffix("checkpoint.safetensors") })
      try FileManager.default.copyItem(
        atPath: "\(folder.path)/runs/\(checkpoint)", toPath: "\(folder.path)/checkpoint")
    }
    // Figures that are never finished.
    try FileManager.default.createDirectory(atPath: "\(folder.path)/bin", withIntermediateDirectories: true)
    try folder.write(
      "#!/bin/sh\necho $$ >>'\(folder.path)/drawing'\nexec sleep 36000\n", to: "bin/gnuplot")
    chmod("\(folder.path)/bin/gnuplot", 0o755)
    let isDrawn = arguments.contains("drawn.yaml")
    let outputs = try ScratchFolder()
    let process = try Command.start(
      arguments, in: folder.path,
      shell: "export PATH=$PWD/bin:$PATH ISOFLOP_CORPORA=\(packageRoot)/corpora", outputs: outputs.path)
    // Until it draws, or has computed for half a second: planning, reading and the like are over then.
    while process.isRunning {
      let stat = try? String(contentsOfFile: "/proc/\(process.processIdentifier)/stat", encoding: .utf8)
      let ticks =
        stat?.split(separator: ")").last?.split(separator: " ").dropFirst(11).first.flatMap { Int($0) } ?? 0
      if isDrawn ? FileManager.default.fileExists(atPath: "\(folder.path)/drawing") : ticks >= 50 { break }
      usleep(10_000)
    }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    let errors = try outputs.read("errors")
    #expect(process.terminationReason == .exit && process.terminationStatus == 4, "\(errors)")
    #expect(errors.split(separator: "\n").filter { !$0.contains("%") }.count == 1, "\(errors)")
    #expect(errors.contains("interrupted"), "\(errors)")
    guard isDrawn else { return }
    // The drawings end as well: this one waits until they have.
    for pid in try folder.read("drawing").split(separator: "\n").compactMap({ Int32($0) }) {
      while kill(pid, 0) == 0 { usleep(10_000) }
    }
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/runs/drawn/results.csv"))
    #expect(try run("run", "drawn.yaml").status == 0)
  }

  @Test(
    "A signal during fits ends the command promptly, and the results are unchanged",
    arguments: [
      SIGTERM, SIGINT, SIGHUP,
    ])
  func signalWhileFitting(_ signal: Int32) throws {
    try folder.write(
      smallExperiment.replacing("[20k, 40k]", with: "[20k, 30k, 40k, 50k, 60k, 70k]").replacing(
        "[8, 16]", with: "[8, 12, 16]"
      )
      .replacing("[4, 4]", with: "[18, 18]")
        + "fits: [{law: power_d, also: [bends]}, {law: power_n, also: [bends]}, {law: chinchilla, also: [counting]}]\n",
      to: "fits.yaml")
    let outputs = try ScratchFolder()
    let process = try Command.start(["run", "fits.yaml"], in: folder.path, outputs: outputs.path)
    let results = "\(folder.path)/runs/fits"
    let isFitting = {
      let names = try? FileManager.default.contentsOfDirectory(atPath: results)
      return names?.contains { $0.hasPrefix("results.") && $0.hasSuffix(".tmp") } ?? false
    }
    while process.isRunning && !isFitting() { usleep(5000) }
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    #expect(process.terminationReason == .exit && process.terminationStatus == 4)
    #expect(try outputs.read("errors").hasSuffix("the same command continues from here\n"))
    #expect(!FileManager.default.fileExists(atPath: "\(results)/results.csv"))
    #expect(try run("run", "fits.yaml").status == 0)
    let names = try FileManager.default.contentsOfDirectory(atPath: results)
    #expect(names.contains("report.html") && !names.contains { $0.hasSuffix(".tmp") })
  }

  // MARK: Limits

  @Test(
    "Few open files are a message or no hindrance, and never a hang",
    arguments: [10, 16, 20, 40, 200])
  func openFiles(_ limit: Int) throws {
    try folder.write(FitTests.table, to: "table.csv")
    #expect(try run("run", "small.yaml", "-o", "whole", "--keep-checkpoints").status == 0)
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/whole")
    let checkpoint = try #require(files.first { $0.hasSuffix("checkpoint.safetensors") })
    for arguments in [
      ["run", "small.yaml"], ["book", "small.yaml", "-o", "book"],
      ["fit", "table.csv", "--x", "N=millions*1e6", "--law", "power_d", "--bootstraps", "0", "-o", "fits"],
      ["sample", "whole/\(checkpoint)", "--tokens", "10"],
      [
        "train", "--corpus", "text.txt", "--width", "8", "--tokens", "60k", "--context", "32",
        "--validation-tokens",
        "4096", "-o", "one",
      ],
    ] {
      let few = try Command(
        all: arguments, in: folder.path, shell: "ulimit -n \(limit)", wrapper: "timeout -s KILL 120")
      // From 20 on, all works. Below, no command may start: Dispatch could crash later.
      #expect(few.status == (limit >= 20 ? 0 : 2), "\(limit) \(arguments): \(few.status) \(few.errors)")
      #expect(!few.errors.contains("Bad file descriptor"))
      if few.status != 0 { #expect(few.errors.contains("ulimit -n"), "\(limit) \(arguments): \(few.errors)") }
    }
    #expect(try run("run", "small.yaml").status == 0)
  }

  @Test("Threads that cannot be started are one message, and no hang")
  func noThreads() throws {
    for arguments in [["run", "small.yaml"], ["sample", "none"], ["ls"]] {
      // OpenBLAS would start threads when it is loaded.
      let none = try Command(
        all: arguments, in: folder.path,
        shell:
          "export LD_PRELOAD=$PWD/faults.so FAULT_ERROR=\(EAGAIN) FAULT_CALLS=t OPENBLAS_NUM_THREADS=1")
      #expect(none.status == 2, "\(none.errors)")
      #expect(
        none.errors.hasPrefix("error: threads cannot be started: ") && none.errors.contains("ulimit -u"),
        "\(none.errors)")
    }
  }

  @Test("A process that cannot be started gives one message")
  func noProcesses() throws {
    let none = try run(
      "run", "small.yaml", shell: "export LD_PRELOAD=$PWD/faults.so FAULT_ERROR=\(EAGAIN) FAULT_CALLS=c")
    #expect(none.status == 3, "\(none.errors)")
    #expect(
      none.errors.contains("a worker cannot be started") && none.errors.contains("ulimit -u"),
      "\(none.errors)")
  }
}
