import Foundation
import Plans
import Testing

/// The interface for scripts: statuses, JSON, completion and the manual.
@Suite struct InterfaceTests {
  @Test(
    "A mistake in the command line gives one line with a hint, and exit status 2",
    arguments: [
      (["run"], "Missing expected argument '<file>'. See 'isoflop run --help'."),
      (["run", "a.yaml", "--foo"], "Unknown option '--foo'."),
      (
        ["fit", "a.csv", "--lwa", "x"],
        "Unknown option '--lwa'. Did you mean '--law'? See 'isoflop fit --help'."
      ),
      (
        ["check", "a.yaml", "--tier", "x"],
        "Please provide one of 'whole' and 'minutes'. See 'isoflop check --help'."
      ),
      (["run", "a.yaml", "--jobs", "0"], "--jobs must be at least 1. See 'isoflop run --help'."),
      (["train", "--width"], "Missing value for '--width <width>'"),
      (["blub"], "there is no command `isoflop blub`. See 'isoflop --help'."),
      (["runn", "a.yaml"], "no command `isoflop runn`. Did you mean `isoflop run`? See 'isoflop --help'."),
      (["help", "fti"], "there is no command `isoflop fti`. Did you mean `isoflop fit`?"),
      (["corpus", "lst"], "no command `isoflop corpus lst`. Did you mean `isoflop corpus list`?"),
      (["bench", "foo"], "Unexpected argument 'foo'. See 'isoflop bench steps --help'."),
      (
        ["run", "a.yaml", "--max-time", "2hours"],
        "'--max-time <max-time>': Write for example 90s, 30m or 2h."
      ),
      (["run", "a.yaml", "--shard", "5/3"], "Write for example 2/8, the second of eight shards."),
      (["plan", "a.json", "--flops", "0"], "Write a number above 0, such as 0.5, 1e20 or 4M."),
      (["sample", "a", "--count", "0"], "Write a whole number from 1 on, such as 12 or 4M."),
    ])
  func usage(_ arguments: [String], _ message: String) throws {
    let command = try Command(all: arguments, in: packageRoot)
    #expect(command.status == 2 && command.output.isEmpty)
    #expect(command.errors.hasPrefix("error: ") && command.errors.contains(message), "\(command.errors)")
    #expect(command.errors.count { $0.isNewline } == 1)
  }

  @Test(
    "Help and version have exit status 0",
    arguments: [["--help"], ["--version"], ["run", "--help"], ["help", "fit"], []])
  func help(_ arguments: [String]) throws {
    let command = try Command(all: arguments, in: packageRoot)
    #expect(command.status == 0 && !command.output.isEmpty && command.errors.isEmpty)
  }

  @Test("The help and the page of commands document every exit status")
  func statuses() throws {
    let help = try Command("--help", in: packageRoot).output.replacing(/\s+/, with: " ")
    let page = try String(
      contentsOfFile: "\(packageRoot)/Sources/isoflop/Documentation.docc/Commands.md", encoding: .utf8
    )
    .replacing(/\s+/, with: " ")
    for status in [
      "0 done", "1 an expectation failed", "2 bad input", "3 some runs failed", "4 interrupted",
      "5 the budget", "6 a shard",
    ] {
      #expect(help.contains(status), "\(status)")
      #expect(page.contains("| \(status.prefix(1)) | "), "\(status)")
    }
  }

  @Test(
    "With --json, standard output contains only JSON",
    arguments: [
      ["corpus", "list", "--json"], ["bench", "shapes", "--json"],
      [
        "corpus", "stats", "village", "--training-tokens", "20k", "--validation-tokens", "2k", "--json",
      ],
    ])
  func json(_ arguments: [String]) throws {
    let words = arguments.map { $0.replacing("20k", with: "20000").replacing("2k", with: "2000") }
    let command = try Command(all: words, in: packageRoot)
    #expect(command.status == 0, "\(command.errors)")
    let value = try JSONSerialization.jsonObject(with: Data(command.output.utf8))
    #expect(value is [[String: Any]] || (value as? [String: Any])?["n_grams"] is [Double])
  }

