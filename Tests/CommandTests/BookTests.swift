import Foundation
import FoundationXML
import Testing

/// Two pages on one text. The second has the runs of the first page's trunk and one more length.
@Suite(.serialized) struct BookTests {
  private func write(into folder: ScratchFolder) throws {
    try folder.write(smallText(words: 40_000), to: "text.txt")
    let page = """
      page:
        seen: "Loss & <size>."
        look: "A line."
        why: "It must."
        paper: "The same."
        toy: "Smaller."
        questions:
          - {ask: "Why < that?", answer: "Just so & <so>."}

      """
    try folder.write(
      "chapter: 2\n"
        + smallExperiment.replacing("A small grid", with: "The second")
        .replacing("[20k, 40k]", with: "[20k, 40k, 80k]").replacing("[4, 4]", with: "[7, 9]"), to: "a.yaml")
    try folder.write(
      "chapter: 1\nkey: {figure: training-curves}\n" + page
        + smallExperiment.replacing("A small grid", with: "The first")
        .replacing("[4, 4]}", with: "[4, 4], because: \"2 × 2 & no more\"}")
        + "minutes: {grid: {width: 8, tokens: [20k, 40k]}, expect: [{results: completed, between: [2, 2]}]}\n",
      to: "b.yaml")
  }

  @Test("The reduced tier of every experiment meets the expectations of its file")
  func reducedTier() throws {
    let folder = try ScratchFolder()
    let regress = try Command("regress", "--tier", "minutes", "-o", folder.path, in: packageRoot)
    #expect(regress.status == 0, "\(regress.output)\n\(regress.errors)")
    let contents = try Document(folder.read("book-minutes/index.html"))
    let files = try FileManager.default.contentsOfDirectory(atPath: "\(packageRoot)/experiments")
    for file in files where file.hasSuffix(".yaml") {
      #expect(contents.links.contains("../\(file.dropLast(5))-minutes/report.html"), "\(file)")
    }
  }

  @Test("A book trains common runs once, links its pages, and reports failed expectations")
  func book() throws {
    let folder = try ScratchFolder()
    try write(into: folder)
    let plan = try Command("book", "a.yaml", "b.yaml", "--dry-run", in: folder.path)
    #expect(plan.status == 0 && plan.output.contains("6 runs, 0 of them finished before"), "\(plan.errors)")
    let book = try Command("book", "a.yaml", "b.yaml", in: folder.path)
    #expect(book.status == 1, "\(book.errors)")
    #expect(book.output.contains("6 runs, 0 of them finished before"))
    let store = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/runs/store")
    #expect(store.count == 6)
    // A trunk of two pages is trained once for both, and each run records its part of the time.
    let timings = try folder.read("runs/a/timings.csv").split(separator: "\n").map {
      $0.split(separator: ",")
    }
    #expect(timings.count == 7 && timings.allSatisfy { $0.count == 5 })

    let contents = try Document(folder.read("runs/book/index.html"))
    #expect(contents.links.contains("../b/report.html") && contents.links.contains("../a/report.html"))
    let places = ["The first", "The second"].compactMap { contents.text.firstRange(of: $0)?.lowerBound }
    #expect(places.count == 2 && places.sorted() == places)
    #expect(contents.text.contains("1 of 2") && contents.text.contains("1 of 1 expectations are not met"))
    #expect(Set(contents.ids).count == contents.ids.count)
    #expect(contents.elements["svg"] == 2)

    let first = try Document(folder.read("runs/b/report.html"))
    #expect(first.elements["details"] == 1)
    // The data of each figure, and the program's own script.
    let figures = try #require(first.elements["figure"])
    #expect(first.elements["script"] == figures + 1)
    #expect(first.links.contains("../book/index.html") && first.links.contains("../a/report.html"))
    let headings = [
      "Loss & <size>.", "A line.", "Expected and found", "It must.", "The same.", "Smaller.", "All runs",
      "Just so & <so>.",
    ]
    let body = first.text[
      (first.text.firstRange(of: "Loss & <size>.")?.lowerBound ?? first.text.startIndex)...]
    let order = headings.compactMap { body.firstRange(of: $0)?.lowerBound }
    #expect(order.count == headings.count && order.sorted() == order)
    #expect(first.text.contains("2 × 2 & no more"))

    // The results equal those of each experiment alone, and nothing is trained again.
    let alone = try Command("run", "a.yaml", "-o", "alone", in: folder.path)
    #expect(alone.status == 1, "\(alone.errors)")
    let (found, expected) = (try folder.read("runs/a/results.csv"), try folder.read("alone/a/results.csv"))
    #expect(found == expected)
    let again = try Command("book", "a.yaml", "b.yaml", in: folder.path)
    #expect(again.status == 1 && again.output.contains("6 runs, 6 of them finished before"))

    let regress = try Command("regress", "a.yaml", "b.yaml", "--junit", "out.xml", in: folder.path)
    #expect(regress.status == 1, "\(regress.errors)")
    #expect(regress.output.contains("FAIL") && regress.output.contains("pass"))
    let junit = try Document(folder.read("out.xml"))
    #expect(junit.elements["testsuite"] == 2 && junit.elements["testcase"] == 4)
    #expect(junit.elements["failure"] == 1 && junit.elements["error"] == nil)
    #expect(junit.text.contains("expected 7 to 9, found 6"))
    #expect(junit.text.contains("because: 2 × 2 & no more"))
  }

