import Corpora
import Files
import Foundation
import Models
import Testing
import Training

@Suite struct CheckpointTests {
  @Test("Safetensors come back as they were written")
  func roundTrip() throws {
    let folder = try ScratchFolder()
    var file = Safetensors()
    file.metadata = ["note": "a \"quoted\" text"]
    file.add("b", shape: [2, 3], data: Data((0..<24).map { UInt8($0) }))
    file.add("a", shape: [], data: Data([1, 2, 3, 4]))
    let path = "\(folder.path)/x.safetensors"
    try file.write(to: path)
    let read = try Safetensors(contentsOf: path)
    #expect(read.metadata == file.metadata)
    #expect(read.data("b", shape: [2, 3]) == Data((0..<24).map { UInt8($0) }))
    #expect(read.data("a", shape: []) == Data([1, 2, 3, 4]))
    #expect(read.data("a", shape: [2]) == nil)
  }

  @Test("Every flipped byte and every shortening of a file is noticed")
  func damage() throws {
    let folder = try ScratchFolder()
    var file = Safetensors()
    file.metadata = ["step": "12"]
    file.add("weight", shape: [4], data: Data(repeating: 7, count: 16))
    let path = "\(folder.path)/x.safetensors"
    try file.write(to: path)
    let bytes = try FileAccess.read(path)
    for index in bytes.indices {
      var damaged = bytes
      damaged[index] ^= 0x20
      try damaged.write(to: URL(fileURLWithPath: path))
      // A space of padding may become a NUL without harm only if the parser allows it; the content may not change.
      if let read = try? Safetensors(contentsOf: path) {
        #expect(read.metadata == file.metadata && read.data("weight", shape: [4]) != nil, "byte \(index)")
      }
      try bytes.prefix(index).write(to: URL(fileURLWithPath: path))
      #expect(throws: InputError.self, "cut at \(index)") { try Safetensors(contentsOf: path) }
    }
  }

  @Test("A header that claims more than the file holds is refused before anything is allocated")
  func hugeHeader() throws {
    let folder = try ScratchFolder()
    let path = "\(folder.path)/x.safetensors"
    for claim in [UInt64.max, 1 << 62, 1000] {
      var bytes = withUnsafeBytes(of: claim.littleEndian) { Data($0) }
      bytes += Data("{}".utf8)
      try bytes.write(to: URL(fileURLWithPath: path))
      #expect(throws: InputError.self) { try Safetensors(contentsOf: path) }
    }
    let header = Data(
      "{\"x\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904,4],\"data_offsets\":[0,0]}}".utf8)
    try (withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) } + header)
      .write(to: URL(fileURLWithPath: path))
    #expect(throws: InputError.self) { try Safetensors(contentsOf: path) }
  }

  @Test("Names and shapes that do not fit a header are refused when writing")
  func longHeader() throws {
    var file = Safetensors()
    for index in 0..<20_000 { file.add("array \(index)", shape: [], data: Data(count: 4)) }
    #expect(throws: InputError.self) { try file.encoded() }
  }
}
