import Analysis
import Dispatch
import Execution
import Files
import Foundation
import Plans
import Reports
import ScalingLaws
import Synchronization
import Training

/// An experiment while it trains: its status and learning curves, and its figures with the fits to the runs that are
/// finished.
final class LiveExperiment: Sendable {
  /// The checksum of its plan.
  let version: String
  private let name: String
  private let root: String
  private let corpora: [String]
  private let frozen: FrozenPlan
  private let forecaster: LossForecaster
  /// Fits are computed one after the other, on a thread of their own.
  private let queue = DispatchQueue(label: "fits")
  private let state = Mutex(State())

  private struct State {
    var plan: Plan?
    /// The last figures, and the number of finished runs that they show.
    var figures: (done: Int, data: JSONValue)?
  }

  /// - Throws: `InputError` if the plan is damaged.
  init(_ name: String, version: String, in root: String, corpora: [String]) throws {
    (self.name, self.version, self.root, self.corpora) = (name, version, root, corpora)
    frozen = try FrozenPlan(contentsOf: "\(root)/\(name)/plan.json")
    forecaster = LossForecaster(frozen.runs, in: RunStore(reading: root))
  }

  /// The page, which asks for the data.
  var page: String {
    get throws {
      try Page.render(
        PackageResources.live_mustache,
        [
          "name": name, "address": escaped(name), "script": Page.script,
          "live": String(decoding: PackageResources.live_js, as: UTF8.self),
          "report": try FileAccess.exists("\(root)/\(name)/report.html"),
          "budget": try FileAccess.exists("\(root)/\(name)/fits.json"),
        ])
    }
  }

  /// The state of all runs, and their learning curves.
  func status() throws -> JSONValue {
    let status = try GridStatus(frozen, forecaster)
    let curves = try frozen.runs.reduce(into: [String: [CurvePoint]]()) { curves, run in
      let curve = try forecaster.curve(of: run)
      if !curve.isEmpty { curves[run.configuration.identifier] = curve }
    }
    let rows = try frozen.runs.map { run in
      StoredRun.row(run.configuration, try forecaster.result(of: run))
    }
    var members: [String: JSONValue] = [
      "name": .text(name), "total": .integer(status.total), "done": .integer(status.done),
      "diverged": .integer(status.diverged), "waiting": .integer(status.waiting),
      "running": .integer(status.running.count),
      "failed": .list(status.failed.map { .text("\($0.label): \($0.lastLine)") }),
      "warnings": .list(status.farOff.map { .text($0.text) }),
      "runs": .list(try runs(status, curves)),
    ]
    members["left"] = status.secondsLeft.map { .number($0.rounded()) }
    members["curves"] = Figure.trainingCurves(of: rows, curves: curves).map { figure in
      .object(["data": figure.data, "caption": .text(figure.caption)])
    }
    return .object(members)
  }

  private func runs(_ status: GridStatus, _ curves: [String: [CurvePoint]]) throws -> [JSONValue] {
    let finalLosses = Dictionary(
      status.running.flatMap(\.finalLosses).map { ($0.label, $0) }, uniquingKeysWith: { first, _ in first })
    let running = Set(status.running.map(\.trunk))
    let failed = Set(status.failed.map(\.trunk))
    return try frozen.runs.map { run in
      let trunk = run.configuration.trunkIdentifier
      let tokens = Double(run.configuration.training.tokens)
      let last = curves[run.configuration.identifier]?.last
      var members: [String: JSONValue] = ["label": .text(run.label)]
      if let result = try forecaster.result(of: run) {
        members["state"] = result.loss == nil ? "diverged" : "done"
        members["share"] = 1
        members["loss"] = result.loss.map { .number($0) }
      } else {
        members["state"] =
          running.contains(trunk) ? "training" : failed.contains(trunk) ? "failed" : "waiting"
        members["share"] = .number(min(Double(last?.tokens ?? 0) / tokens, 1))
        members["loss"] = last.map { .number($0.curveLoss) }
        if let final = finalLosses[run.label] {
          members["final"] = .list([.number(final.estimate), .number(final.low), .number(final.high)])
        }
      }
      return .object(members)
    }
  }

  /// The figures of the report with the fits to the finished runs. They are computed again when more runs are finished.
  func figures() async throws -> JSONValue {
    try await withCheckedThrowingContinuation { continuation in
      queue.async { continuation.resume(with: Result { try self.currentFigures() }) }
    }
  }

  private func currentFigures() throws -> JSONValue {
    let done = try frozen.runs.count { try forecaster.result(of: $0) != nil }
    if let last = state.withLock({ $0.figures }), last.done == done { return last.data }
    let plan = try plan()
    let table = try ResultsTable(plan) { run in try forecaster.result(of: TrunkJob.Run(run)) }
    let fits = Fits(
      of: table, requests: plan.experiment.fits, comparisons: plan.experiment.comparisons,
      sweeps: plan.experiment.sweeps, bootstraps: 200)
    let report = Report(of: plan.experiment, table: table, fits: fits)
    let data = JSONValue.object([
      "done": .integer(done), "title": .text(plan.experiment.title),
      "facts": .list(
        report.facts.map {
          .object(["name": .text($0.name), "value": .text($0.value), "note": .text($0.note)])
        }),
      "figures": .list(
        report.figures.map { figure in
          .object([
            "name": .text(figure.name), "title": .text(figure.title), "caption": .text(figure.caption),
            "data": figure.data,
          ])
        }),
    ])
    state.withLock { $0.figures = (done, data) }
    return data
  }

  /// The plan with its fits, which `plan.json` does not have.
  private func plan() throws -> Plan {
    if let plan = state.withLock({ $0.plan }) { return plan }
    let path = frozen.origin.map { "\(root)/\(name)/\($0)" } ?? frozen.file
    let experiment = try ExperimentFile(contentsOf: path, tier: frozen.tier)
    let plan = try Plan(
      frozen.isShrunken ? experiment.shrunken() : experiment,
      corpora: CorpusCache(allowing: corpora))
    state.withLock { $0.plan = plan }
    return plan
  }
}
