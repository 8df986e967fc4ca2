import Files
import ScalingLaws

/// A request for a fit: an entry of `fits`.
///
///     fits:
///       - chinchilla
///       - {name: facts, law: power_d, loss: loss_facts, floor: entropy, where: {width: 64}, also: [bends]}
public struct FitRequest: Sendable {
  /// A condition on runs: a column, and either its permitted values or comparisons that must all hold.
  package struct Condition: Sendable {
    let column: String
    let values: [(text: String, number: Double?)]
    let comparisons: [RowFilter]
  }

  /// The largest length of a name. Names are part of the names of figures, which file systems limit.
  static let longestName = 100

  /// The name of the fit in reports and expectations.
  public let name: String
  /// The law or analysis.
  public let law: LawChoice
  /// The law that is given as an equation; nil for other laws.
  public let formula: FormulaLaw?
  /// The floor of the law.
  public let floor: FloorChoice
  /// The number of breaks of a broken law, 1 to 3.
  public let breaks: Int
  /// The objective.
  public let objective: Objective
  /// The values of parameters that are not fitted, by their names in files (`alpha`).
  public let held: [String: Double]
  /// Additional analyses.
  public let analyses: [AnalysisChoice]
  /// The convention for N.
  public let size: SizeConvention
  /// The convention for C.
  public let compute: ComputeConvention
  /// The column of losses, such as `loss`, `loss_bits_per_byte` or `loss_facts`.
  public let loss: String
  let conditions: [Condition]
  /// The settings of which the best values are fitted.
  package private(set) var across: [String] = []
  /// True to fit runs that differ in settings that the law does not tell apart.
  package private(set) var mixes = false
  /// The weight of each task's loss in the target of a best mixture; empty for other requests.
  package private(set) var target: [String: Double] = [:]
  /// The conditions of held-out runs, which the fit predicts and is not fitted to; empty for none.
  package let forecast: [Condition]

  /// The column of the true entropy of these losses; none for the reducible loss.
  var entropy: String { isReducible ? "" : "entropy\(loss.dropFirst("loss".count))" }

  /// Whether the law is about the positions of the window: each run then counts once for each range of them.
  var isByPosition: Bool { formula?.isByPosition ?? false }

  /// Whether the loss above the entropy is fitted, which is comparable between texts of different entropy.
  package var isReducible: Bool { loss == "reducible" }

  /// Creates a request for a fit to all runs of a table.
  ///
  /// - Precondition: `law` is not `formula`; an equation has an initializer of its own.
  ///
  /// - Parameter mix: True to fit runs that differ in settings that the law does not tell apart.
  public init(
    _ law: LawChoice, floor: FloorChoice = .free, breaks: Int = 1, objective: Objective = .chinchilla,
    held: [String: Double] = [:], analyses: [AnalysisChoice] = [], mix: Bool = false
  ) {
    precondition(law != .formula, "a fit of an equation is made of its FormulaLaw")
    self.init(
      name: nil, law, floor: floor, breaks: breaks, objective: objective, held: held, analyses: analyses,
      size: .total,
      compute: .exact, loss: "loss", conditions: [], forecast: [])
    mixes = mix
  }

  /// Creates a request for a fit of a law that is given as an equation.
  ///
  /// - Parameters:
  ///   - name: The name of the fit, for more than one formula.
  ///   - floor: `.free` for a formula of the whole loss; another if the formula gives the loss above it.
  public init(
    _ formula: FormulaLaw, name: String? = nil, floor: FloorChoice = .free,
    objective: Objective = .chinchilla, held: [String: Double] = [:], analyses: [AnalysisChoice] = []
  ) {
    self.init(
      name: name, .formula, formula: formula, floor: floor, breaks: 1, objective: objective, held: held,
      analyses: analyses, size: .total, compute: .exact, loss: "loss", conditions: [], forecast: [])
  }

