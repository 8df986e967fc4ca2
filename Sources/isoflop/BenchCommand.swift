import ArgumentParser

/// `isoflop bench`: how fast the engine and the fitter are on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Times training steps, or the fitter.",
    subcommands: [StepsCommand.self, FitterCommand.self], defaultSubcommand: StepsCommand.self)
}
