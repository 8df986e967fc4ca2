import Foundation

/// A law that is given as a text: an equation `L = …` of variables and parameters.
///
///     L = E + A*N^-alpha + B*D^-beta + G*log(batch)
///
/// Every name that is no variable is a parameter. Parameters in which the formula is linear are solved for, as in every
/// law; the others are searched from several starts. Parameters may have either sign, unless they are given as
/// positive, or the formula takes their logarithm or a power of them.
public struct FormulaLaw: Law {
  /// What is known about a parameter beside the formula.
  public struct Hint: Sendable, Codable, Equatable {
    /// A description, such as "data exponent"; empty for none.
    public var name: String
    /// The unit; "1" for a pure number, or where it is not known.
    public var unit: String
    /// True if it must be positive.
    public var isPositive: Bool
    /// The initial values of the search; empty for those that follow from the formula. Those of a parameter in which
    /// the formula is linear are not used.
    public var starts: [Double]

    /// Creates a hint; all have defaults.
    public init(_ name: String = "", unit: String = "1", isPositive: Bool = false, starts: [Double] = []) {
      self.name = name
      self.unit = unit
      self.isPositive = isPositive
      self.starts = starts
    }
  }

  /// The limit on parameters.
  static let mostParameters = 16
  /// The limit on starts of the search.
  private static let mostStarts = 256

  /// The formula as it was given.
  public let text: String
  public let name: String
  public let source: String
  /// `.free` if the formula gives the whole loss; `.known` if it gives the loss above that value.
  public private(set) var floor: Floor
  public let variables: [Variable]
  public let parameters: [Parameter]
  /// What was given about parameters, by name.
  public let hints: [String: Hint]
  private let expression: ArithmeticExpression
  private let meanings: [FormulaProgram.Meaning]
  private let parts: [FormulaStructure.Part]
  private let positiveVariables: Set<Variable>
  private let program: FormulaProgram

  /// Parses a formula.
  ///
  /// - Parameters:
  ///   - variable: Returns the variable that a name stands for; nil for a parameter.
  ///   - hints: What is known about parameters, by name.
  ///   - floor: `.free` for a formula of the whole loss, or a `.known` value that it is added to.
  /// - Throws: `FormulaError` if the text is not `L = …` with a known function of at least one variable and one
  ///   parameter, a hint is for no parameter, or a parameter does not matter.
  public init(
    _ text: String, name: String = "formula", source: String = "given as a formula", floor: Floor = .free,
    hints: [String: Hint] = [:], variable: (String) -> Variable?
  ) throws {
    let expression = try Self.rightSide(of: text)
    var meanings: [FormulaProgram.Meaning] = []
    var variables: [Variable] = []
    var symbols: [Int] = []
    for (index, name) in expression.names.enumerated() {
      if let found = variable(name) {
        // Two names may stand for one variable.
        let place = variables.firstIndex(of: found) ?? variables.count
        if place == variables.count { variables.append(found) }
        meanings.append(.variable(place))
      } else if name == "L" {
        throw FormulaError("L is the loss itself", in: text, at: expression.positions[index])
      } else {
        meanings.append(.parameter(symbols.count))
        symbols.append(index)
      }
    }
    let list = { (names: [String]) in names.isEmpty ? "none" : names.joined(separator: ", ") }
    let names = symbols.map { expression.names[$0] }
    guard !symbols.isEmpty else {
      throw FormulaError(
        "it has no parameter to fit: \(list(expression.names)) are all variables", in: text)
    }
    guard !variables.isEmpty else {
      throw FormulaError(
        "it has no variable, such as N, D, C or a column: \(list(names)) are all taken as parameters",
        in: text)
    }
    guard symbols.count <= Self.mostParameters else {
      throw FormulaError(
        "it has \(symbols.count) parameters, \(list(names)), and at most \(Self.mostParameters) can be fitted",
        in: text)
    }
    if let unknown = hints.keys.sorted().first(where: { !names.contains($0) }) {
      throw FormulaError("it has no parameter `\(unknown)`; its parameters are \(list(names))", in: text)
    }
    let structure = FormulaStructure(
      expression, isParameter: meanings.map { if case .parameter = $0 { true } else { false } })
    let (linear, positive, parts) = (structure.linear(), structure.positive(), structure.parts())
    self.text = text
    self.name = name
    self.source = source
    self.floor = floor
    self.variables = variables
    self.hints = hints
    self.expression = expression
    self.meanings = meanings
    self.parts = symbols.map { parts[$0] }
    parameters = try symbols.map { index in
      let symbol = expression.names[index]
      let hint = hints[symbol] ?? Hint()
      let isPositive = hint.isPositive || positive[index]
      guard !isPositive || hint.starts.allSatisfy({ $0 > 0 }) else {
        throw FormulaError(
          "`\(symbol)` must be positive, and so must its starts", in: text, at: expression.positions[index])
      }
      return Parameter(
        hint.name.isEmpty ? symbol : hint.name, symbol, unit: hint.unit,
        domain: isPositive ? .positive : .signed,
        starts: linear[index] ? [] : hint.starts.isEmpty ? [1] : hint.starts)
    }
    positiveVariables = Set(
      zip(meanings, positive).compactMap { meaning, isPositive in
        if case .variable(let index) = meaning, isPositive { variables[index] } else { nil }
      })
    program = FormulaProgram(expression, meanings: meanings)
    var scales = variables.map { _ in 1.0 }
    for (meaning, scale) in zip(meanings, expression.scales()) {
      if case .variable(let index) = meaning { scales[index] = scale }
    }
    if let fault = FormulaCheck(program, domains: parameters.map(\.domain), scales: scales).fault {
      let place = symbols[fault.parameter]
      throw FormulaError(
        fault.isIdle
          ? "`\(expression.names[place])` does not matter: it cancels"
          : "`\(expression.names[place])` adds nothing: the other parameters do the same without it",
        in: text,
        at: expression.positions[place])
    }
  }

