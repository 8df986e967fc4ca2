import RandomNumbers

/// Windows of T + 1 tokens each in one buffer, (count, T + 1), where T is the context: tokens 0 ..< T are a model's
/// inputs and tokens 1 ... T its targets.
public struct TokenWindows: Sendable {
  /// Targets without entropy, all of which a model predicts that has learned the task.
  ///
  /// Where a list determines text after it, this text is an answer: a word of an item, a number of items, or the list
  /// again. The answer includes the token after it, if that is certain. A passage without such text has one answer, its
  /// deterministic end: the longest run of targets without entropy up to the passage's last token.
  public struct Answer: Sendable, Hashable {
    /// The index of the passage's task in the corpus.
    public let task: Int
    /// The index in the corpus's tasks of the answers that lists of this length determine; nil for the end of a passage.
    public let group: Int?
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
  /// The answers that lie entirely in each window; empty if they are not recorded.
  private let answers: [[Answer]]
  /// The number of different windows.
  public private(set) var distinctCount: Int
  /// Which of the different windows each is; empty if all differ.
  private let places: [Int]

  init(
    context: Int, count: Int, tokens: [UInt16], tasks: [UInt8] = [], answers: [[Answer]] = [],
    places: [Int] = []
  ) {
    precondition(
      count * (context + 1) <= tokens.count, "TokenWindows: \(tokens.count) tokens for \(count) windows")
    self.context = context
    self.count = count
    self.tokens = tokens
    self.tasks = tasks
    self.answers = answers
    self.places = places
    distinctCount = count
  }

  /// Copies of `windows`, at each place one of them.
  init(_ windows: TokenWindows, places: [Int]) {
    var tokens: [UInt16] = []
    tokens.reserveCapacity(places.count * (windows.context + 1))
    for place in places { tokens.append(contentsOf: windows[place]) }
    self.init(context: windows.context, count: places.count, tokens: tokens, places: places)
    distinctCount = windows.distinctCount
  }

  /// Windows of some tokens, (count, T + 1).
  package init(context: Int, tokens: [UInt16]) {
    self.init(context: context, count: tokens.count / (context + 1), tokens: tokens)
  }

  /// The windows of several texts in a random order.
  ///
  /// - Parameter key: Determines the order.
  package init(shuffling texts: [TokenWindows], key: UInt64) {
    precondition(!texts.isEmpty, "TokenWindows: no texts")
    let all = texts.flatMap { text in (0..<text.count).map { text[$0] } }
    self.init(
      context: texts[0].context, count: all.count,
      tokens: Shuffle(count: all.count, key: key).flatMap { all[$0] })
  }

  /// The number of targets of all windows, count · T.
  public var targetCount: Int { count * context }

  /// Returns the T + 1 tokens of a window.
  public subscript(window: Int) -> ArraySlice<UInt16> {
    precondition((0..<count).contains(window), "TokenWindows: window \(window) of \(count)")
    return tokens[window * (context + 1)..<(window + 1) * (context + 1)]
  }

  /// Returns which of the different windows a window is.
  public func distinct(_ window: Int) -> Int { places.isEmpty ? window : places[window] }

  /// Returns the index of the task of target `position` (0 ..< T) of a window.
  public func task(window: Int, position: Int) -> Int {
    tasks.isEmpty ? 0 : Int(tasks[window * context + position])
  }

  /// Returns the answers that lie entirely in a window. As the window begins with a passage, so does all that
  /// determines them. In a lane, this may lie in earlier windows.
  public func answers(ofWindow window: Int) -> [Answer] { answers.isEmpty ? [] : answers[window] }

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
