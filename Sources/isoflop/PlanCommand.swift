import Analysis
import ArgumentParser
import Files
import Foundation
import Plans
import ScalingLaws

/// `isoflop plan`: the best size and data for a budget, from fitted laws.
struct PlanCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Splits a budget between size and data, or predicts a loss, by the laws of a fits.json.",
    discussion:
      "Give one of --flops, --params, --tokens and --loss for the best split; --params and --tokens together for the "
      + "loss of that model. Counts may end in k, M, G or T. C = 6ND for training and 2NI for serving I tokens. "
      + "A law in N, D or C alone gives the loss at that quantity, or the quantity at a --loss."
  )

  @Argument(
    help: "The fits: a file written by `isoflop run` or `isoflop fit --output`.",
    completion: .file(extensions: ["json"]))
  var file: String
  @Option(help: "FLOPs to spend, on training and serving together.", transform: Quantity.init)
  var flops: Quantity?
  @Option(help: "Parameters of the model, N.", transform: Quantity.init)
  var params: Quantity?
  @Option(help: "Tokens to train on, D.", transform: Quantity.init)
  var tokens: Quantity?
  @Option(help: "A loss to reach at the least cost.", transform: Quantity.init)
  var loss: Quantity?
  @Option(help: "Tokens to be served over the model's life, I.", transform: Quantity.init)
  var inferenceTokens: Quantity?
  @Option(
    help: "Unique tokens to train on, U, by a law of repeated data. Default: no token is repeated.",
    transform: Quantity.init)
  var uniqueTokens: Quantity?
  @Option(
    help: "The fit to plan by. Default: the law of N and D with the true entropy as floor, or the first.")
  var fit: String?
  @Flag(help: "Prints JSON instead of a table.")
  var json = false

  func validate() throws {
    let given = [flops, params, tokens, loss].compactMap { $0 }
    guard given.count == 1 || given.count == 2 && params != nil && tokens != nil else {
      throw ValidationError("Give one of --flops, --params, --tokens and --loss, or --params with --tokens.")
    }
    if given.count == 2, inferenceTokens != nil {
      throw ValidationError(
        "--inference-tokens changes a split; --params with --tokens leaves none to choose.")
    }
  }

  func run() throws {
    let fits = try Fits(contentsOf: file)
    let chosen = try chosenFit(fits)
    guard let law = chosen.fit, law.splitsBudgets || law.curve != nil else {
      throw InputError(
        "the fit \(chosen.name) is not a law of N and D, nor of one of N, D and C", file: file,
        remedy: "Choose another with --fit")
    }
    if uniqueTokens != nil, !law.law.law.variables.contains(.uniqueTokens) {
      throw InputError(
        "the fit \(chosen.name) does not depend on unique tokens", file: file,
        remedy: "Remove --unique-tokens, or fit the law repeated_data")
    }
    // E is the floor of named laws only.
    let floor = chosen.law == .formula ? law.knownFloor : law["E"]?.value ?? law.knownFloor
    if let loss, loss.value <= floor {
      throw InputError(
        "a loss of \(number(loss.value)) is not above the floor of the fit \(chosen.name), \(number(floor))",
        file: file, remedy: "Give a higher --loss")
    }
    let plan = try plan(by: law, named: chosen.name)
    if json {
      try printJSON(plan)
    } else {
      plan.print(law)
      if law.splitsBudgets { printMinima(fits) }
    }
    if let warning = plan.warning { complain("warning: \(warning)") }
  }

  private func plan(by law: LawFit, named name: String) throws -> Plan {
    guard let variable = law.curve else {
      return try Plan(
        budget, under: law, named: name, inferenceTokens: inferenceTokens?.value ?? 0,
        uniqueTokens: uniqueTokens?.value)
    }
    guard inferenceTokens == nil else {
      throw InputError(
        "--inference-tokens changes a split, and the fit \(name) is a law in \(variable.symbol) alone",
        file: file, remedy: "Remove it, or choose a law of N and D with --fit")
    }
    return try Plan(budget, along: variable, of: law, named: name)
  }

  private var budget: Plan.Budget {
    if let params, let tokens { return .model(parameters: params.value, tokens: tokens.value) }
    if let params { return .best(.parameters(params.value)) }
    if let tokens { return .best(.tokens(tokens.value)) }
    if let loss { return .best(.loss(loss.value)) }
    return .best(.compute(flops?.value ?? 0))
  }

  private func chosenFit(_ fits: Fits) throws -> ExperimentFit {
    let planned = fits.fits.filter { $0.fit.map { $0.splitsBudgets || $0.curve != nil } ?? false }
    guard let fit else {
      let split = fits.surface ?? planned.first { $0.fit?.splitsBudgets ?? false }
      let curves = planned.filter { $0.fit?.curve.map(gives) ?? false }
      guard let chosen = split ?? curves.first(where: { $0.floor == .entropy }) ?? curves.first else {
        throw InputError(
          "holds no law of N and D, nor of what is given alone", file: file,
          remedy: "Fit one: `isoflop fit FILE.csv --law chinchilla --output FOLDER`")
      }
      return chosen
    }
    guard let chosen = fits[fit] else {
      throw InputError(
        "there is no fit `\(fit)`", file: file,
        remedy: "Choose among \(planned.map(\.name).joined(separator: ", "))")
    }
    return chosen
  }

  /// Returns whether the options give a variable, or a loss at which it can be found.
  private func gives(_ variable: Variable) -> Bool {
    switch variable {
    case .parameters: params != nil || loss != nil
    case .tokens: tokens != nil || loss != nil
    default: flops != nil || loss != nil || params != nil && tokens != nil
    }
  }

  /// The split by the minima of IsoFLOP profiles for the same FLOPs.
  private func printMinima(_ fits: Fits) {
    guard let flops, inferenceTokens == nil,
      let fit = fits.fits.first(where: { $0.isoFLOP?.parameters != nil }),
      let analysis = fit.isoFLOP, let n = analysis.parameters, let d = analysis.tokens
    else { return }
    guard n(compute: flops.value).isFinite, d(compute: flops.value).isFinite else { return }
    let low = analysis.profiles.map(\.budget).min() ?? .nan
    let high = analysis.profiles.map(\.budget).max() ?? .nan
    print(
      "by the IsoFLOP minima (\(fit.name), budgets of \(number(low)) to \(number(high)) FLOPs): "
        + "N \(number(n(compute: flops.value))), D \(number(d(compute: flops.value)))")
  }
}

