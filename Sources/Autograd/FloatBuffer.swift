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
    let bytes = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
    start = bytes.bindMemory(to: Float.self, capacity: count)
    start.update(repeating: 0, count: count)
  }

  deinit { UnsafeMutableRawPointer(start).deallocate() }

  public subscript(index: Int) -> Float {
    get { start[index] }
    set { start[index] = newValue }
  }

  /// The elements, for copying to and from files.
  public var bytes: UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(start: start, count: count * MemoryLayout<Float>.stride)
  }

  /// Takes over all elements of `other`, which must be as long.
  public func copy(from other: FloatBuffer) {
    precondition(count == other.count, "a buffer of \(other.count) floats does not fit one of \(count)")
    start.update(from: other.start, count: count)
  }
}
