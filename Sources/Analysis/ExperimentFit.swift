import Foundation
import ScalingLaws

/// The result of one `FitRequest`, or the reason why it failed.
public struct ExperimentFit: Codable, Sendable {
  /// The name of the fit.
  public let name: String
  /// The law or analysis.
  public let law: LawChoice
  /// The floor of the law.
  public let floor: FloorChoice
  /// A description of how N and C are counted, and of the column of losses.
  public let convention: String
  /// A description of the selected runs, such as `d_tokens 4001792`.
  public let selection: String
  /// The observations of the fit.
  public let observations: [Observation]
  /// The true entropy of the corpus in the unit of the loss; nil if it is unknown or differs between runs.
  public let entropy: Double?
  /// The fitted law; nil if the request is for another analysis, or the fit failed.
  public private(set) var fit: LawFit?
  /// The IsoFLOP profiles; nil for other requests.
  public private(set) var isoFLOP: IsoFLOPAnalysis?
  /// The envelope of training curves; nil for other requests.
  public private(set) var envelope: Envelope?
  /// The critical batch; nil for other requests.
  public private(set) var criticalBatch: CriticalBatchAnalysis?
  /// The best data mixture; nil for other requests.
  public private(set) var bestMixture: BestMixture?
  /// The reason why there is no fit; nil if there is one.
  public private(set) var refusal: String?
  /// The test for breaks; nil if it was not requested or failed.
  public private(set) var bends: Bends?
  /// The comparison with other laws; nil if it was not requested or failed.
  public private(set) var rivals: Selection?
  /// The sensitivity to other choices; nil if it was not requested or failed.
  public private(set) var sensitivity: Sensitivity?
  /// The local slopes; nil if they were not requested or failed.
  public private(set) var slopes: LocalSlopes?
  /// The comparison of counts with and without embeddings; nil if it was not requested or failed.
  public private(set) var counting: EmbeddingCount?
  /// The predictions for held-out runs; nil if there are none or they failed.
  public private(set) var forecast: Forecast?
  /// The errors of additional analyses, and searches that stopped at their limit.
  public private(set) var remarks: [String] = []

  /// A number of a fit with its 95 % interval.
  public struct Number: Sendable {
    /// The value.
    public let value: Double
    /// The 95 % interval; nil if the number has none.
    public let interval: Interval?
    /// False if the data do not determine the number.
    public let identified: Bool

    init(_ estimate: Estimate) {
      value = estimate.value
      interval = estimate.interval
      identified = estimate.identified
    }

    init(value: Double) {
      self.value = value
      interval = nil
      identified = true
    }
  }

  /// Returns a number by its name in files, such as `alpha`, `E`, `a`, or `rms` for the residuals; nil if there is
  /// none.
  public func number(_ parameter: String) -> Number? {
    plainNumber(parameter).map { Number(value: $0) } ?? estimate(parameter).map { Number($0) }
  }

  private func plainNumber(_ parameter: String) -> Double? {
    switch PlainNumber(rawValue: parameter) {
    case .rms: fit?.rmsLogResidual
    case .bends: bends.map { Double($0.bends.count) }
    case .slopeSpread: slopes?.spread
    case .forecastError: forecast?.largestError
    case .forecastInside: forecast?.fractionInside
    case .forecastFactor: forecast?.smallestFactor
    case .tokensPerParameter: isoFLOP.flatMap(tokensPerParameter)
    case nil: nil
    }
  }

  /// The numbers without an interval.
  enum PlainNumber: String, CaseIterable {
    case rms, bends
    case slopeSpread = "slope_spread"
    case forecastError = "forecast_error"
    case forecastInside = "forecast_inside"
    case forecastFactor = "forecast_factor"
    case tokensPerParameter = "tokens_per_parameter"
  }

  /// Returns the geometric mean of D*/N* over the profiles with a minimum; nil if there are none.
  private func tokensPerParameter(_ analysis: IsoFLOPAnalysis) -> Double? {
    let logs = analysis.profiles.compactMap { profile in
      profile.minimum.map { log($0.tokens / $0.parameters) }
    }
    return logs.isEmpty ? nil : exp(logs.reduce(0, +) / Double(logs.count))
  }

  /// Returns the estimate of a parameter by its name in files; nil if there is none.
  func estimate(_ parameter: String) -> Estimate? {
    if parameter == "bend" { return bends?.bends.first?.place }
    let counted = [counting?.total, counting?.nonEmbedding, counting?.shift].compactMap { $0 }
    return (estimates + counted).first { latin($0.symbol) == parameter }
  }

