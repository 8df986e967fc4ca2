import CZlib
import CZstd

/// How far general compressors shorten a text.
package enum Compression {
  /// The level of Zstandard for `bitsPerByte`, the highest without a flag.
  package static let level: Int32 = 19
  /// The length of the text that is compressed.
  package static let mostBytes = 8 << 20

  /// Returns the number of bits into which Zstandard compresses a byte, on average; nil if there is no memory.
  package static func bitsPerByte(_ text: [UInt8]) -> Double? {
    guard !text.isEmpty else { return nil }
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(text.count))
    let size = ZSTD_compress(&output, output.count, text, text.count, level)
    return ZSTD_isError(size) == 0 ? 8 * Double(size) / Double(text.count) : nil
  }

  /// Returns the number of bytes of a document for each byte that zlib compresses it into, at its usual level.
  static func ratio(_ document: [UInt8]) -> Double {
    var size = compressBound(UInt(document.count))
    var output = [UInt8](repeating: 0, count: Int(clamping: size))
    guard !document.isEmpty, compress(&output, &size, document, UInt(document.count)) == Z_OK, size > 0 else {
      return 1
    }
    return Double(document.count) / Double(size)
  }
}
