import Foundation

/// A quantity that a law may depend on.
public enum Variable: Hashable, Sendable, Codable {
  /// N, the number of trainable or active parameters; the caller documents which.
  case parameters
  /// D, the number of training tokens.
  case tokens
  /// C, the training compute in FLOPs.
  case compute
  /// S, the number of optimizer steps.
  case steps
  /// U, the number of unique training tokens; D/U − 1 is the number of repetitions.
  case uniqueTokens
  /// The number of experts that a routed layer chooses from; 1 for a dense model.
  case experts
  /// The weight of one domain in the data mixture, by the index of the domain.
  case weight(Int)
  /// The number in a column of the table, by the name of the column.
  case column(String)

  /// The names in files, which are those of the first version.
  private enum CodingKeys: String, CodingKey {
    case weight = "share"
    case parameters, tokens, compute, steps, uniqueTokens, experts, column
  }

  /// The usual symbol.
  public var symbol: String {
    switch self {
    case .parameters: "N"
    case .tokens: "D"
    case .compute: "C"
    case .steps: "S"
    case .uniqueTokens: "U"
    case .experts: "E"
    case .weight(let domain): "r\(domain + 1)"
    case .column(let name): name
    }
  }

  /// True if the variable is valid. A variable that was read from a file might have an index out of range.
  var isSound: Bool {
    if case .weight(let domain) = self { (0..<64).contains(domain) } else { true }
  }

  /// The unit of the quantity.
  public var unit: String {
    switch self {
    case .parameters: "parameters"
    case .tokens, .uniqueTokens: "tokens"
    case .compute: "FLOPs"
    case .steps: "steps"
    case .experts: "experts"
    case .weight, .column: "1"
    }
  }
}

/// The costs and the loss of one trained model.
public struct Observation: Sendable, Codable, Equatable {
  /// N, the number of parameters.
  public var parameters: Double?
  /// D, the number of training tokens.
  public var tokens: Double?
  /// C, in FLOPs.
  public var compute: Double?
  /// S, the number of optimizer steps.
  public var steps: Double?
  /// U, the number of unique training tokens.
  public var uniqueTokens: Double?
  /// The number of experts.
  public var experts: Double?
  /// The weights of the data mixture, one for each domain; empty if there is no data mixture.
  public var mixture: [Double]
  /// The numbers of other columns of the table, by the names of the columns; nil if there are none.
  public var columns: [String: Double]?
  /// The loss in nats per token (or per byte, consistently in all observations of a fit).
  public var loss: Double
  /// The standard error of `loss`, in the same unit.
  public var standardError: Double?
  /// The standard error of the loss above the true entropy, if that is known. It is smaller, because it excludes the
  /// variance of the entropy between evaluation windows.
  public var reducibleStandardError: Double?
  /// The number of tokens in a step; nil if it changed during training. Only used for the critical batch.
  public var batch: Double?
  /// The peak learning rate. Only used for the critical batch.
  public var learningRate: Double?
  /// The name of a cluster. Observations of one cluster (branches of one training trunk, points of one curve) are not
  /// independent, so the bootstrap resamples them together. Without a name, the observation is a cluster by itself.
  public var cluster: String?

  /// Creates an observation; all but the loss are optional.
  public init(
    parameters: Double? = nil, tokens: Double? = nil, compute: Double? = nil, steps: Double? = nil,
    uniqueTokens: Double? = nil, experts: Double? = nil, mixture: [Double] = [], loss: Double,
    standardError: Double? = nil, reducibleStandardError: Double? = nil, cluster: String? = nil
  ) {
    self.parameters = parameters
    self.tokens = tokens
    self.compute = compute
    self.steps = steps
    self.uniqueTokens = uniqueTokens
    self.experts = experts
    self.mixture = mixture
    self.loss = loss
    self.standardError = standardError
    self.reducibleStandardError = reducibleStandardError
    self.cluster = cluster
  }

  /// The costs of an observation, which are equal for runs that differ only in their seeds.
  public struct Place: Hashable, Sendable {
    let parameters: Double?
    let tokens: Double?
    let compute: Double?
    let uniqueTokens: Double?
    let experts: Double?
    let columns: [String: Double]?
  }

  /// The costs of the observation.
  public var place: Place {
    Place(
      parameters: parameters, tokens: tokens, compute: compute, uniqueTokens: uniqueTokens, experts: experts,
      columns: columns)
  }

  /// The value of a variable; nil if the observation does not have it.
  public subscript(variable: Variable) -> Double? {
    switch variable {
    case .parameters: parameters
    case .tokens: tokens
    case .compute: compute
    case .steps: steps
    case .uniqueTokens: uniqueTokens
    case .experts: experts
    case .weight(let domain): mixture.indices.contains(domain) ? mixture[domain] : nil
    case .column(let name): columns?[name]
    }
  }
}

/// The reason why observations cannot be fitted.
public struct FitError: Error, CustomStringConvertible, Equatable {
  /// The message.
  public let message: String
  /// The index of the invalid observation, which the caller can map to a line; nil if the error concerns no single one.
  public let observation: Int?

  /// Creates an error.
  public init(_ message: String, observation: Int? = nil) {
    self.message = message
    self.observation = observation
  }

  public var description: String { observation.map { "observation \($0 + 1): \(message)" } ?? message }
}

extension Array {
  /// Returns the index of the first element that satisfies a condition, by binary search; `count` if none does. All
  /// elements after the first one must satisfy it too.
  func partitioningIndex(where condition: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

extension Sequence {
  /// Returns the elements grouped by a key, in the order in which the keys first appear.
  package func grouped<Key: Hashable>(by key: (Element) -> Key) -> [[Element]] {
    var places: [Key: Int] = [:]
    var groups: [[Element]] = []
    for element in self {
      let key = key(element)
      if let place = places[key] {
        groups[place].append(element)
      } else {
        places[key] = groups.count
        groups.append([element])
      }
    }
    return groups
  }
}

extension [Int] {
  /// Returns the elements replaced by numbers from 0, in the order of first appearance.
  func numbered() -> [Int] {
    var numbers: [Int: Int] = [:]
    return map { element in
      if let number = numbers[element] { return number }
      numbers[element] = numbers.count
      return numbers.count - 1
    }
  }
}

extension [Observation] {
  /// Returns the index of each observation's cluster, in the order of first appearance.
  func clusterIndices() -> [Int] {
    var seen: [String: Int] = [:]
    var next = 0
    return map { observation in
      if let name = observation.cluster, let index = seen[name] { return index }
      defer { next += 1 }
      if let name = observation.cluster { seen[name] = next }
      return next
    }
  }
}
