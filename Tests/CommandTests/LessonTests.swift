import Analysis
import Foundation
import Plans
import Testing

/// Tests of the notebooks in `experiments/lesson`.
@Suite(.enabled(if: python != nil, "Python's libraries are not installed: scripts/test installs them"))
struct LessonTests {
  private let lesson = "\(packageRoot)/experiments/lesson"

  @Test("Both notebooks are those of their source")
  func notebooks() throws {
    let check = try Script(try #require(python), "\(packageRoot)/scripts/lesson", "--check", in: "/")
    #expect(check.status == 0, "\(check.errors)")
  }

  /// Runs a notebook in a folder, and returns what it prints.
  private func run(_ notebook: String, in folder: String) throws -> String {
    let script = try Script(
      try #require(python), "-c",
      """
      import sys
      import nbformat
      from nbclient import NotebookClient

      notebook = nbformat.read(sys.argv[1], 4)
      nbformat.validate(notebook)
      NotebookClient(notebook, timeout=300, resources={"metadata": {"path": "."}}).execute()
      outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
      print("".join(output.text for output in outputs if output.output_type == "stream"))
      """, notebook, in: folder)
    #expect(script.status == 0, "\(script.errors)")
    return script.output
  }

  @Test("The answers are right")
  func answers() throws {
    let output = try run("lesson-answers.ipynb", in: lesson)
    #expect(output.contains(#/\n(\d+) of \1 answered, \1 right\n/#), "\(output)")
    #expect(output.contains("c_exact>=1.3e13: R ∝ C^−0.3"))
  }

  /// In a copy of what the lesson needs, without the program.
  @Test("The student's notebook runs without answers")
  func student() throws {
    let folder = try ScratchFolder()
    for path in ["experiments/lesson", "experiments/reference", "Sources/Analysis/References"] {
      let copy = URL(fileURLWithPath: "\(folder.path)/\(path)")
      try FileManager.default.createDirectory(
        at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
      try FileManager.default.copyItem(atPath: "\(packageRoot)/\(path)", toPath: copy.path)
    }
    let output = try run("lesson.ipynb", in: "\(folder.path)/experiments/lesson")
    let count = try #require(output.firstMatch(of: #/\n0 of (\d+) answered, 0 right\n/#)?.output.1)
    #expect(output.split(separator: "not yet answered").count - 1 == Int(count), "\(output)")
  }

  @Test("The helper knows the types of all columns")
  func types() throws {
    let script = try Script(
      try #require(python), "-c",
      """
      import isoflop
      print("\\n".join(isoflop.INTEGERS), end="\\n\\n")
      print("\\n".join(["run"] + isoflop.BOOLEANS + isoflop.TEXTS))
      """, in: lesson)
    let names = script.output.split(separator: "\n\n").map { Set($0.split(separator: "\n").map(String.init)) }
    let columns = Column.all(settings: Setting.columns, tasks: [])
    let integers = columns.filter { $0.kind == .integer }.map(\.name)
    let texts = columns.filter { $0.kind == .text || $0.kind == .integerOrText }.map(\.name)
    #expect(names == [Set(integers), Set(texts)])
  }
}
