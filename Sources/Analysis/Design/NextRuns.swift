import Foundation
import ScalingLaws

/// The runs that would narrow the interval of a number most for their compute, after the runs of a finished grid.
///
/// The half width of the interval is that of least squares, linearised at the law that was fitted to the finished runs.
/// Candidates are the sizes of the grid with its numbers of tokens, half of the smallest and twice the largest. Runs are
/// chosen one after the other, each with those before it.
public struct NextRuns: Codable, Sendable {
  /// One run.
  public struct Run: Codable, Sendable {
    /// The size, as the file gives it: by width, or N.
    public let size: String
    /// N.
    public let parameters: Double
    /// D.
    public let tokens: Double
    /// C, in FLOPs.
    public let compute: Double
    /// The half width with this run and those before it.
    public let halfWidth: Double
  }

  /// The number.
  public let target: DesignInformation.Target
  /// The law that was fitted to the finished runs.
  public let law: PriorLaw
  /// The number of finished runs.
  public let finished: Int
  /// The half width with the finished runs; nil if they do not determine the number.
  public let halfWidth: Double?
  /// The runs, the first one worth most.
  public let runs: [Run]

  /// Chooses runs.
  ///
  /// - Parameters:
  ///   - request: The fit of a law of N and D to the runs.
  ///   - count: The number of runs.
  /// - Throws: `FitError` if the law cannot be fitted to the finished runs.
  public init(
    after table: ResultsTable, by request: FitRequest, for target: DesignInformation.Target, count: Int = 6,
    seed: UInt64 = 1
  ) throws {
    let fitted = ExperimentFit(
      request, FitData(request, rows: table.rows), variants: { [] }, bootstraps: 0, seed: seed,
      extent: .estimates,
      progress: { _ in })
    guard let fit = fitted.fit else { throw FitError(fitted.refusal ?? "there is no fit") }
    let law = try PriorLaw(of: fit, named: request.name)
    self.law = law
    let fitsFloor = fit["E"] != nil
    if target == .floor, !fitsFloor {
      throw FitError("the fit \(request.name) knows the floor: E is not fitted")
    }
    // Residuals of the whole loss are those of the part above the floor, times that part of it.
    let share =
      fitted.observations.map { 1 - law.floor / $0.loss }.reduce(0, +) / Double(fitted.observations.count)
    let noise = fitsFloor ? fit.rmsLogResidual / max(share, 1e-6) : fit.rmsLogResidual
    let models = GridProposal.models(of: table)
    let known = Set(fitted.observations.compactMap(\.tokens)).sorted()
    guard let least = known.first, let most = known.last,
      let middle = models.dropFirst(models.count / 2).first
    else {
      throw FitError("no run is finished")
    }
    var information = DesignInformation(
      under: law, fitsFloor: fitsFloor, noise: noise,
      centre: (middle.parameters, (least * most).squareRoot()))
    for run in fitted.observations {
      information.add(parameters: run.parameters ?? .nan, tokens: run.tokens ?? .nan)
    }
    self.target = target
    finished = fitted.observations.count
    halfWidth = information.halfWidth(of: target)
    let lengths = [least / 2] + known + [2 * most]
    var runs: [Run] = []
    for _ in 0..<count {
      let before = information.halfWidth(of: target) ?? .greatestFiniteMagnitude
      var best: (run: Run, worth: Double, information: DesignInformation)?
      for model in models {
        for tokens in lengths {
          var with = information
          with.add(parameters: model.parameters, tokens: tokens)
          guard let after = with.halfWidth(of: target) else { continue }
          let compute = model.flopsPerToken * tokens
          let worth = (before - after) / compute
          // A run that hardly changes the interval is not worth its trouble, however cheap.
          guard before - after > 0.003 * before, worth > best?.worth ?? 0 else { continue }
          let run = Run(
            size: model.label, parameters: model.parameters, tokens: tokens, compute: compute,
            halfWidth: after)
          best = (run, worth, with)
        }
      }
      guard let best else { break }
      runs.append(best.run)
      information = best.information
    }
    self.runs = runs
  }
}
