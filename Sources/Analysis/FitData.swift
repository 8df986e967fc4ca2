import Files
import Foundation
import ScalingLaws

/// The observations of a fit, and the subsets of them that laws are fitted to.
struct FitData {
  /// A subset of the observations with a description.
  struct Slice {
    var observations: [Observation]
    let text: String
    /// The indices of the observations in the whole, or of the first one of several that an observation averages.
    let places: [Int]

    init(observations: [Observation], text: String, places: [Int]? = nil) {
      self.observations = observations
      self.text = text
      self.places = places ?? Array(observations.indices)
    }
  }

  let whole: Slice
  /// The distinct true entropies of the corpora, in the unit of the loss; empty if one is unknown.
  let entropies: [Double]
  /// A description of how N and C are counted, and of the column of losses.
  let convention: String
  /// The observations that belong to IsoFLOP budgets, each with its budget as compute; nil if none of a foreign table is
  /// known to, so that budgets must be found by similar compute.
  private let profiles: Slice?
  /// The runs that the fit predicts, with their identifiers, whether trained or not.
  let heldOut: [(name: String, observation: Observation)]
  /// The settings of each observation but for the seed: runs with equal ones are repeats.
  private let settings: [[String: Cell]]
  /// The IsoFLOP budget of each observation; empty where they are not known.
  private let budgets: [Double?]
  /// The two counts of N of each run, and C as 6·N·D without embeddings; empty if they are unknown.
  let counts: [(pair: EmbeddingCount.Pair, compute: Double)]
  /// True for observations of a foreign table, of which nothing is known but what they say.
  private let isForeign: Bool

  /// Selects the completed runs that match a request, and those that it holds out.
  init(_ request: FitRequest, rows: [RunRow]) {
    let matching = rows.filter { row in
      row.isCompleted && !request.holdsOut(row)
        && request.conditions.allSatisfy { $0.holds(for: row) }
        && row.number(request.loss) != nil
    }
    let best =
      request.across.isEmpty ? matching : matching.best(across: request.across, by: request.loss)
    func points(_ rows: [RunRow]) -> [RunRow] {
      request.isByPosition ? rows.flatMap(\.rowsByPosition) : rows
    }
    let chosen = points(best)
    heldOut = points(rows.filter(request.holdsOut)).map { ($0.run, $0.observation(request)) }
    counts = chosen.compactMap { row in
      guard let total = row.number(SizeConvention.total.column),
        let nonEmbedding = row.number(SizeConvention.nonEmbedding.column),
        let compute = row.number(ComputeConvention.sixNDNonEmbedding.column)
      else { return nil }
      return (EmbeddingCount.Pair(nonEmbedding: nonEmbedding, total: total), compute)
    }
    isForeign = false
    let observations = chosen.map { $0.observation(request) }
    settings = chosen.map { row in row.settings.filter { $0.key != "seed" } }
    let bestText =
      request.across.isEmpty ? "" : ", the best of \(request.across.joined(separator: ", "))"
    let text =
      (request.conditions.isEmpty
        ? "all runs" : request.conditions.map(\.text).joined(separator: ", "))
      + (request.forecast.isEmpty ? "" : " but the held-out ones") + bestText
    whole = Slice(observations: observations, text: text)
    // The entropy must be known for every run.
    let known = chosen.compactMap { $0.number(request.entropy) }
    entropies = known.count == chosen.count ? Set(known).sorted() : []
    convention = "N = \(request.size.column), C = \(request.compute.column), loss = \(request.loss)"
    budgets = chosen.map(\.isoFLOPBudget)
    profiles = Self.profiles(of: whole, budgets)
  }

  /// Wraps observations that are not from a table of results.
  ///
  /// - Parameters:
  ///   - selection: A description of the observations.
  ///   - settings: The settings of each observation, but for the seed.
  ///   - budgets: The IsoFLOP budget of each observation; empty if none is known.
  init(
    observations: [Observation], settings: [[String: Cell]], budgets: [Double?] = [], selection: String,
    entropy: Double?, convention: String
  ) {
    whole = Slice(observations: observations, text: selection)
    entropies = entropy.map { [$0] } ?? []
    self.convention = convention
    profiles = budgets.contains { $0 != nil } ? Self.profiles(of: whole, budgets) : nil
    heldOut = []
    self.settings = settings
    self.budgets = budgets
    counts = []
    isForeign = true
  }

