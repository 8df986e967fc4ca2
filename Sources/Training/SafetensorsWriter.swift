import Files
import Foundation

/// Writes a file of named arrays in the safetensors format.
public struct SafetensorsWriter {
  /// The header after the checksum.
  private var header: String
  private var data = Data()

  /// - Parameter metadata: Free text by name. `checksum` is reserved.
  public init(metadata: [(name: String, value: String)]) {
    header = "\"" + metadata.map { ",\(quoted($0.name)):\(quoted($0.value))" }.joined() + "}"
  }

  /// Adds an array of little-endian floats.
  public mutating func add(_ name: String, shape: [Int], _ floats: some ContiguousBytes) {
    let begin = data.count
    floats.withUnsafeBytes { data.append(contentsOf: $0) }
    let sides = shape.map(String.init).joined(separator: ",")
    header +=
      ",\(quoted(name)):{\"dtype\":\"F32\",\"shape\":[\(sides)],\"data_offsets\":[\(begin),\(data.count)]}"
  }

  /// Writes the file atomically; see `FileAccess.write`.
  public func write(to path: String, mayReplace: () throws -> Void = {}) throws {
    try FileAccess.write(encoded(), to: path, mayReplace: mayReplace)
  }

  /// The file's content.
  package func encoded() -> Data {
    var rest = Data("\(header)}".utf8)
    // The format requires data to begin at a multiple of 8.
    rest.append(
      contentsOf: repeatElement(
        UInt8(ascii: " "), count: (8 - (Safetensors.digits.upperBound + rest.count) % 8) % 8))
    let headerCount = UInt64(Safetensors.digits.upperBound - 8 + rest.count)
    rest += data
    return withUnsafeBytes(of: headerCount.littleEndian) { Data($0) } + Data(Safetensors.opening.utf8)
      + Data(checksum(rest).utf8) + rest
  }
}

/// A text in quotes.
private func quoted(_ text: String) -> String {
  let bytes = text.utf8.flatMap { jsonEscapes[$0].map { Array($0.utf8) } ?? [$0] }
  return "\"\(String(decoding: bytes, as: UTF8.self))\""
}
