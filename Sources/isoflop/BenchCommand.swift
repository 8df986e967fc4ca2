import ArgumentParser

/// `isoflop bench`: how fast the engine and the fitter are on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Times training steps, sequence layers, generation or the fitter, and checks intervals.",
    subcommands: [
      StepsCommand.self, ShapesCommand.self, SequenceCommand.self, GenerationCommand.self, FitterCommand.self,
      IntervalsCommand.self, ForecastsCommand.self,
    ],
    defaultSubcommand: StepsCommand.self)
}

/// `isoflop bench shapes`: for scripts that measure something else at the same shapes.
struct ShapesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shapes", abstract: "Prints the shapes that `bench steps` times, one a line.")

  @Flag(help: "Prints JSON instead of lines.")
  var json = false

  func run() throws {
    let shapes = BenchmarkShape.usual
    if json { try Table(shapes).print(json: true) } else { for shape in shapes { print(shape) } }
  }
}

extension Table {
  fileprivate init(_ shapes: [BenchmarkShape]) {
    let columns: [Column] = ["width", "depth", "heads", "context", "batch", "vocabulary", "experts", "top_k"]
    self.init(
      ["shape"] + columns,
      shapes.map { shape in
        [Cell("\(shape)")]
          + columns.indices.map { Cell(shape.numbers.indices.contains($0) ? shape.numbers[$0] : nil) }
      })
  }
}
