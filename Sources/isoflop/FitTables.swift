import Analysis
import Foundation
import ScalingLaws

/// Prints fitted laws with their intervals, and what was asked for beside them.
func printFits(_ fits: Fits) {
  let fitted = fits.fits.filter { $0.refusal == nil }
  if !fitted.isEmpty {
    printTable(
      ["fit", "parameter", "value", "std. error", "95 % interval"],
      fitted.flatMap { fit in
        fit.estimates.enumerated().map { index, estimate in
          [
            index == 0 ? fit.name : "", estimate.symbol, number(estimate.value),
            estimate.identified ? estimate.standardError.map(number) ?? "" : "",
            remark(on: estimate, of: fit),
          ]
        }
      })
    printLaws(fits.fits.compactMap { fit in fit.fit.map { (fit.name, $0) } })
    printUnidentified(fitted)
  }
  for fit in fits.fits {
    if let refusal = fit.refusal { print("\(fit.name): not possible: \(refusal)") }
  }
  if fits.approaches.count > 1 { printApproaches(fits) }
  for fit in fits.fits {
    fit.bends.map { printBends($0, fit.name) }
    fit.rivals.map { printRivals($0, fit.name) }
    fit.sensitivity.map { printSensitivity($0, fit.name) }
    fit.slopes.map { print("\n\(fit.name): \($0.verdict)") }
    fit.counting.map { printCounting($0, fit.name) }
    fit.forecast.map { printForecast($0, fit.name) }
    for remark in fit.remarks { print("\(fit.name): \(remark)") }
  }
  for comparison in fits.comparisons { printComparison(comparison) }
}

private func printCounting(_ count: EmbeddingCount, _ name: String) {
  print("\n\(name): the best size by N with and without embeddings, N* ∝ C^a")
  printTable(
    ["exponent", "value", "95 % interval"],
    [count.total, count.nonEmbedding].map { [$0.symbol, number($0.value), $0.interval.map(text) ?? ""] })
}

private func printComparison(_ comparison: FitComparison) {
  print("\n\(comparison.title): \(comparison.parameter) side by side")
  guard let values = comparison.comparison else { return print(comparison.refusal ?? "") }
  let interval = { (estimate: Estimate?) in estimate?.interval.map(text) ?? "" }
  printTable(
    ["fit", "value", "95 % interval", "minus the first", "95 % interval"],
    zip(comparison.fits, zip(values.values, [nil] + values.fromFirst)).map { name, row in
      [name, number(row.0.value), interval(row.0), row.1.map { number($0.value) } ?? "", interval(row.1)]
    })
  if let trend = comparison.trend, let ordered = values.ordered {
    print("\(trend.rawValue) throughout in \(number(100 * ordered)) % of draws")
  }
  if let slope = values.slope { print("slope \(number(slope.value)), 95 % interval \(interval(slope))") }
}

private func printLaws(_ laws: [(name: String, fit: LawFit)]) {
  guard !laws.isEmpty else { return }
  printTable(
    ["fit", "law", "runs", "objective", "rms of log residual", "starts that agree"],
    laws.map { name, fit in
      [
        name, fit.equation,
        fit.clusters == fit.observations
          ? "\(fit.observations)" : "\(fit.observations) of \(fit.clusters) trainings",
        String(format: "%.6g", fit.objectiveValue), String(format: "%.3g %%", 100 * fit.rmsLogResidual),
        "\(fit.startsAgreeing) of \(fit.starts)",
      ]
    })
  for objective in Set(laws.map(\.fit.objectiveText)).sorted() { print("objective: \(objective)") }
}

private func remark(on estimate: Estimate, of fit: ExperimentFit) -> String {
  if fit.fit?.held.contains(estimate.symbol) ?? false { return "held" }
  return estimate.identified ? estimate.interval.map(text) ?? "" : "not identified"
}

/// What the data say of parameters that they do not determine.
private func printUnidentified(_ fits: [ExperimentFit]) {
  for fit in fits {
    for parameter in fit.fit?.parameters ?? [] where !parameter.identified {
      guard let profile = parameter.profile else { continue }
      let sides = [
        profile.low.map { "at least \(number($0))" } ?? "no lower bound",
        profile.high.map { "at most \(number($0))" } ?? "no upper bound",
      ]
      print(
        "\(fit.name): \(parameter.symbol) is not identified: profile likelihood gives "
          + sides.joined(separator: ", "))
    }
    for other in fit.fit?.alternatives ?? [] {
      let values = zip(fit.fit?.parameters ?? [], other.values)
        .filter { !(fit.fit?.held ?? []).contains($0.0.symbol) }.map { "\($0.symbol) = \(number($1))" }
      print(
        "\(fit.name): another minimum, objective \(String(format: "%.6g", other.objectiveValue)): "
          + values.joined(separator: ", "))
    }
  }
}

private func printApproaches(_ fits: Fits) {
  print("\nCompute-optimal split, N* ∝ C^a and D* ∝ C^b, by each approach")
  printTable(
    ["approach", "fit", "a", "95 % interval", "b", "95 % interval"],
    fits.approaches.map { approach in
      [
        approach.title, approach.fit, number(approach.a.value), approach.a.interval.map(text) ?? "",
        number(approach.b.value), approach.b.interval.map(text) ?? "",
      ]
    })
  for approach in fits.approaches {
    if let sentence = fits.gridBias(of: approach) { print("\(approach.fit): \(sentence)") }
  }
}

private func printBends(_ bends: Bends, _ name: String) {
  print("\n\(name): \(bends.verdict)")
  if !bends.evidence.isEmpty {
    printTable(
      ["breaks", "T = n·log(RSS ratio)", "p", "unbent curves simulated", "ΔAICc", "accepted"],
      bends.evidence.map { evidence in
        [
          "\(evidence.breaks)", number(evidence.statistic), number(evidence.pValue),
          "\(evidence.simulations)", number(evidence.aiccGain), evidence.accepted ? "yes" : "no",
        ]
      })
  }
  guard !bends.bends.isEmpty else { return }
  printTable(
    [
      "bend at \(bends.variable.symbol)", "95 % interval", "exponent before", "after", "change",
      "95 % interval",
    ],
    bends.bends.map { bend in
      [
        number(bend.place.value), bend.place.interval.map(text) ?? "", number(bend.before.value),
        number(bend.after.value), number(bend.change.value), bend.change.interval.map(text) ?? "",
      ]
    })
}

private func printRivals(_ selection: Selection, _ name: String) {
  print("\n\(name) among its rivals; the \(selection.heldOut) largest runs predicted from the others")
  let percent = { (value: Double?) in value.map { String(format: "%.2f %%", 100 * $0) } ?? "" }
  printTable(
    ["law", "parameters", "AICc above the best", "mean error of prediction", "rms"],
    selection.candidates.map { candidate in
      [
        candidate.fit.equation, "\(candidate.fit.parameters.count)", number(candidate.excess),
        percent(candidate.heldOutMean), percent(candidate.heldOutRMS),
      ]
    })
}

private func printSensitivity(_ sensitivity: Sensitivity, _ name: String) {
  print("\n\(name) by choices that the data do not dictate")
  printTable(
    ["choice", "runs"] + sensitivity.symbols,
    sensitivity.rows.map { row in
      [row.choice, "\(row.observations)"]
        + (row.values?.map(number) ?? [row.refusal ?? ""] + sensitivity.symbols.dropFirst().map { _ in "" })
    })
}

private func text(_ interval: Interval) -> String { "\(number(interval.low)) … \(number(interval.high))" }
