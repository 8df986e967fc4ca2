import ArgumentParser
import Files
import Foundation

/// The command line: it parses, calls and prints.
@main
struct Isoflop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "isoflop", abstract: "Trains grids of toy language models and fits their scaling laws.",
    subcommands: [TrainCommand.self, CorpusCommand.self])
}
