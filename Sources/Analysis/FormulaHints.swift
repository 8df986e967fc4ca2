import Files
import Foundation
import ScalingLaws

/// What users say about the parameters of a formula: their starts, and which are positive.
///
///     start: {A: [1, 1e4], alpha: 0.3}      --start A=1..1e4
///     positive: [A, B]                      --positive A,B
public struct FormulaHints: Sendable {
  /// The hints by the names of parameters.
  public private(set) var values: [String: FormulaLaw.Hint] = [:]

  /// Parses the values of options.
  ///
  /// - Parameters:
  ///   - starts: Texts as `A=1`, `A=1,10,100` or `A=1..1e4`.
  ///   - positive: Names, or several with commas.
  /// - Throws: `InputError` if a start is no number or range.
  public init(starts: [String] = [], positive: [String] = []) throws {
    for text in starts {
      let parts = text.split(separator: "=", maxSplits: 1).map {
        $0.trimmingCharacters(in: .whitespaces)
      }
      guard parts.count == 2, !parts[0].isEmpty, let starts = Self.starts(parts[1]) else {
        throw InputError(
          "--start \(text) is not a parameter with starts",
          remedy: "Write for example --start A=1..1e4, or A=1,10,100")
      }
      values[parts[0], default: FormulaLaw.Hint()].starts = starts
    }
    for name in positive.flatMap({ $0.split(separator: ",") }) {
      values[name.trimmingCharacters(in: .whitespaces), default: FormulaLaw.Hint()].isPositive = true
    }
  }

  /// Reads the keys `start` and `positive` of a fit.
  init(start: YAMLValue?, positive: YAMLValue?) throws {
    for (key, value) in try start?.entries() ?? [] {
      let starts = try value.list().flatMap { item -> [Double] in
        guard let starts = Self.starts(try item.string()) else {
          throw item.error("`\(try item.string())` is no start", remedy: "Write for example 0.3 or 1..1e4")
        }
        return starts
      }
      values[key.text, default: FormulaLaw.Hint()].starts = starts
    }
    for name in try positive?.list() ?? [] {
      values[try name.string(), default: FormulaLaw.Hint()].isPositive = true
    }
  }

  /// Returns the starts of a text: numbers with commas between, or a range, which gives four; nil if it is neither.
  private static func starts(_ text: String) -> [Double]? {
    if let range = text.firstRange(of: "..") {
      let ends = [text[..<range.lowerBound], text[range.upperBound...]].map { number(String($0)) }
      guard let low = ends[0], let high = ends[1], low < high else { return nil }
      return (0..<4).map { step in
        let part = Double(step) / 3
        return low > 0 ? low * pow(high / low, part) : low + (high - low) * part
      }
    }
    let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { number(String($0)) }
    return numbers.contains(nil) ? nil : numbers.compactMap { $0 }
  }

  private static func number(_ text: String) -> Double? {
    Double(quantity: text.trimmingCharacters(in: .whitespaces)).flatMap { $0.isFinite ? $0 : nil }
  }
}

extension FormulaLaw {
  /// What to do about a formula that is refused.
  static let remedy = "Names that are no column and not N, D, C, U or S are parameters"

  /// Returns the names on the right side of a formula.
  ///
  /// - Throws: `InputError` if it is not a formula.
  public static func namesOfUser(in text: String) throws -> [String] {
    do { return try names(in: text).map(\.name) } catch let error as FormulaError {
      throw InputError(error.description, remedy: remedy)
    }
  }

  /// Parses a formula over a table.
  ///
  /// - Throws: `InputError` if it is not a law of the table's quantities and columns.
  public init(_ text: String, over table: ObservationFile, hints: FormulaHints) throws {
    do {
      let losses = table.sources[.loss]?.columns ?? []
      if let (name, position) = try Self.names(in: text).first(where: { losses.contains($0.name) }) {
        throw FormulaError("`\(name)` is the loss itself", in: text, at: position)
      }
      try self.init(text, hints: hints.values, variable: table.variable(named:))
    } catch let error as FormulaError {
      throw InputError(error.description, remedy: Self.remedy)
    }
  }
}

extension Variable {
  /// The quantities that a name in a formula always stands for, by their symbols.
  static let ofFormulas: [Variable] = [.parameters, .tokens, .compute, .uniqueTokens, .steps]
}
