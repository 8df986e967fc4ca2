import Analysis
import Files
import ScalingLaws
import Testing

/// Tables as other programs write them.
@Suite struct MessyTableTests {
  private func table(_ text: String, where conditions: [String] = []) throws -> ObservationFile {
    try ObservationFile(path: "a.csv", text: text, where: conditions.map { try RowFilter($0) })
  }

  /// The same three runs, written in different ways.
  @Test(arguments: [
    "N;D;loss\n15000000;300000000;4,21\n40000000;900000000;3,5\n4e7;2,7e9;3,3\n",
    "N\tD\tloss\n15.000.000\t300.000.000\t4,21\n40.000.000\t900.000.000\t3,5\n40.000.000\t2.700.000.000\t3,3\n",
    "N,D,loss\n\"15,000,000\",\"300,000,000\",4.21\n\"40,000,000\",9e8,3.50\n\"40,000,000\",2.7B,3.3\n",
    "N;D;loss\n15 000 000;300\u{A0}000\u{A0}000;4,21\n40 000 000;900 M;3,5\n40 M;2,7 G;3,3\n",
    "\u{FEFF} params (M) ,tokens (B),Val Loss,\n 15 ,0.3, 4.21 ,\n,,,\n40,0.9,3.5,\n\n40,2.7,3.3,\n",
    "params [millions],tokens in billions,test loss (nats/token)\n15,0.3,4.21\n40,.9,3.5\n40,2.7,3.3\n",
    "params_M,tokens (1e9),loss,params_M\n15,0.3,4.21,15\n40,0.9,3.5,40\n40,2.7,3.3,40\n",
    "N (M),compute (PFLOPs),loss (%)\n15,27,421 %\n40,216,350%\n40,648,330 %\n",
    "compute (PF-days),N,loss,\n0.0003125,15M,421%,\n0.0025,40M,350%,\n0.0075,40M,330%,\n",
  ])
  func theSameRunsAreRead(text: String) throws {
    let runs = try table(text).observations
    for (run, expected) in zip(runs, [(1.5e7, 3e8, 4.21), (4e7, 9e8, 3.5), (4e7, 2.7e9, 3.3)]) {
      #expect(abs((run.parameters ?? 0) / expected.0 - 1) < 1e-12)
      #expect(abs((run.tokens ?? 0) / expected.1 - 1) < 1e-12)
      #expect(abs(run.loss / expected.2 - 1) < 1e-12)
    }
    #expect(runs.count == 3)
  }

