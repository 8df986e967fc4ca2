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
    if parameter == "rms", let fit { return Number(value: fit.rmsLogResidual) }
    return estimates.first { latin($0.symbol) == parameter }.map { Number($0) }
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
        isoFLOP = try IsoFLOPAnalysis(
          slice.observations, method: request.law == .isoFLOPRobust ? .robust : .leastSquares,
          bootstraps: bootstraps, seed: seed)
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
    guard let named, fit != nil else { return }
    for analysis in request.analyses {
      do {
        switch analysis {
        case .bends: bends = try bends(request, floor: data.floor(request.floor), seed, progress)
        case .selection: rivals = try selection(request, floor: data.floor(request.floor))
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

  private func bends(_ request: FitRequest, floor: Floor, _ seed: UInt64, _ progress: (Double) -> Void) throws
    -> Bends
  {
    guard let variable = law.variable else {
      throw FitError("bends are of laws in one variable, such as power_n")
    }
    return try Bends(in: variable, of: observations, floor: floor, seed: seed, progress: progress)
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
