import ArgumentParser
import Execution
import Reports

/// The flag of all commands that write a page with figures.
struct FigureOptions: ParsableArguments {
  @Flag(help: "Writes pages without figures, which need gnuplot; their scripts are written for later.")
  var noFigures = false

  /// Draws the figures; nil with `--no-figures`. Commands call it before they do anything that takes long.
  ///
  /// - Throws: `InputError` if gnuplot is not installed.
  func renderer() throws -> Renderer? { noFigures ? nil : Renderer(try Gnuplot().draw) }
}
