import CZlib
import CZstd
import Files
import Foundation

/// Compressed text: gzip files (.gz) by zlib, and Zstandard files (.zst) by libzstd.
enum Decompression: CaseIterable {
  case gzip, zstandard

  /// The format of the file at `path`, by the end of its name; nil if it is not compressed.
  init?(path: String) {
    guard let format = Self.allCases.first(where: { path.hasSuffix($0.suffix) }) else { return nil }
    self = format
  }

  /// The end of the names of files in this format.
  var suffix: String {
    switch self {
    case .gzip: ".gz"
    case .zstandard: ".zst"
    }
  }

  /// The size of the pieces in which text is decompressed, in bytes.
  private static let pieceBytes = 1 << 18

  /// Returns the text that `data`, the bytes of the file at `path`, was compressed from. A file may consist of several
  /// compressed parts, as `cat` joins them.
  ///
  /// - Throws: `InputError` if it is damaged or ends early.
  func text(from data: Data, path: String) throws -> Data {
    try data.withUnsafeBytes { input in
      switch self {
      case .gzip: try Self.inflated(input, path)
      case .zstandard: try Self.zstandard(input, path)
      }
    }
  }

  private static func inflated(_ input: UnsafeRawBufferPointer, _ path: String) throws -> Data {
    var stream = z_stream()
    // 15: the largest window of the format. 16: with the header of gzip.
    guard inflateInit2_(&stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw InputError(
        "zlib cannot be started", file: path, remedy: "Free memory, then run the same command again")
    }
    defer { inflateEnd(&stream) }
    var (text, read) = (Data(), 0)
    var piece = [UInt8](repeating: 0, count: pieceBytes)
    var isAtEnd = false
    while read < input.count {
      // The counts of zlib have 32 bits.
      let part = UnsafeRawBufferPointer(rebasing: input[read..<min(read + 1 << 30, input.count)])
      stream.next_in = UnsafeMutablePointer(mutating: part.baseAddress?.assumingMemoryBound(to: UInt8.self))
      stream.avail_in = UInt32(part.count)
      var status = Z_OK
      repeat {
        if isAtEnd {
          inflateReset(&stream)
          isAtEnd = false
        }
        status = piece.withUnsafeMutableBufferPointer { piece in
          stream.next_out = piece.baseAddress
          stream.avail_out = UInt32(piece.count)
          return inflate(&stream, Z_NO_FLUSH)
        }
        guard status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR else { throw damage(path) }
        text.append(contentsOf: piece.prefix(piece.count - Int(stream.avail_out)))
        isAtEnd = status == Z_STREAM_END
      } while stream.avail_in > 0 || (stream.avail_out == 0 && !isAtEnd)
      read += part.count
    }
    guard isAtEnd else { throw damage(path) }
    return text
  }

  private static func zstandard(_ input: UnsafeRawBufferPointer, _ path: String) throws -> Data {
    guard let stream = ZSTD_createDStream() else {
      throw InputError(
        "libzstd cannot be started", file: path, remedy: "Free memory, then run the same command again")
    }
    defer { ZSTD_freeDStream(stream) }
    var text = Data()
    var piece = [UInt8](repeating: 0, count: pieceBytes)
    var from = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    // Zero at the end of a compressed part.
    var left = 1
    var isFull = false
    while from.pos < from.size || isFull {
      let (status, count) = piece.withUnsafeMutableBytes { piece in
        var into = ZSTD_outBuffer(dst: piece.baseAddress, size: piece.count, pos: 0)
        return (ZSTD_decompressStream(stream, &into, &from), into.pos)
      }
      guard ZSTD_isError(status) == 0 else { throw damage(path) }
      text.append(contentsOf: piece.prefix(count))
      (left, isFull) = (status, count == piece.count && status != 0)
    }
    guard left == 0 else { throw damage(path) }
    return text
  }

  private static func damage(_ path: String) -> InputError {
    InputError(
      "the compressed file is damaged or incomplete", file: path, remedy: "Copy or download it again")
  }
}
