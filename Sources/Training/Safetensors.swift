import Files
import Foundation

/// A file of named arrays of 32-bit floats in the safetensors format: the length of a JSON header in 8 bytes, the
/// header, then the data.
///
///     {"__metadata__":{"checksum":"…","step":"12"},"norm.gain":{"dtype":"F32","shape":[16],"data_offsets":[0,64]},…}
///
/// Any safetensors library reads it. This one reads only what `SafetensorsWriter` writes, in that order and without
/// spaces. It does not build the header in memory: lookups scan the file's bytes.
public struct Safetensors: Sendable {
  private let file: Data
  /// The offset of the data.
  private let payload: Int

  static let opening = #"{"__metadata__":{"checksum":""#
  /// The bytes of the checksum, which covers everything after it.
  package static let digits = 8 + opening.utf8.count..<8 + opening.utf8.count + 32
  /// After the quote that ends the checksum.
  private static let start = digits.upperBound + 1

  /// The remedy for a damaged file of the program's own.
  package static let deletion = "Delete it; what it held will be computed again"
  /// The remedy for a damaged file that a user has named. It may be any file, so users are not told to delete it.
  package static let choice = "Name a checkpoint.safetensors"

  /// Reads a file. Whatever its header, neither this nor a lookup allocates more memory than the file has bytes.
  ///
  /// - Throws: `InputError` with the remedy, if the file is damaged.
  package init(contentsOf path: String, remedy: String = Self.choice) throws {
    try self.init(FileAccess.read(path), path: path, remedy: remedy)
  }

  /// Reads the content of the file at `path`.
  package init(_ file: Data, path: String, remedy: String = Self.choice) throws {
    let file = file.startIndex == 0 ? file : Data(file)
    guard file.count >= Self.start, file[8..<Self.digits.lowerBound].elementsEqual(Self.opening.utf8) else {
      throw InputError("is not a checkpoint of Isoflop, or is damaged", file: path, remedy: remedy)
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
    // One pass checks the whole header: the iterator skips the metadata, which come first.
    var arrays = Arrays(HeaderScanner(file, Self.start..<payload))
    while arrays.next() != nil {}
    guard arrays.isAtEnd else { throw damaged }
  }

  /// The number of bytes of the whole file.
  public var byteCount: Int { file.count }
  /// The number of bytes of all arrays together.
  public var dataCount: Int { file.count - payload }

  /// The text with this name in the metadata; nil if it is absent or longer than `longest` bytes.
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

  /// An iterator over the arrays of a file.
  public struct Arrays: IteratorProtocol {
    private var scanner: HeaderScanner
    /// The total size of the arrays added before, in bytes.
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

    /// Whether nothing is left but spaces in the header, and nothing in the data.
    fileprivate var isAtEnd: Bool {
      var scanner = scanner
      guard scanner.take("}") else { return false }
      return scanner.rest.allSatisfy { $0 == UInt8(ascii: " ") }
        && offset == scanner.file.count - scanner.range.upperBound
    }
  }
}

/// A scanner of a header's text, which it does not copy.
private struct HeaderScanner {
  let file: Data
  let range: Range<Int>
  private var position: Int

  init(_ file: Data, _ range: Range<Int>) {
    self.file = file
    self.range = range
    position = range.lowerBound
  }

  /// The text that was not scanned yet.
  var rest: Data { file[position..<range.upperBound] }

  /// Skips `text`, if it comes next.
  mutating func take(_ text: String) -> Bool {
    guard rest.starts(with: text.utf8) else { return false }
    position += text.utf8.count
    return true
  }

  /// Skips a member of the metadata, and returns the places of its name and its value.
  mutating func member() -> (name: Range<Int>, value: Range<Int>)? {
    guard take(","), let name = quoted(), take(":"), let value = quoted() else { return nil }
    return (name, value)
  }

  /// Skips a quoted text, and returns its place.
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

  /// The unescaped text at a place.
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

  /// Skips the next byte of a text or its escape sequence, and returns the byte.
  private mutating func byte() -> UInt8? {
    guard position < range.upperBound else { return nil }
    if file[position] == UInt8(ascii: "\\") {
      for (byte, escape) in jsonEscapes where take(escape) { return byte }
    }
    position += 1
    return file[position - 1]
  }

  /// Skips a list such as `[2,3]`, of at most eight numbers, and returns it.
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

/// The size of an array of floats with this shape, in bytes; nil if it exceeds the range of Int.
private func floatBytes(of shape: [Int]) -> Int? {
  var bytes = 4
  for length in shape {
    let (product, overflow) = bytes.multipliedReportingOverflow(by: length)
    if overflow { return nil }
    bytes = product
  }
  return bytes
}
