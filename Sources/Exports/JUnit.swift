import Analysis
import Files
import Foundation

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// The verdicts of a book as JUnit XML, a format of continuous integration systems. Each page is a test suite, and each
/// expectation a test case.
public struct JUnit {
  /// The results of a page.
  public struct Page {
    let name: String
    let file: String
    let seconds: Double
    let faults: [String]
    let verdicts: [Verdict]

    /// Creates the results of a page.
    ///
    /// - Parameters:
    ///   - file: The path of the experiment's file.
    ///   - seconds: The time in which the page was made.
    ///   - faults: The reasons why runs, or the page, are missing.
    public init(name: String, file: String, seconds: Double, faults: [String], verdicts: [Verdict]) {
      self.name = name
      self.file = file
      self.seconds = seconds
      self.faults = faults
      self.verdicts = verdicts
    }
  }

  private let document: XMLDocument

  /// Creates the document.
  public init(_ pages: [Page]) {
    let root = Self.element("testsuites", ["name": "isoflop regress"])
    for page in pages { root.addChild(Self.suite(page)) }
    document = XMLDocument(rootElement: root)
    document.version = "1.0"
    document.characterEncoding = "UTF-8"
  }

  /// Writes the document atomically.
  ///
  /// - Throws: `InputError` if it cannot be written.
  public func write(to path: String) throws {
    try FileAccess.write(document.xmlData(options: .nodePrettyPrint), to: path)
  }

  private static func suite(_ page: Page) -> XMLElement {
    let suite = element(
      "testsuite",
      [
        "name": page.name, "tests": "\(page.verdicts.count + 1)",
        "failures": "\(page.verdicts.count { !$0.passed })", "errors": page.faults.isEmpty ? "0" : "1",
        "time": String(format: "%.3f", page.seconds),
      ])
    // The whole time is assigned to the runs, because checking expectations takes almost none.
    let runs = element(
      "testcase", ["classname": page.name, "name": "all runs", "time": String(format: "%.3f", page.seconds)])
    if let fault = page.faults.first {
      runs.addChild(element("error", ["message": fault], text: page.faults.joined(separator: "\n")))
    }
    suite.addChild(runs)
    for verdict in page.verdicts { suite.addChild(testCase(verdict, of: page)) }
    return suite
  }

  private static func testCase(_ verdict: Verdict, of page: Page) -> XMLElement {
    let result = element(
      "testcase",
      [
        "classname": page.name, "name": "\(verdict.subject): \(verdict.expected)", "time": "0",
        "file": page.file, "line": verdict.line.map(String.init) ?? "",
      ])
    let text = "expected \(verdict.expected), found \(verdict.found)"
    let reason = verdict.because.map { "\nbecause: \($0)" } ?? ""
    result.addChild(
      verdict.passed
        ? element("system-out", text: text + reason)
        : element("failure", ["message": text], text: text + reason))
    return result
  }

  /// Returns an element with the attributes in this order, without empty ones.
  private static func element(
    _ name: String, _ attributes: KeyValuePairs<String, String> = [:], text: String? = nil
  ) -> XMLElement {
    let element = XMLElement(name: name)
    for (name, value) in attributes where !value.isEmpty {
      let attribute = XMLNode(kind: .attribute)
      attribute.name = name
      attribute.stringValue = printable(value)
      element.addAttribute(attribute)
    }
    if let text { element.stringValue = printable(text) }
    return element
  }
}
