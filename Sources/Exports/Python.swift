import Execution
import Files
import Foundation

/// Python with a library, for formats that only a library of Python writes.
struct Python {
  /// The environment variable with the path of the interpreter.
  static let variable = "ISOFLOP_PYTHON"

  private let path: String
  private let library: String

  /// Finds the interpreter: the one that `ISOFLOP_PYTHON` names, or `python3` on the path.
  ///
  /// - Throws: `InputError` if there is none, or it has no such library.
  init(for library: String) throws {
    self.library = library
    path = try Self.find(for: library)
    // Before any work is done for it.
    let isThere = try ChildProcess(
      path, ["-c", "import importlib.util, sys; sys.exit(importlib.util.find_spec('\(library)') is None)"],
      errors: FileHandle(forWritingAtPath: "/dev/null")
    ).wait()
    guard isThere == .status(0) else { throw missing(library) }
  }

  private static func find(for library: String) throws -> String {
    let environment = ProcessInfo.processInfo.environment
    if let path = environment[variable] {
      guard FileManager.default.isExecutableFile(atPath: path) else {
        throw InputError(
          "\(variable) is `\(path)`, which is no program", remedy: "Set it to the path of Python")
      }
      return path
    }
    let places = (environment["PATH"] ?? "/usr/bin").split(separator: ":").map { "\($0)/python3" }
    guard let path = places.first(where: FileManager.default.isExecutableFile) else {
      throw InputError(
        "this format is written by \(library), a library of Python, and Python is not installed",
        remedy: "Install it: `apt-get install python3 python3-pip`")
    }
    return path
  }

  private func missing(_ module: String) -> InputError {
    InputError(
      "this format is written by \(library), a library of Python, and \(path) has no module `\(module)`",
      remedy:
        "Install it (`\(path) -m pip install \(library)`), or set \(Self.variable) to a Python that has it")
  }

  /// Runs a script that prints a line for each part that is done: its number and the number of parts.
  ///
  /// - Parameter progress: Called with the completed fraction.
  /// - Throws: `InputError` with the last line of the error if it fails.
  func run(_ script: [UInt8], _ arguments: [String], progress: (Double) -> Void) throws {
    // One pipe for output and errors: with two, the process could block on the one that is not being read.
    let (reading, writing) = try ChildProcess.pipe()
    let process = try ChildProcess(
      path, ["-c", String(decoding: script, as: UTF8.self)] + arguments, output: writing, errors: writing)
    try? writing.close()
    var (pending, last) = (Data(), "")
    while let more = try? reading.read(upToCount: 1 << 12), !more.isEmpty {
      pending += more
      while let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
        let line = String(decoding: pending[..<end], as: UTF8.self).trimmingCharacters(in: .whitespaces)
        let numbers = line.split(separator: " ").map { Double($0) }
        if numbers.count == 2, let done = numbers[0], let all = numbers[1], all > 0 {
          progress(done / all)
        } else if !line.isEmpty {
          last = line
        }
        pending = Data(pending[(end + 1)...])
      }
    }
    let end = process.wait()
    guard end != .status(0) else { return }
    if last.isEmpty { last = "it ended with \(end)" }
    if last.hasPrefix("missing ") { throw missing(String(last.dropFirst(8))) }
    throw InputError(
      "\(library) failed: \(last)",
      remedy: "Remove the folder, and report this with the version of \(library)")
  }
}
