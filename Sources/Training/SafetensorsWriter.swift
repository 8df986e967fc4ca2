import Files
import Foundation

/// Writes a file of named arrays in the safetensors format.
public struct SafetensorsWriter {
  /// The header after the checksum.
  private var header: String
  private var arrays: [Data] = []
  /// The size of the arrays, in bytes.
  private var size = 0

  /// - Parameter metadata: Free text by name. `checksum` is reserved.
  public init(metadata: [(name: String, value: String)]) {
    header = "\"" + metadata.map { ",\(quotedJSON($0.name)):\(quotedJSON($0.value))" }.joined() + "}"
  }

  /// Adds an array of little-endian floats.
  public mutating func add(_ name: String, shape: [Int], _ floats: Data) {
    let sides = shape.map(String.init).joined(separator: ",")
    header +=
      ",\(quotedJSON(name)):{\"dtype\":\"F32\",\"shape\":[\(sides)],\"data_offsets\":[\(size),\(size + floats.count)]}"
    arrays.append(floats)
    size += floats.count
  }

  /// Writes the file atomically; see `FileAccess.write`.
  public func write(to path: String, mayReplace: () throws -> Void = {}) throws {
    try FileAccess.write(pieces(), to: path, mayReplace: mayReplace)
  }

  /// The file's content.
  package func encoded() -> Data { Data(pieces().joined()) }

  /// The header and the arrays. A checkpoint may have hundreds of megabytes, so that they are not copied.
  private func pieces() -> [Data] {
    var header = Data("\(header)}".utf8)
    // The format requires data to begin at a multiple of 8.
    header.append(
      contentsOf: repeatElement(
        UInt8(ascii: " "), count: (8 - (Safetensors.digits.upperBound + header.count) % 8) % 8))
    let headerCount = UInt64(Safetensors.digits.upperBound - 8 + header.count)
    let opening =
      withUnsafeBytes(of: headerCount.littleEndian) { Data($0) } + Data(Safetensors.opening.utf8)
      + Data(checksum([header] + arrays).utf8)
    return [opening, header] + arrays
  }
}