  @Test func whatWasDecidedIsSaid() throws {
    let german = try table("N;D;loss;N\n15.000.000;3e8;4,21;15.000.000\n20.000.000;3e8;;20.000.000\n")
    #expect(
      german.notes == [
        "`N` is given twice with the same cells", "`N`: `15.000.000` is read as 15000000",
        "`loss`: `4,21` is read as 4.21", "1 row is left out, without a number in `loss`",
      ])
    #expect(try table("N,D,loss\n1e6,1e8,4.214\n").notes.isEmpty)
    // A comma between cells that are separated by semicolons, or beside points in another column.
    #expect(try table("N;D;loss\n1e6;1e8;4,214\n").observations[0].loss == 4.214)
    #expect(try table("N;D;loss\n15,000;1e8;4.214\n").observations[0].parameters == 15000)
    #expect(try table("N\tD\tloss\n15,000\t1e8\t4.2\n").observations[0].parameters == 15000)
    #expect(try table("N\tD\tloss\n15,000\t1e8\t4,2\n").observations[0].parameters == 15)
  }

  @Test(arguments: [
    (
      "N\tD\tloss\n15,000\t300,000\t4,214\n",
      "2: `N` is `15,000`, which may be 15000 or 15.000: no other number tells. "
    ),
    ("N\tloss\n1,5\t4\n2.5\t3\n", "2: `N` is `1,5`, but `2.5` in line 3. Write a point before decimals"),
    ("N,loss\n1,4%\n2,3\n", " some cells of `loss` are percentages, others are not"),
    ("N,D,loss\n", " has no rows below its header"), ("", " is empty. The first line must name the columns."),
    ("1e6,1e8,4.2\n2e6,1e8,4\n", "1: the first line holds numbers, not the names of columns."),
    ("N D loss\n1 2 3\n", "1: the cells are separated neither by commas nor by semicolons or tabs"),
    ("N,D;loss\n1,2;3\n", "1: cells may be separated by semicolons or by commas."),
    ("N,loss,loss\n1,2,3\n", "1: column `loss` is given twice, with different cells. Rename one."),
    ("N,loss\n1,\n2,NaN\n3,-\n", "1: column `loss` holds no number. Fill in the losses"),
    ("N,loss\n1,\n,3\n", " no row is left of 2: 2 rows are left out, without a number in `N` or `loss`."),
  ])
  func whatCannotBeReadIsRefused(text: String, message: String) {
    let error = #expect(throws: InputError.self) { try table(text) }
    #expect(error?.description.hasPrefix("a.csv:\(message)") == true, "\(error?.description ?? "")")
  }

  @Test func columnsThatAreNotUsedMayBeUnclear() throws {
    let text = "N\tloss\tx\tx\tlabel\n1\t3\t1,5\t2.5\ta,b\n2\t4\t1.5\t7\tb\n"
    #expect(try table(text).observations.count == 2)
    let error = #expect(throws: InputError.self) { try table(text, where: ["x<2"]) }
    #expect(error?.message == "column `x` is given twice, with different cells")
  }

  @Test(arguments: [
    ("n,d,tokens,params,loss", "N = column `params`, D = column `tokens`, C = 6·N·D, loss = column `loss`"),
    ("n,d,loss,val_loss,x", "N = column `n`, D = column `d`, C = 6·N·D, loss = column `val_loss`"),
    ("N,params,D,tokens,loss", "N = column `N`, D = column `D`, C = 6·N·D, loss = column `loss`"),
    (
      "d_tokens,n_total,c,loss,c_exact", "N = column `n_total`, D = column `d_tokens`, C = column `c_exact`, "
    ),
    (
      "tokens (unique),flops,N,train_loss,loss",
      "N = column `N`, D = C/(6·N), C = column `flops`, loss = column `loss`"
    ),
  ])
  func theNameThatSaysMoreIsPreferred(header: String, convention: String) throws {
    #expect(try table("\(header)\n1,2,3,4,5\n").convention.hasPrefix(convention))
  }

  @Test func missingCellsAreLeftOutAndCounted() throws {
    let text = "N,D,loss,U\n1,2,3,\n1,2,nan,1\n1,N/A,3,1\n2,2,4,5\n2,4,inf,5\n"
    let all = try table(text)
    #expect(all.lines == [2, 5] && all.withoutNumber == 3)
    #expect(all.notes == ["3 rows are left out, without a number in `D` or `loss`"])
    // A comparison with a missing cell does not hold; rows that another condition excludes are not counted.
    #expect(try table(text, where: ["loss>0"]).lines == [2, 5])
    let some = try table(text, where: ["U>0 or loss<3.5", "N<2"])
    #expect(some.lines == [2] && some.withoutNumber == 2)
    #expect(
      try table(text, where: ["U>0"]).notes == [
        "4 rows are left out, without a number in `D` or `loss` or `U`"
      ])
  }

  @Test func aLawSaysWhichColumnItNeeds() throws {
    let file = try table("N,D,loss\n" + (1...9).map { "\($0)e6,1e9,\(4 - 0.1 * Double($0))\n" }.joined())
    let fits = Fits(of: file, requests: [FitRequest(.repeatedData)], bootstraps: 0)
    #expect(fits.fits[0].refusal?.hasSuffix("name its column, `--x U=COLUMN`") == true)
  }

  /// A 4 × 5 grid of runs.
  private static func grid(_ columns: String, _ row: (_ n: Double, _ d: Double, _ loss: Double) -> String)
    -> String
  {
    let rows = [1e6, 2e6, 4e6, 8e6].flatMap { n in
      [1e8, 2e8, 4e8, 8e8, 1.6e9].map { d in row(n, d, 1.7 + 400 / n.squareRoot() + 1000 / d.squareRoot()) }
    }
    return "\(columns)\n" + rows.joined(separator: "\n")
  }

  @Test func aMetricThatRisesIsRefused() throws {
    let accuracy = Self.grid("N,D,loss") { n, d, loss in "\(n),\(d),\(1 / loss)" }
    let fits = Fits(of: try table(accuracy), bootstraps: 0)
    for fit in fits.fits {
      #expect(
        fit.refusal?.hasPrefix("the loss rises with") == true, "\(fit.name): \(fit.refusal ?? "fitted")")
    }
    let loss = Self.grid("N,D,loss") { n, d, loss in "\(n),\(d),\(loss)" }
    #expect(Fits(of: try table(loss), requests: [FitRequest(.chinchilla)], bootstraps: 0).fits[0].fit != nil)
  }

  @Test func anotherUnitOfComputeIsSuspected() throws {
    func warnings(_ factor: Double) throws -> [String] {
      try table(Self.grid("N,D,C,loss") { n, d, loss in "\(n),\(d),\(6 * n * d * factor),\(loss)" }).warnings
    }
    #expect(try warnings(1e6).first?.hasPrefix("C is 1e6 × 6·N·D") == true)
    #expect(try warnings(1e-9).first?.hasPrefix("C is 1e-9 × 6·N·D") == true)
    #expect(try warnings(1.4).isEmpty && warnings(3).isEmpty)
  }

  @Test func checkpointsOfOneRunAreRecognised() throws {
    let curves =
      "run_id,N,D,loss\n" + (1...3).flatMap { n in (1...4).map { "r\(n),\(n)e6,\($0 * $0)e8,3\n" } }.joined()
    let joined = try table(curves)
    #expect(Set(joined.observations.map(\.cluster)).count == 3 && joined.notes.count == 1)
    // An identifier of each row joins nothing.
    let single = Self.grid("run_id,N,D,loss") { n, d, loss in "\(n)/\(d),\(n),\(d),\(loss)" }
    #expect(try table(single).observations.allSatisfy { $0.cluster == nil })
    let even = "N,D,loss\n" + (1...3).flatMap { n in (1...6).map { "\(n)e6,\($0)e8,3\n" } }.joined()
    #expect(try table(even).warnings.first?.contains("as in `--x 'cluster=N'`") == true)
    #expect(try table(Self.grid("N,D,loss") { "\($0),\($1),\($2)" }).warnings.isEmpty)
  }

  @Test func unlikeRunsAreNamed() throws {
    // The width follows from N, the batch from D; the rate from neither.
    let text = Self.grid("N,D,loss,width,batch,rate,seed,acc") { n, d, loss in
      "\(n),\(d),\(loss),\(n.squareRoot()),\(d / 1000),\((n > 3e6) != (d > 3e8) ? 0.1 : 0.2),\(Int(n + d) % 3),0.5"
    }
    let warning = "the runs differ in `rate`, which the laws do not tell apart: choose some with `--where`"
    #expect(try table(text).warnings == [warning])
    #expect(try table(text, where: ["rate=0.1"]).warnings.isEmpty)
  }
}
