import Files
import ScalingLaws

/// A fit that an experiment asks for: an entry of `fits`.
///
///     fits:
///       - chinchilla
///       - {name: facts, law: power_d, loss: loss_facts, floor: entropy, where: {width: 64}, also: [bends]}
public struct FitRequest: Sendable {
  /// A condition on the runs: a column, and the values that it may have.
  struct Condition: Sendable {
    let column: String
    let values: [(text: String, number: Double?)]
  }

  /// By what name reports and expectations call it.
  public let name: String
  public let law: LawChoice
  public let floor: FloorChoice
  /// Breaks of a broken law, 1 to 3.
  public let breaks: Int
  public let objective: Objective
  /// Parameters that are not fitted, by their names in a file (`alpha`), with their values.
  public let held: [String: Double]
  /// Analyses beside the fit.
  public let analyses: [AnalysisChoice]
  public let size: SizeConvention
  public let compute: ComputeConvention
  /// The column of losses, such as `loss`, `loss_bits_per_byte` or `loss_facts`.
  public let loss: String
  let conditions: [Condition]

  /// The column of the true entropy of these losses.
  var entropy: String { "entropy\(loss.dropFirst("loss".count))" }

  /// A fit to all of a table's runs.
  public init(
    _ law: LawChoice, floor: FloorChoice = .free, breaks: Int = 1, objective: Objective = .chinchilla,
    held: [String: Double] = [:], analyses: [AnalysisChoice] = []
  ) {
    self.init(
      name: nil, law, floor: floor, breaks: breaks, objective: objective, held: held, analyses: analyses,
      size: .total,
      compute: .exact, loss: "loss", conditions: [])
  }

  private init(
    name: String?, _ law: LawChoice, floor: FloorChoice, breaks: Int, objective: Objective,
    held: [String: Double], analyses: [AnalysisChoice], size: SizeConvention, compute: ComputeConvention,
    loss: String,
    conditions: [Condition]
  ) {
    self.name = name ?? (floor == .free ? law.rawValue : "\(law.rawValue)_\(floor.name)")
    self.law = law
    self.floor = floor
    self.breaks = breaks
    self.objective = objective
    self.held = held
    self.analyses = analyses
    self.size = size
    self.compute = compute
    self.loss = loss
    self.conditions = conditions
  }

  /// The same with N and C counted otherwise.
  func counting(_ size: SizeConvention, _ compute: ComputeConvention) -> FitRequest {
    FitRequest(
      name: name, law, floor: floor, breaks: breaks, objective: objective, held: held, analyses: analyses,
      size: size,
      compute: compute, loss: loss, conditions: conditions)
  }

  /// The law's parameters.
  private var symbols: [Parameter] { law(floor: floor == .free ? .free : .zero)?.law.parameters ?? [] }

  /// The held parameters by their symbols.
  ///
  /// - Throws: `FitError` where the law has no such parameter.
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

  /// Whether the law depends on a variable.
  func uses(_ variable: Variable) -> Bool { law(floor: .zero)?.law.variables.contains(variable) ?? false }

  /// The formula to fit; nil where the request is for none.
  ///
  /// - Parameter domains: of a mixture.
  func law(floor: Floor, domains: Int = 2) -> NamedLaw? {
    law.named(floor: floor, breaks: breaks, domains: domains)
  }

  /// The fits of an experiment that names none: power laws and the parametric law with a free floor, the same with the
  /// true entropy as floor where it is known, and IsoFLOP profiles where there are budgets.
  ///
  /// - Parameter analyses: asked for beside each of them.
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
  static func readList(_ yaml: YAMLValue) throws -> [FitRequest] {
    var requests: [FitRequest] = []
    for entry in try yaml.list() {
      let request = try FitRequest(entry)
      guard !requests.contains(where: { $0.name == request.name }) else {
        throw entry.error(
          "two fits are called `\(request.name)`", remedy: "Give one of them a `name` of its own")
      }
      requests.append(request)
    }
    return requests
  }

