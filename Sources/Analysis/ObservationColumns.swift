import Files
import ScalingLaws

extension ObservationFile {
  /// The column of a quantity, with its unit, or an expression of several columns.
  public struct Source: Sendable, Equatable {
    /// The name of the column, or the text of the expression.
    public let column: String
    /// The index of the column; of an expression, that of the first one.
    let index: Int
    /// The factor that cells are multiplied by.
    public let factor: Double

    init(column: String, index: Int, factor: Double = 1) {
      self.column = column
      self.index = index
      self.factor = factor
    }

    /// Parses `COLUMN` or `COLUMN*UNIT`; nil if the column does not exist or the unit is not a number. A column's name
    /// may give the unit.
    init?(_ text: String, for role: Role, in header: [String]) {
      if let index = header.firstIndex(of: text) {
        let units = ColumnName.readings(of: text).compactMap(\.unit)
        self.init(column: text, index: index, factor: units.lazy.compactMap(role.factor).first ?? 1)
        return
      }
      guard let star = text.lastIndex(of: "*"), let index = header.firstIndex(of: String(text[..<star]))
      else {
        return nil
      }
      let unit = text[text.index(after: star)...]
      guard let factor = Double(quantity: unit) ?? Double(quantity: "1\(unit)"), factor > 0 else {
        return nil
      }
      self.init(column: String(text[..<star]), index: index, factor: factor)
    }

    /// The expression of columns, with their indices; nil for a column.
    private var expression: ArithmeticExpression?
    private var places: [Int] = []

    /// Creates the source of a quantity that is computed from columns; nil if the expression names none, or one that
    /// does not exist.
    init?(_ expression: ArithmeticExpression, as text: String, in header: [String]) {
      let places = expression.names.compactMap { header.firstIndex(of: $0) }
      guard let first = places.first, places.count == expression.names.count else { return nil }
      self.init(column: text, index: first)
      self.expression = expression
      self.places = places
    }

    var isExpression: Bool { expression != nil }

    /// The indices of all columns that are read.
    var indices: [Int] { isExpression ? places : [index] }

    /// The names of all columns that are read.
    var columns: [String] { expression?.names ?? [column] }

    /// Returns the number in a row, with a text that tells where it is from; nil if a cell is missing.
    ///
    /// - Throws: `ObservationFile.Fault` if a cell is not a number, or the expression has no value there.
    func value(_ cells: [String]) throws -> (number: Double, text: String)? {
      guard let expression else {
        guard !ForeignTable.isMissing(cells[index]) else { return nil }
        return (try Self.number(cells[index], in: column) * factor, "`\(column)` is `\(cells[index])`")
      }
      let texts = places.map { cells[$0] }
      guard !texts.contains(where: ForeignTable.isMissing) else { return nil }
      let number = expression.value(
        try zip(texts, expression.names).map { try Self.number($0, in: $1) })
      let given = zip(expression.names, texts).map { "`\($0)` is `\($1)`" }.joined(separator: " and ")
      guard number.isFinite else { throw Fault(text: "`\(column)` is not defined where \(given)") }
      return (number, "`\(column)` is \(number) where \(given)")
    }

    private static func number(_ cell: String, in column: String) throws -> Double {
      guard let number = Double(quantity: cell) else {
        throw Fault(text: "`\(column)` is `\(cell)`, not a positive number")
      }
      return number
    }

    var text: String {
      isExpression ? column : "column `\(column)`" + (factor == 1 ? "" : " × \(factor)")
    }
  }

  /// The quantity that a column contains.
  public enum Role: Hashable, Sendable {
    case variable(Variable)
    case loss
    case lossStandardError
    /// The name of a cluster of runs, which are not independent.
    case cluster

    /// The quantities whose columns are found by name. Weights of a data mixture, `r1`, `r2` and so on, must be given.
    public static let common: [Role] =
      [.parameters, .tokens, .compute, .uniqueTokens, .steps, .experts].map { .variable($0) } + [
        .loss, .lossStandardError, .cluster,
      ]