  /// The observations that have a budget, with the budget as their compute.
  private static func profiles(of whole: Slice, _ budgets: [Double?]) -> Slice {
    let budgeted = budgets.indices.filter { budgets[$0] != nil }
    return Slice(
      observations: budgeted.map { index in
        var observation = whole.observations[index]
        observation.compute = budgets[index]
        return observation
      }, text: "IsoFLOP budgets of \(whole.text)", places: budgeted)
  }

  /// Returns the runs of a request with other conventions of N and C that its law depends on, by name.
  static func variants(of request: FitRequest, rows: [RunRow]) -> [(String, FitData)] {
    let sizes = request.uses(.parameters) ? SizeConvention.allCases.filter { $0 != request.size } : []
    // For most runs several conventions give the same C, and tables of earlier versions lack some.
    let computes =
      request.uses(.compute)
      ? ComputeConvention.allCases.filter { other in
        rows.contains { row in
          guard let compute = row.number(other.column) else { return false }
          return compute != row.number(request.compute.column)
            && request.conditions.allSatisfy { $0.holds(for: row) }
        }
      } : []
    let bySize = sizes.map { ("N as \($0.column)", request.counting($0, request.compute)) }
    let byCompute = computes.map { ("C as \($0.column)", request.counting(request.size, $0)) }
    return (bySize + byCompute).map { ($0, FitData($1, rows: rows)) }
  }

  /// Returns the law of a request, with its floor; nil if the request is for another analysis.
  func law(_ request: FitRequest) throws -> NamedLaw? {
    let domains = whole.observations.map(\.mixture.count).min() ?? 0
    guard request.law != .mixture || domains >= 2 else {
      throw FitError("a data mixture needs columns of weights: name them with `--x r1=COLUMN --x r2=COLUMN`")
    }
    return request.law(floor: try floor(request.floor), domains: max(domains, 2))
  }

  /// Returns the floor of a law.
  ///
  /// - Throws: `FitError` if the floor is the entropy, but it is unknown or differs between runs.
  func floor(_ choice: FloorChoice) throws -> Floor {
    switch choice {
    case .free: return .free
    case .zero: return .zero
    case .value(let value): return .known(value)
    case .entropy:
      guard let entropy = entropies.first else { throw FitError("the true entropy of the text is not known") }
      guard entropies.count == 1 else {
        throw FitError("the runs have \(entropies.count) different true entropies; select some with `where`")
      }
      return .known(entropy)
    }
  }

  /// Returns the observations that a law is fitted to.
  ///
  /// - Throws: `FitError` if the runs differ in settings that the law does not tell apart, if a foreign table lacks a
  ///   variable of the law, or if its loss rises.
  func slice(for request: FitRequest) throws -> Slice {
    guard isForeign else {
      let slice = try chosen(for: request)
      let unlike = request.mixes ? [] : unlikeSettings(of: slice, request)
      guard unlike.isEmpty else {
        let names = unlike.joined(separator: ", ")
        throw FitError(
          "the runs differ in \(names), which \(request.law.rawValue) does not tell apart: select some with `where`, "
            + "take the best with `across: [\(names)]`, or fit them all with `mix: true`")
      }
      return slice
    }
    let law = try law(request)?.law
    let variables = law?.variables ?? [.parameters, .tokens]
    if let law, let lacking = variables.first(where: { x in whole.observations.allSatisfy { $0[x] == nil } })
    {
      throw FitError(
        "the table has no \(lacking.symbol) (\(lacking.unit)), which \(law.name) needs: name its column, "
          + "`--x \(lacking.symbol)=COLUMN`")
    }
    var slice = try chosen(for: request)
    if law != nil {
      // Optional variables may be missing in single rows.
      let complete = slice.observations.filter { row in variables.allSatisfy { row[$0] != nil } }
      let lost = slice.observations.count - complete.count
      let names = variables.map(\.symbol).joined(separator: ", ")
      if lost > 0 {
        slice = Slice(observations: complete, text: "\(slice.text) with \(names), \(lost) without left out")
      }
    }
    // An equation may describe what rises.
    let mayRise = request.formula != nil || request.law.published != nil && request.law != .coupling
    if !mayRise, let share = risingShare(of: slice.observations, in: variables) {
      throw FitError(
        "the loss rises with \(variables.map(\.symbol).joined(separator: " and ")), in "
          + "\(Int(100 * share)) % of the pairs of runs: a law describes what falls, such as an error rate of 1 − accuracy; rising, rising_n and sigmoid_c describe a metric that rises"
      )
    }
    return slice
  }

