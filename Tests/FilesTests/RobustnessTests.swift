import Files
import Foundation
import Testing

#if canImport(Glibc)
  import Glibc
#endif

@Suite struct RobustnessTests {
  @Test func everyDoubleBecomesAWholeNumber() {
    let limits: [(Double, Int)] = [
      (.nan, 0), (.infinity, .max), (-.infinity, .min), (1e300, .max), (-1e300, .min), (0x1p63, .max),
      (-0x1p63, .min), (0x1p63.nextDown, 9_223_372_036_854_774_784), (2.9, 2), (-2.9, -2), (-0.0, 0),
    ]
    for (value, whole) in limits { #expect(Int(clamping: value) == whole, "\(value)") }
  }

  /// `Int(Double)` traps on NaN and infinity. In these forms its argument is a computed `Double`.
  @Test func noSourceConvertsAnUncheckedDouble() throws {
    let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources").path
    let unchecked =
      /\bInt\((floor|ceil|log10|log|pow|exp|Double)\(|\bInt\([^()]*(\([^()]*\)[^()]*)*\.(rounded|seconds)/
    for name in FileManager.default.enumerator(atPath: sources)?.compactMap({ $0 as? String }) ?? []
    where name.hasSuffix(".swift") {
      let lines = try FileAccess.readText("\(sources)/\(name)").split(separator: "\n")
      for line in lines where !line.contains("Int(clamping:") && !line.contains("Int(exactly:") {
        #expect(line.firstMatch(of: unchecked) == nil, "\(name): \(line)")
      }
    }
  }

  @Test func onlyARegularFileIsWritten() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    try FileAccess.makeFolder(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    mkfifo("\(folder)/pipe", 0o600)
    symlink("nowhere", "\(folder)/link")
    mkdir("\(folder)/folder", 0o700)
    try FileAccess.write(Data(), to: "\(folder)/file")
    for (name, kind) in [("pipe", "a pipe"), ("link", "a link"), ("folder", "a folder")] {
      let error = #expect(throws: InputError.self) { try FileAccess.requireRegular("\(folder)/\(name)") }
      #expect(error?.message == "expected a regular file, found \(kind)")
    }
    for name in ["file", "absent"] { try FileAccess.requireRegular("\(folder)/\(name)") }

    try FileAccess.requireWritable("\(folder)/absent")
    for name in ["folder", "none/file"] {
      #expect(throws: InputError.self) { try FileAccess.requireWritable("\(folder)/\(name)") }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 4)
  }

  @Test func aStrangersTextDoesNotActOnTheTerminal() {
    #expect(
      printable("a\u{1B}]0;x\u{7}\r\u{9B}31m\tb\nc é") == "a\u{FFFD}]0;x\u{FFFD}\u{FFFD}\u{FFFD}31m\tb\nc é")
  }

  @Test func namesOfPrintedJSONAreSnakeCase() throws {
    struct Value: Encodable {
      let tokensPerSecond = 1
      let cells = ["aB": 2]
    }
    #expect(
      try String(decoding: printedJSON(Value()), as: UTF8.self).filter { !$0.isWhitespace }
        == #"{"cells":{"aB":2},"tokens_per_second":1}"#)
  }

  @Test func aMarkOfByteOrderIsNoKey() throws {
    let map = try YAMLValue(file: "a.yaml", text: "\u{FEFF}title: x\n").mapping(keys: ["title"])
    #expect(try map["title"]?.string() == "x")
  }

  @Test func thousandsWithCommasAreTold() throws {
    let error = #expect(throws: InputError.self) {
      try YAMLValue(file: "a.yaml", text: "[1,000,000]").list()
    }
    #expect(error?.message == "`1,000` is read as two entries of a list: a comma ends an entry")
    for number in ["1,000", "1,000,000"] {
      let error = #expect(throws: InputError.self) {
        try YAMLValue(file: "a.yaml", text: "{tokens: \(number)}").mapping(keys: ["tokens"])
      }
      #expect(error?.message == "a number has a comma, which ends an entry here")
    }
    #expect(try YAMLValue(file: "a.yaml", text: "[100,200,0, \"000\"]").list().count == 4)
  }

  @Test func positiveNumbersAreGreaterThanZero() throws {
    let value = try YAMLValue(file: "a.yaml", text: "0")
    let error = #expect(throws: InputError.self) { try value.positiveNumber() }
    #expect(error?.remedy == "It must be greater than 0")
    let large = try YAMLValue(file: "a.yaml", text: "101")
    let other = #expect(throws: InputError.self) { try large.positiveNumber(atMost: 100) }
    #expect(other?.message == "101 is out of range")
    #expect(other?.remedy == "It must be greater than 0 and at most 100")
    #expect(try large.positiveNumber() == 101)
  }
}
