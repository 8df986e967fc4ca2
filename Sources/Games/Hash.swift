import CCrypto
import Files
import Foundation

/// Returns the SHA-256 of some bytes, as 64 hexadecimal digits (`sha256sum` prints the same).
///
/// Unlike `checksum`, it protects against forgery: nobody can find other bytes with the same hash.
package func sha256(_ bytes: Data) -> String {
  var digest = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_LENGTH))
  _ = bytes.withUnsafeBytes { SHA256($0.baseAddress, $0.count, &digest) }
  return hexadecimal(digest)
}

/// Returns 256 random bits that nobody can guess, as 64 hexadecimal digits.
///
/// - Throws: `InputError` if the system gives none.
func randomDigits() throws -> String {
  var bytes = [UInt8](repeating: 0, count: 32)
  guard RAND_bytes(&bytes, Int32(bytes.count)) == 1 else {
    throw InputError("the system gives no random numbers", remedy: "Try again")
  }
  return hexadecimal(bytes)
}

private func hexadecimal(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}