  /// A text that identifies the resampling of the bootstrap. The draws of fits with equal designs are paired.
  var design: String {
    var clusters: [String] = []
    for (index, observation) in observations.enumerated() {
      let cluster = observation.cluster ?? "\(index)"
      if clusters.last != cluster { clusters.append(cluster) }
    }
    let kind = fit != nil ? "law" : envelope != nil ? "envelope" : "isoflop"
    return ([kind] + clusters).joined(separator: " ")
  }

  /// The main estimates of the fit, with their intervals.
  public var estimates: [Estimate] {
    fit.map { $0.parameters + $0.derived }
      ?? envelope.map { [$0.parametersExponent, $0.tokensExponent] }
      ?? criticalBatch.map { [$0.coefficient, $0.exponent, $0.growth] }
      ?? bestMixture.map { $0.weights + [$0.target] }
      ?? [isoFLOP?.parameters, isoFLOP?.tokens].compactMap { $0?.exponent }
  }

  /// True if the fitted law is a law of N and D.
  public var isSurface: Bool { fit.map { Set($0.law.law.variables) == [.parameters, .tokens] } ?? false }

  /// How much of a fit is computed; simulations leave parts out.
  enum Extent {
    /// Everything.
    case whole
    /// No additional analyses and forecasts.
    case fit
    /// No profile likelihoods either, so that every parameter counts as identified.
    case estimates
  }

  /// Performs a fit and its additional analyses. Errors become `refusal` and `remarks`.
  ///
  /// - Parameters:
  ///   - formulas: The laws given as equations in all requests, which are rivals of each other.
  ///   - variants: Returns the same runs with other conventions of N and C, by name, for the sensitivity.
  ///   - extent: How much is computed.
  ///   - progress: Called repeatedly with the completed fraction of a long analysis.
  init(
    _ request: FitRequest, _ data: FitData, formulas: [FormulaLaw] = [],
    variants: () -> [(String, FitData)], bootstraps: Int, seed: UInt64, extent: Extent = .whole,
    progress: (Double) -> Void
  ) {
    let fitter = { (law: NamedLaw) in
      var fitter = Fitter(
        law, minimizing: request.objective, holding: try request.heldSymbols(in: law), bootstraps: bootstraps,
        seed: seed, convention: data.convention)
      fitter.isProfiled = extent != .estimates
      return fitter
    }
    var slice = data.whole
    var named: NamedLaw?
    var edges: [Double] = []
    do {
      slice = try data.slice(for: request)
      named = try data.law(request)
      if let named, request.law.variable == .compute {
        let frontier = try Frontier(slice.observations, fitting: try fitter(named).fit)
        edges = Self.edges(of: slice.observations)
        slice = FitData.Slice(
          observations: frontier.observations,
          text: "\(slice.text), \(frontier.observations.count) of \(slice.observations.count)")
        (fit, refusal) = (frontier.law, frontier.refusal)
      } else if let named {
        fit = try fitter(named).fit(slice.observations)
      } else if request.law == .envelope {
        envelope = try Envelope(slice.observations, bootstraps: bootstraps, seed: seed)
      } else if request.law == .criticalBatch {
        // Several different entropies are an error, as for a law with the entropy as its floor.
        let floor = data.entropies.isEmpty ? Floor.zero : try data.floor(.entropy)
        let above = if case .known(let entropy) = floor { entropy } else { 0.0 }
        criticalBatch = try CriticalBatchAnalysis(
          slice.observations, above: above, bootstraps: bootstraps, seed: seed)
      } else if request.law == .bestMixture {
        let best = try BestMixture(
          request.domains, runs: slice.observations.map(request.mixture(of:)),
          target: request.domains.map { request.target[$0] ?? 0 }, objective: request.objective,
          convention: data.convention, bootstraps: bootstraps, seed: seed)
        bestMixture = best
        if !request.forecast.isEmpty {
          forecast = best.forecast(
            of: try data.heldOut.map { ($0.name, try request.mixture(of: $0.observation)) }, seed: seed)
        }
      } else {
        let analysis = try IsoFLOPAnalysis(
          slice.observations, method: request.law.isoFLOPMethod ?? .leastSquares,
          bootstraps: bootstraps, seed: seed)
        // The profiles are shown even if none has a minimum.
        isoFLOP = analysis
        refusal = analysis.refusal
      }
    } catch {
      refusal = "\(error)"
    }
    name = request.name
    law = request.law
    floor = request.floor
    convention = data.convention
    entropy = data.entropies.count == 1 ? data.entropies[0] : nil
    selection = slice.text
    observations = slice.observations
    guard extent == .whole, let named, let fit else { return }
    remarks += [fit.lack.map { Self.remark(about: $0) }, fit.disagreement, fit.unfinished?.text].compactMap {
      $0
    }
    if !request.forecast.isEmpty {
      do {
        forecast = try forecast(by: fit, request, data)
      } catch {
        remarks.append("forecast: \(error)")
      }
    }
    for analysis in request.analyses {
      do {
        switch analysis {
        case .bends:
          bends = try bends(request, floor: data.floor(request.floor), without: edges, seed, progress)
        case .selection: rivals = try selection(request, formulas, floor: data.floor(request.floor))
        case .slopes: slopes = try LocalSlopes(of: observations, under: fit)
        case .counting: counting = try counting(by: fit, request, data)
        case .sensitivity:
          sensitivity = Sensitivity(
            of: try fitter(named), on: observations,
            variants: variants().compactMap { name, data in
              (try? data.slice(for: request).observations).map { (name, $0) }
            })
        }
      } catch {
        remarks.append("\(analysis.rawValue): \(error)")
      }
    }
  }

