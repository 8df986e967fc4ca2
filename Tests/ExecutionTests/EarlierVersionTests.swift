import Analysis
import Execution
import Files
import Foundation
import Plans
import TestSupport
import Testing

/// Runs of an earlier version, which created `EarlierVersion`, with all its kinds of models and schedules.
@Suite struct EarlierVersionTests {
  @Test("Keys of an earlier version are accepted in all files, with one message each")
  func keysStayReadable() throws {
    let experiment = try ExperimentFile(
      path: "e.yaml",
      text: """
        title: t
        corpus: village
        model: {family: llama}
        grid: {width: [16, 32], tokens: 1M}
        fits: [{law: power_n, where: {family: llama}}]
        """)
    #expect(experiment.notes.map { $0.prefix(8) } == ["e.yaml:3", "e.yaml:5"])
  }

  @Test("Finished runs of an earlier version keep their identifiers and numbers, and are not trained again")
  func runsStayValid() throws {
    let folder = try TemporaryFolder()
    let made = "\(packageFolder)/Tests/ExecutionTests/EarlierVersion"
    try FileManager.default.copyItem(atPath: "\(made)/store", toPath: "\(folder.path)/store")
    let experiment = try ExperimentFile(contentsOf: "\(made)/experiment.yaml")
    #expect(
      experiment.notes.count == 1 && experiment.notes[0].contains("`family` is called `architecture` now"))
    let plan = try Plan(experiment, corpora: CorpusCache())
    let store = try RunStore(folder.path)
    let table = try ResultsTable(plan) { try store.folder(of: $0.configuration).record()?.result }
    let before = try CSVFile(contentsOf: "\(made)/results.csv")
    #expect(table.rows.count == before.rows.count)
    for (row, old) in zip(table.rows, before.rows) {
      for (name, text) in zip(before.header, old.cells) {
        let column = name == "family" ? "architecture" : name
        #expect(row.text(column) == text, "\(name) of \(row.run)")
      }
    }
    // The former names of columns in its table are accepted.
    #expect(try ResultsTable(contentsOf: "\(made)/results.csv").rows.map(\.loss) == table.rows.map(\.loss))
  }
}
