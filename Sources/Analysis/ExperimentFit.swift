import Foundation
import ScalingLaws

/// One fit, or the reason why there is none.
public struct ExperimentFit: Codable, Sendable {
  public let name: String
  public let law: LawChoice
  public let floor: FloorChoice
  /// How N and C are counted, and which loss is meant, in words.
  public let convention: String
  /// Which runs were taken, in words: `d_tokens 4001792`.
  public let selection: String
  /// The observations fitted.
  public let observations: [Observation]
  /// The true entropy of the corpus in the unit of the loss, where it is known.
  public let entropy: Double?
  /// The law, fitted; nil where something else was asked for and where it was not possible.
  public private(set) var fit: LawFit?
  public private(set) var isoFLOP: IsoFLOPAnalysis?
  public private(set) var envelope: Envelope?
  public private(set) var criticalBatch: CriticalBatchAnalysis?
  /// Why there is no fit.
  public private(set) var refusal: String?
  /// Analyses beside the fit, where they were asked for.
  public private(set) var bends: Bends?
  public private(set) var rivals: Selection?
  public private(set) var sensitivity: Sensitivity?
  public private(set) var slopes: LocalSlopes?
  public private(set) var counting: EmbeddingCount?
  /// What the fit says of the runs that it holds out.
  public private(set) var forecast: Forecast?
  /// Why one of these is not there.
  public private(set) var remarks: [String] = []

  /// A number of a fit with its 95 % interval.
  public struct Number: Sendable {
    public let value: Double
    public let interval: Interval?
    /// False where the data do not determine it.
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

  /// The number of a parameter by its name in a file: `alpha`, `E`, `a`, or `rms` for the residuals.
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

  /// Numbers that have no interval.
  enum PlainNumber: String, CaseIterable {
    case rms, bends
    case slopeSpread = "slope_spread"
    case forecastError = "forecast_error"
    case forecastInside = "forecast_inside"
    case forecastFactor = "forecast_factor"
    case tokensPerParameter = "tokens_per_parameter"
  }

  /// D*/N*, the geometric mean over the budgets whose profiles have a minimum.
  private func tokensPerParameter(_ analysis: IsoFLOPAnalysis) -> Double? {
    let logs = analysis.profiles.compactMap { profile in
      profile.minimum.map { log($0.tokens / $0.parameters) }
    }
    return logs.isEmpty ? nil : exp(logs.reduce(0, +) / Double(logs.count))
  }

  /// The estimate of a parameter by its name in a file.
  func estimate(_ parameter: String) -> Estimate? {
    if parameter == "bend" { return bends?.bends.first?.place }
    let counted = [counting?.total, counting?.nonEmbedding, counting?.shift].compactMap { $0 }
    return (estimates + counted).first { latin($0.symbol) == parameter }
  }

  /// What the bootstrap resampled, and how: the draws of two fits with equal texts belong together.
  var design: String {
    var clusters: [String] = []
    for (index, observation) in observations.enumerated() {
      let cluster = observation.cluster ?? "\(index)"
      if clusters.last != cluster { clusters.append(cluster) }
    }
    let kind = fit != nil ? "law" : envelope != nil ? "envelope" : "isoflop"
    return ([kind] + clusters).joined(separator: " ")
  }

  /// All numbers of the fit, with their intervals.
  public var estimates: [Estimate] {
    fit.map { $0.parameters + $0.derived }
      ?? envelope.map { [$0.parametersExponent, $0.tokensExponent] }
      ?? criticalBatch.map { [$0.coefficient, $0.exponent, $0.growth] }
      ?? [isoFLOP?.parameters, isoFLOP?.tokens].compactMap { $0?.exponent }
  }

  /// Whether a law of N and D was fitted.
  public var isSurface: Bool { fit.map { Set($0.law.law.variables) == [.parameters, .tokens] } ?? false }

  /// - Parameters:
  ///   - variants: the same runs counted otherwise, by name, for a table of sensitivity.
  ///   - progress: told now and then which part of a long analysis is done.
  init(
    _ request: FitRequest, _ data: FitData, variants: () -> [(String, FitData)], bootstraps: Int,
    seed: UInt64,
    progress: (Double) -> Void
  ) {
    let fitter = { (law: NamedLaw) in
      Fitter(
        law, minimizing: request.objective, holding: try request.heldSymbols(in: law), bootstraps: bootstraps,
        seed: seed, convention: data.convention)
    }
    var slice = data.whole
    var named: NamedLaw?
    do {
      slice = try data.slice(for: request)
      named = try data.law(request)
      if let named, request.law.variable == .compute {
        let frontier = try Frontier(slice.observations, fitting: try fitter(named).fit)
        slice.observations = frontier.observations
        (fit, refusal) = (frontier.law, frontier.refusal)
      } else if let named {
        fit = try fitter(named).fit(slice.observations)
      } else if request.law == .envelope {
        envelope = try Envelope(slice.observations, bootstraps: bootstraps, seed: seed)
      } else if request.law == .criticalBatch {
        // Of several entropies none is the right one: told as for a law whose floor they are.
        let floor = data.entropies.isEmpty ? Floor.zero : try data.floor(.entropy)
        let above = if case .known(let entropy) = floor { entropy } else { 0.0 }
        criticalBatch = try CriticalBatchAnalysis(
          slice.observations, above: above, bootstraps: bootstraps, seed: seed)
      } else {
        let analysis = try IsoFLOPAnalysis(
          slice.observations, method: request.law == .isoFLOPRobust ? .robust : .leastSquares,
          bootstraps: bootstraps, seed: seed)
        // The profiles are shown even where none has a minimum.
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
    guard let named, let fit else { return }
    remarks += [fit.unfinished?.text].compactMap { $0 }
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
        case .bends: bends = try bends(request, floor: data.floor(request.floor), seed, progress)
        case .selection: rivals = try selection(request, floor: data.floor(request.floor))
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
    // A frontier takes the best of all runs, whatever their settings.
    if request.law.variable != .compute, let mixed = data.mixedSettings { remarks.append(mixed) }
  }

  private func bends(_ request: FitRequest, floor: Floor, _ seed: UInt64, _ progress: (Double) -> Void) throws
    -> Bends
  {
    guard let variable = law.variable else {
      throw FitError("bends are tested for laws in one variable, such as power_n")
    }
    return try Bends(in: variable, of: observations, floor: floor, seed: seed, progress: progress)
  }

  private func forecast(by fit: LawFit, _ request: FitRequest, _ data: FitData) throws -> Forecast {
    let slice = try data.slice(for: request)
    // A frontier goes through means over seeds, which scatter less than the single run that is predicted.
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

  private func selection(_ request: FitRequest, floor: Floor) throws -> Selection {
    // A rival must leave degrees of freedom to judge it by.
    let laws = law.rivals(floor: floor).filter { observations.count >= $0.law.parameters.count + 3 }
    guard laws.count > 1 else {
      throw FitError(
        law.rivals(floor: floor).isEmpty
          ? "the law has no rivals to be compared with"
          : "\(observations.count) observations are too few to compare laws")
    }
    return try Selection(laws, on: observations, leavingOutLargest: law.variable)
  }
}
