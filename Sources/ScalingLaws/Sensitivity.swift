/// How a fit's numbers move with choices that the data do not dictate: δ, penalty, outliers dropped.
public struct Sensitivity: Sendable, Codable {
  public struct Row: Sendable, Codable {
    /// The choice, in words.
    public let choice: String
    public let observations: Int
    /// Parameters, then derived quantities, in the order of `symbols`; nil where the fit was refused.
    public let values: [Double]?
    public let refusal: String?
  }

  public let symbols: [String]
  public let rows: [Row]

  /// - Parameter variants: other tables of the same runs, by name: another convention of N and C, a filter.
  public init(
    of fitter: Fitter, on observations: [Observation], variants: [(name: String, [Observation])] = []
  ) {
    let law = fitter.law.law
    symbols =
      law.parameters.map(\.symbol)
      + law.derived(law.parameters.map { _ in 1 }).map(\.symbol)
    let penalties =
      [1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map { Objective.Penalty.huber(delta: $0) } + [
        .leastSquares, .leastAbsolute,
      ]
    let objectives =
      penalties.map { Objective($0, on: fitter.objective.scale, weighted: fitter.objective.weighted) }
      + [Objective(.leastSquares, on: fitter.objective.scale == .log ? .raw : .log)]
    let sorted = observations.sorted { $0.loss > $1.loss }
    let dropped = [1, 2, 5, 10].filter { $0 < observations.count / 4 }.map { count in
      ("the \(count) highest losses dropped", fitter.objective, Array(sorted.dropFirst(count)))
    }
    let choices =
      [("as given", fitter.objective, observations)] + objectives.map { ($0.text, $0, observations) }
      + dropped
      + variants.map { ($0.name, fitter.objective, $0.1) }
    rows = choices.map { choice, objective, observations in
      do {
        let fit = try Fitter(fitter.law, minimizing: objective, bootstraps: 0).fit(observations)
        return Row(
          choice: choice, observations: observations.count,
          values: fit.values + fit.derived.map(\.value), refusal: nil)
      } catch {
        return Row(choice: choice, observations: observations.count, values: nil, refusal: "\(error)")
      }
    }
  }
}
