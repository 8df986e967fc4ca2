import Files
import Foundation
import RandomNumbers

/// Noise in the training text: characters that are replaced by others at random.
///
/// Each character but the line feed is replaced with the given probability by another one of the text, all equally
/// likely.
struct CharacterNoise: Sendable {
  /// The probability that a character is replaced.
  let fraction: Double
  /// The characters that replace others, UTF-8.
  private let characters: [[UInt8]]

  /// - Parameter alphabet: The characters of the text.
  /// - Throws: `SettingFault` if there is no other character in place of one.
  init(_ fraction: Double, alphabet: [Unicode.Scalar]) throws {
    self.fraction = fraction
    characters = alphabet.filter { $0 != "\n" }.map { Array(String(Character($0)).utf8) }
    guard characters.count > 1 else {
      throw SettingFault(
        setting: "noise",
        message: "noise needs at least two different characters besides line feeds",
        remedy: "Remove `noise`")
    }
  }

  /// The entropy of the noise, in nats per character but line feeds: that of whether a character is replaced, and of the
  /// one in its place.
  var natsPerCharacter: Double {
    let (p, q) = (fraction, 1 - fraction)
    return -p * log(p) - q * log(q) + p * log(Double(characters.count - 1))
  }

  /// Returns the text with its noise.
  ///
  /// - Parameter text: Whole characters, UTF-8.
  func applied(to text: ArraySlice<UInt8>, _ random: inout RandomStream) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
      let end = text[(index + 1)...].firstIndex { $0 & 0xC0 != 0x80 } ?? text.endIndex
      let own = text[index..<end]
      index = end
      guard own.first != UInt8(ascii: "\n"), Double(random.next() >> 11) * 0x1p-53 < fraction else {
        result.append(contentsOf: own)
        continue
      }
      repeat {
        let drawn = random.next().multipliedFullWidth(by: UInt64(characters.count)).high
        let other = characters[Int(drawn)]
        guard !other.elementsEqual(own) else { continue }
        result.append(contentsOf: other)
        break
      } while true
    }
    return result
  }
}
