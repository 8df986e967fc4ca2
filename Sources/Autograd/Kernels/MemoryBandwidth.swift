import CBLAS
import Foundation

/// Work that measures the memory bandwidth of one core: it reads a buffer several times as large as the last-level cache
/// from start to end. Reading alone is faster than copying.
public final class MemoryBandwidth {
  private let buffer: FloatBuffer
  /// Holds the sum, so that the compiler does not remove the loop.
  private let result = FloatBuffer(count: 1)

  public init() {
    // So that little of it is still in the cache when it is read again, and that it fits into any memory.
    let bytes = min(max(4 * Self.lastCacheBytes, 1 << 26), 1 << 29)
    buffer = FloatBuffer(count: bytes / MemoryLayout<Float>.stride)
    // Memory that was never written may be one page of zeros.
    buffer.start.update(repeating: 1, count: buffer.count)
  }

  /// The bytes that one call reads.
  public var bytes: Double { Double(buffer.bytes.count) }

  /// Reads the buffer once.
  public func callAsFunction() {
    let floats = buffer.start
    var sum: Float = 0
    for i in 0..<buffer.count { sum = relaxed_add(floats[i], sum) }
    result[0] = sum
  }

  /// The size of the largest cache that the first core uses; 0 where the system does not tell.
  private static let lastCacheBytes: Int = {
    let sizes = (0..<8).compactMap { index -> Int? in
      let path = "/sys/devices/system/cpu/cpu0/cache/index\(index)/size"
      guard let text = try? String(contentsOfFile: path, encoding: .utf8),
        let number = Int(text.prefix { $0.isNumber }), number < 1 << 30
      else { return nil }
      return text.contains("M") ? number << 20 : number << 10
    }
    return sizes.max() ?? 0
  }()
}