  private init(
    name: String?, _ law: LawChoice, formula: FormulaLaw? = nil, floor: FloorChoice, breaks: Int,
    objective: Objective,
    held: [String: Double], analyses: [AnalysisChoice], size: SizeConvention, compute: ComputeConvention,
    loss: String,
    conditions: [Condition], forecast: [Condition]
  ) {
    self.name = name ?? (floor == .free ? law.rawValue : "\(law.rawValue)_\(floor.name)")
    self.law = law
    self.formula = formula
    self.floor = floor
    self.breaks = breaks
    self.objective = objective
    self.held = held
    self.analyses = analyses
    self.size = size
    self.compute = compute
    self.loss = loss
    self.conditions = conditions
    self.forecast = forecast
  }

  /// Returns the request with other conventions for N and C.
  func counting(_ size: SizeConvention, _ compute: ComputeConvention) -> FitRequest {
    var request = FitRequest(
      name: name, law, formula: formula, floor: floor, breaks: breaks, objective: objective, held: held,
      analyses: analyses, size: size, compute: compute, loss: loss, conditions: conditions, forecast: forecast
    )
    (request.across, request.mixes, request.target) = (across, mixes, target)
    return request
  }

  /// The law's parameters.
  private var symbols: [Parameter] { law(floor: floor == .free ? .free : .zero)?.law.parameters ?? [] }

  /// Returns the values of held parameters by their symbols.
  ///
  /// - Throws: `FitError` if the law does not have a parameter.
  func heldSymbols(in law: NamedLaw) throws -> [String: Double] {
    let symbols = law.law.parameters.map(\.symbol)
    let pairs = try held.map { name, value in
      guard let symbol = symbols.first(where: { $0 == name || latin($0) == name }) else {
        throw FitError(
          "there is no parameter \(name) to hold among \(symbols.map(latin).joined(separator: ", "))")
      }
      return (symbol, value)
    }
    return Dictionary(pairs, uniquingKeysWith: { $1 })
  }

  /// Returns whether the law depends on a variable.
  func uses(_ variable: Variable) -> Bool { law(floor: .zero)?.law.variables.contains(variable) ?? false }

  /// Returns the law to fit; nil if the request is for another analysis.
  ///
  /// - Parameter domains: The number of domains of a data mixture.
  func law(floor: Floor, domains: Int = 2) -> NamedLaw? {
    formula.map { .formula($0.above(floor == .zero ? .free : floor)) }
      ?? law.named(floor: floor, breaks: breaks, domains: domains)
  }

  /// Returns the laws that this one is compared with, itself included; none for other analyses.
  ///
  /// - Parameter formulas: Laws given as equations, which are rivals of one that is.
  func rivals(among formulas: [FormulaLaw], floor: Floor) -> [NamedLaw] {
    guard let formula else { return law.rivals(floor: floor) }
    var own: [FormulaLaw] = []
    for law in [formula] + formulas where !own.contains(where: { $0.text == law.text }) { own.append(law) }
    let usual: LawChoice? =
      switch formula.variables {
      case [.parameters]: .powerN
      case [.tokens]: .powerD
      case [.compute]: .powerC
      case [.parameters, .tokens], [.tokens, .parameters]: .chinchilla
      default: nil
      }
    return own.map { .formula($0.above(floor)) } + (usual?.rivals(floor: floor) ?? [])
  }

  /// The variable by which the largest runs are held out of a comparison of laws; nil for N·D.
  var order: Variable? {
    guard let formula else { return law.variable }
    let isOfBoth = formula.variables.contains(.parameters) || formula.variables.contains(.tokens)
    return formula.variables.count > 1 && isOfBoth ? nil : formula.variables.first
  }

