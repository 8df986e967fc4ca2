/// The sensitivity of a fit to choices that the data do not determine: δ, the penalty, the exclusion of outliers.
public struct Sensitivity: Sendable, Codable {
  /// The fit with one choice.
  public struct Row: Sendable, Codable {
    /// A description of the choice.
    public let choice: String
    /// The number of observations.
    public let observations: Int
    /// The parameters and derived quantities, in the order of `symbols`; nil if the fit failed.
    public let values: [Double]?
    /// The error of the fit; nil if it succeeded.
    public let refusal: String?
  }

  /// The symbols of the parameters, followed by those of the derived quantities.
  public let symbols: [String]
  /// The rows; the first is the fit as given.
  public let rows: [Row]

  /// Repeats a fit with other choices, without bootstraps.
  ///
  /// - Parameter variants: Other tables of the same runs, by name, such as another convention of N and C or a filter.
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
        let values = fit.values + fit.derived.map(\.value)
        guard values.allSatisfy(\.isFinite) else { throw FitError("a value is not finite") }
        return Row(choice: choice, observations: observations.count, values: values, refusal: nil)
      } catch {
        return Row(choice: choice, observations: observations.count, values: nil, refusal: "\(error)")
      }
    }
  }
}
