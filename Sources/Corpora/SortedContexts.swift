/// The targets of windows, sorted by the tokens before them, nearest first: targets after the same tokens are
/// neighbours, for every number of tokens. Contexts end at the start of a window.
struct SortedContexts: Sendable {
  /// The number of tokens by which the targets are sorted.
  let longest: Int
  /// The positions of the targets in the tokens of all windows, T + 1 each, one after the other.
  private(set) var positions: [UInt32] = []
  /// The targets.
  private(set) var targets: [UInt16] = []
  /// The number of tokens before each target that are the same as before the target that precedes it in this order.
  private var shared: [UInt8] = []
  /// The number of tokens before each target in its window, at most `longest`.
  private var lengths: [UInt8] = []

  /// - Parameter windows: Windows of one context, at most 2³² tokens together.
  init(of windows: [TokenWindows], vocabulary: Int, longest: Int) {
    self.longest = longest
    let width = (windows.first?.context ?? 1) + 1
    var tokens: [UInt16] = []
    tokens.reserveCapacity(windows.reduce(0) { $0 + $1.count * width })
    for part in windows {
      for window in 0..<part.count { tokens.append(contentsOf: part[window]) }
    }
    var order: [UInt32] = []
    order.reserveCapacity(tokens.count)
    for position in tokens.indices where position % width != 0 { order.append(UInt32(position)) }
    // A radix sort, from the farthest token to the nearest. The start of a window sorts last.
    var other = order
    for distance in stride(from: longest, to: 0, by: -1) {
      let digit = { (position: UInt32) -> Int in
        let position = Int(position)
        return position % width < distance ? vocabulary : Int(tokens[position - distance])
      }
      var starts = [Int](repeating: 0, count: vocabulary + 2)
      for position in order { starts[digit(position) + 1] += 1 }
      for token in 1..<starts.count { starts[token] += starts[token - 1] }
      for position in order {
        let token = digit(position)
        other[starts[token]] = position
        starts[token] += 1
      }
      swap(&order, &other)
    }
    targets = order.map { tokens[Int($0)] }
    lengths = order.map { UInt8(min(Int($0) % width, longest)) }
    shared = order.indices.map { place in
      guard place > 0 else { return 0 }
      let (one, two) = (Int(order[place - 1]), Int(order[place]))
      let most = Int(min(lengths[place - 1], lengths[place]))
      var count = 0
      while count < most, tokens[one - count - 1] == tokens[two - count - 1] { count += 1 }
      return UInt8(count)
    }
    positions = order
  }

  /// Returns whether the target at a place follows at most `length` of the tokens that the target before it follows.
  @inline(__always)
  func shares(_ place: Int, atMost length: Int) -> Bool { shared[place] <= length }

  /// Calls `body` with the places of the targets after each different context of `length` tokens.
  func forEachGroup(sharing length: Int, _ body: (Range<Int>) -> Void) {
    var start = 0
    for place in 1...max(positions.count, 1) where place >= positions.count || shared[place] < length {
      if start < positions.count, lengths[start] >= length { body(start..<min(place, positions.count)) }
      start = place
    }
  }
}