  @Test("The verdicts of a check are also available as JSON, with the same exit status")
  func check() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment.replacing("[4, 4]", with: "[5, 9]"), to: "small.yaml")
    _ = try Command("run", "small.yaml", in: folder.path)
    let check = try Command("check", "small.yaml", "--json", in: folder.path)
    #expect(check.status == 1)
    let rows = try JSONSerialization.jsonObject(with: Data(check.output.utf8)) as? [[String: Any]]
    #expect(rows?.map { $0["passed"] as? Bool } == [false])
    #expect(rows?.first?["found"] as? String == "4" && rows?.first?["line"] as? Int == 14)
  }

  /// The names of all subcommands that are not hidden, from the help's own description.
  private static func subcommands() throws -> [String] {
    struct Tool: Decodable {
      struct Command: Decodable {
        let commandName: String
        let shouldDisplay: Bool
        let subcommands: [Command]?
        var names: [String] {
          shouldDisplay ? [commandName] + (subcommands ?? []).flatMap(\.names) : []
        }
      }
      let command: Command
    }
    let dump = try Command("--experimental-dump-help", in: packageRoot)
    let names = try JSONDecoder().decode(Tool.self, from: Data(dump.output.utf8)).command.names
    #expect(Set(names).isSuperset(of: ["run", "ls", "diff", "clean", "stats", "fitter"]))
    return names
  }

  @Test("Every setting is a flag of train, and an error names it")
  func settingFlags() throws {
    let folder = try ScratchFolder()
    for flag in Setting.all.map({ Setting.flag($0.name) }) {
      let command = try Command("train", flag, "bogus", in: folder.path)
      #expect(command.status == 2 && command.errors.hasPrefix("error: \(flag): "), "\(command.errors)")
    }
    #expect(try Command("train", "--threads", "0", in: folder.path).status == 2)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("The completion scripts name every subcommand", arguments: ["bash", "zsh", "fish"])
  func completion(_ shell: String) throws {
    let script = try Command("--generate-completion-script", shell, in: packageRoot)
    #expect(script.status == 0)
    for name in try Self.subcommands() {
      #expect(script.output.contains(name), "\(name)")
    }
  }

  @Test(
    "The shell completes commands, files, choices and runs",
    arguments: [
      ("cle", "clean"), ("check experiments/quick", "experiments/quickstart.yaml"),
      ("fit --law chin", "chinchilla"), ("check --tier m", "minutes"), ("corpus stats vill", "village"),
      ("diff -o FOLDER 0a", "0abc"),
    ])
  func completes(_ line: String, _ word: String) throws {
    let folder = try ScratchFolder()
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/store/0abc", withIntermediateDirectories: true)
    let script = try Command("--generate-completion-script", "bash", in: packageRoot)
    try folder.write(
      script.output + """
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
        _isoflop "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"

        """, to: "complete")
    let words = line.replacing("FOLDER", with: folder.path).split(separator: " ").map(String.init)
    let shell = Process()
    let output = Pipe()
    shell.executableURL = URL(fileURLWithPath: "/bin/bash")
    shell.arguments = ["\(folder.path)/complete", Command.program] + words
    shell.currentDirectoryURL = URL(fileURLWithPath: packageRoot)
    shell.standardOutput = output
    try shell.run()
    let offered = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    #expect(offered.split(separator: "\n").contains { $0 == word }, "\(offered)")
  }

  /// `scripts/test` builds it, as does `scripts/manual`.
  private static let generator = URL(fileURLWithPath: Command.program).deletingLastPathComponent()
    .appendingPathComponent("generate-manual")

  @Test(
    "The manual names every subcommand",
    .enabled(if: FileManager.default.isExecutableFile(atPath: generator.path)))
  func manual() throws {
    let folder = try ScratchFolder()
    let process = try Process.run(
      Self.generator, arguments: [Command.program, "--output-directory", folder.path])
    process.waitUntilExit()
    let page = try folder.read("isoflop.1")
    for name in try Self.subcommands() {
      #expect(page.contains("It Em \(name)") || name == "isoflop", "\(name)")
    }
    #expect(page.contains("Exit status: 0 done"))
  }
}
