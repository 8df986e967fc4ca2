import Analysis
import Files
import Foundation

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

  private let pages: [Page]

  /// Creates the document.
  public init(_ pages: [Page]) { self.pages = pages }

  /// Writes the document atomically.
  ///
  /// - Throws: `InputError` if it cannot be written.
  public func write(to path: String) throws {
    let text = try Reports.Page.render(PackageResources.junit_mustache, ["suites": pages.map(\.fields)])
    try FileAccess.write(Data(text.utf8), to: path)
  }
}

extension JUnit.Page {
  fileprivate var fields: [String: Any] {
    var fields: [String: Any] = [
      "name": name, "tests": verdicts.count + 1, "failures": verdicts.count { !$0.passed },
      "errors": faults.isEmpty ? 0 : 1,
      // The whole time is assigned to the runs, because checking expectations takes almost none.
      "time": String(format: "%.3f", seconds),
      "cases": verdicts.map(testCase),
    ]
    if let fault = faults.first {
      fields["error"] = ["message": fault, "text": faults.joined(separator: "\n")]
    }
    return fields
  }

  private func testCase(_ verdict: Verdict) -> [String: Any] {
    let message = "expected \(verdict.expected), found \(verdict.found)"
    var fields: [String: Any] = [
      "page": name, "name": "\(verdict.subject): \(verdict.expected)", "file": file, "passed": verdict.passed,
      "message": message, "text": message + (verdict.because.map { "\nbecause: \($0)" } ?? ""),
    ]
    if let line = verdict.line { fields["line"] = line }
    return fields
  }
}
