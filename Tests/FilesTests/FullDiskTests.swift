import Files
import Foundation
import Testing

@Suite struct FullDiskTests {
  @Test("A full disk gives one message with a remedy")
  func fullDisk() throws {
    // A device that is always full.
    let file = try AppendingFile("/dev/full")
    try file.append(Data("a line".utf8))
    let error = #expect(throws: InputError.self) { try file.flush() }
    #expect(
      error?.description
        == "/dev/full: cannot be written: No space left on device. "
        + "Make room on the disk, then run the same command again.")
  }
}