  private func chosen(for request: FitRequest) throws -> Slice {
    switch request.law.variable {
    case .parameters:
      return try slice(along: .parameters, at: .tokens, request)
    case .tokens:
      return try slice(along: .tokens, at: .parameters, request)
    case .compute:
      let repeats = repeats
      return Slice(
        observations: repeats.map(mean),
        text: "compute-optimal frontier of \(whole.text), means over seeds",
        places: repeats.map { $0[0] })
    default:
      guard request.law.isoFLOPMethod != nil, let profiles else {
        return whole
      }
      guard !profiles.observations.isEmpty else {
        throw FitError("no run belongs to an IsoFLOP budget")
      }
      return profiles
    }
  }

  /// Returns observations that vary in one variable at a fixed value of the other: the value with the most points, or
  /// the largest of several, at which the other variable limits the loss least.
  private func slice(along variable: Variable, at held: Variable, _ request: FitRequest) throws -> Slice {
    guard whole.observations.contains(where: { $0[held] != nil }) else { return whole }
    var places: [Double: Set<Double>] = [:]
    for observation in whole.observations {
      if let x = observation[variable], let y = observation[held] { places[y, default: []].insert(x) }
    }
    let needed = (request.law(floor: request.floor == .free ? .free : .zero)?.law.parameters.count ?? 0) + 1
    let best = places.max { ($0.value.count, $0.key) < ($1.value.count, $1.key) }
    guard let best, best.value.count >= needed else {
      throw FitError(
        "needs at least \(needed) different \(variable.symbol) at one \(held.symbol); there are \(best?.value.count ?? 0)"
      )
    }
    let chosen = whole.observations.indices.filter {
      whole.observations[$0][held] == best.key && whole.observations[$0][variable] != nil
    }
    let value = Int(exactly: best.key).map(String.init) ?? "\(best.key)"
    return Slice(
      observations: chosen.map { whole.observations[$0] },
      text:
        "\(whole.text) with \(held.symbol) = \(value), \(chosen.count) of \(whole.observations.count)",
      places: chosen)
  }

  /// Returns one observation, with the mean loss, for runs that differ only in their seeds. The lowest of several noisy
  /// losses would bias a frontier.
  private func mean(of repeats: [Int]) -> Observation {
    var mean = whole.observations[repeats[0]]
    mean.loss = repeats.reduce(0) { $0 + whole.observations[$1].loss } / Double(repeats.count)
    return mean
  }

  /// The indices of the observations that differ in nothing but their seeds, together.
  private var repeats: [[Int]] {
    whole.observations.indices.grouped { index in
      Run(place: whole.observations[index].place, settings: settings[index])
    }
  }

  /// What tells runs apart, but for their seeds.
  private struct Run: Hashable {
    let place: Observation.Place
    let settings: [String: Cell]
  }

  /// A warning if runs of the same N, D and C have different settings, which a law of these does not tell apart; nil if
  /// there are none, or for a foreign table, whose warnings name them.
  var mixedSettings: String? {
    guard !isForeign else { return nil }
    var names: Set<String> = []
    for equals in settings.indices.grouped(by: { whole.observations[$0].place }) where equals.count > 1 {
      let first = settings[equals[0]]
      for index in equals.dropFirst() where settings[index] != first {
        names.formUnion(first.keys.filter { settings[index][$0] != first[$0] })
      }
    }
    guard !names.isEmpty else { return nil }
    return
      "runs of the same size and length differ in \(names.sorted().joined(separator: ", ")): choose some with `where`"
  }

