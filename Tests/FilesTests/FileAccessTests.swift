import Files
import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct FileAccessTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("files-\(UUID())").path

  @Test func absentIsOnlyWhatTheSystemSaysIsNotThere() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder("\(folder)/a/b")
    try FileAccess.write(Data("text".utf8), to: "\(folder)/file")
    for path in ["\(folder)/nothing", "\(folder)/file/below"] {
      #expect(
        try FileAccess.readIfPresent(path) == nil && !FileAccess.exists(path)
          && FileAccess.names(in: path) == [])
    }
    #expect(try FileAccess.read("\(folder)/file") == Data("text".utf8))
    #expect(
      try FileAccess.names(in: folder) == ["a", "file"]
        && FileAccess.paths(below: folder) == ["a", "a/b", "file"])
    // A name that is too long for the file system cannot be looked up, so it does not count as absent.
    let long = "\(folder)/\(String(repeating: "x", count: 300))"
    for read in [
      { _ = try FileAccess.readIfPresent(long) }, { _ = try FileAccess.exists(long) },
      { _ = try FileAccess.names(in: long) },
    ] {
      #expect(#expect(throws: InputError.self) { try read() }?.systemError == ENAMETOOLONG)
    }
    #expect(#expect(throws: InputError.self) { try FileAccess.read(folder) }?.systemError == EISDIR)
    try FileAccess.remove("\(folder)/a")
    try FileAccess.remove("\(folder)/a")
    #expect(try FileAccess.names(in: folder) == ["file"])
  }

  @Test func filesOfAllSizesAndPipesAreReadWhole() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder(folder)
    for size in [0, 1, 4095, 4096, 4097, 100_000] {
      let data = Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31) })
      try FileAccess.write(data, to: "\(folder)/file")
      #expect(try FileAccess.read("\(folder)/file") == data)
    }
    // Its size is reported as 0.
    #expect(try FileAccess.readText("/proc/self/status").contains("Pid:"))
  }

  @Test func aRenameThatFailsClosesNothingOfOthers() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder("\(folder)/target/full")
    var other: Int32 = -1
    #expect(throws: InputError.self) {
      // Takes the descriptor that the temporary file has just released.
      try FileAccess.write(Data("text".utf8), to: "\(folder)/target") { other = open("/dev/null", O_RDONLY) }
    }
    #expect(fcntl(other, F_GETFD) >= 0)
    close(other)
    #expect(try FileAccess.names(in: folder) == ["target"])
  }

  @Test func whoeverMayNotReplaceAFileLeavesIt() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder(folder)
    try FileAccess.write(Data("old".utf8), to: "\(folder)/file")
    #expect(throws: CancellationError.self) {
      try FileAccess.write(Data("new".utf8), to: "\(folder)/file") { throw CancellationError() }
    }
    #expect(try FileAccess.readText("\(folder)/file") == "old" && FileAccess.names(in: folder) == ["file"])
  }
}