/// A plan with its numbers: the output of `--json`.
private struct Plan: Encodable {
  enum Budget {
    case best(Allocation.Budget)
    case model(parameters: Double, tokens: Double)
  }

  struct Number: Encodable {
    let value: Double
    /// 95 %.
    let low: Double?
    let high: Double?

    init(_ value: Double, _ interval: Interval? = nil) {
      self.value = value
      let isKnown = interval.map { $0.low.isFinite && $0.high.isFinite } ?? false
      low = isKnown ? interval?.low : nil
      high = isKnown ? interval?.high : nil
    }

    init(_ estimate: Estimate) { self.init(estimate.value, estimate.interval) }
  }

  let fit: String
  let equation: String
  let convention: String
  /// N, D and D/N; nil if a law in one other variable does not give them.
  let parameters: Number?
  let tokens: Number?
  let tokensPerParameter: Number?
  /// Of training and serving, FLOPs; nil if a law in N or D does not give it.
  let compute: Number?
  let inferenceTokens: Double
  /// nil for a law without repeated data, or if no token is repeated.
  let uniqueTokens: Double?
  /// The law's loss, with the interval of the law.
  let loss: Number
  /// The same loss, with the interval in which one new run is expected.
  let lossOfOneRun: Number
  let decadesBeyondData: Double
  let warning: String?

  /// Splits a budget by a law of N and D.
  init(
    _ budget: Budget, under law: LawFit, named fit: String, inferenceTokens: Double, uniqueTokens: Double?
  ) throws {
    let (n, d): (Double, Double)
    switch budget {
    case .best(let budget):
      let allocation = try Allocation(
        budget, under: law, inferenceTokens: inferenceTokens, uniqueTokens: uniqueTokens)
      (n, d) = (allocation.parameters.value, allocation.tokens.value)
      parameters = Number(allocation.parameters)
      tokens = Number(allocation.tokens)
      tokensPerParameter = Number(allocation.tokensPerParameter)
      compute = Number(allocation.compute)
      loss = Number(allocation.loss)
      // The split is as uncertain for one run as for the law.
      lossOfOneRun = Number(
        loss.value, law.intervalOfOneRun(loss.value, by: allocation.loss.interval))
    case .model(let parameters, let tokens):
      (n, d) = (parameters, tokens)
      self.parameters = Number(n)
      self.tokens = Number(d)
      tokensPerParameter = Number(d / n)
      compute = Number(6 * n * d)
      if let lack = law.lack,
        law.ranges.contains(where: { $0.decadesBeyond($0.variable == .parameters ? n : d) > 0 })
      {
        throw FitError(
          "the runs of this fit do not predict other models: \(lack); give --params and --tokens within their range"
        )
      }
      let place = Observation(parameters: n, tokens: d, uniqueTokens: uniqueTokens ?? d, loss: 1)
      let predicted = law.predict(at: place)
      loss = Number(predicted?.value ?? .nan, predicted?.confidence)
      lossOfOneRun = Number(predicted?.value ?? .nan, predicted?.prediction)
    }
    self.fit = fit
    equation = law.equation
    convention = law.convention
    self.inferenceTokens = inferenceTokens
    self.uniqueTokens = uniqueTokens
    let place = Observation(parameters: n, tokens: d, uniqueTokens: uniqueTokens ?? d, loss: 1)
    decadesBeyondData = law.predict(at: place)?.decadesBeyond ?? 0
    warning = Self.warning(decadesBeyondData)
    try requireRange()
  }