  /// Returns the default fits of an experiment: power laws and the parametric law with a free floor, the same laws with
  /// the true entropy as floor if it is known, and IsoFLOP profiles if there are budgets.
  ///
  /// - Parameter analyses: Additional analyses for each law.
  public static func standard(
    budgets: Bool, entropy: Bool, objective: Objective = .chinchilla, analyses: [AnalysisChoice] = []
  ) -> [FitRequest] {
    let laws: [LawChoice] = [.powerN, .powerD, .powerC, .chinchilla]
    let floors: [FloorChoice] = entropy ? [.free, .entropy] : [.free]
    return floors.flatMap { floor in
      laws.map { FitRequest($0, floor: floor, objective: objective, analyses: analyses) }
    } + (budgets ? [FitRequest(.isoFLOP)] : [])
  }

  /// Reads the section `fits`.
  ///
  /// - Throws: `InputError` if an entry is invalid.
  package static func readList(_ yaml: YAMLValue, settings: [Column]) throws -> [FitRequest] {
    var requests: [FitRequest] = []
    for entry in try yaml.list() {
      let request = try FitRequest(entry, settings: settings)
      guard !requests.contains(where: { $0.name == request.name }) else {
        throw entry.error(
          "two fits are called `\(request.name)`", remedy: "Give one of them another `name`")
      }
      requests.append(request)
    }
    return requests
  }

  private init(_ yaml: YAMLValue, settings: [Column]) throws {
    guard yaml.isMapping else {
      let (law, formula) = try Self.law(yaml, hints: [:], settings: settings)
      if let formula { self.init(formula) } else { self.init(law) }
      return
    }
    let map = try yaml.mapping(
      keys: [
        "name", "law", "floor", "breaks", "objective", "hold", "also", "n", "c", "loss", "where", "across",
        "mix",
        "forecast", "start", "positive", "target",
      ])
    let hints = try FormulaHints(start: map["start"], positive: map["positive"])
    let (law, formula) = try Self.law(yaml.required("law", in: map), hints: hints.values, settings: settings)
    if law != .formula, let given = map["start"] ?? map["positive"] {
      throw given.error(
        "`start` and `positive` are for a law that is given as an equation", remedy: "Remove them")
    }
    if let breaks = map["breaks"], !law.isBroken {
      throw breaks.error("the law `\(law.rawValue)` has no breaks", remedy: "Remove `breaks`")
    }
    if let objective = map["objective"], !law.isLaw, law != .bestMixture {
      throw objective.error("`\(law.rawValue)` has no objective", remedy: "Remove `objective`")
    }
    if let forecast = map["forecast"], !law.isLaw, law != .bestMixture {
      throw forecast.error("`\(law.rawValue)` predicts no loss", remedy: "Remove `forecast`")
    }
    let target = try Self.readTarget(map, of: yaml, law)
    let floor = try map["floor"].map(FloorChoice.init) ?? .free
    if law == .formula, floor == .zero {
      throw yaml.error("a formula has the floor that is written in it", remedy: "Remove `floor`")
    }
    if floor != .free, !law.hasFloor {
      throw yaml.error("the law `\(law.rawValue)` has no floor", remedy: "Remove `floor`")
    }
    if law.isoFLOPMethod != nil, let convention = map["c"],
      try convention.string() != ComputeConvention.exact.rawValue
    {
      throw convention.error("IsoFLOP budgets are counted exactly", remedy: "Remove `c`")
    }
    let loss = try map["loss"]?.string() ?? "loss"
    guard ["loss", "reducible"].contains(loss) || loss.hasPrefix("loss_"), loss != "loss_se" else {
      throw yaml.error(
        "`\(loss)` is not a column of losses", remedy: "Write for example loss, loss_facts or reducible")
    }
    if loss == "reducible", floor == .entropy {
      throw yaml.error("the reducible loss is above the entropy already", remedy: "Write `floor: zero`")
    }
    if loss != "loss", formula?.isByPosition ?? false {
      throw yaml.error("only `loss` is known by position", remedy: "Remove `loss: \(loss)`")
    }
    let name = try map["name"]?.string()
    guard (name ?? "").count <= Self.longestName else {
      throw yaml.error("the name is longer than \(Self.longestName) characters", remedy: "Shorten it")
    }
    self.init(
      name: name, law, formula: formula, floor: floor,
      breaks: try map["breaks"]?.integer(in: 1...3) ?? 1,
      objective: try map["objective"].map(Objective.init) ?? .chinchilla,
      held: try map["hold"].map { try Self.readHeld($0, law, formula, floor) } ?? [:],
      analyses: try map["also"]?.list().map { try $0.choice(of: AnalysisChoice.self) } ?? [],
      size: try map["n"]?.choice(of: SizeConvention.self) ?? .total,
      compute: try map["c"]?.choice(of: ComputeConvention.self) ?? .exact, loss: loss,
      conditions: try map["where"].map {
        try Self.readConditions($0, on: Column.all(settings: settings, tasks: []))
      } ?? [],
      forecast: try map["forecast"].map {
        try Self.readConditions($0, on: Column.ofPlans(settings: settings))
      } ?? [])
    let names = settings.map(\.name).filter { $0 != "seed" }
    across = try map["across"]?.list().map { try $0.choice(of: names) } ?? []
    mixes = try map["mix"]?.boolean() ?? false
    self.target = target
    if let mix = map["mix"], mixes, !across.isEmpty {
      throw mix.error("`across` and `mix` exclude each other", remedy: "Remove one of them")
    }
  }

