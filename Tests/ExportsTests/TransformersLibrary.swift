import Files
import Foundation
import TestSupport
import Testing

private let environment = "\(packageFolder)/.build/pytorch"

/// Whether `scripts/check-transformers` finds the library transformers.
let hasTransformers =
  (try? FileManager.default.contentsOfDirectory(atPath: "\(environment)/lib").contains {
    FileManager.default.fileExists(atPath: "\(environment)/lib/\($0)/site-packages/transformers")
  }) ?? false

/// Runs `scripts/check-transformers` and returns the lines that it prints.
@discardableResult
func checkTransformers(_ arguments: String...) throws -> [Substring] { try checkTransformers(arguments) }

func checkTransformers(_ arguments: [String]) throws -> [Substring] {
  let folder = try TemporaryFolder()
  try FileAccess.makeFolder(folder.path)
  let output = "\(folder.path)/output"
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/bash")
  process.arguments =
    ["-c", "exec \"$0\" \"$@\" >'\(output)' 2>'\(output).errors'"]
    + ["\(packageFolder)/scripts/check-transformers"] + arguments
  try process.run()
  process.waitUntilExit()
  let errors = try FileAccess.readText("\(output).errors")
  try #require(process.terminationStatus == 0, "\(errors)")
  return try FileAccess.readText(output).split(separator: "\n")
}
