import Files
import ScalingLaws

/// A request to compare a parameter of several fits: an entry of `compare`.
///
///     compare:
///       - {name: zipf, parameter: alpha, fits: [s12, s15, s20], at: [1.2, 1.5, 2.0], axis: Zipf exponent s,
///          theory: [0.17, 0.33, 0.5], theory_label: (s − 1)/s, trend: rising}
public struct ComparisonRequest: Sendable {
  /// The name of the comparison.
  public let name: String
  let parameter: String
  let fits: [String]
  let title: String
  let axis: String?
  let places: [Double]?
  let theory: [Double]?
  let theoryLabel: String
  let trend: Comparison.Trend?

  /// The numbers that `expect` can refer to.
  var numbers: [FitComparison.Number] {
    let shared: [FitComparison.Number] = [.sharedExponent, .sharedPValue, .sharedSize, .sharedData]
    return [.difference, .multiplier] + (fits.count > 2 ? shared : []) + (places == nil ? [] : [.slope])
      + (trend == nil ? [] : [.ordered])
  }

  /// Reads the section `compare`.
  ///
  /// - Throws: `InputError` if an entry is invalid.
  package static func readList(_ yaml: YAMLValue, fits: [FitRequest]) throws -> [ComparisonRequest] {
    var requests: [ComparisonRequest] = []
    for entry in try yaml.list() {
      let request = try ComparisonRequest(entry, fits)
      guard !requests.contains(where: { $0.name == request.name }) else {
        throw entry.error(
          "two comparisons are called `\(request.name)`", remedy: "Give one of them another `name`")
      }
      requests.append(request)
    }
    return requests
  }

  private init(_ yaml: YAMLValue, _ requests: [FitRequest]) throws {
    let map = try yaml.mapping(keys: [
      "name", "parameter", "fits", "title", "axis", "at", "theory", "theory_label", "trend",
    ])
    let fits = try yaml.required("fits", in: map).list().map { try $0.choice(of: requests.map(\.name)) }
    guard fits.count >= 2, Set(fits).count == fits.count else {
      throw yaml.error("a comparison needs two or more different fits", remedy: "Name them in `fits`")
    }
    let parameter = try yaml.required("parameter", in: map)
    for fit in requests where fits.contains(fit.name) {
      _ = try parameter.choice(
        of: fit.parameterNames.filter { ExperimentFit.PlainNumber(rawValue: $0) == nil })
    }
    let numbers = { (key: String) in
      try map[key].map { value in
        let numbers = try value.list().map { try $0.number(in: (-Double.greatestFiniteMagnitude)...) }
        guard numbers.count == fits.count else {
          throw value.error(
            "`\(key)` has \(numbers.count) numbers for \(fits.count) fits", remedy: "Give one for each fit")
        }
        return numbers
      }
    }
    self.fits = fits
    self.parameter = try parameter.string()
    name = try yaml.required("name", in: map).string()
    guard name.count <= FitRequest.longestName else {
      throw yaml.error("the name is longer than \(FitRequest.longestName) characters", remedy: "Shorten it")
    }
    title = try map["title"]?.string() ?? name
    places = try numbers("at")
    theory = try numbers("theory")
    axis = try map["axis"]?.string()
    if let at = map["at"] {
      guard let places, Set(places).count > 1 else {
        throw at.error("all fits have the same position", remedy: "Give at least two different numbers")
      }
      guard axis != nil else { throw at.error("the label of `at` is missing", remedy: "Add `axis`") }
    }
    theoryLabel = try map["theory_label"]?.string() ?? "theory"
    trend = try map["trend"]?.choice(of: Comparison.Trend.self)
  }
}

/// The result of a `ComparisonRequest`, or the reason why it failed.
public struct FitComparison: Codable, Sendable {
  /// A number that `expect` can refer to.
  public enum Number: String, CaseIterable, Sendable {
    /// The fraction of draws in which the values follow the trend.
    case ordered
    /// The slope of a line through the values.
    case slope
    /// The last value minus the first.
    case difference
    /// The factor of compute (or size, or data) at equal loss of the last fit over the first (`Multiplier`).
    case multiplier
    /// The exponent of one law for three or more fits, of N if the law is one of N and D (`SharedExponent`).
    case sharedExponent = "shared_exponent"
    /// The p-value of that law.
    case sharedPValue = "shared_p"
    /// The factors of size and of data of the last fit over the first by that law, if it is one of N and D.
    case sharedSize = "shared_size"
    case sharedData = "shared_data"
  }

  /// The name of the comparison.
  public let name: String
  /// The title on pages.
  public let title: String
  /// The parameter that is compared, by its name in files.
  public let parameter: String
  /// The names of the fits.
  public let fits: [String]
  /// The positions of the fits on an axis; nil without an axis.
  public let places: [Double]?
  /// The label of the axis; nil without an axis.
  public let axis: String?
  /// The theoretical values, one for each fit; nil if there are none.
  public let theory: [Double]?
  /// The label of the theoretical values.
  public let theoryLabel: String
  /// The expected direction of the values; nil if there is none.
  public let trend: Comparison.Trend?
  /// The comparison; nil if it failed.
  public let comparison: Comparison?
  /// The reason why there is no comparison; nil if there is one.
  public let refusal: String?
  /// The factors of compute (or size, or data) at equal loss; nil if the losses of the fits are not comparable, and in
  /// files of earlier versions.
  public let multipliers: Multipliers?

  init(_ request: ComparisonRequest, among fits: [ExperimentFit], bootstraps: Int, seed: UInt64) {
    name = request.name
    title = request.title
    parameter = request.parameter
    self.fits = request.fits
    places = request.places
    axis = request.axis
    theory = request.theory
    theoryLabel = request.theoryLabel
    trend = request.trend
    multipliers = Multipliers(
      of: request.fits.compactMap { name in fits.first { $0.name == name } }, bootstraps: bootstraps,
      seed: seed)
    do {
      let chosen = try request.fits.map { name in
        guard let fit = fits.first(where: { $0.name == name }),
          let estimate = fit.estimate(request.parameter)
        else { throw FitError("the fit \(name) has no \(request.parameter)") }
        return (estimate, fit.design)
      }
      comparison = try Comparison(
        chosen.map(\.0), designs: chosen.map(\.1), at: request.places, trend: request.trend, seed: seed)
      refusal = nil
    } catch {
      comparison = nil
      refusal = "\(error)"
    }
  }

  private func lastFactor(of variable: Variable) -> ExperimentFit.Number? {
    guard let shared = multipliers?.shared, let factors = shared.factors.last else { return nil }
    return zip(shared.variables, factors).first { $0.0 == variable }.map { ExperimentFit.Number($0.1) }
  }

  func number(_ number: Number) -> ExperimentFit.Number? {
    switch number {
    case .ordered: comparison?.ordered.map { ExperimentFit.Number(value: $0) }
    case .slope: comparison?.slope.map { ExperimentFit.Number($0) }
    case .difference: comparison?.fromFirst.last.map { ExperimentFit.Number($0) }
    case .multiplier: multipliers?.rows.last?.multiplier.map { ExperimentFit.Number($0.factor) }
    case .sharedExponent: multipliers?.shared?.exponents.first.map { ExperimentFit.Number($0) }
    case .sharedPValue: (multipliers?.shared?.pValue).map { ExperimentFit.Number(value: $0) }
    case .sharedSize: lastFactor(of: .parameters)
    case .sharedData: lastFactor(of: .tokens)
    }
  }
}
