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
      + "loss of that model. Counts may end in k, M, G or T. C = 6ND for training and 2NI for serving I tokens."
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
    guard chosen.isSurface, let law = chosen.fit else {
      throw InputError(
        "the fit \(chosen.name) is not a law of N and D", file: file, remedy: "Choose another with --fit")
    }
    let floor = law["E"]?.value ?? law.law.law.knownFloor
    if let loss, loss.value <= floor {
      throw InputError(
        "a loss of \(number(loss.value)) is not above the floor of the fit \(chosen.name), \(number(floor))",
        file: file, remedy: "Give a higher --loss")
    }
    let plan = try Plan(budget, under: law, named: chosen.name, inferenceTokens: inferenceTokens?.value ?? 0)
    if json {
      try printJSON(plan)
    } else {
      plan.print(law)
      printMinima(fits)
    }
    if let warning = plan.warning { complain("warning: \(warning)") }
  }

  private var budget: Plan.Budget {
    if let params, let tokens { return .model(parameters: params.value, tokens: tokens.value) }
    if let params { return .best(.parameters(params.value)) }
    if let tokens { return .best(.tokens(tokens.value)) }
    if let loss { return .best(.loss(loss.value)) }
    return .best(.compute(flops?.value ?? 0))
  }

  private func chosenFit(_ fits: Fits) throws -> ExperimentFit {
    let surfaces = fits.fits.filter(\.isSurface).map(\.name)
    guard let fit else {
      guard let surface = fits.surface else {
        throw InputError(
          "holds no law of N and D", file: file,
          remedy: "Fit one: `isoflop fit FILE.csv --law chinchilla --output FOLDER`")
      }
      return surface
    }
    guard let chosen = fits[fit] else {
      throw InputError(
        "there is no fit `\(fit)`", file: file, remedy: "Choose among \(surfaces.joined(separator: ", "))")
    }
    return chosen
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
  let parameters: Number
  let tokens: Number
  let tokensPerParameter: Number
  /// Of training and serving, FLOPs.
  let compute: Number
  let inferenceTokens: Double
  /// The law's loss, with the interval of the law.
  let loss: Number
  /// The same loss, with the interval in which one new run is expected.
  let lossOfOneRun: Number
  let decadesBeyondData: Double
  let warning: String?

  init(_ budget: Budget, under law: LawFit, named fit: String, inferenceTokens: Double) throws {
    let (n, d): (Double, Double)
    switch budget {
    case .best(let budget):
      let allocation = try Allocation(budget, under: law, inferenceTokens: inferenceTokens)
      (n, d) = (allocation.parameters.value, allocation.tokens.value)
      parameters = Number(allocation.parameters)
      tokens = Number(allocation.tokens)
      tokensPerParameter = Number(allocation.tokensPerParameter)
      compute = Number(allocation.compute)
      loss = Number(allocation.loss)
    case .model(let parameters, let tokens):
      (n, d) = (parameters, tokens)
      self.parameters = Number(n)
      self.tokens = Number(d)
      tokensPerParameter = Number(d / n)
      compute = Number(6 * n * d)
      let predicted = law.predict(at: Observation(parameters: n, tokens: d, loss: 1))
      loss = Number(predicted?.value ?? .nan, predicted?.confidence)
    }
    guard let prediction = law.predict(at: Observation(parameters: n, tokens: d, loss: 1)) else {
      throw FitError("the \(law.name) law is not one of N and D")
    }
    lossOfOneRun = Number(prediction.value, prediction.prediction)
    let numbers = [
      ("N", parameters), ("D", tokens), ("D/N", tokensPerParameter), ("C", compute), ("the loss", loss),
      ("the loss", lossOfOneRun),
    ]
    if let (name, _) = numbers.first(where: { !$0.1.value.isFinite || $0.1.value <= 0 }) {
      throw InputError(
        "\(name) is out of range under \(law.equation)",
        remedy: "Plan for a budget nearer to the data of the fit")
    }
    self.fit = fit
    equation = law.equation
    convention = law.convention
    self.inferenceTokens = inferenceTokens
    decadesBeyondData = prediction.decadesBeyond
    warning =
      decadesBeyondData > 0
      ? String(format: "%.1f decades beyond the data of the fit: an extrapolation", decadesBeyondData) : nil
  }

  func print(_ law: LawFit) {
    isoflop.print("\(fit): \(equation)\n\(convention); fitted to \(law.observations) runs")
    for range in law.ranges {
      isoflop.print("\(range.variable.symbol) from \(number(range.low)) to \(number(range.high))")
    }
    isoflop.print("")
    let rows: [(String, Number)] = [
      ("parameters N", parameters), ("tokens D", tokens), ("tokens per parameter", tokensPerParameter),
      (inferenceTokens > 0 ? "FLOPs, training and serving" : "FLOPs of training, 6ND", compute),
      ("loss, by the law", loss), ("loss of one run", lossOfOneRun),
    ]
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
