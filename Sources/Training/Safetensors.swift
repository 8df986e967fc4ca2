import Files
import Foundation

/// A file of named arrays of 32-bit floats in the safetensors format: the length of a JSON header in 8 bytes, the
/// header, then the data.
///
///     {"__metadata__":{"checksum":"…","step":"12"},"norm.gain":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},…}
///
/// Any safetensors library reads it. This one reads what `SafetensorsWriter` writes, in that order and without spaces, and
/// builds nothing of a header: what is asked for is looked up in the file's bytes.
public struct Safetensors: Sendable {
  private let file: Data
  /// Where the data begin.
  private let payload: Int

  static let opening = #"{"__metadata__":{"checksum":""#
  /// Where the checksum stands. It is of all that follows it.
  package static let digits = 8 + opening.utf8.count..<8 + opening.utf8.count + 32
  /// Behind the quote that ends the checksum.
  private static let start = digits.upperBound + 1

  /// What to do about a damaged file that the program keeps for itself.
  package static let deletion = "Delete it; what it held will be computed again"
  /// What to do about a file that a user has named: it may be anything, and is never advised to be deleted.
  package static let choice = "Name a checkpoint.safetensors"

  /// Reads a file. A damaged one is an `InputError` with this remedy. No header makes this, or a lookup, allocate more
  /// than the file has bytes.
  package init(contentsOf path: String, remedy: String = Self.choice) throws {
    try self.init(FileAccess.read(path), path: path, remedy: remedy)
  }

  /// Reads the content of the file at `path`.
  package init(_ file: Data, path: String, remedy: String = Self.choice) throws {
    let file = file.startIndex == 0 ? file : Data(file)
    guard file.count >= Self.start, file[8..<Self.digits.lowerBound].elementsEqual(Self.opening.utf8) else {
      throw InputError("is no checkpoint of Isoflop, or is damaged", file: path, remedy: remedy)
    }
    let damaged = InputError("is damaged", file: path, remedy: remedy)
    let headerCount = file.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard headerCount >= Self.start - 8, headerCount <= file.count - 8,
      file[Self.digits].elementsEqual(checksum(file[Self.digits.upperBound...]).utf8),
      file[Self.start - 1] == UInt8(ascii: "\""),
      (try? UTF8Span(validating: file.span.extracting(8..<8 + Int(headerCount)))) != nil
    else { throw damaged }
    self.file = file
    payload = 8 + Int(headerCount)
    // The metadata come before the arrays, so that one pass sees all of the header.
    var arrays = Arrays(HeaderScanner(file, Self.start..<payload))
    while arrays.next() != nil {}
    guard arrays.isAtEnd else { throw damaged }
  }

  /// The number of bytes of the whole file.
  public var byteCount: Int { file.count }
  /// The number of bytes of all arrays together.
  public var dataCount: Int { file.count - payload }

  /// The text of this name in the metadata, if it takes no more than `longest` bytes.
  public func metadata(_ name: String, longest: Int = 256) -> String? {
    var scanner = HeaderScanner(file, Self.start..<payload)
    while let member = scanner.member() {
      if file[member.name].elementsEqual(name.utf8) {
        return member.value.count <= longest ? scanner.text(member.value) : nil
      }
    }
    return nil
  }

  /// The arrays, in the order in which they were written.
  public func arrays() -> Arrays { Arrays(HeaderScanner(file, Self.start..<payload)) }

  /// Goes through the arrays of a file.
  public struct Arrays: IteratorProtocol {
    private var scanner: HeaderScanner
    /// The bytes of the arrays so far.
    private var offset = 0

    fileprivate init(_ scanner: HeaderScanner) {
      self.scanner = scanner
      while self.scanner.member() != nil {}
      _ = self.scanner.take("}")
    }