  /// Reads the target of a best mixture.
  private static func readTarget(_ map: [String: YAMLValue], of yaml: YAMLValue, _ law: LawChoice) throws
    -> [String: Double]
  {
    guard law == .bestMixture else {
      if let target = map["target"] {
        throw target.error("`\(law.rawValue)` has no target", remedy: "Remove `target`")
      }
      return [:]
    }
    let target = try yaml.required("target", in: map)
    let entries = try target.entries().map { ($0.key.text, try $0.value.number(in: 0...1e9)) }
    guard entries.count >= 2, entries.contains(where: { $0.1 > 0 }) else {
      throw target.error(
        "a target needs two tasks, of which one has a weight above 0",
        remedy: "Write for example `target: {facts: 0.5, stories: 0.5}`")
    }
    for key in ["loss", "floor", "hold", "also", "breaks", "across"] {
      guard let other = map[key] else { continue }
      throw other.error(
        "`\(law.rawValue)` has no `\(key)`: its losses are those of the target", remedy: "Remove `\(key)`")
    }
    return Dictionary(entries, uniquingKeysWith: { $1 })
  }

  /// The tasks of the target, which are the domains of the mixture, in order.
  var domains: [String] { target.keys.sorted() }

  /// Reads the name of a law, or a formula of columns and parameters.
  private static func law(
    _ yaml: YAMLValue, hints: [String: FormulaLaw.Hint], settings: [Column]
  ) throws -> (LawChoice, FormulaLaw?) {
    let text = try yaml.string()
    guard !FormulaLaw.isFormula(text) else {
      do {
        return (.formula, try FormulaLaw(text, hints: hints) { Self.variable($0, settings: settings) })
      } catch let error as FormulaError {
        throw yaml.error(error.description, remedy: FormulaLaw.remedy)
      }
    }
    let name = try yaml.choice(of: LawChoice.ofExperiments.map(\.rawValue))
    guard let law = LawChoice(rawValue: name) else { throw yaml.error("`\(name)` is not a law") }
    return (law, nil)
  }

  /// Returns the variable that a name in a formula stands for: N, D, C, U, S, or a column with numbers; nil for a
  /// parameter.
  private static func variable(_ name: String, settings: [Column]) -> Variable? {
    if let variable = Variable.ofFormulas.first(where: { $0.symbol == name }) { return variable }
    if name == Column.positionName { return .column(name) }
    // The weight of a task in the data mixture.
    if Column.isTaskWeight(name) { return .column(name) }
    let column = Column.all(settings: settings, tasks: []).first { $0.name == name }
    guard let column, !name.hasPrefix("loss") else { return nil }
    if case .text = column.kind { return nil }
    return .column(name)
  }