  /// Returns the law with another floor: `.free` for a formula of the whole loss, or a `.known` value that the formula
  /// is added to.
  public func above(_ floor: Floor) -> FormulaLaw {
    var law = self
    law.floor = floor
    return law
  }

  /// Returns the names on the right side of a formula, with the character at which each first appears.
  ///
  /// - Throws: `FormulaError` if the text is not a formula.
  public static func names(in text: String) throws -> [(name: String, position: Int)] {
    let expression = try rightSide(of: text)
    return Array(zip(expression.names, expression.positions))
  }

  /// Returns whether a text is meant as a formula, and not as the name of a law.
  public static func isFormula(_ text: String) -> Bool { text.contains { "=+-−*·×/^()".contains($0) } }

  private static func rightSide(of text: String) throws -> ArithmeticExpression {
    let characters = Array(text)
    guard let sign = characters.firstIndex(of: "=") else {
      throw FormulaError("it has no `=`: write `L = …`", in: text)
    }
    let left = String(characters[..<sign]).trimmingCharacters(in: .whitespaces)
    guard left == "L" else {
      throw FormulaError("the left side is `\(left)`; it must be L, the loss", in: text, at: 1)
    }
    var parser = ExpressionParser(text)
    return try parser.expression(from: sign + 1)
  }

  public var equation: String {
    guard case .known = floor else { return text }
    let right = text.drop { $0 != "=" }.dropFirst().trimmingCharacters(in: .whitespaces)
    return "L = \(floor.text)\(right)"
  }

  public var knownFloor: Double { floor.value }

  public func mayBe(_ value: Double, _ variable: Variable) -> Bool {
    if case .column = variable { return value > 0 || !positiveVariables.contains(variable) }
    return value > 0
  }

  public func loss<T: Number>(_ θ: [T], at x: Point) -> T { FormulaProgram.Evaluation(program, θ)(x) }

