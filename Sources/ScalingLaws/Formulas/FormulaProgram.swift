import Foundation

/// An expression compiled for a table: what depends on parameters alone is computed once for each vector of parameters,
/// what depends on variables alone in plain numbers, and the rest in the numbers of the caller, such as duals.
struct FormulaProgram: Sendable {
  /// What a name of the expression stands for.
  enum Meaning: Sendable, Equatable {
    /// The index of a parameter.
    case parameter(Int)
    /// The index of a variable.
    case variable(Int)
  }

  /// One operation. `a` and `b` are registers, of numbers (with derivatives) or of data (plain), as the names say.
  private enum Operation: Sendable {
    case negative(Int)
    case sum(Int, Int)
    case sumWithData(Int, data: Int)
    case difference(Int, Int)
    case differenceFromData(data: Int, Int)
    case product(Int, Int)
    case productWithData(Int, data: Int)
    case quotient(Int, Int)
    case quotientOfData(data: Int, Int)
    /// exp(b·log) with the logarithm of the base in a register of data.
    case powerOfData(log: Int, Int)
    case power(Int, Int)
    case powerToData(Int, data: Int)
    case wholePower(Int, Int)
    case smaller(Int, Int)
    case larger(Int, Int)
    case call(ArithmeticExpression.Function, Int)
    /// A number without derivatives from data.
    case data(Int)
  }

  private struct Instruction: Sendable {
    let operation: Operation
    let result: Int
  }

  /// An operation on data: a step of the expression, or the logarithm of a register.
  private enum DataOperation: Sendable {
    case step(ArithmeticExpression.Step)
    case value(variable: Int)
    case log(variable: Int)
    case logOf(Int)
  }

  private struct DataInstruction: Sendable {
    let operation: DataOperation
    let result: Int
  }

  private var perParameters: [Instruction] = []
  private var perRow: [Instruction] = []
  private var dataPerRow: [DataInstruction] = []
  /// The registers of numbers; the first hold the parameters.
  private var registers: Int
  /// The initial registers of data: constants, and 0 where a row's are computed.
  private var data: [Double] = []
  private var root = 0

  init(_ expression: ArithmeticExpression, meanings: [Meaning]) {
    registers = meanings.count { if case .parameter = $0 { true } else { false } }
    var compiler = Compiler(program: self, expression: expression, meanings: meanings)
    self = compiler.compiled()
  }

  /// The translation of steps to instructions.
  private struct Compiler {
    var program: FormulaProgram
    let expression: ArithmeticExpression
    let meanings: [Meaning]
    let usesParameters: [Bool]
    let usesVariables: [Bool]
    /// The register of numbers of each step, and that of data; nil until it is made.
    var numbers: [Int?]
    var data: [Int?]
    var logs: [Int: Int] = [:]

    init(program: FormulaProgram, expression: ArithmeticExpression, meanings: [Meaning]) {
      self.program = program
      self.expression = expression
      self.meanings = meanings
      let isParameter = meanings.map { if case .parameter = $0 { true } else { false } }
      usesParameters = expression.dependence(on: isParameter)
      usesVariables = expression.dependence(on: isParameter.map { !$0 })
      numbers = expression.steps.map { _ in nil }
      data = numbers
    }

    mutating func compiled() -> FormulaProgram {
      for index in expression.steps.indices {
        if usesParameters[index] { number(index) } else { datum(index) }
      }
      program.root = register(expression.root)
      return program
    }

    /// Translates a step without parameters.
    private mutating func datum(_ index: Int) {
      let step = expression.steps[index]
      let register = program.data.count
      data[index] = register
      if case .number(let value) = step {
        program.data.append(value)
        return
      }
      program.data.append(0)
      let operation: DataOperation
      if case .name(let name) = step, case .variable(let variable) = meanings[name] {
        operation = .value(variable: variable)
      } else {
        operation = .step(step.moved { data[$0] ?? 0 })
      }
      program.dataPerRow.append(DataInstruction(operation: operation, result: register))
    }

    /// Returns the register with the logarithm of a step without parameters.
    private mutating func log(of index: Int) -> Int {
      if let known = logs[index] { return known }
      let register = program.data.count
      logs[index] = register
      if let number = expression.number(index) {
        program.data.append(Foundation.log(number))
        return register
      }
      program.data.append(0)
      let operation: DataOperation
      if case .name(let name) = expression.steps[index], case .variable(let variable) = meanings[name] {
        operation = .log(variable: variable)
      } else {
        operation = .logOf(data[index] ?? 0)
      }
      program.dataPerRow.append(DataInstruction(operation: operation, result: register))
      return register
    }

    /// Returns the register of numbers with a step; one without parameters is copied into it.
    private mutating func register(_ index: Int) -> Int {
      if let known = numbers[index] { return known }
      let register = program.registers
      program.registers += 1
      numbers[index] = register
      append(.data(data[index] ?? 0), to: register, isPerRow: usesVariables[index])
      return register
    }

    private mutating func append(_ operation: Operation, to register: Int, isPerRow: Bool) {
      let instruction = Instruction(operation: operation, result: register)
      if isPerRow { program.perRow.append(instruction) } else { program.perParameters.append(instruction) }
    }

    /// Translates a step with parameters.
    private mutating func number(_ index: Int) {
      let step = expression.steps[index]
      if case .name(let name) = step, case .parameter(let parameter) = meanings[name] {
        numbers[index] = parameter
        return
      }
      let operation = operation(step)
      let register = program.registers
      program.registers += 1
      numbers[index] = register
      append(operation, to: register, isPerRow: usesVariables[index])
    }