    /// Parses a name: N, D, C, U, S, E, r1, loss, loss_se or cluster.
    public init?(_ name: String) {
      if let role = Role.common.first(where: { $0.name == name }) {
        self = role
      } else if name.first == "r", let domain = Int(name.dropFirst()), (1...64).contains(domain) {
        self = .variable(.weight(domain - 1))
      } else {
        return nil
      }
    }

    /// The name, such as N or loss.
    public var name: String {
      switch self {
      case .variable(let variable): variable.symbol
      case .loss: "loss"
      case .lossStandardError: "loss_se"
      case .cluster: "cluster"
      }
    }

    /// True if a column with the quantity's symbol is assumed to contain it. A column E may contain a floor or experts.
    var isFound: Bool { self != .variable(.experts) }

    /// True if cells may be empty. Laws that need the quantity report it.
    var isOptional: Bool {
      switch self {
      case .variable(.uniqueTokens), .variable(.steps), .variable(.experts), .lossStandardError: true
      default: false
      }
    }

    /// True for a column that a formula names, which may have any number.
    var mayBeAny: Bool { if case .variable(.column) = self { true } else { false } }

    var mayBeZero: Bool {
      if case .variable(.weight) = self { return true }
      return self == .lossStandardError
    }

    /// The names of columns that contain the quantity, in lower case, in order of precedence. Single letters come last:
    /// `d` may be a width, and `n` a number of layers.
    var names: [String] {
      switch self {
      case .variable(.parameters):
        [
          "n_total", "n_non_embedding", "n_active", "params", "parameters", "n_params", "num_params",
          "nparams",
          "param_count", "parameter_count", "total_params", "model_size", "model_parameters", "model_params",
          "n",
        ]
      case .variable(.tokens):
        [
          "d_tokens", "tokens", "n_tokens", "num_tokens", "training_tokens", "train_tokens", "total_tokens",
          "tokens_seen", "d_total_tokens", "train_set_size", "dataset_size", "d",
        ]
      case .variable(.compute):
        [
          "c_exact", "flops", "flop", "training_flops", "training_flop", "train_flops", "total_flops",
          "compute",
          "training_compute", "budget", "c_6nd", "c_6nd_non_embedding", "c",
        ]
      case .variable(.uniqueTokens): ["unique_tokens", "u_unique_tokens", "u"]
      case .variable(.steps): ["steps", "s"]
      case .variable(.experts): ["experts", "num_experts", "n_experts"]
      case .variable(.weight), .variable(.column): []
      case .loss:
        [
          "val_loss", "validation_loss", "valid_loss", "eval_loss", "test_loss", "test_cross_entropy",
          "val_loss_c4", "val", "loss", "final_loss", "cross_entropy", "l",
        ]
      case .lossStandardError: ["loss_se", "se", "se_val", "stderr", "standard_error"]
      case .cluster: ["trunk", "cluster"]
      }
    }
  }

  /// Returns the columns that contain a quantity by their names: the symbol itself first, then in the order of `names`.
  package static func known(_ role: Role, in header: [String]) -> [String] {
    found(role, in: header).map(\.column)
  }

  /// Returns the columns that contain a quantity by their names, with their units, in the order of `known`.
  static func found(_ role: Role, in header: [String]) -> [Source] {
    let readings = header.enumerated().flatMap { index, column in
      ColumnName.readings(of: column).compactMap { reading in
        let factor = reading.unit.map(role.factor) ?? 1
        return factor.map { (name: reading, source: Source(column: column, index: index, factor: $0)) }
      }
    }
    // `loss` is only one name among several: a table of `loss` and `val_loss` is of the second.
    let exact = role.isFound && role != .loss ? readings.filter { $0.name.text == role.name } : []
    let named = role.names.flatMap { name in readings.filter { $0.name.plain == name } }
    var seen: Set<Int> = []
    return (exact + named).map(\.source).filter { seen.insert($0.index).inserted }
  }
}
