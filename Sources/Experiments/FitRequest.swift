import Files
import ScalingLaws

/// A fit that an experiment asks for: an entry of `fits`.
///
///     fits:
///       - chinchilla
///       - {name: facts, law: power_d, loss: loss_facts, floor: entropy, where: {width: 64}}
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
  public let size: SizeConvention
  public let compute: ComputeConvention
  /// The column of losses, such as `loss`, `loss_bits_per_byte` or `loss_facts`.
  public let loss: String
  let conditions: [Condition]

  /// The column of the true entropy of these losses.
  var entropy: String { "entropy\(loss.dropFirst("loss".count))" }

  init(
    name: String? = nil, _ law: LawChoice, floor: FloorChoice = .free, size: SizeConvention = .total,
    compute: ComputeConvention = .exact, loss: String = "loss", conditions: [Condition] = []
  ) {
    self.name = name ?? (floor == .free ? law.rawValue : "\(law.rawValue)_\(floor.name)")
    self.law = law
    self.floor = floor
    self.size = size
    self.compute = compute
    self.loss = loss
    self.conditions = conditions
  }

  /// The fits of an experiment that names none: power laws and the parametric law with a free floor, the same with the
  /// true entropy as floor where it is known, and IsoFLOP profiles where there are budgets.
  static func standard(budgets: Bool, entropy: Bool) -> [FitRequest] {
    let laws: [LawChoice] = [.powerN, .powerD, .powerC, .chinchilla]
    return laws.map { FitRequest($0) } + (entropy ? laws.map { FitRequest($0, floor: .entropy) } : [])
      + (budgets ? [FitRequest(.isoFLOP)] : [])
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
      self.init(try yaml.choice(of: LawChoice.self))
      return
    }
    let map = try yaml.mapping(keys: ["name", "law", "floor", "n", "c", "loss", "where"])
    let law = try yaml.required("law", in: map).choice(of: LawChoice.self)
    let floor = try map["floor"].map(FloorChoice.init) ?? .free
    if floor != .free, !law.hasFloor {
      throw yaml.error("the law `\(law.rawValue)` takes no floor", remedy: "Remove `floor`")
    }
    if law == .isoFLOP, let convention = map["c"], try convention.string() != ComputeConvention.exact.rawValue
    {
      throw convention.error("IsoFLOP budgets are counted exactly", remedy: "Remove `c`")
    }
    let loss = try map["loss"]?.string() ?? "loss"
    guard loss == "loss" || loss.hasPrefix("loss_"), loss != "loss_se" else {
      throw yaml.error("`\(loss)` is not a column of losses", remedy: "Write for example loss or loss_facts")
    }
    self.init(
      name: try map["name"]?.string(), law, floor: floor,
      size: try map["n"]?.choice(of: SizeConvention.self) ?? .total,
      compute: try map["c"]?.choice(of: ComputeConvention.self) ?? .exact, loss: loss,
      conditions: try map["where"].map(Self.readConditions) ?? [])
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

/// A law that an experiment may ask for.
public enum LawChoice: String, CaseIterable, Codable, Sendable {
  /// L(N) where D is large, L(D) where N is large, and L(C) along the compute-optimal frontier.
  case powerN = "power_n"
  case powerD = "power_d"
  case powerC = "power_c"
  /// The same with a break.
  case brokenN = "broken_n"
  case brokenD = "broken_d"
  case brokenC = "broken_c"
  case chinchilla
  case interaction
  case kaplan
  case kaplanSteps = "kaplan_steps"
  case repeatedData = "repeated_data"
  /// Parabolas through the profiles of the grid's budgets.
  case isoFLOP = "isoflop"

  /// The one variable of the law, if there is but one.
  var variable: Variable? {
    switch self {
    case .powerN, .brokenN: .parameters
    case .powerD, .brokenD: .tokens
    case .powerC, .brokenC: .compute
    default: nil
    }
  }

  var hasFloor: Bool { variable != nil || self == .chinchilla || self == .interaction }

  /// The law with a floor; nil for IsoFLOP profiles, which are no formula.
  func named(floor: Floor) -> NamedLaw? {
    switch self {
    case .powerN: .power(PowerLaw(in: .parameters, floor: floor))
    case .powerD: .power(PowerLaw(in: .tokens, floor: floor))
    case .powerC: .power(PowerLaw(in: .compute, floor: floor))
    case .brokenN: .broken(BrokenLaw(in: .parameters, floor: floor))
    case .brokenD: .broken(BrokenLaw(in: .tokens, floor: floor))
    case .brokenC: .broken(BrokenLaw(in: .compute, floor: floor))
    case .chinchilla: .chinchilla(ChinchillaLaw(floor: floor))
    case .interaction: .interaction(InteractionLaw(floor: floor))
    case .kaplan: .kaplan(KaplanLaw())
    case .kaplanSteps: .kaplanSteps(KaplanStepsLaw())
    case .repeatedData: .repeatedData(RepeatedDataLaw())
    case .isoFLOP: nil
    }
  }
}

/// What a law tends to.
public enum FloorChoice: Codable, Equatable, Sendable {
  case free, zero
  /// The true entropy of the corpus.
  case entropy
  case value(Double)

  init(_ yaml: YAMLValue) throws {
    let names: [String: FloorChoice] = ["free": .free, "zero": .zero, "entropy": .entropy]
    if let named = names[try yaml.string()] {
      self = named
    } else if Double(try yaml.string()) != nil {
      self = .value(try yaml.number(in: 0...))
    } else {
      self = names[try yaml.choice(of: ["free", "zero", "entropy"])] ?? .free
    }
  }

  var name: String {
    switch self {
    case .free: "free"
    case .zero: "zero"
    case .entropy: "entropy"
    case .value(let value): "\(value)"
    }
  }
}

/// How N is counted.
public enum SizeConvention: String, CaseIterable, Codable, Sendable {
  case total
  case nonEmbedding = "non_embedding"
  case active

  /// The column of `results.csv`.
  public var column: String { "n_\(rawValue)" }
}

/// How C is counted.
public enum ComputeConvention: String, CaseIterable, Codable, Sendable {
  case exact
  case sixND = "6nd"
  case sixNDNonEmbedding = "6nd_non_embedding"

  /// The column of `results.csv`.
  public var column: String { "c_\(rawValue)" }
}
