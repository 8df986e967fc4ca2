import Foundation

/// A value as one line of JSON for programs: sorted keys, so that equal values give equal bytes, and `"nan"` or `"inf"`
/// for what is no number.
public func canonicalJSON(_ value: some Encodable) throws -> Data {
  try json(value, [.sortedKeys, .withoutEscapingSlashes])
}

/// A value as JSON for people and scripts: as `canonicalJSON`, with a line for each member.
public func plainJSON(_ value: some Encodable) throws -> Data {
  try json(value, [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted])
}

private func json(_ value: some Encodable, _ formatting: JSONEncoder.OutputFormatting) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = formatting
  encoder.nonConformingFloatEncodingStrategy = .convertToString(
    positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
  return try encoder.encode(value)
}
