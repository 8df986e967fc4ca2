import Foundation
import Testing

/// Tests of `isoflop compare` on planted curves.
@Suite struct CompareTests {
  /// Two optimizers on curves with one floor; muon needs 1/1.4 of the compute.
  private static func table(_ optimizers: [String]) -> String {
    let rows = optimizers.flatMap { name in
      (0..<12).map { index -> String in
        let compute = 1e12 * pow(10, Double(index) / 4)
        let wobble = 1 + 0.001 * Double((5 * index) % 3 - 1)
        let loss = (1.7 + 2 * pow(compute * (name == "muon" ? 1.4 : 1) / 1e12, -0.3)) * wobble
        return "\(name),\(compute),\(loss)\n"
      }
    }
    return "optimizer,flops,loss\n" + rows.joined()
  }

  @Test("Two tables, a column and two conditions give the same factor, on a page and as JSON")
  func threeWays() throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table(["adamw"]), to: "adamw.csv")
    try folder.write(Self.table(["muon"]), to: "muon.csv")
    try folder.write(Self.table(["muon", "adamw"]), to: "both.csv")
    for arguments in [
      ["adamw.csv", "muon.csv"], ["both.csv", "--by", "optimizer", "--reference", "adamw"],
      ["both.csv", "--group", "optimizer=adamw", "--group", "optimizer=muon"],
    ] {
      let result = try Command(
        all: ["compare"] + arguments + ["--json", "--bootstraps", "100", "-o", "page", "--no-figures"],
        in: folder.path)
      #expect(result.status == 0, "\(result.errors)")
      let found = try #require(
        try JSONSerialization.jsonObject(with: Data(result.output.utf8)) as? [String: Any])
      let table = (found["findings"] as? [[String: Any]])?.first
      let row = try #require((table?["rows"] as? [[String: Any]])?.last)
      #expect(abs((row["factor"] as? Double ?? 0) * 1.4 - 1) < 0.02, "\(row)")
      let interval = try #require(row["interval"] as? [Double])
      #expect(interval[0] < 1 / 1.4 && 1 / 1.4 < interval[1] && interval[1] / interval[0] < 1.2)
      #expect(row["course"] as? String == "constant" && row["basis"] as? String == "runs")
      #expect(try folder.read("page/report.html").contains("The factor at equal loss"))
      #expect(try folder.read("page/compare.json").contains("\"places\""))
    }
    let plain = try Command("compare", "adamw.csv", "muon.csv", in: folder.path)
    #expect(
      plain.output.contains("at equal loss, muon needs 0.7") && plain.output.contains("one fitted floor"),
      "\(plain.output)")
  }

  @Test(
    "Mistakes give one message with a remedy",
    arguments: [
      (["both.csv"], "Give two tables, or one table with --by or with two --group."),
      (["both.csv", "--by", "optimiser"], "there is no column `optimiser`. The nearest is `optimizer`"),
      (
        ["both.csv", "--by", "optimizer", "--where", "optimizer=muon"],
        "`optimizer` has 1 value among the runs"
      ),
      (
        ["both.csv", "--by", "optimizer", "--reference", "sgd"],
        "--reference sgd is no group. Choose among muon, adamw"
      ),
      (["both.csv", "none.csv"], "none.csv: is neither a file nor an experiment in runs"),
      (["both.csv", "lost.yaml"], "lost.yaml: has no results yet: there is no runs/lost/results.csv"),
      (["both.csv", "--by", "optimizer", "--floor", "low"], "--floor low is not a floor"),
      (["both.csv", "--by", "optimizer", "--in", "data"], "some runs have no D (tokens)"),
      (["both.csv", "--by", "optimizer", "--floor", "entropy"], "the true entropy of the text is not known"),
    ])
  func mistakes(arguments: [String], message: String) throws {
    let folder = try ScratchFolder()
    try folder.write(Self.table(["muon", "adamw"]), to: "both.csv")
    let result = try Command(all: ["compare"] + arguments, in: folder.path)
    #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
  }
}
