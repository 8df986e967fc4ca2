import Files
import Foundation

/// The weights of a folder of the library transformers: one safetensors file, or several that an index lists. Numbers of 32
/// or 16 bits are read as float32.
package struct PretrainedWeights {
  /// Where a weight lies.
  private struct Place {
    let file: Int
    let type: String
    let shape: [Int]
    let range: Range<Int>
  }

  private let paths: [String]
  private let files: [Data]
  private let places: [String: Place]

  /// - Throws: `InputError` if there is no such file, or one is damaged.
  init(folder: String) throws {
    let single = "\(folder)/model.safetensors"
    let index = "\(folder)/model.safetensors.index.json"
    let paths: [String]
    if try FileAccess.exists(single) {
      paths = [single]
    } else if let data = try FileAccess.readIfPresent(index) {
      struct Index: Decodable { let weight_map: [String: String] }
      guard let names = try? decodeJSON(Index.self, from: data).weight_map.values,
        names.allSatisfy({ !$0.contains("/") && $0.hasSuffix(".safetensors") })
      else { throw InputError("is not an index of weights", file: index, remedy: Self.remedy) }
      paths = Set(names).sorted().map { "\(folder)/\($0)" }
    } else {
      throw InputError(
        "has neither model.safetensors nor model.safetensors.index.json", file: folder,
        remedy: "Save the model with `model.save_pretrained(DIR)` of a recent version of transformers")
    }
    try self.init(paths.map(FileAccess.read), paths: paths)
  }

  /// Reads the contents of the files at `paths`.
  package init(_ files: [Data], paths: [String]) throws {
    let files = files.map { $0.startIndex == 0 ? $0 : Data($0) }
    (self.files, self.paths) = (files, paths)
    var places: [String: Place] = [:]
    for (file, (data, path)) in zip(files, paths).enumerated() {
      for (name, place) in try Self.places(of: data, file: file, path: path) {
        guard places.updateValue(place, forKey: name) == nil else {
          throw InputError(
            "has the weight `\(name)`, which another file has too", file: path, remedy: Self.remedy)
        }
      }
    }
    self.places = places
  }

  private static let remedy = "Download it, or save it, again"

  /// An entry of a header: a weight, or free text.
  private struct Entry: Decodable {
    let dtype: String?
    let shape: [Int]?
    let data_offsets: [Int]?
  }

  private static func places(of data: Data, file: Int, path: String) throws -> [(String, Place)] {
    let damaged = InputError("is not a safetensors file, or is damaged", file: path, remedy: remedy)
    let length = data.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard data.count >= 8, length <= UInt64(data.count - 8),
      let header = try? decodeJSON([String: Entry].self, from: data[8..<8 + Int(length)])
    else { throw damaged }
    let payload = 8 + Int(length)
    return try header.filter { $0.key != "__metadata__" }.map { name, entry in
      guard let type = entry.dtype, let shape = entry.shape, let offsets = entry.data_offsets,
        offsets.count == 2,
        0 <= offsets[0], offsets[0] <= offsets[1], offsets[1] <= data.count - payload
      else { throw damaged }
      return (
        name,
        Place(file: file, type: type, shape: shape, range: payload + offsets[0]..<payload + offsets[1])
      )
    }
  }

  /// The names of all weights.
  package var names: Set<String> { Set(places.keys) }

  /// The bytes of all files together.
  var byteCount: Int { files.reduce(0) { $0 + $1.count } }

  /// The name of a weight in the files, which lacks the first part where they were saved without a head.
  func storedName(of name: String) -> String {
    guard places[name] == nil, let stop = name.firstIndex(of: ".") else { return name }
    let short = String(name[name.index(after: stop)...])
    return places[short] == nil ? name : short
  }

  /// A weight of this shape.
  ///
  /// - Throws: `InputError` if it is missing, or of another shape or type.
  package func matrix(_ name: String, _ shape: [Int]) throws -> Matrix {
    guard let place = places[name] else {
      throw InputError("has no weight `\(name)`", file: paths[0], remedy: Self.remedy)
    }
    let path = paths[place.file]
    let count = shape.reduce(1, *)
    guard place.shape == shape else {
      throw InputError(
        "the weight `\(name)` has the shape \(place.shape), and config.json asks for \(shape)", file: path,
        remedy: "Both must be of the same model")
    }
    let sizes = ["F32": 4, "F16": 2, "BF16": 2]
    guard let size = sizes[place.type] else {
      throw InputError(
        "the weight `\(name)` is of type \(place.type)", file: path,
        remedy: "Save it as float32, float16 or bfloat16: others cannot be read")
    }
    guard place.range.count == size * count else {
      throw InputError("is not a safetensors file, or is damaged", file: path, remedy: Self.remedy)
    }
    let values = files[place.file].withUnsafeBytes { file in
      let bytes = UnsafeRawBufferPointer(rebasing: file[place.range])
      return (0..<count).map { index in
        switch place.type {
        case "F32":
          Float(
            bitPattern: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: UInt32.self)))
        case "F16":
          Float(
            Float16(
              bitPattern: UInt16(
                littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))))
        default:
          Float(
            bitPattern: UInt32(
              UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: 2 * index, as: UInt16.self))) << 16)
        }
      }
    }
    return Matrix(rows: shape.dropLast().reduce(1, *), columns: shape.last ?? 1, values: values)
  }
}
