import Foundation

/// A quantity that a law may depend on.
public enum Variable: Hashable, Sendable, Codable {
  /// N, trainable parameters (or active ones: the caller names the convention).
  case parameters
  /// D, tokens seen in training.
  case tokens
  /// C, training FLOPs.
  case compute
  /// S, optimizer steps.
  case steps
  /// U, unique tokens available; D/U − 1 is the number of repeats.
  case uniqueTokens
  /// The number of experts that a routed layer chooses from; 1 is dense.
  case experts
  /// The share of one domain in the training mixture, by its index.
  case share(Int)

  /// The field's letter.
  public var symbol: String {
    switch self {
    case .parameters: "N"
    case .tokens: "D"
    case .compute: "C"
    case .steps: "S"
    case .uniqueTokens: "U"
    case .experts: "E"
    case .share(let domain): "r\(domain + 1)"
    }
  }

  /// Whether a variable that was read from a file can be.
  var isSound: Bool {
    if case .share(let domain) = self { (0..<64).contains(domain) } else { true }
  }

  /// The unit of the quantity.
  public var unit: String {
    switch self {
    case .parameters: "parameters"
    case .tokens, .uniqueTokens: "tokens"
    case .compute: "FLOPs"
    case .steps: "steps"
    case .experts: "experts"
    case .share: "1"
    }
  }
}

/// One trained model: what was spent and what it reached.
public struct Observation: Sendable, Codable, Equatable {
  public var parameters: Double?
  public var tokens: Double?
  public var compute: Double?
  public var steps: Double?
  public var uniqueTokens: Double?
  public var experts: Double?
  /// Shares of the training mixture, one a domain; empty where there is no mixture.
  public var mixture: [Double]
  /// Nats a token (or a byte: one convention for all observations of a fit).
  public var loss: Double
  /// Standard error of `loss`, in the same unit.
  public var standardError: Double?
  /// Standard error of the loss above the true entropy, where that is known. It is smaller: the entropies of the windows
  /// on which the loss was taken do not count.
  public var reducibleStandardError: Double?
  /// Tokens in a step, where it was the same in all, and the highest learning rate. Only the critical batch needs them.
  public var batch: Double?
  public var learningRate: Double?
  /// Observations of one cluster (branches of one training trunk, points of one curve) are not
  /// independent: the bootstrap draws them together. Without a cluster, an observation is its own.
  public var cluster: String?

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

  /// What runs of different seeds have in common: all but what they reached.
  public struct Place: Hashable, Sendable {
    let parameters: Double?
    let tokens: Double?
    let compute: Double?
    let uniqueTokens: Double?
    let experts: Double?
  }

  public var place: Place {
    Place(
      parameters: parameters, tokens: tokens, compute: compute, uniqueTokens: uniqueTokens, experts: experts)
  }

  /// The value of a variable, where the observation has it.
  public subscript(variable: Variable) -> Double? {
    switch variable {
    case .parameters: parameters
    case .tokens: tokens
    case .compute: compute
    case .steps: steps
    case .uniqueTokens: uniqueTokens
    case .experts: experts
    case .share(let domain): mixture.indices.contains(domain) ? mixture[domain] : nil
    }
  }
}

/// What is wrong with the observations of a fit, and what to do about it.
public struct FitError: Error, CustomStringConvertible, Equatable {
  public let message: String
  /// The index of the offending observation, where there is one: the caller knows its line.
  public let observation: Int?

  public init(_ message: String, observation: Int? = nil) {
    self.message = message
    self.observation = observation
  }

  public var description: String { observation.map { "observation \($0 + 1): \(message)" } ?? message }
}

extension Array {
  /// The index of the first element that fulfils a condition, where all after it do too; `count` where none does.
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
  /// The elements by a key, in the order in which the keys appear first.
  package func grouped<Key: Hashable>(by key: (Element) -> Key) -> [[Element]] {
    var places: [Key: Int] = [:]
    var groups: [[Element]] = []
    for element in self {
      let place = places[key(element), default: groups.count]
      if place == groups.count {
        places[key(element)] = place
        groups.append([])
      }
      groups[place].append(element)
    }
    return groups
  }
}

extension [Observation] {
  /// For each observation the index of its cluster, in the order of first appearance.
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
