import Autograd
import Corpora
import Foundation
import Models

/// Statistics of a router's choices on the windows of an evaluation.
public struct LayerRouting: Codable, Hashable, Sendable {
  /// The number of its block, from 0.
  public let block: Int
  /// The fraction of all choices that each expert has, dropped ones included.
  public let loads: [Double]
  /// The entropy of the loads over log E: 1 where they are even, 0 where one expert has all.
  public let loadEntropy: Double
  /// Experts that no token has chosen.
  public let dead: Int
  /// The fraction of the choices that were dropped because the expert was full.
  public let dropped: Double
  /// The mean entropy of the router's softmax over log E: 0 where one expert has all probability, 1 where it is
  /// uniform.
  public let routerEntropy: Double
  /// For each task, the fraction of its choices that each expert has. A token belongs to the task of its target.
  public let tasks: [String: [Double]]
  /// The same for tokens by their first byte: letter, digit, space, punctuation, other.
  public let classes: [String: [Double]]

  /// The names in records.
  private enum CodingKeys: String, CodingKey {
    case tasks = "families"
    case block, loads, loadEntropy, dead, dropped, routerEntropy, classes
  }
}

/// The kind of the first byte of a token.
enum ByteClass: String, CaseIterable {
  case letter, digit, space, punctuation, other

  init(_ byte: UInt8?) {
    switch byte {
    case (65...90)?, (97...122)?: self = .letter
    case (48...57)?: self = .digit
    case 9?, 10?, 13?, 32?: self = .space
    case (33...126)?: self = .punctuation
    default: self = .other
    }
  }
}

/// Counts of a router's choices.
struct RoutingCounts {
  fileprivate let experts: Int
  /// (tasks, E)
  fileprivate var tasks: [Int]
  /// (classes, E)
  fileprivate var classes: [Int]
  fileprivate var dropped = 0
  /// The sum over tokens of the entropy of the softmax, and their number.
  fileprivate var entropy = 0.0
  fileprivate var tokens: Int

  /// The choices in one window, whose tokens are the rows from `firstRow` on of what `arena` has computed.
  init(
    _ layer: RoutedLayer, _ arena: Arena, firstRow: Int, window: Int, of windows: TokenWindows, tasks: Int,
    classes: [ByteClass]
  ) {
    experts = layer.routes.experts
    tokens = windows.context
    self.tasks = Array(repeating: 0, count: tasks * experts)
    self.classes = Array(repeating: 0, count: ByteClass.allCases.count * experts)
    let logits = arena.value(of: layer.logits)
    let (chosen, place) = (arena.integers(layer.routes.chosen), arena.integers(layer.routes.place))
    for (position, token) in windows[window].prefix(windows.context).enumerated() {
      let row = firstRow + position
      let task = windows.task(window: window, position: position)
      let kind = ByteClass.allCases.firstIndex(of: classes[Int(token)]) ?? 0
      for index in row * layer.routes.choices..<(row + 1) * layer.routes.choices {
        self.tasks[task * experts + Int(chosen[index])] += 1
        self.classes[kind * experts + Int(chosen[index])] += 1
        dropped += place[index] < 0 ? 1 : 0
      }
      entropy += softmaxEntropy(logits[row * experts..<(row + 1) * experts])
    }
  }

  static func + (a: RoutingCounts, b: RoutingCounts) -> RoutingCounts {
    var sum = a
    for i in sum.tasks.indices { sum.tasks[i] += b.tasks[i] }
    for i in sum.classes.indices { sum.classes[i] += b.classes[i] }
    sum.dropped += b.dropped
    sum.entropy += b.entropy
    sum.tokens += b.tokens
    return sum
  }

  /// The rows of a table by their names, each as fractions of its sum; rows without choices are left out.
  fileprivate func fractions(_ table: [Int], _ names: [String]) -> [String: [Double]] {
    let rows = names.enumerated().compactMap { index, name -> (String, [Double])? in
      let counts = table[index * experts..<(index + 1) * experts]
      let sum = counts.reduce(0, +)
      return sum == 0 ? nil : (name, counts.map { Double($0) / Double(sum) })
    }
    return Dictionary(rows, uniquingKeysWith: { first, _ in first })
  }
}

extension LayerRouting {
  init(_ counts: RoutingCounts, block: Int, tasks names: [String]) {
    self.block = block
    let experts = counts.experts
    let loads = (0..<experts).map { expert in
      stride(from: expert, to: counts.classes.count, by: experts).reduce(0) { $0 + counts.classes[$1] }
    }
    let choices = Double(loads.reduce(0, +))
    self.loads = loads.map { Double($0) / choices }
    let even = log(Double(max(experts, 2)))
    loadEntropy = self.loads.reduce(0) { $1 > 0 ? $0 - $1 * log($1) : $0 } / even
    dead = loads.count { $0 == 0 }
    dropped = Double(counts.dropped) / choices
    routerEntropy = counts.entropy / Double(counts.tokens) / even
    tasks = counts.fractions(counts.tasks, names)
    classes = counts.fractions(counts.classes, ByteClass.allCases.map(\.rawValue))
  }
}

/// The entropy in nats of softmax(z).
private func softmaxEntropy(_ z: Slice<UnsafeBufferPointer<Float>>) -> Double {
  let top = z.max() ?? 0
  let weights = z.map { exp(Double($0 - top)) }
  let sum = weights.reduce(0, +)
  let mean = zip(weights, z).reduce(0) { $0 + $1.0 * Double($1.1 - top) } / sum
  return log(sum) - mean
}
