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

  /// The moment between a check and what it permits. The process is suspended there, and another takes over.
  @Test func whoIsOvertakenRightAfterItsCheckChangesNothing() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder(folder)
    let path = "\(folder)/file"
    /// Passes once, and lets another process take over and write then.
    func overtaken() -> () throws -> Void {
      var isOvertaken = false
      return {
        if isOvertaken { throw CancellationError() }
        isOvertaken = true
        try FileAccess.removeTemporaries(in: self.folder) {}
        try FileAccess.write(Data("theirs\n".utf8), to: path)
      }
    }
    let actions: [(() throws -> Void) throws -> Void] = [
      { try FileAccess.write(Data("ours".utf8), to: path, mayReplace: $0) },
      { _ = try AppendingFile(path, replacingWith: Data("ours".utf8), mayReplace: $0) },
      { try FileAccess.remove([path], through: self.folder, mayRemove: $0) },
      { try FileAccess.removeFolder(self.folder, mayRemove: $0) },
    ]
    for action in actions {
      try FileAccess.write(Data("before".utf8), to: path)
      #expect(throws: CancellationError.self) { try action(overtaken()) }
      #expect(try FileAccess.readText(path) == "theirs\n" && FileAccess.names(in: folder) == ["file"])
    }
    // Another process may remove temporaries by mistake, because it was itself suspended before: all is done again.
    for (index, action) in actions.enumerated() {
      try FileAccess.write(Data("before".utf8), to: path)
      var calls = 0
      try action {
        calls += 1
        if calls == 1 { try FileAccess.removeTemporaries(in: self.folder) {} }
      }
      #expect(try FileAccess.readTextIfPresent(path) == (index < 2 ? "ours" : nil) && calls >= 2)
    }
    #expect(try !FileAccess.exists(folder))
  }

  @Test func whatIsAppendedToAFileThatIsReplacedDoesNotReachTheNewOne() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder(folder)
    let file = try AppendingFile("\(folder)/file", replacingWith: Data("a\n".utf8)) {}
    try file.append(Data("b".utf8))
    try file.flush()
    #expect(try FileAccess.readText("\(folder)/file") == "a\nb\n")
    try FileAccess.write(Data("c\n".utf8), to: "\(folder)/file")
    try file.append(Data("d".utf8))
    try file.synchronize()
    #expect(try FileAccess.readText("\(folder)/file") == "c\n")
  }
}
