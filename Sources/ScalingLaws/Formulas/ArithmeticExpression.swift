import Foundation

/// An arithmetic expression over names, as a list of steps that refer to earlier ones. The last step is its value.
///
///     A*N^-alpha + E    names A, N, alpha, E
///
/// Equal parts are one step, and parts without names are numbers. `ExpressionParser` documents the grammar.
public struct ArithmeticExpression: Sendable, Equatable {
  /// A function of one number.
  enum Function: String, CaseIterable, Sendable {
    /// `softplus` is log(1 + eˣ) without overflow, `expm1` is eˣ − 1 without cancellation.
    case exp, log, log10, log2, sqrt, expm1, softplus

    func callAsFunction<T: Number>(_ x: T) -> T {
      switch self {
      case .exp: .exp(x)
      case .log: .log(x)
      case .log10: .log(x) * (1 / M_LN10)
      case .log2: .log(x) * (1 / M_LN2)
      case .sqrt: .exp(.log(x) * 0.5)
      case .expm1: .expm1(x)
      case .softplus: .softplus(x)
      }
    }

    /// True for a function that is defined for positive numbers only.
    var needsPositive: Bool { [.log, .log10, .log2, .sqrt].contains(self) }
  }

  /// One operation; operands are the indices of earlier steps.
  enum Step: Hashable, Sendable {
    case number(Double)
    /// The index of a name.
    case name(Int)
    case negative(Int)
    case sum(Int, Int)
    case difference(Int, Int)
    case product(Int, Int)
    case quotient(Int, Int)
    case power(Int, Int)
    case smaller(Int, Int)
    case larger(Int, Int)
    case call(Function, Int)

    var operands: [Int] {
      switch self {
      case .number, .name: []
      case .negative(let a), .call(_, let a): [a]
      case .sum(let a, let b), .difference(let a, let b), .product(let a, let b), .quotient(let a, let b),
        .power(let a, let b), .smaller(let a, let b), .larger(let a, let b):
        [a, b]
      }
    }
  }

  /// The limit on steps.
  static let mostSteps = 400

  /// The names, in the order of first appearance.
  public private(set) var names: [String] = []
  /// The character at which each name first appears, counted from 1.
  private(set) var positions: [Int] = []
  private(set) var steps: [Step] = []
  private var known: [Step: Int] = [:]

  /// Parses a text.
  ///
  /// - Throws: `FormulaError` if it is not an expression.
  public init(_ text: String) throws {
    var parser = ExpressionParser(text)
    self = try parser.expression(from: 0)
  }

  init() {}

  /// The index of the last step.
  var root: Int { steps.count - 1 }

  /// Returns the index of a name, which is added if it is new.
  mutating func index(of name: String, at position: Int) -> Int {
    if let index = names.firstIndex(of: name) { return index }
    names.append(name)
    positions.append(position)
    return names.count - 1
  }

  /// Adds a step unless an equal one exists, and returns its index. Steps without names become numbers.
  mutating func add(_ step: Step) -> Int {
    var step = step
    if !step.operands.isEmpty, step.operands.allSatisfy({ number($0) != nil }) {
      step = .number(Self.value(of: step) { number($0) ?? .nan })
    }
    if let index = known[step] { return index }
    steps.append(step)
    known[step] = steps.count - 1
    return steps.count - 1
  }

  /// The number that a step is; nil for other steps.
  func number(_ index: Int) -> Double? { if case .number(let value) = steps[index] { value } else { nil } }

  /// Returns the value for values of the names, in the order of `names`; not a number where it is undefined.
  public func value(_ names: [Double]) -> Double { values(names).last ?? .nan }

  /// Returns the value of each step.
  func values(_ names: [Double]) -> [Double] {
    var values: [Double] = []
    values.reserveCapacity(steps.count)
    for step in steps {
      if case .name(let index) = step {
        values.append(names[index])
      } else {
        values.append(Self.value(of: step) { values[$0] })
      }
    }
    return values
  }

  /// Returns the value of a step, except of a name, from those of its operands.
  static func value(of step: Step, _ operand: (Int) -> Double) -> Double {
    switch step {
    case .number(let number): number
    case .name: .nan
    case .negative(let a): -operand(a)
    case .sum(let a, let b): operand(a) + operand(b)
    case .difference(let a, let b): operand(a) - operand(b)
    case .product(let a, let b): operand(a) * operand(b)
    case .quotient(let a, let b): operand(a) / operand(b)
    case .power(let a, let b): pow(operand(a), operand(b))
    case .smaller(let a, let b): min(operand(a), operand(b))
    case .larger(let a, let b): max(operand(a), operand(b))
    case .call(let function, let a): function(Scalar(operand(a))).value
    }
  }

  /// Returns the positive number that each name is divided by, which tells the size of its values; 1 for other names.
  func scales() -> [Double] {
    var scales = names.map { _ in 1.0 }
    for case .quotient(let dividend, let divisor) in steps {
      if case .name(let name) = steps[dividend], let scale = number(divisor), scale > 0 {
        scales[name] = scale
      }
    }
    return scales
  }

  /// Returns for each step whether it depends on one of the names with `isChosen`.
  func dependence(on isChosen: [Bool]) -> [Bool] {
    var depends: [Bool] = []
    for step in steps {
      if case .name(let index) = step {
        depends.append(isChosen[index])
      } else {
        depends.append(step.operands.contains { depends[$0] })
      }
    }
    return depends
  }

  public static func == (a: ArithmeticExpression, b: ArithmeticExpression) -> Bool {
    a.steps == b.steps && a.names == b.names
  }
}
