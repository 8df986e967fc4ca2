import CBLAS
import Foundation

/// The bytes that this core can read from memory in a time: those of a buffer that is several times larger than the last
/// cache, one after another. Nothing moves more: a copy reads and writes in turns.
public final class MemoryBandwidth {
  private let buffer: FloatBuffer
  /// Takes the sum of the buffer, which would not be computed if nothing did.
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
