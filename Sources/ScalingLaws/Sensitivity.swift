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
    let given = fitter.objective
    let penalties =
      [1e-5, 1e-4, 1e-3, 1e-2, 1e-1].map { ("Huber, δ = \($0)", Objective.Penalty.huber(delta: $0)) } + [
        ("least squares", .leastSquares), ("least absolute deviations", .leastAbsolute),
      ]
    let otherScale: Objective.Scale = given.scale == .log ? .raw : .log
    let objectives =
      penalties.map { ($0, Objective($1, on: given.scale, weighted: given.weighted)) }.filter {
        $0.1 != given
      }
      + [("least squares on \(otherScale.rawValue) loss", Objective(.leastSquares, on: otherScale))]
    let sorted = observations.sorted { $0.loss > $1.loss }
    let dropped = [1, 2, 5, 10].filter { $0 < observations.count / 4 }.map { count in
      ("\(count) highest loss\(count == 1 ? "" : "es") dropped", given, Array(sorted.dropFirst(count)))
    }
    let choices =
      [("as given", given, observations)] + objectives.map { ($0, $1, observations) } + dropped
      + variants.map { ($0.name, given, $0.1) }
    rows = choices.map { choice, objective, observations in
      do {
        var varied = fitter
        (varied.objective, varied.bootstraps) = (objective, 0)
        let fit = try varied.fit(observations, isProfiled: false)
        return Row(
          choice: choice, observations: observations.count,
          values: fit.values + fit.derived.map(\.value), refusal: nil)
      } catch {
        return Row(choice: choice, observations: observations.count, values: nil, refusal: "\(error)")
      }
    }
  }
}
