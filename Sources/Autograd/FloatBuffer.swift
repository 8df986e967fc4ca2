import Foundation

/// Floats on cache-line boundaries, all zero at first: the weights of a model, their gradients, or a moment.
///
/// A buffer belongs to one thread at a time; others may read it while none writes.
public final class FloatBuffer: @unchecked Sendable {
  /// The first element.
  public let start: UnsafeMutablePointer<Float>
  /// The number of elements.
  public let count: Int

  public init(count: Int) {
    self.count = count
    let size = max(count, 1) * MemoryLayout<Float>.stride
    let isLarge = size >= Self.hugePage
    let bytes = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: isLarge ? Self.hugePage : 64)
    #if os(Linux)
      // With pages of 4 KiB a core often waits for the address of a page. If the system refuses, nothing else changes.
      if isLarge { madvise(bytes, size, MADV_HUGEPAGE) }
    #endif
    start = bytes.bindMemory(to: Float.self, capacity: count)
    start.update(repeating: 0, count: count)
  }

  /// The bytes of a huge page on the CPUs that this runs on.
  private static let hugePage = 1 << 21

  deinit { UnsafeMutableRawPointer(start).deallocate() }

  public subscript(index: Int) -> Float {
    get { start[index] }
    set { start[index] = newValue }
  }

  /// The elements, for copying to and from files.
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: start, count: count * MemoryLayout<Float>.stride)
  }

  /// The bytes of a range of elements, not copied: for writing while no element changes.
  public func data(_ range: Range<Int>) -> Data {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "\(range) is not in 0..<\(count)")
    guard !range.isEmpty else { return Data() }
    return Data(
      bytesNoCopy: start + range.lowerBound, count: range.count * MemoryLayout<Float>.stride,
      deallocator: .custom { _, _ in withExtendedLifetime(self) {} })
  }

  /// Takes over all elements of `other`, which must be as long.
  public func copy(from other: FloatBuffer) {
    precondition(count == other.count, "a buffer of \(other.count) floats does not fit one of \(count)")
    start.update(from: other.start, count: count)
  }
}
