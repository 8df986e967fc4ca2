import Files
import Foundation

/// The program that draws figures.
public struct Gnuplot: Sendable {
  private let path: String

  /// Finds gnuplot in the folders of `searchPath`, which are separated by colons.
  ///
  /// - Throws: `InputError` if gnuplot is not installed.
  public init(searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin") throws {
    let places = searchPath.split(separator: ":").map { "\($0)/gnuplot" }
    guard let place = places.first(where: FileManager.default.isExecutableFile) else {
      throw InputError(
        "figures are drawn with gnuplot, which is not installed",
        remedy: "Install it (`apt-get install gnuplot-nox`), or omit figures with `--no-figures`")
    }
    path = place
  }

  /// Runs the scripts with these names in `folder`, all at the same time, or as many at a time as the system's limits
  /// on processes and open files allow.
  ///
  /// - Returns: For each script gnuplot's error message, or nil if it succeeded.
  /// - Throws: `InputError` if a process cannot be started.
  public func draw(_ scripts: [String], in folder: String) throws -> [String?] {
    var messages: [String?] = []
    var running: [(process: ChildProcess, messages: FileHandle)] = []
    defer { for drawing in running { _ = message(of: drawing) } }
    for script in scripts {
      while true {
        do {
          running.append(try start(script, in: folder))
          break
        } catch let error as InputError where Self.isShortage(error.systemError) && !running.isEmpty {
          messages.append(message(of: running.removeFirst()))
        }
      }
    }
    while !running.isEmpty { messages.append(message(of: running.removeFirst())) }
    return messages
  }

  private func start(_ script: String, in folder: String) throws -> (ChildProcess, FileHandle) {
    let messages = try ChildProcess.pipe()
    // `-d` ignores the user's start-up file, so that figures are the same everywhere.
    let process = try ChildProcess(
      "/usr/bin/env", ["-C", folder, path, "-d", "./\(script)"], errors: messages.writing)
    return (process, messages.reading)
  }

  private static func isShortage(_ code: Int32?) -> Bool {
    code.map([EMFILE, ENFILE, EAGAIN].contains) ?? false
  }

  /// Waits for a gnuplot process, and returns its error message; nil if it succeeded.
  private func message(of drawing: (process: ChildProcess, messages: FileHandle)) -> String? {
    let text = String(decoding: (try? drawing.messages.readToEnd()) ?? Data(), as: UTF8.self)
      .trimmingCharacters(in: .whitespacesAndNewlines)
    let end = drawing.process.wait()
    return end == .status(0) ? nil : "gnuplot ended with \(end)" + (text.isEmpty ? "" : ": \(text)")
  }
}
