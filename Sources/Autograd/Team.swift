import CBLAS
import Synchronization

/// Threads that replay one program together and share the work of its operations (`Operation.isShared`).
///
/// One thread, the leader, runs the operations in order. It divides each into parts, which all threads claim one by one.
/// The next operation begins when all parts are done. The leader never waits for a helper thread that has not started:
/// it computes the parts itself. Results depend neither on the number of threads nor on which thread computes a part.
public final class Team: Sendable {
  /// The number of threads, and of the parts of an operation.
  public let count: Int
  private let scratch: [FloatBuffer]
  /// In the upper bits a count of the operations so far, in the lower 16 bits the number of claimed parts of the last one.
  private let claims: Atomic<UInt64>
  private let done = Atomic<Int>(0)
  private let isOver = Atomic<Bool>(false)
  // Only the leader writes these, and only while no part is claimed or can be.
  private nonisolated(unsafe) var replay: Replay?
  private nonisolated(unsafe) var step = 0

  private static let operation: UInt64 = 1 << 16

  /// - Parameter programs: Those that it will replay.
  public init(count: Int, for programs: [Program]) {
    precondition(0 < count && count < Self.operation, "a team of \(count) threads")
    self.count = count
    let floats = programs.map(\.sharedScratch).max() ?? 0
    scratch = (1..<count).map { _ in FloatBuffer(count: floats) }
    claims = Atomic(UInt64(count))
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
        if work(with: scratch[helper - 1].start) { idle = 0 } else { wait(&idle) }
      }
    }
  }

  /// Runs one operation, together with the helpers.
  func run(_ step: Int, of replay: Replay) {
    (self.replay, self.step) = (replay, step)
    done.store(0, ordering: .relaxed)
    let last = claims.load(ordering: .relaxed)
    claims.store((last / Self.operation + 1) * Self.operation, ordering: .releasing)
    while work(with: nil) {}
    var idle = 0
    while done.load(ordering: .acquiring) < count { wait(&idle) }
  }

  /// Works on a part of the present operation, unless all are claimed.
  private func work(with scratch: Floats?) -> Bool {
    guard let part = claim() else { return false }
    replay?.run(step, part: part, of: count, scratch: scratch)
    done.add(1, ordering: .releasing)
    return true
  }

  private func claim() -> Int? {
    var seen = claims.load(ordering: .relaxed)
    while seen % Self.operation < count {
      let (isMine, now) = claims.compareExchange(
        expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing)
      if isMine { return Int(seen % Self.operation) }
      seen = now
    }
    return nil
  }

  /// Operations follow each other within microseconds, so the processor is given up only after a while.
  private func wait(_ idle: inout Int) {
    idle += 1
    if idle < 4000 { pause_briefly() } else { yield_processor() }
  }
}
