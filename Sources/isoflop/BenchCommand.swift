import ArgumentParser

/// `isoflop bench`: how fast the engine and the fitter are on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Times training steps, or the fitter.",
    subcommands: [StepsCommand.self, ShapesCommand.self, FitterCommand.self],
    defaultSubcommand: StepsCommand.self)
}

/// `isoflop bench shapes`: for scripts that measure something else at the same shapes.
struct ShapesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shapes", abstract: "Prints the shapes that `bench steps` times, one a line.")

  func run() {
    for shape in BenchmarkShape.usual { print(shape) }
  }
}
