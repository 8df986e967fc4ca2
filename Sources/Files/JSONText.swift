/// Returns a text as JSON, in quotes. It keeps every character as it is: unlike the keys of a `JSONValue`, texts that
/// Unicode treats as equal stay different.
package func quotedJSON(_ text: String) -> String {
  let bytes = text.utf8.flatMap { jsonEscapes[$0].map { Array($0.utf8) } ?? [$0] }
  return "\"\(String(decoding: bytes, as: UTF8.self))\""
}

/// The escape sequences of bytes that may not occur in quoted text   (RFC 8259)
package let jsonEscapes: [UInt8: String] = {
  let controls = (0..<32).map { (UInt8($0), #"\u00"# + ($0 < 16 ? "0" : "") + String($0, radix: 16)) }
  return Dictionary(controls + [(10, #"\n"#), (34, #"\""#), (92, #"\\"#)], uniquingKeysWith: { $1 })
}()
