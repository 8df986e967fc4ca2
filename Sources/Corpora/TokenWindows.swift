/// Windows of T + 1 tokens each in one buffer, (count, T + 1), where T is the context: tokens 0 ..< T are a model's
/// inputs and tokens 1 ... T its targets.
public struct TokenWindows: Sendable {
  /// The deterministic end of a passage: the longest run of targets without entropy up to the passage's last token. A
  /// model that has learned the task predicts all of them.
  public struct Ending: Sendable, Hashable {
    /// The index of the passage's task in the corpus.
    public let task: Int
    /// The positions of the targets in the window.
    public let targets: Range<Int>
  }

  /// The number of tokens that each window predicts, T.
  public let context: Int
  /// The number of windows.
  public let count: Int
  /// The tokens, (count, T + 1). The array may be longer.
  let tokens: [UInt16]
  /// The task of each target, (count, T); empty if they are not recorded.
  let tasks: [UInt8]
  /// The endings of the passages that lie entirely in each window; empty if they are not recorded.
  private let endings: [[Ending]]

  init(
    context: Int, count: Int, tokens: [UInt16], tasks: [UInt8] = [], endings: [[Ending]] = []
  ) {
    precondition(
      count * (context + 1) <= tokens.count, "TokenWindows: \(tokens.count) tokens for \(count) windows")
    self.context = context
    self.count = count
    self.tokens = tokens
    self.tasks = tasks
    self.endings = endings
  }

  /// The number of targets of all windows, count · T.
  public var targetCount: Int { count * context }

  /// Returns the T + 1 tokens of a window.
  public subscript(window: Int) -> ArraySlice<UInt16> {
    precondition((0..<count).contains(window), "TokenWindows: window \(window) of \(count)")
    return tokens[window * (context + 1)..<(window + 1) * (context + 1)]
  }

  /// Returns the index of the task of target `position` (0 ..< T) of a window.
  public func task(window: Int, position: Int) -> Int {
    tasks.isEmpty ? 0 : Int(tasks[window * context + position])
  }

  /// Returns the endings of the passages that lie entirely in a window.
  public func endings(ofWindow window: Int) -> [Ending] { endings.isEmpty ? [] : endings[window] }

  /// Copies a window to `inputs` and `targets`, (T) each.
  public func copy(
    window: Int, inputs: UnsafeMutablePointer<Int32>, targets: UnsafeMutablePointer<Int32>
  ) {
    self[window].withUnsafeBufferPointer { tokens in
      for position in 0..<context {
        inputs[position] = Int32(tokens[position])
        targets[position] = Int32(tokens[position + 1])
      }
    }
  }
}
