import Analysis
import Files
import Foundation
import TestSupport
import Testing

@Suite struct ObservationFileTests {
  @Test func columnsAreFoundByCommonNames() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("Model Size,Training FLOP,loss\n1e6,6e15,3\n2e6,6e15,2.9\n\n", to: "a.csv")
    let file = try ObservationFile(contentsOf: path)
    #expect(file.observations.map(\.parameters) == [1e6, 2e6])
    #expect(file.observations.map(\.tokens) == [1e9, 5e8])
    #expect(
      file.convention
        == "N = column `Model Size`, D = C/(6·N), C = column `Training FLOP`, loss = column `loss`")
    #expect(file.lines == [2, 3])
  }

  @Test func columnsMayBeNamed() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("size,\"seen, in all\",nll\n1e6,2e9,3\n", to: "a.csv")
    let file = try ObservationFile(
      contentsOf: path,
      columns: [.variable(.parameters): "size", .variable(.tokens): "seen, in all", .loss: "nll"])
    #expect(file.observations.map(\.compute) == [1.2e16])
    let error = #expect(throws: InputError.self) {
      try ObservationFile(contentsOf: path, columns: [.loss: "nl"])
    }
    #expect(error?.description == "\(path):1: there is no column `nl`. The nearest is `nll`.")
  }

  @Test(arguments: [
    (
      "N,D,loss\n1,2,3\n1,x,3\n",
      "3: `D` is `x`, not a positive number. Correct it, remove it, or exclude such rows with `--where`."
    ),
    (
      "N,D,loss\n1,2,nan\n1,2,-1\n1,,2\n1,2,none of\n",
      "3: `loss` is `-1`, not a positive number; 1 more, at lines 5. "
        + "Correct it, remove it, or exclude such rows with `--where`."
    ),
    ("N,D\n1,2\n", "1: no column is known as a loss. Name it: `--x loss=COLUMN`, one of N, D."),
    ("x,loss\n1,2\n", "1: no column is known as N, D or C. Name them: `--x N=COLUMN`, among x, loss."),
    (
      "N,N,loss\n1,2,3\n", "1: column `N` is given twice, with different cells. Rename one."
    ),
    ("N,D,loss\n1,2\n", "2: 2 cells, where the header has 3. Correct or remove the row."),
  ])
  func badTablesAreNamedByLine(text: String, message: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(text, to: "a.csv")
    let error = #expect(throws: InputError.self) { try ObservationFile(contentsOf: path) }
    #expect(error?.description == "\(path):\(message)")
  }

  @Test func anEmptyFileIsRefused() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("", to: "a.csv")
    #expect(throws: InputError.self) { try ObservationFile(contentsOf: path) }
  }

  @Test func unitsMultiply() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("size (M),tokens*2,loss\n70,1.4B,3\n", to: "a.csv")
    let given: [ObservationFile.Role: String] = [
      .variable(.parameters): "size (M)*1e6", .variable(.tokens): "tokens*2",
    ]
    let file = try ObservationFile(contentsOf: path, columns: given)
    #expect(file.observations[0].parameters == 7e7 && file.observations[0].tokens == 1.4e9)
    #expect(file.convention.hasPrefix("N = column `size (M)` × 1000000.0, D = column `tokens*2`, C = 6·N·D"))
    let inMillions = try ObservationFile(contentsOf: path, columns: [.variable(.parameters): "size (M)*M"])
    #expect(inMillions.observations[0].parameters == 7e7)
    #expect(throws: InputError.self) {
      try ObservationFile(contentsOf: path, columns: [.variable(.parameters): "size (M)*many"])
    }
  }

  @Test func theVeryLetterOfAQuantityComesFirst() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("d,c,C,D,N,loss,r1\n16,.008,6e9,1e5,1e4,3,nan\n", to: "a.csv")
    let run = try ObservationFile(contentsOf: path).observations[0]
    #expect(run.tokens == 1e5 && run.compute == 6e9 && run.mixture.isEmpty)
  }

  @Test func sharesAndExpertsMayBeNamed() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("web,code,num_experts,loss\n0.4,0.6,8,3\n0,1,1,2\n", to: "a.csv")
    let file = try ObservationFile(
      contentsOf: path, columns: [.variable(.weight(0)): "web", .variable(.weight(1)): "code"])
    #expect(file.observations.map(\.mixture) == [[0.4, 0.6], [0, 1]])
    #expect(file.observations.map(\.experts) == [8, 1])
  }

  @Test(arguments: [
    (["C<1e21"], 0, [2, 3]), (["C >= 1e21"], 0, [4, 5]), (["model=a,b"], 0, [2, 3, 5]),
    (["model!=a"], 0, [3, 4, 5]),
    (["loss>2", "model=b"], 0, [3]), (["loss!="], 0, [2, 3, 4, 5]), ([], 1, [3, 4, 5]),
    (["model=a,b"], 1, [3, 5]), (["N<2e7 or C>1e21"], 0, [2, 5]),
    (["model=a | model=c||D<1e13", "loss<3"], 0, [4]),
  ])
  func conditionsChooseRows(conditions: [String], dropped: Int, lines: [Int]) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      "model,N,C,loss\na,1e7,1e20,4\nb,2e7,1e20,3\nc,3e7,1e21,2.5\nb,4e7,1e22,2\n", to: "a.csv")
    let file = try ObservationFile(
      contentsOf: path, where: conditions.map { try RowFilter($0) }, droppingHighest: dropped)
    #expect(file.lines == lines)
    #expect((file.selection == "all rows") == (conditions.isEmpty && dropped == 0))
  }

  @Test func conditionsOnWhatIsNotThereAreNamed() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("model,N,D,loss\na,1,2,3\nx,1,2,\n", to: "a.csv")
    for (text, message) in [
      ("C<10", "\(path): no row is left of 2: 1 row is left out, without a number in `loss`"),
      ("U<10", "there is no U, which `U<10` compares. Name its column: `--x U=COLUMN`"),
      ("modle=a", "\(path):1: there is no column `modle`"),
      ("model<10", "\(path):2: `model` is `a`, which `model<10` cannot compare"),
      ("N>5", "\(path): no row is left of 2. Widen"),
    ] {
      let error = #expect(throws: InputError.self) {
        try ObservationFile(contentsOf: path, where: [RowFilter(text)])
      }
      #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
    }
    #expect(throws: InputError.self) { try RowFilter("C") }
    #expect(throws: InputError.self) { try RowFilter("C<many") }
    for (text, sign) in [("C=>20", ">="), ("C=<20", "<="), ("C==20", "=")] {
      let error = #expect(throws: InputError.self) { try RowFilter(text) }
      #expect(error?.remedy == "Write `\(sign)`")
    }
    #expect(
      try ObservationFile(contentsOf: path, where: [RowFilter("C<20"), RowFilter("loss!=")]).lines == [2])
  }

  @Test(
    .enabled(
      if: FileManager.default.fileExists(atPath: Self.published), "needs ../shared/data/epoch_chinchilla"))
  func publishedPointsAreFitted() throws {
    let file = try ObservationFile(contentsOf: Self.published)
    let requests = [FitRequest(.chinchilla, analyses: [.selection, .sensitivity]), FitRequest(.powerN)]
    let fits = Fits(of: file, requests: requests, bootstraps: 20)
    // All 245 points: the five outliers move β from .37 to .45.
    let all = try #require(fits["chinchilla"])
    #expect(abs((all.number("beta")?.value ?? 0) - 0.45) < 0.01)
    #expect(fits["power_n"]?.refusal?.hasPrefix("needs at least 4 different N") == true)
    // The table of sensitivity shows the same: five dropped give Besiroglu's numbers.
    let five = try #require(all.sensitivity?.rows.first { $0.choice == "5 highest losses dropped" })
    let beta = try #require(five.values)[3]
    #expect(five.observations == 240 && abs(beta - 0.3672) < 5e-4)
    #expect(all.rivals?.candidates.count == 4)
    let fewer = try ObservationFile(contentsOf: Self.published, droppingHighest: 5)
    let again = Fits(of: fewer, requests: [FitRequest(.chinchilla, held: ["E": 1.8172])], bootstraps: 20)
    #expect(abs((again["chinchilla"]?.number("beta")?.value ?? 0) - 0.3672) < 1e-3)
    #expect(again["chinchilla"]?.selection == "rows with the 5 highest losses dropped")
  }

  private static let published = "\(packageFolder)/../shared/data/epoch_chinchilla/svg_extracted_data.csv"
}
