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
}
