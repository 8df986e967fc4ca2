import ArgumentParser
import Execution
import Foundation

/// `isoflop bench forecasts`: how well final losses are predicted.
struct ForecastsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "forecasts",
    abstract: "Predicts final losses of finished runs again, and counts how often their intervals hold.",
    discussion: """
      Each run is predicted from its learning curve up to a part of its tokens, and from all other finished runs but those \
      that differ from it in the seed alone. Errors are of the loss above the entropy.
      """)

  @Argument(help: "The folder of runs and results.", completion: .directory)
  var folder = "runs"
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  /// The runs with one text, at one part of their tokens.
  private struct Row: Encodable {
    let corpus: String
    let share: Double
    let runs: Int
    let rootMeanSquareError: Double
    let intervalsHeld: Double
  }

  /// What `--json` prints.
  private struct Output: Encodable {
    let forecasts: [Row]
    let runs: Int
    let farOff: [FarOffRun]
  }

  func run() throws {
    let forecaster = try LossForecaster(finishedIn: folder)
    let runs = forecaster.runs
    let rows = try [0.1, 0.25, 0.4, 0.55, 0.8, 0.93].flatMap { share in
      let replays = Dictionary(grouping: try forecaster.replays(at: share), by: \.corpus)
      return replays.sorted { $0.key < $1.key }.map { corpus, replays in
        let count = Double(replays.count)
        return Row(
          corpus: corpus, share: share, runs: replays.count,
          rootMeanSquareError: (replays.reduce(0) { $0 + $1.error * $1.error } / count).squareRoot(),
          intervalsHeld: Double(replays.count(where: \.isInside)) / count)
      }
    }.sorted { ($0.corpus, $0.share) < ($1.corpus, $1.share) }
    let farOff = try runs.compactMap(forecaster.farOff)
    if json { return try printJSON(Output(forecasts: rows, runs: runs.count, farOff: farOff)) }
    printTable(
      ["corpus", "part of the tokens", "runs", "error, rms", "intervals that hold"],
      rows.map { row in
        let percent = { (value: Double) in String(format: "%.1f %%", 100 * value) }
        return [
          row.corpus, String(format: "%.0f %%", 100 * row.share), "\(row.runs)",
          percent(row.rootMeanSquareError), percent(row.intervalsHeld),
        ]
      })
    print("far off the power law of their neighbours: \(farOff.count) of \(runs.count) runs")
    for run in farOff { print(run.text) }
  }
}
