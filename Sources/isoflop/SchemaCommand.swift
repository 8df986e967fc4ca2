import ArgumentParser
import Corpora
import Plans

/// `isoflop schema`: what editors need to complete and check experiment files and recipes.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints a JSON Schema of experiment files, or of recipes.")

  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case experiment, corpus
  }

  @Argument(help: "experiment, or corpus for recipes.")
  var kind = Kind.experiment

  func run() throws {
    try printJSON(kind == .experiment ? ExperimentSchema.schema : RecipeSchema.schema)
  }
}
