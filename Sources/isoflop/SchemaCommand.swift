import ArgumentParser
import Corpora
import Plans

/// `isoflop schema`: JSON Schemas with which editors complete and check experiment files and recipes.
struct SchemaCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "schema", abstract: "Prints a JSON Schema of experiment files, or of recipes.")

  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case experiment, corpus
    /// The tables of experiments/README.md.
    case reference
  }

  @Argument(
    help:
      "experiment, or corpus for recipes; reference prints settings, columns and laws as Markdown instead.")
  var kind = Kind.experiment

  func run() throws {
    switch kind {
    case .experiment: try printJSON(ExperimentSchema.schema)
    case .corpus: try printJSON(RecipeSchema.schema)
    case .reference:
      print(
        [Reference.settings, Reference.architectures, Reference.layers, Reference.columns, Reference.laws]
          .joined(separator: "\n"))
    }
  }
}
