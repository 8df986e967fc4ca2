/// A recursive-descent parser of expressions:
///
///     sum      = product { ("+" | "-") product }
///     product  = signed { ("*" | "/") signed }
///     signed   = "-" signed | "+" signed | power
///     power    = atom [ "^" signed ]                so that −x^2 = −(x^2) and a^b^c = a^(b^c)
///     atom     = number | name | function "(" sum { "," sum } ")" | "(" sum ")"
///     name     = letter { letter | digit | "_" }, or any text between backquotes
///
/// `·`, `×` and `−` are read as `*`, `*` and `-`. Functions are those of `ArithmeticExpression.Function`, and `min` and `max` of
/// several numbers.
struct ExpressionParser {
  /// The limit on the length of a formula, in characters.
  static let mostCharacters = 2000
  /// The limit on brackets and signs inside each other.
  private static let mostDepth = 60

  private let text: String
  private let characters: [Character]
  private var place = 0
  private var depth = 0
  private var result = ArithmeticExpression()

  init(_ text: String) {
    self.text = text
    characters = Array(text)
  }

  /// Parses the text from a character to its end.
  mutating func expression(from start: Int) throws -> ArithmeticExpression {
    guard characters.count <= Self.mostCharacters else {
      throw FormulaError(
        "it is longer than \(Self.mostCharacters) characters", in: String(text.prefix(40)) + "…")
    }
    place = start
    let root = try sum()
    if let next = peek() {
      throw error(next == ")" ? "`)` has no opening bracket" : "an operator is missing before `\(next)`")
    }
    // A part that was found before is not the last step.
    guard root != result.root else { return result }
    return try Self.moved(root, result)
  }

  /// Returns an expression whose last step is `root`: the others after it are not needed.
  private static func moved(_ root: Int, _ expression: ArithmeticExpression) throws -> ArithmeticExpression {
    var copy = ArithmeticExpression()
    for (name, position) in zip(expression.names, expression.positions) {
      _ = copy.index(of: name, at: position)
    }
    for step in expression.steps.prefix(root + 1) { _ = copy.add(step) }
    return copy
  }

  private func error(_ message: String, at position: Int? = nil) -> FormulaError {
    FormulaError(message, in: text, at: (position ?? place) + 1)
  }

  /// The next character that is not a space, which the place is moved to; nil at the end.
  private mutating func peek() -> Character? {
    while place < characters.count, characters[place].isWhitespace { place += 1 }
    return place < characters.count ? characters[place] : nil
  }

  /// Consumes the next character if it is one of these, and returns it.
  private mutating func take(_ choices: String) -> Character? {
    guard let next = peek(), choices.contains(next) else { return nil }
    place += 1
    return next
  }

  private mutating func add(_ step: ArithmeticExpression.Step, at position: Int) throws -> Int {
    guard result.steps.count < ArithmeticExpression.mostSteps else {
      throw error("the formula has more than \(ArithmeticExpression.mostSteps) operations", at: position)
    }
    let index = result.add(step)
    if let number = result.number(index), !number.isFinite {
      throw error("this is not a finite number", at: position)
    }
    return index
  }

  private mutating func sum() throws -> Int {
    var left = try product()
    while let sign = take("+-−") {
      let position = place - 1
      let right = try product()
      left = try add(sign == "+" ? .sum(left, right) : .difference(left, right), at: position)
    }
    return left
  }

  private mutating func product() throws -> Int {
    var left = try signed()
    while let sign = take("*·×/") {
      let position = place - 1
      if sign == "*", take("*") != nil { throw error("`**` is not an operator: write `^`", at: position) }
      let right = try signed()
      left = try add(sign == "/" ? .quotient(left, right) : .product(left, right), at: position)
    }
    return left
  }

  private mutating func signed() throws -> Int {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.mostDepth else { throw error("brackets and signs are nested too deeply") }
    guard let sign = take("+-−") else { return try power() }
    let position = place - 1
    let operand = try signed()
    return sign == "+" ? operand : try add(.negative(operand), at: position)
  }

  private mutating func power() throws -> Int {
    let base = try atom()
    guard take("^") != nil else { return base }
    let position = place - 1
    return try add(.power(base, try signed()), at: position)
  }

  private mutating func atom() throws -> Int {
    guard let next = peek() else { throw error("a number, a name or `(` is missing at the end") }
    let position = place
    if next == "(" {
      place += 1
      let inner = try sum()
      guard take(")") != nil else {
        throw error("`)` is missing for the bracket at character \(position + 1)")
      }
      return inner
    }
    if next == "`" {
      guard let end = characters[(place + 1)...].firstIndex(of: "`"), end > place + 1 else {
        throw error("the name between backquotes does not end, or is empty")
      }
      place = end + 1
      let name = String(characters[position + 1..<end])
      return try add(.name(result.index(of: name, at: position + 1)), at: position)
    }
    if next.isASCIIDigit || next == "." { return try number() }
    guard next.isLetter || next == "_" else {
      throw error("a number, a name or `(` is expected here, not `\(next)`")
    }
    while place < characters.count, characters[place].isPartOfName { place += 1 }
    let name = String(characters[position..<place])
    if peek() == "(" { return try call(name, at: position) }
    return try add(.name(result.index(of: name, at: position + 1)), at: position)
  }

  private mutating func number() throws -> Int {
    let start = place
    func isDigit(_ index: Int) -> Bool { index < characters.count && characters[index].isASCIIDigit }
    while isDigit(place) || place < characters.count && characters[place] == "." { place += 1 }
    if place < characters.count, characters[place] == "e" || characters[place] == "E" {
      let isSigned = place + 1 < characters.count && "+-".contains(characters[place + 1])
      if isDigit(place + (isSigned ? 2 : 1)) {
        place += isSigned ? 2 : 1
        while isDigit(place) { place += 1 }
      }
    }
    let digits = String(characters[start..<place])
    guard let value = Double(digits), value.isFinite else {
      throw error("`\(digits)` is not a number", at: start)
    }
    return try add(.number(value), at: start)
  }

  private mutating func call(_ name: String, at position: Int) throws -> Int {
    place += 1
    let function = ArithmeticExpression.Function(rawValue: name)
    let isChoice = name == "min" || name == "max"
    guard function != nil || isChoice else {
      let known = ArithmeticExpression.Function.allCases.map(\.rawValue) + ["min", "max"]
      throw error(
        "there is no function `\(name)`; functions are \(known.joined(separator: ", ")), and a product is "
          + "written `\(name)*(…)`", at: position)
    }
    var arguments = [try sum()]
    while take(",") != nil { arguments.append(try sum()) }
    guard take(")") != nil else { throw error("`)` is missing after the arguments of `\(name)`") }
    guard let function else {
      guard arguments.count > 1 else { throw error("`\(name)` takes two or more numbers", at: position) }
      return try arguments.dropFirst().reduce(arguments[0]) { first, second in
        try add(name == "min" ? .smaller(first, second) : .larger(first, second), at: position)
      }
    }
    guard arguments.count == 1 else { throw error("`\(name)` takes one number", at: position) }
    return try add(.call(function, arguments[0]), at: position)
  }
}

extension Character {
  fileprivate var isASCIIDigit: Bool { isASCII && isNumber }
  fileprivate var isPartOfName: Bool { isLetter || isASCIIDigit || self == "_" }
}
