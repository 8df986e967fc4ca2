/// What the form of an expression tells about its parameters: in which it is linear, which must be positive, and near
/// which values a search of the others may start.
struct FormulaStructure {
  /// The part that a parameter has in an expression, from which its starts follow.
  enum Part: Equatable {
    /// An exponent of something that grows with the variables. The sign is that for which its power falls.
    case exponent(falling: Double)
    /// A scale that a step without parameters is divided by, or that is divided by it.
    case scale(of: Int)
    /// A factor of a step without parameters inside a function.
    case rate(of: Int)
    case other
  }

  private let expression: ArithmeticExpression
  private let isParameter: [Bool]
  private let hasParameters: [Bool]
  private let hasVariables: [Bool]

  init(_ expression: ArithmeticExpression, isParameter: [Bool]) {
    self.expression = expression
    self.isParameter = isParameter
    hasParameters = expression.dependence(on: isParameter)
    hasVariables = expression.dependence(on: isParameter.map { !$0 })
  }

  /// The limit on parameters that are solved for: the time for the solution grows with 2 to their number.
  private static let mostLinear = 8

  /// Returns, for each name, whether it is one of the parameters in which the expression is jointly linear. Of
  /// parameters that are multiplied with each other, the first is taken.
  func linear() -> [Bool] {
    var chosen = isParameter.map { _ in false }
    for name in isParameter.indices where isParameter[name] {
      guard chosen.count(where: { $0 }) < Self.mostLinear else { break }
      chosen[name] = true
      if !isLinear(in: chosen) { chosen[name] = false }
    }
    return chosen
  }

  private func isLinear(in chosen: [Bool]) -> Bool {
    let depends = expression.dependence(on: chosen)
    return expression.steps.allSatisfy { step in
      switch step {
      case .number, .name, .negative, .sum, .difference: true
      case .product(let a, let b): !(depends[a] && depends[b])
      case .quotient(_, let b): !depends[b]
      case .power, .smaller, .larger, .call: !step.operands.contains { depends[$0] }
      }
    }
  }

  /// Returns, for each name, whether the expression is undefined for negative values of it, because its logarithm or a
  /// fractional power of it is taken.
  func positive() -> [Bool] {
    var positive = isParameter.map { _ in false }
    for step in expression.steps {
      switch step {
      case .power(let base, let exponent):
        let number = expression.number(exponent)
        if number == nil || number?.rounded() != number { markFactors(of: base, in: &positive) }
      case .call(let function, let argument) where function.needsPositive:
        markFactors(of: argument, in: &positive)
      default: break
      }
    }
    return positive
  }

  private func markFactors(of step: Int, in marked: inout [Bool]) {
    var open = [step]
    while let index = open.popLast() {
      switch expression.steps[index] {
      case .name(let name): marked[name] = true
      case .product(let a, let b), .quotient(let a, let b): open += [a, b]
      case .power(let base, _): open.append(base)
      default: break
      }
    }
  }

  /// Returns the part of each name that is a parameter.
  func parts() -> [Part] {
    var parts = isParameter.map { _ in Part.other }
    let inverse = inverted()
    for (index, step) in expression.steps.enumerated() {
      switch step {
      case .power(let base, let exponent) where hasParameters[exponent]:
        let grows: Double = isFalling(base) != inverse[index] ? -1 : 1
        setExponents(of: exponent, falling: -grows, in: &parts)
      case .quotient(let a, let b):
        if let name = parameter(b), !hasParameters[a], hasVariables[a] { set(.scale(of: a), name, &parts) }
        if let name = parameter(a), !hasParameters[b], hasVariables[b] { set(.scale(of: b), name, &parts) }
      case .product(let a, let b):
        if let name = parameter(b), !hasParameters[a], hasVariables[a] { set(.rate(of: a), name, &parts) }
        if let name = parameter(a), !hasParameters[b], hasVariables[b] { set(.rate(of: b), name, &parts) }
      default: break
      }
    }
    return parts
  }

  /// Sets a part unless the parameter is known as an exponent or a scale.
  private func set(_ part: Part, _ name: Int, _ parts: inout [Part]) {
    if parts[name] == .other { parts[name] = part }
  }

  private func parameter(_ step: Int) -> Int? {
    if case .name(let name) = expression.steps[step], isParameter[name] { name } else { nil }
  }

  /// Marks the parameters of an exponent, with the sign of each in it.
  private func setExponents(of step: Int, falling: Double, in parts: inout [Part]) {
    var open = [(step, falling)]
    while let (index, sign) = open.popLast() {
      switch expression.steps[index] {
      case .name(let name): if isParameter[name] { parts[name] = .exponent(falling: sign) }
      case .negative(let a): open.append((a, -sign))
      case .sum(let a, let b): open += [(a, sign), (b, sign)]
      case .difference(let a, let b): open += [(a, sign), (b, -sign)]
      case .product(let a, let b), .quotient(let a, let b):
        let isNegative = [a, b].contains { (expression.number($0) ?? 1) < 0 }
        open += [(a, isNegative ? -sign : sign), (b, isNegative ? -sign : sign)]
      default: break
      }
    }
  }

  /// Returns whether a base, such as Nc/N, falls as its variable grows.
  private func isFalling(_ step: Int) -> Bool {
    guard case .quotient(let a, let b) = expression.steps[step] else { return false }
    return hasVariables[b] && !hasVariables[a]
  }

  /// Returns for each step whether the value divides by it.
  private func inverted() -> [Bool] {
    var inverted = expression.steps.map { _ in false }
    for index in expression.steps.indices.reversed() {
      switch expression.steps[index] {
      case .quotient(let a, let b):
        inverted[a] = inverted[index]
        inverted[b] = !inverted[index]
      case let step: for operand in step.operands { inverted[operand] = inverted[index] }
      }
    }
    return inverted
  }
}