  /// Returns a remark about data that lack something.
  private static func remark(about lack: String) -> String {
    lack
      + ", so that they do not determine how to split a budget: train other N at the same D, or other D at the "
      + "same N" + (lack.hasPrefix("D/N") ? "; or fit power_c or overtraining, which need less" : "")
  }

  /// Returns the smallest and the largest size; none if there is only one.
  private static func edges(of observations: [Observation]) -> [Double] {
    let sizes = observations.compactMap(\.parameters)
    guard let smallest = sizes.min(), let largest = sizes.max(), smallest < largest else { return [] }
    return [smallest, largest]
  }

  /// - Parameter edges: Sizes to leave out if they are the best at several computes. On a frontier, the smallest or
  ///   largest size is then the best of those that were trained, and not an optimum; the frontier bends where it begins.
  private func bends(
    _ request: FitRequest, floor: Floor, without edges: [Double], _ seed: UInt64,
    _ progress: (Double) -> Void
  ) throws -> Bends {
    guard let variable = law.variable else {
      throw FitError("bends are tested for laws in one variable, such as power_n")
    }
    let left = edges.filter { edge in
      Set(observations.filter { $0.parameters == edge }.map(\.compute)).count > 1
    }
    let inner = observations.filter { $0.parameters.map { !left.contains($0) } ?? true }
    do {
      return try Bends(in: variable, of: inner, floor: floor, seed: seed, progress: progress)
    } catch let error as FitError where inner.count < observations.count {
      throw FitError(
        "\(error.message), not counting \(observations.count - inner.count) models of the smallest and the largest "
          + "size, which are no optima")
    }
  }

  private func forecast(by fit: LawFit, _ request: FitRequest, _ data: FitData) throws -> Forecast {
    let slice = try data.slice(for: request)
    // A frontier consists of means over seeds, which scatter less than the single run that is predicted.
    let lost = law.variable == .compute ? data.varianceOverSeeds(above: fit.knownFloor) : 0
    return try Forecast(
      by: fit, of: data.heldOut(beside: slice, request),
      largestCompute: slice.observations.compactMap(\.compute).max(),
      scatter: (fit.rmsLogResidual * fit.rmsLogResidual + lost).squareRoot())
  }

  private func counting(by fit: LawFit, _ request: FitRequest, _ data: FitData) throws -> EmbeddingCount {
    guard law == .chinchilla, request.size == .total else {
      throw FitError("the comparison of counts needs the law chinchilla with `n: total`")
    }
    let computes = data.counts.map(\.compute)
    guard let low = computes.min(), let high = computes.max() else {
      throw FitError("the comparison of counts needs N with and without embeddings")
    }
    return try EmbeddingCount(under: fit, pairs: data.counts.map(\.pair), compute: low...high)
  }

  private func selection(_ request: FitRequest, _ formulas: [FormulaLaw], floor: Floor) throws -> Selection {
    let rivals = request.rivals(among: formulas, floor: floor).filter { law in
      law.law.variables.allSatisfy { variable in observations.allSatisfy { $0[variable] != nil } }
    }
    // A law must leave degrees of freedom for the comparison.
    let laws = rivals.filter { observations.count >= $0.law.parameters.count + 3 }
    guard laws.count > 1 else {
      throw FitError(
        rivals.count < 2
          ? "the law has no rivals to be compared with"
          : "\(observations.count) observations are too few to compare laws")
    }
    return try Selection(laws, on: observations, leavingOutLargest: request.order)
  }
}

extension FitRequest {
  /// The mixture of a run, with its losses on the tasks of the target.
  ///
  /// - Throws: `FitError` if the run has no weights.
  fileprivate func mixture(of observation: Observation) throws -> BestMixture.Run {
    guard observation.mixture.allSatisfy({ !$0.isNaN }) else {
      throw FitError("a run has no `weights` of \(domains.joined(separator: ", ")): select some with `where`")
    }
    return BestMixture.Run(
      mixture: observation.mixture, losses: domains.map { observation.columns?["loss_\($0)"] ?? .nan },
      cluster: observation.cluster)
  }
}
