extension Finding {
  /// Returns the expectations of an experiment and whether they are met.
  public static func verdicts(_ verdicts: [Verdict]) -> Finding {
    Finding(
      "Expectations of the experiment's file",
      columns: [
        Column("passed", "", .left), Column("expectation", "expectation", .left),
        Column("expected", "expected", .left), Column("found", "found", .left),
        Column("because", "because", .left), Column("line", nil),
      ],
      rows: verdicts.map { verdict in
        [
          .truth(verdict.passed, yes: "pass", no: "FAIL"), .text(verdict.subject), .text(verdict.expected),
          .text(verdict.found), verdict.because.map { .text($0) } ?? .missing,
          verdict.line.map { .count($0) } ?? .missing,
        ]
      })
  }
}
