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

  /// The JSON before the data: one object with an entry for each array, and the metadata under a name of its own.
  private struct Header: Codable {
    struct Entry: Codable {
      let dtype: String
      let shape: [Int]
      let data_offsets: [Int]
    }

    private struct Name: CodingKey {
      let stringValue: String
      var intValue: Int? { nil }
      init(stringValue: String) { self.stringValue = stringValue }
      init?(intValue: Int) { nil }

      static let metadata = Name(stringValue: "__metadata__")
    }

    var metadata: [String: String]
    var entries: [String: Entry] = [:]

    init(metadata: [String: String]) { self.metadata = metadata }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: Name.self)
      metadata = try values.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:]
      for name in values.allKeys where name.stringValue != Name.metadata.stringValue {
        entries[name.stringValue] = try values.decode(Entry.self, forKey: name)
      }
    }

    func encode(to encoder: any Encoder) throws {
      var values = encoder.container(keyedBy: Name.self)
      try values.encode(metadata, forKey: .metadata)
      for (name, entry) in entries { try values.encode(entry, forKey: Name(stringValue: name)) }
    }

    /// The longest of a file, in bytes. Reading takes up to 32 times as many: no more than the file has, or 32 MiB.
    static func longest(ofFile count: Int) -> Int { max(1 << 20, count / 32) }
  }

  /// Writes the file atomically.
  public func write(to path: String) throws { try FileAccess.write(encoded(), to: path) }

  /// The file's content.
  package func encoded() throws -> Data {
    let count = tensors.reduce(0) { $0 + $1.data.count }
    let payload = tensors.reduce(into: Data(capacity: count)) { $0.append($1.data) }
    var metadata = self.metadata
    metadata["checksum"] = checksum(of: payload)
    var header = Header(metadata: metadata)
    var offset = 0
    for tensor in tensors {
      header.entries[tensor.name] = Header.Entry(
        dtype: "F32", shape: tensor.shape, data_offsets: [offset, offset + tensor.data.count])
      offset += tensor.data.count
    }
    var json = try canonicalJSON(header)
    json += Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    guard json.count <= Header.longest(ofFile: 8 + json.count + count) else {
      throw InputError(
        "\(tensors.count) arrays are too many for a file", remedy: "Use a model with fewer layers")
    }
    var file = Data(capacity: 8 + json.count + count)
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { file.append(contentsOf: $0) }
    file.append(json)
    file.append(payload)
    return file
  }

  /// Reads a file. A damaged one is an `InputError`. Nothing in it can make this take more memory than the file has
  /// bytes, or than 32 MiB where that is more.
  public init(contentsOf path: String) throws { try self.init(FileAccess.read(path), path: path) }

  /// Reads the content of the file at `path`.
  package init(_ file: Data, path: String) throws {
    let file = file.startIndex == 0 ? file : Data(file)
    let damaged = InputError(
      "is damaged, or no safetensors file", file: path,
      remedy: "Delete it; what it held will be computed again")
    guard file.count >= 8 else { throw damaged }
    let headerCount = file.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard headerCount <= UInt64(min(file.count - 8, Header.longest(ofFile: file.count))),
      case let payload = file[(8 + Int(headerCount))...],
      let header = try? JSONDecoder().decode(Header.self, from: file[8..<payload.startIndex])
    else { throw damaged }
    metadata = header.metadata
    for (name, entry) in header.entries {
      let range = entry.data_offsets
      guard entry.dtype == "F32", range.count == 2, range[0] >= 0, range[0] <= range[1],
        range[1] <= payload.count, entry.shape.allSatisfy({ $0 >= 0 }),
        byteCount(of: entry.shape) == range[1] - range[0]
      else { throw damaged }
      tensors.append(
        (name, entry.shape, payload[payload.startIndex + range[0]..<payload.startIndex + range[1]]))
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