  /// Returns the settings in which runs of a slice differ, and which a law of N, D and C does not tell apart.
  private func unlikeSettings(of slice: Slice, _ request: FitRequest) -> [String] {
    var seen = request.across
    if request.law == .criticalBatch { seen += ["batch", "learning_rate"] }
    let variables = request.law(floor: .zero)?.law.variables ?? []
    if variables.contains(.experts) { seen.append("experts") }
    if variables.contains(.uniqueTokens) { seen.append("unique_tokens_limit") }
    if request.law == .bestMixture { seen.append("weights") }
    for case .column(let name) in variables { seen.append(name) }
    if seen.contains(where: Column.isTaskWeight) { seen.append("weights") }
    return unlike(
      slice.places.map { settings[$0] }, tokens: slice.places.map { whole.observations[$0].tokens },
      budgets: slice.places.map { budgets[$0] }, seen: seen)
  }

  /// Returns the held-out runs that a fit to a slice can predict: a law in N at one D does not apply at another D.
  func heldOut(beside slice: Slice, _ request: FitRequest) -> [(name: String, observation: Observation)] {
    let held: Variable? =
      switch request.law.variable {
      case .parameters: .tokens
      case .tokens: .parameters
      default: nil
      }
    return heldOut.filter { run in held.map { run.observation[$0] == slice.observations.first?[$0] } ?? true }
  }

  /// Returns the variance, in the log of the loss above a floor, that averaging over seeds removes: s²·(1 − 1/k) for k
  /// runs that differ only in their seeds, pooled; 0 if every run has one seed.
  func varianceOverSeeds(above floor: Double) -> Double {
    let groups = repeats.map { equals in equals.map { log(whole.observations[$0].loss - floor) } }
      .filter {
        $0.count > 1 && $0.allSatisfy(\.isFinite)
      }
    let freedom = groups.reduce(0) { $0 + $1.count - 1 }
    guard freedom > 0 else { return 0 }
    let sum = groups.reduce(0.0) { sum, logs in
      let centre = logs.reduce(0, +) / Double(logs.count)
      return sum + logs.reduce(0) { $0 + ($1 - centre) * ($1 - centre) }
    }
    let runs = Double(freedom + groups.count)
    return sum / Double(freedom) * (1 - Double(groups.count) / runs)
  }
}

extension RunRow {
  /// Returns the observation of a run, in the conventions of a request.
  fileprivate func observation(_ request: FitRequest) -> Observation {
    // The standard error is only known for the loss on the whole text.
    var observation = Observation(
      parameters: number(request.size.column), tokens: tokens.map(Double.init),
      compute: number(request.compute.column),
      steps: steps.map(Double.init), uniqueTokens: uniqueTokens.map(Double.init),
      loss: number(request.loss) ?? .nan,
      standardError: request.loss == "loss"
        ? lossStandardError : request.isReducible ? reducibleStandardError : nil,
      reducibleStandardError: request.loss == "loss" || request.isReducible ? reducibleStandardError : nil,
      cluster: trunk)
    observation.experts = number("experts")
    let columns = (request.law(floor: .free)?.law.variables ?? []).compactMap {
      variable -> (String, Double)? in
      guard case .column(let name) = variable, let value = number(name) else { return nil }
      return (name, value)
    }
    if !columns.isEmpty { observation.columns = Dictionary(columns, uniquingKeysWith: { $1 }) }
    if request.law == .bestMixture {
      observation.mixture = request.domains.map { open["weight_\($0)"] ?? .nan }
      let losses = request.domains.map { tasks[$0]?.loss ?? .nan }
      observation.loss = zip(request.domains, losses).reduce(0) { $0 + (request.target[$1.0] ?? 0) * $1.1 }
      observation.standardError = nil
      observation.columns = Dictionary(
        zip(request.domains.map { "loss_\($0)" }, losses), uniquingKeysWith: { $1 })
    }
    if request.law == .criticalBatch {
      // A batch ramp is not a number: `batch` is then nil.
      observation.batch = number("batch")
      observation.learningRate = number("learning_rate")
    }
    return observation
  }
}
