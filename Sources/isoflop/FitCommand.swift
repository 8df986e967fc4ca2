import ArgumentParser
import Experiments
import Files
import Foundation
import Reports

/// `isoflop fit`: laws of any table of runs.
struct FitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fit", abstract: "Fits scaling laws to a table with columns for a loss and for N, D or C.",
    discussion:
      "Columns are found by their usual names, or named with --x. Where two of N, D and C are there, "
      + "C = 6ND gives the third.")

  @Argument(help: "A CSV file, such as an experiment's results.csv.")
  var file: String
  @Option(
    name: .customLong("x"), help: "The column of a quantity: N=col, D=col, C=col, loss=col, cluster=col.")
  var columns: [String] = []
  @Option(
    help:
      "A law to fit, such as chinchilla or power_n. May be given again. Default: those that the table allows."
  )
  var law: [LawChoice] = []
  @Option(help: "The true entropy of the text in the unit of the loss, if it is known.")
  var entropy: Double?
  @Option(help: "Samples for the intervals.")
  var bootstraps = 1000
  @Option(help: "Seeds the samples.")
  var seed: UInt64 = 1
  @Option(name: .shortAndLong, help: "A folder for fits.json and report.html.")
  var output: String?

  func run() throws {
    let table = try ObservationFile(
      contentsOf: file, columns: Dictionary(columns.map(role), uniquingKeysWith: { $1 }))
    let fits = Fits(
      of: table, laws: law.isEmpty ? nil : law, entropy: entropy, bootstraps: bootstraps, seed: seed)
    printFits(fits)
    if let output {
      try FileAccess.makeFolder(output)
      try fits.write(to: "\(output)/fits.json")
      try Report(of: fits, title: URL(fileURLWithPath: file).lastPathComponent).write(to: output)
      print("report  \(output)/report.html")
    }
    if fits.fits.allSatisfy({ $0.refusal != nil }) {
      throw InputError("allows no fit", file: file, remedy: "See the reasons above")
    }
  }

  private func role(_ text: String) throws -> (ObservationFile.Role, String) {
    let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
    let names = ObservationFile.Role.allCases.map(\.rawValue)
    guard parts.count == 2, let role = ObservationFile.Role(rawValue: parts[0]) else {
      throw InputError(
        "--x \(text) names no quantity",
        remedy: "Write Q=column with Q among \(names.joined(separator: ", "))")
    }
    return (role, parts[1])
  }
}

extension LawChoice: ExpressibleByArgument {}
