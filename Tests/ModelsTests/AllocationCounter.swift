import Foundation
import Synchronization

/// Counts the objects that the Swift runtime allocates on this thread, through the hook that it has for instruments.
struct AllocationCounter {
  private typealias Allocate = @convention(c) (UnsafeRawPointer?, Int, Int) -> UnsafeMutableRawPointer?

  private let hook: UnsafeMutablePointer<Allocate>
  private let isEnabled: UnsafeMutablePointer<Bool>

  init?() {
    guard let hook = dlsym(nil, "_swift_allocObject"),
      let flag = dlsym(nil, "_swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly")
    else { return nil }
    self.hook = hook.assumingMemoryBound(to: Allocate.self)
    isEnabled = flag.assumingMemoryBound(to: Bool.self)
    if Self.original == nil { Self.original = self.hook.pointee }
  }

  /// The allocations of `body` on this thread.
  func count(_ body: () -> Void) -> Int {
    Self.thread.store(UInt(pthread_self()), ordering: .relaxed)
    Self.allocations.store(0, ordering: .relaxed)
    hook.pointee = { metadata, size, alignment in
      if UInt(pthread_self()) == AllocationCounter.thread.load(ordering: .relaxed) {
        AllocationCounter.allocations.add(1, ordering: .relaxed)
      }
      return AllocationCounter.original?(metadata, size, alignment)
    }
    isEnabled.pointee = true
    body()
    isEnabled.pointee = false
    return Self.allocations.load(ordering: .relaxed)
  }

  nonisolated(unsafe) private static var original: Allocate?
  private static let thread = Atomic<UInt>(0)
  private static let allocations = Atomic<Int>(0)
}
