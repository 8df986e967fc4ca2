import Files
import Foundation

/// A file of named arrays of 32-bit floats in the safetensors format: the length of a JSON header in 8 bytes, the
/// header, then the data. Any safetensors library reads it.
public struct Safetensors: Sendable {
  /// Free text by name. `checksum` is reserved for that of everything else.
  public var metadata: [String: String] = [:]
  /// The arrays, in the order in which they were added.
  public private(set) var tensors: [(name: String, shape: [Int], data: Data)] = []

  public init() {}

  /// Adds an array of little-endian floats.
  public mutating func add(_ name: String, shape: [Int], data: Data) {
    tensors.append((name, shape, data))
  }

  /// The data of the array of this name, if it has this shape.
  public func data(_ name: String, shape: [Int]) -> Data? {
    tensors.first { $0.name == name && $0.shape == shape }?.data
  }

  private struct Entry: Codable {
    let dtype: String
    let shape: [Int]
    let data_offsets: [Int]
  }

  /// The longest header in bytes: what reading it takes is a multiple of it. Those of the largest models have a hundredth.
  static let longestHeader = 8 << 20

  /// Writes the file atomically.
  public func write(to path: String) throws { try FileAccess.write(encoded(), to: path) }

  /// The file's content.
  package func encoded() throws -> Data {
    let payload = tensors.reduce(into: Data()) { $0.append($1.data) }
    var metadata = self.metadata
    metadata["checksum"] = checksum(of: payload)
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    var offset = 0
    var entries: [String: Entry] = [:]
    for tensor in tensors {
      entries[tensor.name] = Entry(
        dtype: "F32", shape: tensor.shape, data_offsets: [offset, offset + tensor.data.count])
      offset += tensor.data.count
    }
    // The header is one object: the entries, and the metadata under a name of its own.
    let body = try encoder.encode(entries).dropFirst()
    var header = Data("{\"__metadata__\":".utf8) + (try encoder.encode(metadata))
    header += entries.isEmpty ? body : Data(",".utf8) + body
    header += Data(repeating: UInt8(ascii: " "), count: (8 - header.count % 8) % 8)
    var file = Data()
    withUnsafeBytes(of: UInt64(header.count).littleEndian) { file.append(contentsOf: $0) }
    return file + header + payload
  }

  /// Reads a file. A damaged one is an `InputError`; nothing larger than the file is ever allocated.
  public init(contentsOf path: String) throws { try self.init(FileAccess.read(path), path: path) }

  /// Reads the content of the file at `path`.
  package init(_ file: Data, path: String) throws {
    let file = file.startIndex == 0 ? file : Data(file)
    let damaged = InputError(
      "is damaged, or no safetensors file", file: path,
      remedy: "Delete it; what it held will be computed again")
    guard file.count >= 8 else { throw damaged }
    let headerCount = file.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard headerCount <= UInt64(min(file.count - 8, Self.longestHeader)) else { throw damaged }
    let header = file[8..<8 + Int(headerCount)]
    let payload = file[(8 + Int(headerCount))...]
    guard let object = try? JSONSerialization.jsonObject(with: header) as? [String: Any] else {
      throw damaged
    }
    for (name, value) in object {
      if name == "__metadata__" {
        guard let value = value as? [String: String] else { throw damaged }
        metadata = value
        continue
      }
      guard let value = value as? [String: Any], value["dtype"] as? String == "F32",
        let shape = value["shape"] as? [Int], let range = value["data_offsets"] as? [Int], range.count == 2,
        range[0] >= 0, range[0] <= range[1], range[1] <= payload.count, shape.allSatisfy({ $0 >= 0 }),
        let count = byteCount(of: shape),
        count == range[1] - range[0]
      else { throw damaged }
      let start = payload.startIndex + range[0]
      tensors.append((name, shape, payload[start..<start + count]))
    }
    tensors.sort { $0.data.startIndex < $1.data.startIndex }
    let expected = metadata.removeValue(forKey: "checksum")
    guard expected == checksum(of: payload) else { throw damaged }
  }

  /// The checksum of data, shapes and metadata.
  private func checksum(of payload: Data) -> String {
    let settings = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let shapes = tensors.sorted { $0.name < $1.name }.map { "\($0.name)\($0.shape)" }
    return Files.checksum((settings + shapes + [Files.checksum(payload)]).joined(separator: "\n"))
  }
}

/// The bytes of floats in an array of this shape, or nil if they cannot be counted.
private func byteCount(of shape: [Int]) -> Int? {
  var bytes = 4
  for length in shape {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: length)
    if overflow { return nil }
    bytes = product
  }
  return bytes
}
