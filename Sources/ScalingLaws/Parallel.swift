import Dispatch
import Foundation

/// Memory that concurrent iterations write to at disjoint indices.
private struct Disjoint<Element>: @unchecked Sendable {
  let base: UnsafeMutablePointer<Element>
}

/// Returns `[body(0), body(1), …]`, computed on all cores. The order of the results, and therefore every sum over them,
/// does not depend on the number of threads.
func parallelMap<T: Sendable>(_ count: Int, _ body: @Sendable (Int) -> T) -> [T] {
  guard count > 1 else { return (0..<count).map(body) }
  return [T](unsafeUninitializedCapacity: count) { buffer, initialized in
    guard let base = buffer.baseAddress else { return }
    let results = Disjoint(base: base)
    DispatchQueue.concurrentPerform(iterations: count) { index in
      (results.base + index).initialize(to: body(index))
    }
    initialized = count
  }
}

/// Returns the concatenated results of `body` for consecutive ranges, computed on all cores. A body can reuse its
/// buffers within a range.
func parallelChunks<T: Sendable>(_ count: Int, _ body: @Sendable (Range<Int>) -> [T]) -> [T] {
  let pieces = max(1, min(count, 4 * ProcessInfo.processInfo.activeProcessorCount))
  return parallelMap(pieces) { piece in body(piece * count / pieces..<(piece + 1) * count / pieces) }
    .flatMap { $0 }
}