  private init(_ yaml: YAMLValue) throws {
    guard yaml.isMapping else {
      self.init(try Self.law(yaml))
      return
    }
    let map = try yaml.mapping(
      keys: ["name", "law", "floor", "breaks", "objective", "hold", "also", "n", "c", "loss", "where"])
    let law = try Self.law(yaml.required("law", in: map))
    if let breaks = map["breaks"], !law.isBroken {
      throw breaks.error("the law `\(law.rawValue)` has no breaks", remedy: "Remove `breaks`")
    }
    if let objective = map["objective"], !law.isLaw {
      throw objective.error("`\(law.rawValue)` is fitted by no objective", remedy: "Remove `objective`")
    }
    let floor = try map["floor"].map(FloorChoice.init) ?? .free
    if floor != .free, !law.hasFloor {
      throw yaml.error("the law `\(law.rawValue)` takes no floor", remedy: "Remove `floor`")
    }
    if law == .isoFLOP || law == .isoFLOPRobust, let convention = map["c"],
      try convention.string() != ComputeConvention.exact.rawValue
    {
      throw convention.error("IsoFLOP budgets are counted exactly", remedy: "Remove `c`")
    }
    let loss = try map["loss"]?.string() ?? "loss"
    guard loss == "loss" || loss.hasPrefix("loss_"), loss != "loss_se" else {
      throw yaml.error("`\(loss)` is not a column of losses", remedy: "Write for example loss or loss_facts")
    }
    self.init(
      name: try map["name"]?.string(), law, floor: floor,
      breaks: try map["breaks"]?.integer(in: 1...3) ?? 1,
      objective: try map["objective"].map(Objective.init) ?? .chinchilla,
      held: try map["hold"].map { try Self.readHeld($0, law, floor) } ?? [:],
      analyses: try map["also"]?.list().map { try $0.choice(of: AnalysisChoice.self) } ?? [],
      size: try map["n"]?.choice(of: SizeConvention.self) ?? .total,
      compute: try map["c"]?.choice(of: ComputeConvention.self) ?? .exact, loss: loss,
      conditions: try map["where"].map(Self.readConditions) ?? [])
  }

  private static func law(_ yaml: YAMLValue) throws -> LawChoice {
    let name = try yaml.choice(of: LawChoice.ofExperiments.map(\.rawValue))
    guard let law = LawChoice(rawValue: name) else { throw yaml.error("`\(name)` is not a law") }
    return law
  }

  private static func readHeld(_ yaml: YAMLValue, _ law: LawChoice, _ floor: FloorChoice) throws -> [String:
    Double]
  {
    let names = FitRequest(law, floor: floor, breaks: 3).symbols.map { latin($0.symbol) }
    _ = try yaml.mapping(keys: names)
    let values = try yaml.entries().map { key, value in
      (key.text, try value.number(in: (-Double.greatestFiniteMagnitude)...))
    }
    return Dictionary(values, uniquingKeysWith: { $1 })
  }

  private static func readConditions(_ yaml: YAMLValue) throws -> [Condition] {
    _ = try yaml.mapping(keys: Column.fixed.map(\.name))
    return try yaml.entries().map { key, value in
      let column = Column.fixed.first { $0.name == key.text }
      return Condition(
        column: key.text,
        values: try value.list().map { value in
          let isText = if case .text = column?.kind { true } else { false }
          return (try value.string(), isText ? nil : try value.number(in: -Double.infinity...Double.infinity))
        })
    }
  }
}

extension FitRequest.Condition {
  func holds(for row: ResultsTable.Row) -> Bool {
    values.contains { value in
      value.number.map { row.number(column) == $0 } ?? (row.text(column) == value.text)
    }
  }

  var text: String { "\(column) \(values.map(\.text).joined(separator: " or "))" }
}
