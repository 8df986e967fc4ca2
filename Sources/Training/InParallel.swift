import Dispatch

/// Calls `body(item, thread)` for items 0 ..< count. Thread k takes items k, k + threads, …, in this order, so that
/// memory can belong to a thread. `body` may write only what belongs to its item or its thread.
func inParallel(_ count: Int, threads: Int, _ body: (_ item: Int, _ thread: Int) -> Void) {
  guard threads > 1, count > 1 else {
    for item in 0..<count { body(item, 0) }
    return
  }
  withoutActuallyEscaping(body) { body in
    // The contract above is what the compiler cannot see.
    nonisolated(unsafe) let body = body
    DispatchQueue.concurrentPerform(iterations: min(threads, count)) { thread in
      for item in stride(from: thread, to: count, by: threads) { body(item, thread) }
    }
  }
}

/// How many of `threads` should share element-wise work on `count` floats. Starting a thread takes as long as such work
/// on tens of thousands of floats.
func usefulThreads(_ threads: Int, forFloats count: Int) -> Int { max(1, min(threads, count / 65_536)) }
