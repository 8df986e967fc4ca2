import Analysis
import Testing

struct TaskLossTests {
  private func run(_ loss: Double, _ tasks: [String: RunRow.Task]) -> RunRow {
    var row = RunRow()
    (row.status, row.loss, row.tasks) = (.completed, loss, tasks)
    return row
  }

  @Test func theGapIsThatToTheEntropyOfTheRunsOwnText() throws {
    let table = ResultsTable(
      settings: [], tasks: ["facts", "stories"],
      rows: [
        run(2, ["facts": .init(loss: 2, entropy: 0.5), "stories": .init(loss: 3, entropy: 1)]),
        run(1, ["facts": .init(loss: 1, entropy: 0.25), "stories": .init(loss: 2, entropy: 1)]),
      ])
    let rows = try #require(Finding.taskLosses(table)).rows
    #expect(
      rows == [
        [
          .text("facts"), .missing, .number(2, digits: 4), .number(1.5), .number(1, digits: 4), .number(0.75),
        ],
        [
          .text("stories"), .number(1, digits: 4), .number(3, digits: 4), .number(2), .number(2, digits: 4),
          .number(1),
        ],
      ])
  }

  @Test func answersAboutANumberOfThingsArePartOfTheirTask() {
    let tasks = ["recall", "recall_4", "recall_16", "facts", "round_2"]
    #expect(ResultsTable(settings: [], tasks: tasks, rows: []).wholeTasks == ["recall", "facts", "round_2"])
  }

  @Test func tasksWithoutTargetsAreLeftOut() {
    let rows = [run(2, ["facts": .init(loss: 2)]), run(1, ["facts": .init(loss: 1)])]
    #expect(Finding.taskLosses(ResultsTable(settings: [], tasks: ["facts", "stories"], rows: rows)) == nil)
  }
}
