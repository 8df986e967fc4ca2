import CBLAS
import Synchronization

/// Threads that replay one program together and share the work of its operations (`Operation.isShared`).
///
/// One thread, the leader, runs the operations in order. It divides each into as many parts as there are threads. A thread
/// claims its own part first, whose data its cache holds from the operation before, and then those that are not
/// claimed yet. The next operation begins when all parts are done. The leader never waits for a helper thread that has not
/// started: it computes the parts itself. Results depend neither on the number of threads nor on which thread computes a
/// part.
public final class Team: Sendable {
  /// The number of threads, and of the parts of an operation.
  public let count: Int
  /// The most threads that work together.
  public static let limit = 32
  private let scratch: [FloatBuffer]
  /// In the upper half a count of the operations so far, in the lower half a bit for each claimed part of the last one.
  private let claims: Atomic<UInt64>
  private let done = Atomic<Int>(0)
  private let isOver = Atomic<Bool>(false)
  // Only the leader writes these, and only while no part is claimed or can be.
  private nonisolated(unsafe) var replay: Replay?
  private nonisolated(unsafe) var step = 0

  /// - Parameters:
  ///   - count: The number of threads, at most `limit`.
  ///   - programs: Those that it will replay.
  public init(count: Int, for programs: [Program]) {
    precondition((1...Self.limit).contains(count), "a team of \(count) threads")
    self.count = count
    let floats = programs.map(\.sharedScratch).max() ?? 0
    scratch = (1..<count).map { _ in FloatBuffer(count: floats) }
    claims = Atomic(1 << 32 - 1)
  }

  /// The bytes of the helpers' memory.
  public var byteCount: Int { scratch.reduce(0) { $0 + MemoryLayout<Float>.stride * $1.count } }

  /// Prepares for a call of `lead` and `count` - 1 calls of `help`.
  public func begin() { isOver.store(false, ordering: .relaxed) }

  /// Runs `body`, which replays programs, and then ends the calls of `help`.
  public func lead(_ body: () -> Void) {
    body()
    replay = nil
    isOver.store(true, ordering: .releasing)
  }

  /// Works on parts of operations until `lead` has ended.
  ///
  /// - Parameter helper: A number from 1 to below `count`, different for each thread.
  public func help(as helper: Int) {
    withoutSubnormals {
      var idle = 0
      while !isOver.load(ordering: .acquiring) {
        if work(as: helper, with: scratch[helper - 1].start) { idle = 0 } else { wait(&idle) }
      }
    }
  }

  /// Runs one operation, together with the helpers.
  func run(_ step: Int, of replay: Replay) {
    (self.replay, self.step) = (replay, step)
    done.store(0, ordering: .relaxed)
    let last = claims.load(ordering: .relaxed)
    claims.store((last >> 32 &+ 1) << 32, ordering: .releasing)
    while work(as: 0, with: nil) {}
    var idle = 0
    while done.load(ordering: .acquiring) < count { wait(&idle) }
  }

  /// Works on a part of the present operation, unless all are claimed.
  private func work(as member: Int, with scratch: Floats?) -> Bool {
    guard let part = claim(as: member) else { return false }
    replay?.run(step, part: part, of: count, scratch: scratch)
    done.add(1, ordering: .releasing)
    return true
  }

  /// Claims the part with a thread's own number, or else the first that is left.
  private func claim(as member: Int) -> Int? {
    var seen = claims.load(ordering: .relaxed)
    while true {
      let left = ~seen & ((1 << UInt64(count)) - 1)
      guard left != 0 else { return nil }
      let part = left & (1 << UInt64(member)) != 0 ? member : left.trailingZeroBitCount
      let (isMine, now) = claims.compareExchange(
        expected: seen, desired: seen | 1 << UInt64(part), ordering: .acquiringAndReleasing)
      if isMine { return part }
      seen = now
    }
  }

  /// Operations follow each other within microseconds, so the processor is given up only after a while.
  private func wait(_ idle: inout Int) {
    idle += 1
    if idle < 4000 { pause_briefly() } else { yield_processor() }
  }
}
