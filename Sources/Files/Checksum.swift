import CXXHash
import Foundation

/// Returns the 128-bit XXH3 hash of some bytes, as 32 hexadecimal digits (`xxhsum -H2` prints the same).
///
/// It identifies content and detects damage. It does not protect against forgery.
public func checksum(_ bytes: some ContiguousBytes) -> String {
  digits(bytes.withUnsafeBytes { XXH3_128bits($0.baseAddress, $0.count) })
}

/// Returns the checksum of the pieces one after the other, without a copy of the whole.
public func checksum(_ pieces: [Data]) -> String {
  guard let state = XXH3_createState() else { preconditionFailure("no memory is left for a hash") }
  defer { XXH3_freeState(state) }
  XXH3_128bits_reset(state)
  for piece in pieces {
    piece.withUnsafeBytes { _ = XXH3_128bits_update(state, $0.baseAddress, $0.count) }
  }
  return digits(XXH3_128bits_digest(state))
}

private func digits(_ hash: XXH128_hash_t) -> String {
  [hash.high64, hash.low64]
    .map { half in
      let digits = String(half, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    .joined()
}

/// Returns the 128-bit XXH3 hash of a text's UTF-8 bytes, as 32 hexadecimal digits.
public func checksum(_ text: String) -> String { checksum(Data(text.utf8)) }
