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

  // MARK: Signals

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
    "Few open files are a message or no hindrance, and never a hang", arguments: [10, 14, 16, 20, 40, 200])
  func openFiles(_ limit: Int) throws {
    let few = try Command(
      "run", "small.yaml", in: folder.path, shell: "ulimit -n \(limit)", wrapper: "timeout -s KILL 120")
    #expect([0, 2, 3].contains(few.status), "\(limit): \(few.status) \(few.errors)")
    if few.status != 0 { #expect(!few.errors.isEmpty) }
    #expect(try run("run", "small.yaml").status == 0)
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
