import Experiments
import Training
public struct Report {
  public init(plan: Plan, table: ResultsTable, fits: Fits, verdicts: [Verdict], curves: [String: [CurvePoint]], nGrams: [Double], provenance: [Provenance]) {}
  public init(of fits: Fits, title: String) {}
  public func write(to folder: String) throws {}
}
