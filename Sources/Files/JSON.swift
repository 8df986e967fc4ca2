import Foundation

/// Encodes a value as one line of JSON with sorted keys, so that equal values give equal bytes. Numbers that are not
/// finite are encoded as `"nan"`, `"inf"` and `"-inf"`.
public func canonicalJSON(_ value: some Encodable) throws -> Data {
  try json(value, [.sortedKeys, .withoutEscapingSlashes])
}

/// Encodes a value as JSON for people and scripts: as `canonicalJSON`, but with one line for each member.
public func plainJSON(_ value: some Encodable) throws -> Data {
  try json(value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])
}

/// Encodes a value as the JSON that commands print: as `plainJSON`, but with all keys in snake_case, as in results.csv.
///
/// - Parameter rename: Returns another name for the key at a path; nil to keep its name.
public func printedJSON(
  _ value: some Encodable, renaming rename: @escaping @Sendable ([any CodingKey]) -> String? = { _ in nil }
) throws -> Data {
  try json(
    value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted],
    keys: .custom { path in
      let name = rename(path) ?? path.last?.stringValue ?? ""
      return PrintedKey(stringValue: snakeCase(name))
    })
}

/// Returns a name such as `gradientNorm` as `gradient_norm`.
public func snakeCase(_ name: String) -> String {
  name.replacing(#/([a-z0-9])([A-Z])/#) { "\($0.1)_\($0.2)" }
    .replacing(#/([A-Z])([A-Z][a-z])/#) { "\($0.1)_\($0.2)" }.lowercased()
}

/// A key with any name.
private struct PrintedKey: CodingKey {
  let stringValue: String
  var intValue: Int? { nil }

  init(stringValue: String) { self.stringValue = stringValue }
  init?(intValue: Int) { nil }
}

private func json(
  _ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting,
  keys: JSONEncoder.KeyEncodingStrategy = .useDefaultKeys
) throws -> Data {
  let encoder = JSONEncoder()
  encoder.keyEncodingStrategy = keys
  encoder.outputFormatting = formatting
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return try encoder.encode(value)
}

/// Decodes JSON that `canonicalJSON` or `plainJSON` wrote.
///
/// - Throws: `DecodingError` if `data` is not such JSON.
public func decodeJSON<Value: Decodable>(_ type: Value.Type, from data: Data) throws -> Value {
  let decoder = JSONDecoder()
  decoder.nonConformingFloatDecodingStrategy = .convertFromString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  // If the last byte opens a list that exceeds the depth limit, Foundation reads the byte after it and traps.
  return try decoder.decode(type, from: data + Data("\n".utf8))
}

/// Encodes a value as `plainJSON` with one more member, the checksum of all others: a record that the program reads
/// back with `decodeRecord`.
///
/// - Parameter value: A value whose JSON is an object with at least one member.
public func recordJSON(_ value: some Encodable) throws -> Data {
  let json = try plainJSON(value)
  return checksumOpening + Data(checksum(json).utf8) + checksumEnd + json.dropFirst(2)
}

/// Decodes a record that `recordJSON` wrote. Records of earlier versions, without a checksum, are accepted.
///
/// - Parameters:
///   - path: The file of the record, for the error message.
///   - remedy: What the user can do about damage, as a sentence without its full stop.
/// - Throws: `InputError` if the record is damaged.
public func decodeRecord<Value: Decodable>(
  _ type: Value.Type, from data: Data, path: String, remedy: String
) throws -> Value {
  let digits = checksumOpening.count..<checksumOpening.count + 32
  let data = data.startIndex == 0 ? data : Data(data)
  var isWhole = true
  if data.count > digits.upperBound + checksumEnd.count, data.starts(with: checksumOpening),
    data[digits.upperBound...].starts(with: checksumEnd)
  {
    let rest = Data("{\n".utf8) + data[(digits.upperBound + checksumEnd.count)...]
    isWhole = data[digits].elementsEqual(checksum(rest).utf8)
  }
  guard isWhole, let value = try? decodeJSON(type, from: data) else {
    throw InputError("is damaged", file: path, remedy: remedy)
  }
  return value
}

private let checksumOpening = Data("{\n  \"checksum\" : \"".utf8)
private let checksumEnd = Data("\",\n".utf8)