  private static func readHeld(
    _ yaml: YAMLValue, _ law: LawChoice, _ formula: FormulaLaw?, _ floor: FloorChoice
  ) throws -> [String: Double] {
    let parameters = formula?.parameters ?? FitRequest(law, floor: floor, breaks: 3).symbols
    let names = parameters.map { latin($0.symbol) }
    _ = try yaml.mapping(keys: names)
    let values = try yaml.entries().map { key, value in
      (key.text, try value.number(in: (-Double.greatestFiniteMagnitude)...))
    }
    return Dictionary(values, uniquingKeysWith: { $1 })
  }

  static func readConditions(_ yaml: YAMLValue, on columns: [Column]) throws -> [Condition] {
    let former = columns.flatMap { column in column.formerNames.map { ($0, column.name) } }
    let yaml = yaml.renaming(Dictionary(former, uniquingKeysWith: { first, _ in first }))
    _ = try yaml.mapping(keys: columns.map(\.name))
    return try yaml.entries().map { key, value in
      let kind = columns.first { $0.name == key.text }?.kind
      let isText = if case .text = kind { true } else { false }
      let entries = try value.list()
      let comparisons = try entries.compactMap { try Self.readComparison($0, of: key.text, isText: isText) }
      guard comparisons.isEmpty || comparisons.count == entries.count else {
        throw value.error(
          "values and comparisons cannot be combined", remedy: "Write only one kind for `\(key.text)`")
      }
      return Condition(
        column: key.text,
        values: try (comparisons.isEmpty ? entries : []).map { value in
          // The batch is a number, or the text of a ramp.
          let number =
            switch kind {
            case .text: nil as Double?
            case .integerOrText: Double(quantity: try value.string())
            default: try value.number(in: -Double.infinity...Double.infinity)
            }
          return (try value.string(), number)
        }, comparisons: comparisons)
    }
  }

  /// Reads a comparison such as `>= 1M`; nil if the value is not a comparison.
  private static func readComparison(_ yaml: YAMLValue, of column: String, isText: Bool) throws -> RowFilter?
  {
    let text = try yaml.string()
    guard let sign = ["!=", "<=", ">=", "<", ">"].first(where: text.hasPrefix) else { return nil }
    guard !isText || sign == "!=" else {
      throw yaml.error(
        "`\(column)` holds text, which `\(sign)` cannot compare", remedy: "Write != or the text")
    }
    do {
      return try RowFilter(column, text)
    } catch let error as InputError {
      throw yaml.error(error.message, remedy: "Write for example \">= 1M\"")
    }
  }
}

extension FormulaLaw {
  /// Whether the equation contains the position in the window.
  fileprivate var isByPosition: Bool { variables.contains(.column(Column.positionName)) }
}

extension FitRequest.Condition {
  func holds(for row: RunRow) -> Bool {
    let isAmong =
      values.isEmpty
      || values.contains { value in
        value.number.map { row.number(column) == $0 } ?? (row.text(column) == value.text)
      }
    return isAmong && comparisons.allSatisfy { $0.outcome { row.text($0) } == .holds }
  }

  var text: String {
    comparisons.isEmpty
      ? "\(column) \(values.map(\.text).joined(separator: " or "))"
      : comparisons.map(\.text).joined(separator: " and ")
  }
}

extension FitRequest {
  /// Returns whether a run is held out and predicted by the fit.
  package func holdsOut(_ row: RunRow) -> Bool {
    !forecast.isEmpty && forecast.allSatisfy { $0.holds(for: row) }
  }
}

extension Column {
  /// Returns the columns whose cells are known before training.
  static func ofPlans(settings: [Column]) -> [Column] {
    all(settings: settings, tasks: []).filter { $0.role != .result && $0.name != "status" }
  }
}
