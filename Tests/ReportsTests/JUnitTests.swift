import Analysis
import Foundation
import FoundationXML
import Reports
import Testing

@Test("Any text in a title, path or message gives valid JUnit XML with the same text")
func junit() throws {
  let text = "\"a\" <b> & 'c'\u{301} é"
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).xml")
  defer { try? FileManager.default.removeItem(at: path) }
  try JUnit([
    JUnit.Page(
      name: text, file: text, seconds: 1.5, faults: [],
      verdicts: [Verdict(failed: text, expected: "7 to 9", found: text)]),
    JUnit.Page(name: "b", file: "b.yaml", seconds: 0, faults: ["first\u{7}", "second"], verdicts: []),
  ]).write(to: path.path)
  let root = try #require(try XMLDocument(contentsOf: path).rootElement())
  let suites = root.elements(forName: "testsuite")
  let value = { (element: XMLElement?, name: String) in element?.attribute(forName: name)?.stringValue }
  #expect(value(suites[0], "name") == text && value(suites[0], "time") == "1.500")
  #expect(suites.map { value($0, "tests") } == ["2", "1"])
  #expect(suites.map { value($0, "failures") } == ["1", "0"])
  #expect(suites.map { value($0, "errors") } == ["0", "1"])
  let failed = suites[0].elements(forName: "testcase").last
  #expect(value(failed, "file") == text && value(failed, "line") == nil)
  let failure = failed?.elements(forName: "failure").first
  #expect(failure?.stringValue == "expected 7 to 9, found \(text)")
  let error = suites[1].elements(forName: "testcase").first?.elements(forName: "error").first
  #expect(error?.stringValue == "first \nsecond")
}