  @Test("The reduced tier has its own folder, and a file without a reduced tier is an error before training")
  func tiers() throws {
    let folder = try ScratchFolder()
    try write(into: folder)
    let fault = try Command("book", "b.yaml", "a.yaml", "--tier", "minutes", in: folder.path)
    #expect(fault.status == 2 && fault.errors.contains("a.yaml: has no section `minutes`"))
    let regress = try Command("regress", "b.yaml", "--tier", "minutes", in: folder.path)
    #expect(regress.status == 0, "\(regress.errors)")
    let junit = try Document(folder.read("runs/regress.xml"))
    #expect(junit.elements["testcase"] == 2 && junit.elements["failure"] == nil)
    let check = try Command("check", "b.yaml", "--tier", "minutes", in: folder.path)
    #expect(check.status == 0)
    #expect(FileManager.default.fileExists(atPath: "\(folder.path)/runs/book-minutes/index.html"))
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/runs/b/results.csv"))
  }

  @Test("A page whose runs fail does not stop the others")
  func failedRuns() throws {
    let folder = try ScratchFolder()
    try write(into: folder)
    try folder.write(
      "title: Alone\ncorpus: {source: text.txt, validation_tokens: 4096}\nmodel: {context: 32}\n"
        + "training: {batch: 256, warmup_steps: 5}\ngrid: {width: 24, tokens: [20k, 40k]}\n", to: "c.yaml")
    let first = try Command("run", "b.yaml", in: folder.path)
    #expect(first.status == 0)
    let store = "\(folder.path)/runs/store"
    let damaged = try #require(try FileManager.default.contentsOfDirectory(atPath: store).sorted().first)
    // A file at the path of the folder prevents training.
    try FileManager.default.removeItem(atPath: "\(store)/\(damaged)")
    try folder.write("", to: "runs/store/\(damaged)")
    let regress = try Command("regress", "b.yaml", "c.yaml", in: folder.path)
    #expect(regress.status == 3)
    let junit = try Document(folder.read("runs/regress.xml"))
    #expect(junit.elements["error"] == 1 && junit.text.contains("cannot be created"))
    let contents = try Document(folder.read("runs/book/index.html"))
    #expect(contents.text.contains("cannot be created") && contents.text.contains("Alone"))
    let alone = try folder.read("runs/c/results.csv")
    #expect(alone.split(separator: "\n").dropFirst().allSatisfy { $0.contains(",completed,") })
  }
}

/// Parses XML; a document that is not well-formed is an error.
private final class Document: NSObject, XMLParserDelegate {
  private(set) var text = ""
  private(set) var elements: [String: Int] = [:]
  private(set) var links: Set<String> = []
  private(set) var ids: [String] = []

  init(_ document: String) throws {
    super.init()
    let parser = XMLParser(data: Data(document.utf8))
    parser.delegate = self
    guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    elements[name, default: 0] += 1
    if name == "a", let link = attributes["href"] { links.insert(link) }
    if let id = attributes["id"] { ids.append(id) }
  }
}