  public func evaluate(_ workspace: inout Workspace) {
    workspace.fill { θ in
      let evaluation = FormulaProgram.Evaluation(program, θ)
      return { evaluation($0) }
    }
  }

  /// Returns all combinations of the initial values, or a fixed choice of them if they are too many.
  public func starts(for table: Table) -> [[Double]] {
    let values = parameters.indices.map { index in
      parameters[index].isLinear ? [1] : initialValues(of: index, on: table)
    }
    let count = values.reduce(1) {
      $0 * min($1.count, Self.mostStarts) > Self.mostStarts ? Self.mostStarts + 1 : $0 * $1.count
    }
    guard count > Self.mostStarts else {
      return values.reduce([[]]) { starts, values in starts.flatMap { start in values.map { start + [$0] } } }
    }
    return (0..<Self.mostStarts).map { number in
      var generator = SeededGenerator(seed: 1, stream: number)
      return values.map { $0[generator.index(below: $0.count)] }
    }
  }

  /// Returns the starts of a parameter: those given, or those that its part in the formula suggests.
  private func initialValues(of index: Int, on table: Table) -> [Double] {
    let parameter = parameters[index]
    if let given = hints[parameter.symbol]?.starts, !given.isEmpty { return given }
    let isPositive = parameter.domain == .positive
    switch parts[index] {
    case .exponent(let falling):
      let sizes = [0.1, 0.3, 0.6, 1.2]
      return isPositive ? sizes : sizes.map { $0 * falling } + [-0.2 * falling]
    case .scale(let step):
      let places = quantiles(of: step, on: table)
      return places.isEmpty ? [1] : places
    case .rate(let step):
      let rates = quantiles(of: step, on: table).map { 1 / $0 }
      return rates.isEmpty ? [1] : isPositive ? rates : rates + rates.map { -$0 }
    case .other: return isPositive ? [0.1, 1, 10] : [-1, 0.1, 1]
    }
  }

  /// Returns three sizes of a step without parameters over the rows of a table.
  private func quantiles(of step: Int, on table: Table) -> [Double] {
    let sizes = (0..<table.count).map { row -> Double in
      let names = meanings.map { meaning -> Double in
        if case .variable(let index) = meaning { table.values[row * table.stride + index] } else { .nan }
      }
      return abs(expression.values(names)[step])
    }.filter { $0 > 0 && $0.isFinite }.sorted()
    guard !sizes.isEmpty else { return [] }
    return [0.1, 0.5, 0.9].map { quantile(sizes, $0) }
  }
}

extension FormulaLaw: Codable {
  private enum CodingKeys: String, CodingKey { case text, name, source, floor, names, variables, hints }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(text, forKey: .text)
    try container.encode(name, forKey: .name)
    try container.encode(source, forKey: .source)
    try container.encode(floor, forKey: .floor)
    // The names of variables, and the variable of each.
    let pairs = zip(expression.names, meanings).compactMap { name, meaning -> (String, Variable)? in
      if case .variable(let index) = meaning { (name, variables[index]) } else { nil }
    }
    try container.encode(pairs.map(\.0), forKey: .names)
    try container.encode(pairs.map(\.1), forKey: .variables)
    try container.encode(hints, forKey: .hints)
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.container(keyedBy: CodingKeys.self)
    let names = try container.decode([String].self, forKey: .names)
    let variables = try container.decode([Variable].self, forKey: .variables)
    let meanings = Dictionary(zip(names, variables), uniquingKeysWith: { first, _ in first })
    do {
      try self.init(
        container.decode(String.self, forKey: .text), name: container.decode(String.self, forKey: .name),
        source: container.decode(String.self, forKey: .source),
        floor: container.decode(Floor.self, forKey: .floor),
        hints: container.decode([String: Hint].self, forKey: .hints)
      ) { meanings[$0] }
    } catch let error as FormulaError {
      throw DecodingError.dataCorruptedError(
        forKey: .text, in: container, debugDescription: error.description)
    }
  }
}
