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

  /// Runs the scripts with these names in `folder`, all at the same time.
  ///
  /// - Returns: For each script gnuplot's error message, or nil if it succeeded.
  /// - Throws: `InputError` if a process cannot be started.
  public func draw(_ scripts: [String], in folder: String) throws -> [String?] {
    let started = try scripts.map { script in
      let messages = try ChildProcess.pipe()
      // `-d` ignores the user's start-up file, so that figures are the same everywhere.
      let process = try ChildProcess(
        "/usr/bin/env", ["-C", folder, path, "-d", "./\(script)"], errors: messages.writing)
      return (process, messages.reading)
    }
    return started.map { process, reading in
      let text = String(decoding: (try? reading.readToEnd()) ?? Data(), as: UTF8.self)
        .trimmingCharacters(in: .whitespacesAndNewlines)
      let end = process.wait()
      return end == .status(0) ? nil : "gnuplot ended with \(end)" + (text.isEmpty ? "" : ": \(text)")
    }
  }
}