  /// Predicts by a law in one variable.
  init(_ budget: Budget, along variable: Variable, of law: LawFit, named fit: String) throws {
    let place: Number? =
      switch (budget, variable) {
      case (.best(.loss(let target)), _): Number(try law.reach(target))
      case (.best(.compute(let given)), .compute), (.best(.parameters(let given)), .parameters),
        (.best(.tokens(let given)), .tokens):
        Number(given)
      case (.model(let n, let d), .compute): Number(6 * n * d)
      case (.model(let n, _), .parameters): Number(n)
      case (.model(_, let d), .tokens): Number(d)
      default: nil
      }
    guard let place else {
      let option = [Variable.parameters: "--params", .tokens: "--tokens"][variable] ?? "--flops"
      throw InputError(
        "the fit \(fit) is a law in \(variable.symbol) alone", remedy: "Give \(option) or --loss")
    }
    var run = Observation(loss: 1)
    switch variable {
    case .parameters: run.parameters = place.value
    case .tokens: run.tokens = place.value
    default: run.compute = place.value
    }
    let predicted = law.predict(at: run)
    parameters = variable == .parameters ? place : nil
    tokens = variable == .tokens ? place : nil
    compute = variable == .compute ? place : nil
    tokensPerParameter = nil
    loss = Number(predicted?.value ?? .nan, predicted?.confidence)
    lossOfOneRun = Number(predicted?.value ?? .nan, predicted?.prediction)
    self.fit = fit
    equation = law.equation
    convention = law.convention
    inferenceTokens = 0
    uniqueTokens = nil
    decadesBeyondData = predicted?.decadesBeyond ?? 0
    warning = Self.warning(decadesBeyondData)
    try requireRange()
  }

  private static func warning(_ decadesBeyond: Double) -> String? {
    decadesBeyond > 0
      ? String(format: "%.1f decades beyond the data of the fit: an extrapolation", decadesBeyond) : nil
  }

  private func requireRange() throws {
    let numbers = [
      ("N", parameters), ("D", tokens), ("D/N", tokensPerParameter), ("C", compute), ("the loss", loss),
      ("the loss", lossOfOneRun),
    ]
    if let (name, _) = numbers.first(where: { $0.1.map { !$0.value.isFinite || $0.value <= 0 } ?? false }) {
      throw InputError(
        "\(name) is out of range under \(equation)",
        remedy: "Plan for a budget nearer to the data of the fit")
    }
  }

  func print(_ law: LawFit) {
    isoflop.print("\(fit): \(equation)\n\(convention); fitted to \(law.observations) runs")
    for range in law.ranges {
      isoflop.print("\(range.variable.symbol) from \(number(range.low)) to \(number(range.high))")
    }
    isoflop.print("")
    let cost = inferenceTokens > 0 ? "FLOPs, training and serving" : "FLOPs of training"
    let given: [(String, Number?)] = [
      ("parameters N", parameters), ("tokens D", tokens), ("tokens per parameter", tokensPerParameter),
      (cost + (parameters == nil || inferenceTokens > 0 ? "" : ", 6ND"), compute),
      ("unique tokens U", uniqueTokens.map { Number($0) }), ("loss, by the law", loss),
      ("loss of one run", lossOfOneRun),
    ]
    let rows = given.compactMap { name, value in value.map { (name, $0) } }
    printTable(
      ["quantity", "value", "95 % interval"],
      rows.map { name, value in
        let interval = value.low.flatMap { low in
          value.high.map { high in low == high ? "given" : "\(number(low)) … \(number(high))" }
        }
        return [name, number(value.value), interval ?? ""]
      })
  }
}

extension LawFit {
  /// The variable of a law in N, D or C alone; nil for other laws.
  fileprivate var curve: Variable? {
    let variables = law.law.variables
    return variables.count == 1 ? [.parameters, .tokens, .compute].first { $0 == variables[0] } : nil
  }
}
