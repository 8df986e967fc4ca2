import CXXHash
import Foundation

/// Returns the 128-bit XXH3 hash of some bytes, as 32 hexadecimal digits (`xxhsum -H2` prints the same).
///
/// It identifies content and detects damage. It does not protect against forgery.
public func checksum(_ bytes: some ContiguousBytes) -> String {
  let hash = bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) }
  return [hash.high64, hash.low64]
    .map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    .joined()
}

/// Returns the 128-bit XXH3 hash of a text's UTF-8 bytes, as 32 hexadecimal digits.
public func checksum(_ text: String) -> String { checksum(Data(text.utf8)) }