    public mutating func next() -> (name: String, shape: [Int], data: Data)? {
      guard scanner.take(","), let name = scanner.quoted(), name.count <= 256,
        scanner.take(#":{"dtype":"F32","shape":"#),
        let shape = scanner.integers(), let count = floatBytes(of: shape),
        count <= scanner.file.count - scanner.range.upperBound - offset,
        scanner.take(#","data_offsets":[\#(offset),\#(offset + count)]}"#)
      else { return nil }
      let begin = scanner.range.upperBound + offset
      offset += count
      return (scanner.text(name), shape, scanner.file[begin..<begin + count])
    }

    /// Whether nothing is left, neither of the header but spaces, nor of the data.
    fileprivate var isAtEnd: Bool {
      var scanner = scanner
      guard scanner.take("}") else { return false }
      return scanner.rest.allSatisfy { $0 == UInt8(ascii: " ") }
        && offset == scanner.file.count - scanner.range.upperBound
    }
  }
}

/// Goes through the text of a header without a copy of it.
private struct HeaderScanner {
  let file: Data
  let range: Range<Int>
  private var position: Int

  init(_ file: Data, _ range: Range<Int>) {
    self.file = file
    self.range = range
    position = range.lowerBound
  }

  /// What was not yet gone through.
  var rest: Data { file[position..<range.upperBound] }

  /// Goes behind `text`, if it comes next.
  mutating func take(_ text: String) -> Bool {
    guard rest.starts(with: text.utf8) else { return false }
    position += text.utf8.count
    return true
  }

  /// Goes behind a member of the metadata, and tells where its name and its value stand.
  mutating func member() -> (name: Range<Int>, value: Range<Int>)? {
    guard take(","), let name = quoted(), take(":"), let value = quoted() else { return nil }
    return (name, value)
  }

  /// Goes behind a text in quotes, and tells where it stands.
  mutating func quoted() -> Range<Int>? {
    guard take("\"") else { return nil }
    let begin = position
    var end = begin
    while end < range.upperBound, file[end] != UInt8(ascii: "\"") {
      end += file[end] == UInt8(ascii: "\\") ? 2 : 1
    }
    guard end < range.upperBound else { return nil }
    position = end + 1
    return begin..<end
  }

  /// The text that was put in quotes there.
  func text(_ place: Range<Int>) -> String {
    var scanner = HeaderScanner(file, place)
    return String(unsafeUninitializedCapacity: place.count) { buffer in
      var count = 0
      while let byte = scanner.byte() {
        buffer[count] = byte
        count += 1
      }
      return count
    }
  }

  /// Goes behind the next byte of a text, or what stands for it.
  private mutating func byte() -> UInt8? {
    guard position < range.upperBound else { return nil }
    if file[position] == UInt8(ascii: "\\") {
      for (byte, escape) in jsonEscapes where take(escape) { return byte }
    }
    position += 1
    return file[position - 1]
  }

  /// Goes behind a list such as `[2,3]`, of no more numbers than an array has sides.
  mutating func integers() -> [Int]? {
    guard take("[") else { return nil }
    if take("]") { return [] }
    var numbers: [Int] = []
    repeat {
      let digits = rest.prefix(19).prefix { (48...57).contains($0) }
      guard let number = Int(String(decoding: digits, as: UTF8.self)), numbers.count < 8 else { return nil }
      position = digits.endIndex
      numbers.append(number)
    } while take(",")
    return take("]") ? numbers : nil
  }
}

/// The bytes of floats in an array of this shape, or nil if they cannot be counted.
private func floatBytes(of shape: [Int]) -> Int? {
  var bytes = 4
  for length in shape {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: length)
    if overflow { return nil }
    bytes = product
  }
  return bytes
}

/// What stands for the bytes that may not stand in quotes   (RFC 8259)
let jsonEscapes: [UInt8: String] = {
  let controls = (0..<32).map { (UInt8($0), #"\u00"# + ($0 < 16 ? "0" : "") + String($0, radix: 16)) }
  return Dictionary(controls + [(10, #"\n"#), (34, #"\""#), (92, #"\\"#)], uniquingKeysWith: { $1 })
}()
