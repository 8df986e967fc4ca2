import Files
import Foundation
import ScalingLaws

/// The fits of an experiment: the file `fits.json`.
public struct Fits: Codable, Sendable {
  /// How many runs were fitted, and how many were left out because they diverged or are missing.
  public let completed: Int
  public let diverged: Int
  public let missing: Int
  public let fits: [ExperimentFit]

  /// Fits what an experiment asks for to its results.
  ///
  /// - Parameters:
  ///   - requests: what the file asks for; nil for the standard fits.
  ///   - bootstraps: samples for the intervals; whole trunks are drawn.
  public init(
    of table: ResultsTable, requests: [FitRequest]? = nil, bootstraps: Int = 1000, seed: UInt64 = 1
  ) {
    let rows = table.completed
    let requests =
      requests
      ?? FitRequest.standard(
        budgets: rows.contains { $0.number("isoflop_budget") != nil },
        entropy: rows.contains { $0.number("entropy") != nil })
    completed = rows.count
    diverged = table.rows.count { $0.text("status") == "diverged" }
    missing = table.rows.count - completed - diverged
    fits = requests.map { request in
      let data = FitData(request, rows: rows)
      return ExperimentFit(request, data, bootstraps: bootstraps, seed: seed)
    }
  }

  /// Fits the standard laws, or those given, to observations from anywhere.
  ///
  /// - Parameter entropy: the true entropy in the unit of the loss, where it is known.
  public init(
    of file: ObservationFile, laws: [LawChoice]? = nil, entropy: Double? = nil, bootstraps: Int = 1000,
    seed: UInt64 = 1
  ) {
    let requests =
      laws.map { laws in laws.map { FitRequest($0, floor: entropy == nil || !$0.hasFloor ? .free : .entropy) }
      }
      ?? FitRequest.standard(budgets: true, entropy: entropy != nil)
    completed = file.observations.count
    diverged = 0
    missing = file.leftOut
    fits = requests.map { request in
      let data = FitData(observations: file.observations, entropy: entropy, convention: file.convention)
      return ExperimentFit(request, data, bootstraps: bootstraps, seed: seed)
    }
  }

  /// The fit of a name.
  public subscript(name: String) -> ExperimentFit? { fits.first { $0.name == name } }

  /// Reads `fits.json`.
  public init(contentsOf path: String) throws {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    do {
      self = try decoder.decode(Fits.self, from: FileAccess.read(path))
    } catch is DecodingError {
      throw InputError("is not a file of fits", file: path, remedy: "Give the command `isoflop fit` again")
    }
  }

  /// Writes `fits.json` atomically; equal fits give equal bytes.
  public func write(to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    try FileAccess.write(encoder.encode(self), to: path)
  }
}

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
  /// The law, fitted; nil for IsoFLOP profiles and where it was not possible.
  public let fit: LawFit?
  public let isoFLOP: IsoFLOPAnalysis?
  /// Why there is no fit.
  public let refusal: String?

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
    if let isoFLOP {
      return (parameter == "a" ? isoFLOP.parameters : parameter == "b" ? isoFLOP.tokens : nil).map {
        Number($0.exponent)
      }
    }
    guard let fit else { return nil }
    if parameter == "rms" { return Number(value: fit.rmsLogResidual) }
    return (fit.parameters + fit.derived).first { latin($0.symbol) == parameter }.map { Number($0) }
  }

  /// All numbers of the fit, with their intervals.
  public var estimates: [Estimate] {
    fit.map { $0.parameters + $0.derived }
      ?? [isoFLOP?.parameters, isoFLOP?.tokens].compactMap { $0?.exponent }
  }

  init(_ request: FitRequest, _ data: FitData, bootstraps: Int, seed: UInt64) {
    var slice = data.whole
    var (fit, isoFLOP, refusal): (LawFit?, IsoFLOPAnalysis?, String?)
    do {
      slice = try data.slice(for: request)
      if let law = request.law.named(floor: try data.floor(request.floor)) {
        let fitter = Fitter(law, bootstraps: bootstraps, seed: seed, convention: data.convention)
        if request.law.variable == .compute {
          let frontier = try Frontier(slice.observations, fitting: fitter.fit)
          slice.observations = frontier.observations
          (fit, refusal) = (frontier.law, frontier.refusal)
        } else {
          fit = try fitter.fit(slice.observations)
        }
      } else {
        isoFLOP = try IsoFLOPAnalysis(slice.observations, bootstraps: bootstraps, seed: seed)
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
    (self.fit, self.isoFLOP, self.refusal) = (fit, isoFLOP, refusal)
  }
}
