import Files
import Foundation
import Testing

struct JSONTests {
  @Test func listsNestedTooDeepAreRefused() {
    for depth in 500..<600 {
      let data = Data(String(repeating: "[", count: depth).utf8)
      #expect(throws: DecodingError.self) { try decodeJSON([[Int]].self, from: data) }
    }
  }

  @Test func whatIsNoNumberComesBack() throws {
    let numbers = [1.5, .infinity, -.infinity]
    #expect(try decodeJSON([Double].self, from: canonicalJSON(numbers)) == numbers)
    #expect(try decodeJSON([Double].self, from: plainJSON([Double.nan]))[0].isNaN)
  }

  private struct Record: Codable, Equatable {
    var name = "a"
    var values = [1.5, -2]
  }

  @Test func noFlippedBitChangesWhatARecordSays() throws {
    let data = try recordJSON(Record())
    #expect(try decodeRecord(Record.self, from: data, path: "x", remedy: "r") == Record())
    for bit in 0..<8 * data.count {
      var flipped = data
      flipped[bit / 8] ^= 1 << (bit % 8)
      let read = try unlessDamaged { try decodeRecord(Record.self, from: flipped, path: "x", remedy: "r") }
      #expect(read == nil || read == Record(), "bit \(bit)")
    }
    // A record of an earlier version.
    #expect(try decodeRecord(Record.self, from: plainJSON(Record()), path: "x", remedy: "r") == Record())
  }
}