    private mutating func operation(_ step: ArithmeticExpression.Step) -> Operation {
      func isData(_ index: Int) -> Bool { !usesParameters[index] }
      switch step {
      case .number, .name: return .data(0)
      case .negative(let a): return .negative(register(a))
      case .sum(let a, let b):
        if isData(a) { return .sumWithData(register(b), data: data[a] ?? 0) }
        if isData(b) { return .sumWithData(register(a), data: data[b] ?? 0) }
        return .sum(register(a), register(b))
      case .difference(let a, let b):
        if isData(a) { return .differenceFromData(data: data[a] ?? 0, register(b)) }
        return .difference(register(a), register(b))
      case .product(let a, let b):
        if isData(a) { return .productWithData(register(b), data: data[a] ?? 0) }
        if isData(b) { return .productWithData(register(a), data: data[b] ?? 0) }
        return .product(register(a), register(b))
      case .quotient(let a, let b):
        if isData(a) { return .quotientOfData(data: data[a] ?? 0, register(b)) }
        return .quotient(register(a), register(b))
      case .power(let a, let b):
        if isData(a) { return .powerOfData(log: log(of: a), register(b)) }
        if let exponent = expression.number(b).flatMap({ Int(exactly: $0) }), abs(exponent) <= 64 {
          return .wholePower(register(a), exponent)
        }
        if isData(b) { return .powerToData(register(a), data: data[b] ?? 0) }
        return .power(register(a), register(b))
      case .smaller(let a, let b): return .smaller(register(a), register(b))
      case .larger(let a, let b): return .larger(register(a), register(b))
      case .call(let function, let a): return .call(function, register(a))
      }
    }
  }

  /// The registers of one evaluation, with the parameters set.
  final class Evaluation<T: Number> {
    private let program: FormulaProgram
    private let numbers: UnsafeMutablePointer<T>
    private let data: UnsafeMutablePointer<Double>

    init(_ program: FormulaProgram, _ θ: [T]) {
      self.program = program
      numbers = .allocate(capacity: program.registers)
      numbers.initialize(repeating: T(0), count: program.registers)
      data = .allocate(capacity: max(program.data.count, 1))
      for (index, value) in program.data.enumerated() { (data + index).initialize(to: value) }
      for (index, value) in θ.enumerated() { numbers[index] = value }
      perform(program.perParameters)
    }

    deinit {
      numbers.deinitialize(count: program.registers)
      numbers.deallocate()
      data.deallocate()
    }

    /// Returns the value of the expression at the variables of a row.
    func callAsFunction(_ x: Point) -> T {
      for instruction in program.dataPerRow {
        data[instruction.result] =
          switch instruction.operation {
          case .value(let variable): x[variable].value
          case .log(let variable): x[variable].log
          case .logOf(let register): Foundation.log(data[register])
          case .step(let step): ArithmeticExpression.value(of: step) { [data] in data[$0] }
          }
      }
      perform(program.perRow)
      return numbers[program.root]
    }

    private func perform(_ instructions: [Instruction]) {
      for instruction in instructions {
        numbers[instruction.result] =
          switch instruction.operation {
          case .negative(let a): -numbers[a]
          case .sum(let a, let b): numbers[a] + numbers[b]
          case .sumWithData(let a, let b): numbers[a] + data[b]
          case .difference(let a, let b): numbers[a] - numbers[b]
          case .differenceFromData(let a, let b): data[a] - numbers[b]
          case .product(let a, let b): numbers[a] * numbers[b]
          case .productWithData(let a, let b): numbers[a] * data[b]
          case .quotient(let a, let b): numbers[a] / numbers[b]
          case .quotientOfData(let a, let b): data[a] / numbers[b]
          case .powerOfData(let log, let b): .exp(numbers[b] * data[log])
          case .power(let a, let b): power(numbers[a], numbers[b])
          case .powerToData(let a, let b): .exp(.log(numbers[a]) * data[b])
          case .wholePower(let a, let b): wholePower(numbers[a], b)
          case .smaller(let a, let b): .minimum(numbers[a], numbers[b])
          case .larger(let a, let b): -T.minimum(-numbers[a], -numbers[b])
          case .call(let function, let a): function(numbers[a])
          case .data(let a): T(data[a])
          }
      }
    }

    /// Returns xⁿ by repeated squaring, for numbers of any sign.
    private func wholePower(_ x: T, _ n: Int) -> T {
      var (square, rest, result) = (x, abs(n), T(1))
      while rest > 0 {
        if rest & 1 == 1 { result = result * square }
        rest >>= 1
        if rest > 0 { square = square * square }
      }
      return n < 0 ? 1 / result : result
    }
  }
}

extension ArithmeticExpression.Step {
  /// Returns the step with other operands.
  fileprivate func moved(_ place: (Int) -> Int) -> ArithmeticExpression.Step {
    switch self {
    case .number, .name: self
    case .negative(let a): .negative(place(a))
    case .sum(let a, let b): .sum(place(a), place(b))
    case .difference(let a, let b): .difference(place(a), place(b))
    case .product(let a, let b): .product(place(a), place(b))
    case .quotient(let a, let b): .quotient(place(a), place(b))
    case .power(let a, let b): .power(place(a), place(b))
    case .smaller(let a, let b): .smaller(place(a), place(b))
    case .larger(let a, let b): .larger(place(a), place(b))
    case .call(let function, let a): .call(function, place(a))
    }
  }
}
