/// Windows of context + 1 tokens each, side by side in one buffer, (count, T + 1): tokens 0 ..< T are a
/// model's inputs and tokens 1 ... T its targets.
public struct TokenWindows: Sendable {
  /// The end of a passage as far as the text determines it: the longest run of targets without entropy up to the
  /// passage's last token. A model that knows its task predicts all of them.
  public struct Ending: Sendable, Hashable {
    /// An index of the corpus's tasks.
    public let task: Int
    /// Positions of targets in the window.
    public let targets: Range<Int>
  }

  /// The number of tokens that each window predicts, T.
  public let context: Int
  /// The number of windows.
  public let count: Int
  /// The tokens, (count, T + 1). There may be more of them, which belong to no window.
  let tokens: [UInt16]
  /// The task of each target, (count, T), or empty where they are not kept.
  let tasks: [UInt8]
  /// The endings of the passages that lie wholly in each window, or empty where they are not kept.
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

  /// The context + 1 tokens of a window.
  public subscript(window: Int) -> ArraySlice<UInt16> {
    precondition((0..<count).contains(window), "TokenWindows: window \(window) of \(count)")
    return tokens[window * (context + 1)..<(window + 1) * (context + 1)]
  }

  /// The task of target `position` (0 ..< T) of a window: an index of the corpus's tasks.
  public func task(window: Int, position: Int) -> Int {
    tasks.isEmpty ? 0 : Int(tasks[window * context + position])
  }

  /// The endings of a window's passages.
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
