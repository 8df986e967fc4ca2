import Files
import Testing

@Suite struct YAMLValueTests {
  @Test func unknownKeyIsNamedWithItsLineAndTheNearest() throws {
    let root = try YAMLValue(file: "a.yaml", text: "name: x\nwidht: 3\n")
    let error = #expect(throws: InputError.self) { try root.mapping(keys: ["name", "width"]) }
    #expect(error?.description == "a.yaml:2: unknown key `widht`. The nearest key is `width`.")
  }

  @Test func numbersTakeSuffixes() throws {
    let root = try YAMLValue(file: "a.yaml", text: "[4M, 1_000, 1e3, 2.5k, x, 1.5, -1]")
    let values = try root.list()
    #expect(try values[0].integer(in: 1...) == 4_000_000)
    #expect(try values[1].integer(in: 1...) == 1000)
    #expect(try values[2].integer(in: 1...) == 1000)
    #expect(try values[3].number(in: 0...) == 2500)
    #expect(throws: InputError.self) { try values[4].number(in: 0...) }
    #expect(throws: InputError.self) { try values[5].integer(in: 0...) }
    #expect(throws: InputError.self) { try values[6].integer(in: 0...) }
  }

  @Test func keysThatStandTwiceAreRefused() {
    #expect(throws: InputError.self) {
      try YAMLValue(file: "a.yaml", text: "a: 1\na: 2\n").mapping(keys: ["a"])
    }
  }

  @Test(arguments: ["? ? a : b", "? [a]\n: 1", "{{a: b}: 1}", "a: &l [1, 2]\nb: {*l : 1}", "? ? ? a\n"])
  func keysAreWords(_ text: String) {
    let error = #expect(throws: InputError.self) { try YAMLValue(file: "a.yaml", text: text) }
    #expect(error?.description.contains("is used as a key") == true)
  }

  @Test(arguments: ["? a\n: 1", "&k a: 1\nb: {*k : 2}", "a: [{b: [{c: d}, e], f: g}]\nh: {i: {}}"])
  func wordsAsKeysAreTaken(_ text: String) throws { _ = try YAMLValue(file: "a.yaml", text: text) }

  @Test func brokenSyntaxIsNamedWithItsLine() {
    let error = #expect(throws: InputError.self) { try YAMLValue(file: "a.yaml", text: "a: 1\nb: [1,\n") }
    #expect(error?.line != nil)
  }
}
