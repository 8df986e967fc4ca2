import Files
import ScalingLaws

extension ObservationFile {
  /// The column of a quantity, and the unit in which it is given.
  public struct Source: Sendable, Equatable {
    public let column: String
    let index: Int
    /// What a cell is multiplied by.
    public let factor: Double

    init(column: String, index: Int, factor: Double = 1) {
      self.column = column
      self.index = index
      self.factor = factor
    }

    /// `COLUMN` or `COLUMN*UNIT`; nil where there is no such column or the unit is no number.
    init?(_ text: String, in header: [String]) {
      if let index = header.firstIndex(of: text) {
        self.init(column: text, index: index)
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

    var text: String { "column `\(column)`" + (factor == 1 ? "" : " × \(factor)") }
  }

  /// What a column may hold.
  public enum Role: Hashable, Sendable {
    case variable(Variable)
    case loss
    case lossStandardError
    /// Runs of one cluster are not independent.
    case cluster

    /// Those that are looked for; shares of a mixture, `r1`, `r2` and so on, must be named.
    public static let common: [Role] =
      [.parameters, .tokens, .compute, .uniqueTokens, .steps, .experts].map { .variable($0) } + [
        .loss, .lossStandardError, .cluster,
      ]

    /// By its name: N, D, C, U, S, E, r1, loss, loss_se or cluster.
    public init?(_ name: String) {
      if let role = Role.common.first(where: { $0.name == name }) {
        self = role
      } else if name.first == "r", let domain = Int(name.dropFirst()), (1...64).contains(domain) {
        self = .variable(.share(domain - 1))
      } else {
        return nil
      }
    }

    public var name: String {
      switch self {
      case .variable(let variable): variable.symbol
      case .loss: "loss"
      case .lossStandardError: "loss_se"
      case .cluster: "cluster"
      }
    }

    /// Whether a column of the quantity's own letter is taken for it: E is a floor as often as it is experts.
    var isFound: Bool { self != .variable(.experts) }

    /// Whether a cell may be empty: whoever needs the quantity says so.
    var isOptional: Bool {
      switch self {
      case .variable(.uniqueTokens), .variable(.steps), .variable(.experts), .lossStandardError: true
      default: false
      }
    }

    var mayBeZero: Bool {
      if case .variable(.share) = self { return true }
      return self == .lossStandardError
    }

    /// Names by which the column is known, in lower case, the most telling first.
    var names: [String] {
      switch self {
      case .variable(.parameters):
        [
          "n", "n_total", "n_non_embedding", "n_active", "params", "parameters", "n_params", "num_params",
          "model_size", "model_parameters",
        ]
      case .variable(.tokens):
        [
          "d", "d_tokens", "tokens", "n_tokens", "num_tokens", "training_tokens", "train_tokens",
          "d_total_tokens", "train_set_size", "dataset_size",
        ]
      case .variable(.compute):
        [
          "c", "c_exact", "flops", "flop", "training_flops", "training_flop", "compute", "budget", "c_6nd",
          "c_6nd_non_embedding",
        ]
      case .variable(.uniqueTokens): ["u", "unique_tokens", "u_unique_tokens"]
      case .variable(.steps): ["s", "steps"]
      case .variable(.experts): ["experts", "num_experts", "n_experts"]
      case .variable(.share): []
      case .loss:
        [
          "loss", "val_loss", "validation_loss", "val", "test_loss", "final_loss", "l", "cross_entropy",
          "test_cross_entropy", "val_loss_c4",
        ]
      case .lossStandardError: ["loss_se", "se", "se_val", "stderr", "standard_error"]
      case .cluster: ["trunk", "cluster"]
      }
    }
  }

  /// The columns that are known to hold a quantity: of its very letter, then by the order of its names.
  package static func known(_ role: Role, in header: [String]) -> [String] {
    let plain = header.map { name in
      String(name.lowercased().map { $0.isLetter || $0.isNumber ? $0 : "_" })
    }
    let exact = header.filter { $0 == role.name && role.isFound }
    return exact
      + role.names.compactMap { plain.firstIndex(of: $0) }.map { header[$0] }
      .filter { !exact.contains($0) }
  }
}
