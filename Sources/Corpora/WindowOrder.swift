/// The order in which training reads its windows, the same in each epoch.
public enum WindowOrder: String, Codable, Hashable, Sendable, CaseIterable {
  /// By rising entropy: that of the recipe, or the loss of a bigram model of the text.
  case easyFirst = "easy_first"
  /// By falling entropy.
  case hardFirst = "hard_first"
  /// One task of the recipe after the other, in the recipe's order. Each window has passages of one task.
  case byTask = "by_task"

  /// Returns the windows in this order.
  ///
  /// - Parameter nats: The entropy of each window.
  func sorted(_ windows: [Int], nats: [Double]) -> [Int] {
    switch self {
    case .easyFirst: windows.sorted { (nats[$0], $0) < (nats[$1], $1) }
    case .hardFirst: windows.sorted { (-nats[$0], $0) < (-nats[$1], $1) }
    case .byTask: windows
    }
  }
}
