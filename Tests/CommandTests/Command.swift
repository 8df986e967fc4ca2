import Foundation

/// The built program, run as by a user.
struct Command {
  let status: Int32
  let output: String
  let errors: String

  /// Runs `isoflop` with `arguments` in `folder` and waits for it.
  ///
  /// - Parameter wrapper: A command that runs it, with its own arguments.
  init(_ arguments: String..., in folder: String, shell prefix: String = "", wrapper: String = "") throws {
    try self.init(all: arguments, in: folder, shell: prefix, wrapper: wrapper)
  }

  init(all arguments: [String], in folder: String, shell prefix: String = "", wrapper: String = "") throws {
    // Through files: a full pipe would stop the program.
    let outputs = try ScratchFolder()
    let process = try Self.start(
      arguments, in: folder, shell: prefix, wrapper: wrapper, outputs: outputs.path)
    process.waitUntilExit()
    status = process.terminationStatus
    output = try outputs.read("output")
    errors = try outputs.read("errors")
  }

  /// Starts `isoflop`; `prefix` is a line of shell to run before it, such as a limit.
  static func start(
    _ arguments: [String], in folder: String, shell prefix: String = "", wrapper: String = "",
    outputs: String? = nil
  ) throws -> Process {
    let process = Process()
    let words = ([program] + arguments).map { "'\($0.replacing("'", with: "'\\''"))'" }.joined(separator: " ")
    let (output, errors) = outputs.map { ("\($0)/output", "\($0)/errors") } ?? ("/dev/null", "/dev/null")
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments = ["-c", "exec >'\(output)' 2>'\(errors)'\n\(prefix)\nexec \(wrapper) \(words)"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    try process.run()
    return process
  }

  /// The path of the program, which is beside the test bundle.
  static let program = URL(fileURLWithPath: CommandLine.arguments[0])
    .deletingLastPathComponent().appendingPathComponent("isoflop").path
}

/// A script of the package, or another program given by its path, run to its end.
struct Script {
  let status: Int32
  let output: String
  let errors: String

  init(_ name: String, _ arguments: String..., in folder: String) throws {
    try self.init(name, all: arguments, in: folder)
  }

  init(_ name: String, all arguments: [String], in folder: String) throws {
    let outputs = try ScratchFolder()
    let process = Process()
    let path = name.hasPrefix("/") ? name : "\(packageRoot)/scripts/\(name)"
    process.executableURL = URL(fileURLWithPath: "/bin/bash")
    process.arguments =
      ["-c", "exec \"$0\" \"$@\" >'\(outputs.path)/output' 2>'\(outputs.path)/errors'", path] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.environment = ProcessInfo.processInfo.environment.merging(["ISOFLOP": Command.program]) { $1 }
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = try outputs.read("output")
    errors = try outputs.read("errors")
  }
}

/// The root of the package.
let packageRoot = URL(fileURLWithPath: #filePath)
  .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

/// A temporary folder that is removed at the end of the test.
final class ScratchFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("isoflop-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes a file and returns its path.
  @discardableResult
  func write(_ text: String, to name: String) throws -> String {
    let file = "\(path)/\(name)"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    return file
  }

  func read(_ name: String) throws -> String {
    try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8)
  }
}

/// Returns a small text of `words` words that is partly predictable.
func smallText(words: Int) -> String {
  let lexicon = ["the", "cat", "dog", "sees", "hears", "a", "bird", "and", "house", "tree"]
  var state: UInt64 = 1
  return (0..<words).map { index in
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return lexicon[Int(state >> 33) % (index.isMultiple(of: 2) ? 3 : lexicon.count)]
  }.joined(separator: " ")
}

/// A grid of four runs on two trunks that takes a second or two.
let smallExperiment = """
  title: A small grid
  corpus:
    source: text.txt
    validation_tokens: 4096
  model:
    context: 32
  training:
    batch: 256
    warmup_steps: 5
  grid:
    width: [8, 16]
    tokens: [20k, 40k]
  expect:
    - {results: completed, between: [4, 4]}

  """
