import Analysis
import Execution
import Files
import Foundation
import Plans
import Reports
import ScalingLaws

import struct Reports.Point

/// How to spend a budget of FLOPs by the fits of an experiment: the loss over model sizes that cost the same, the best
/// of them, and the finished run that is nearest.
struct BudgetPage {
  private let name: String
  private let fit: ExperimentFit
  private let law: LawFit

  /// - Throws: `InputError` if the experiment has no fit of a law of N and D.
  init(_ name: String, in root: String) throws {
    let path = "\(root)/\(name)/fits.json"
    guard !name.hasPrefix("."), !name.contains("/"), try FileAccess.exists(path) else {
      throw InputError("\(root)/\(name) has no fits.json", remedy: "Fit it with `isoflop collect`")
    }
    let fits = try Fits(contentsOf: path)
    guard let fit = fits.surface, let law = fit.fit else {
      throw InputError(
        "\(path) has no fit of a law of N and D, by which a budget can be split",
        remedy: "Add `law: chinchilla` to the experiment's fits")
    }
    (self.name, self.fit, self.law) = (name, fit, law)
  }

  /// The page, whose sliders ask for the data.
  var html: String {
    get throws {
      let budgets = fit.observations.compactMap { run in
        run.parameters.flatMap { n in run.tokens.map { 6 * n * $0 } }
      }
      let (low, high) = (budgets.min() ?? 1e9, budgets.max() ?? 1e12)
      return try Page.render(
        PackageResources.budget_mustache,
        [
          "name": name, "address": escaped(name), "script": Page.script,
          "budget": String(decoding: PackageResources.budget_js, as: UTF8.self),
          "fit": fit.name, "equation": law.equation, "convention": law.convention,
          // A decade and a half beyond the data: farther off a law of toy models says little.
          "low": log10(low), "high": log10(high) + 1.5, "start": log10(high),
        ])
    }
  }

  /// The prediction for a budget of `flops`, and for a model of `parameters`; the best one if none are given.
  func split(_ query: [(name: String, value: String)]) throws -> JSONValue {
    func number(_ name: String) throws -> Double? {
      guard let text = query.first(where: { $0.name == name })?.value else { return nil }
      guard let value = Double(text), value > 0, value.isFinite else {
        throw InputError("\(name)=\(text) is not a positive number", remedy: "Move a slider")
      }
      return value
    }
    guard let flops = try number("flops") else {
      throw InputError("no flops are given", remedy: "Move a slider")
    }
    let best = try Allocation(.compute(flops), under: law)
    let n = try number("parameters") ?? best.parameters.value
    let chosen = law.predict(at: place(n, flops))
    let sizes = (0...60).map { best.parameters.value * pow(10, Double($0 - 30) / 20) }
    let line = sizes.compactMap { size -> Point? in
      law.predict(at: place(size, flops)).map { predicted in
        Point(
          size, predicted.value, low: predicted.confidence?.low ?? predicted.value,
          high: predicted.confidence?.high ?? predicted.value)
      }
    }
    let nearest = fit.observations.compactMap { run -> (distance: Double, run: Observation)? in
      guard let size = run.parameters, let tokens = run.tokens else { return nil }
      return (hypot(log(size / n), log(tokens / (flops / (6 * n)))), run)
    }.min { $0.distance < $1.distance }
    var members: [String: JSONValue] = [
      "parameters": .number(n), "low": .number(sizes[0]), "high": .number(sizes[60]),
      "facts": .list(
        [
          fact("Parameters N", n), fact("Tokens D", flops / (6 * n)),
          fact("Tokens per parameter", flops / (6 * n * n)),
          fact("Predicted loss", chosen?.value ?? .nan, chosen?.confidence),
          fact("Best N for this budget", best.parameters.value, best.parameters.interval),
          fact("Loss of the best", best.loss.value, best.loss.interval),
          fact("Loss above the best", (chosen?.value ?? .nan) - best.loss.value),
        ]),
      "figure": figure(line, n, flops, chosen?.value, best, nearest?.run).data,
    ]
    if let run = nearest?.run, let size = run.parameters, let tokens = run.tokens {
      let predicted = law.predict(
        at: Observation(parameters: size, tokens: tokens, uniqueTokens: tokens, loss: 1))
      members["nearest"] = .list([
        fact("Parameters N", size), fact("Tokens D", tokens), fact("Its loss", run.loss),
        fact("The law says", predicted?.value ?? .nan),
      ])
    }
    members["warning"] = best.warning.map { .text($0) }
    return .object(members)
  }

  private func place(_ n: Double, _ flops: Double) -> Observation {
    let tokens = flops / (6 * n)
    return Observation(parameters: n, tokens: tokens, uniqueTokens: tokens, loss: 1)
  }

  private func fact(_ name: String, _ value: Double, _ interval: Interval? = nil) -> JSONValue {
    var members: [String: JSONValue] = ["name": .text(name)]
    members["value"] = value.isFinite ? .number(value) : nil
    if let interval, interval.low.isFinite, interval.high.isFinite {
      members["interval"] = .list([.number(interval.low), .number(interval.high)])
    }
    return .object(members)
  }

  private func figure(
    _ line: [Point], _ n: Double, _ flops: Double, _ loss: Double?, _ best: Allocation,
    _ nearest: Observation?
  ) -> Figure {
    let chosen = Style("your choice", .category(1), marker: .diamond)
    let optimum = Style("best", .category(2))
    let runs = fit.observations.compactMap { run in
      run.parameters.flatMap { n in run.tokens.map { Point(n, $0) } }
    }
    let sameCost = line.map { Point($0.x, flops / (6 * $0.x)) }
    return Figure(
      name: "budget", title: "Sizes that cost the same", caption: "",
      panels: [
        Panel(
          "Loss at this budget", x: Axis("Parameters N", .logarithmic),
          y: Axis("Predicted loss", .logarithmic),
          layers: [
            .band(line, Style("law, with 95 % band", .category(0))),
            .line(line, Style("law, with 95 % band", .category(0))),
            .points([Point(best.parameters.value, best.loss.value)], optimum),
            .points(loss.map { [Point(n, $0)] } ?? [], chosen),
          ]),
        Panel(
          "N against D", x: Axis("Parameters N", .logarithmic), y: Axis("Tokens D", .logarithmic),
          layers: [
            .points(runs, Style("runs of the fit", .neutral, marker: .small)),
            .line(sameCost, Style("this budget", .category(0))),
            .points([Point(best.parameters.value, best.tokens.value)], optimum),
            .points([Point(n, flops / (6 * n))], chosen),
            .points(
              nearest.flatMap { run in run.parameters.flatMap { n in run.tokens.map { [Point(n, $0)] } } }
                ?? [],
              Style("nearest run", .category(3), marker: .open)),
          ]),
      ])
  }
}
