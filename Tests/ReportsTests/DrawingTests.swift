import Analysis
import Execution
import Files
import Foundation
import FoundationXML
import Reports
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Tests that draw figures and pages with gnuplot, which every installation has.
struct DrawingTests {
  private let hostile = "it's {a_b}^2 @ & ~ \\ \"q\" <b> `id`\nquit"

  private func figure(_ name: String, layers: [Layer]) -> Figure {
    Figure(
      name: name, title: hostile, caption: hostile, legend: hostile,
      panels: [
        Panel(
          hostile, x: Axis(hostile, .logarithmic), y: Axis("Loss (nats per token)", .logarithmic),
          layers: layers)
      ])
  }

  private var layers: [Layer] {
    let points = (1...8).map { Point(pow(10, Double($0)), 1 + 3 / Double($0), error: 0.1) }
    return [
      .band(points, Style("95 % interval", .category(0))), .line(points, Style(hostile, .category(0))),
      .points(points, Style(hostile, .category(0))), .horizontal(1, hostile), .vertical(1e4, hostile),
      .text(hostile, x: 1e3, y: 2),
      .cells([Cell(x: 10...100, y: 2...3), Cell(x: 0...1, y: 2...3)], Style("cells", .ordered(1, of: 3))),
    ]
  }

  /// Draws into a temporary folder.
  private func draw<Result>(_ figures: [Figure], _ body: ([RenderedFigure], String) throws -> Result) throws
    -> Result
  {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    return try body(Renderer(Gnuplot().draw).render(figures, into: folder), folder)
  }

  @Test func everyCharacterOfALabelIsShown() throws {
    try draw([figure("hostile", layers: layers)]) { drawn, folder in
      let texts = try XMLText(Data(drawn[0].inlineSVG.utf8)).text
      // Eight places show it: title, panel, axis, legend title and entry, baseline, vertical line, note.
      #expect(texts.components(separatedBy: "it's {a_b}^2 @ & ~ \\ \"q\" <b> `id` quit").count - 1 == 8)
      #expect(try FileAccess.read("\(folder)/hostile.png").prefix(4) == Data([0x89, 0x50, 0x4E, 0x47]))
      for name in ["hostile", "hostile-narrow"] { _ = try XMLText(FileAccess.read("\(folder)/\(name).svg")) }
    }
  }

  @Test func pageIsWellFormedSelfContainedAndItsIdsAreUnique() throws {
    try draw([figure("first", layers: layers), figure("second", layers: layers)]) { drawn, _ in
      let table = Finding(
        hostile, columns: [.init("key", hostile, .left), .init("value", "value")],
        rows: [[.text(hostile), .number(0.34)]])
      let page = Page(
        title: hostile, lead: hostile, facts: [Page.Fact(hostile, "0.34", note: hostile)],
        sections: [
          Page.Section(
            hostile,
            [
              .paragraph(hostile), .paragraph("Run `\(hostile.replacing("`", with: ""))` & go"),
              .figure(drawn[0]), .figure(drawn[1]), .table(table),
              .questions([(hostile, [hostile, hostile])]),
            ])
        ], footer: hostile)
      #expect(try page.html().contains("<p>Run <code>"))
      let parsed = try XMLText(Data(page.html().utf8))
      #expect(Set(parsed.ids).count == parsed.ids.count)
      #expect(
        parsed.references.allSatisfy { $0.hasPrefix("#") && parsed.ids.contains(String($0.dropFirst())) })
      #expect(!parsed.references.isEmpty)
      #expect(parsed.elements.isDisjoint(with: ["link", "img", "iframe"]))
      // The program's own script, and the data of the two figures.
      #expect(parsed.scripts.map(\.type) == ["application/json", "application/json", ""])
      #expect(parsed.scripts.last?.text.contains("figures.showAll();") == true)
      for (script, figure) in zip(parsed.scripts, drawn.map(\.figure)) {
        #expect(
          try Data(script.text.utf8) == Data(scriptJSON(figure.data).utf8) && !script.text.contains("<"))
      }
    }
  }

  /// Text from an experiment's file becomes part of a gnuplot script and of a page.
  @Test func noTitleRunsACommandOrAddsAnAttribute() throws {
    // A combining accent and the mark before it are one `Character` but separate bytes.
    let titles = [
      "x'; system('touch ran') #", "x'\u{301}; system('touch ran') #", "x\\'; system('touch ran') #",
      "x\\\u{301}'; system('touch ran') #", "`touch ran`", "\"`touch ran`\"", "x\nsystem('touch ran')",
      "x\r\nsystem('touch ran')", "x\u{2028}system('touch ran')", "@GPVAL_VERSION `touch ran`",
      "END\nsystem('touch ran')", "noise 5 % %n %s %",
    ]
    let figures = titles.enumerated().map { index, title in
      Figure(
        name: "../\(index)/\(title)", title: title, caption: title, legend: title,
        panels: [
          Panel(
            title, x: Axis(title, .linear), y: Axis(title, .linear, names: [title, "2", "3"]),
            layers: [
              .points([Point(1, 1, error: 0.1), Point(2, 3)], Style(title, .category(0))),
              .horizontal(1, title),
              .vertical(1, title), .text(title, x: 1, y: 2),
            ])
        ])
    }
    try draw(figures) { drawn, folder in
      let files = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(files.count == 4 * figures.count && !files.contains("ran"), "\(files)")
      #expect(drawn.allSatisfy { !$0.figure.name.contains("/") && !$0.figure.name.contains(".") })
    }
    let title = "x\"\u{301} onclick=\"alert(1)\u{0}<\u{301}script>"
    let page = try Page(
      title: title, lead: title, facts: [Page.Fact(title, title)], sections: [], footer: title
    ).html()
    #expect(!page.unicodeScalars.contains("\0"))
    #expect(!page.utf8.contains("x\"".utf8) && !page.utf8.contains("<\u{301}".utf8), "\(page)")
    _ = try XMLText(Data(page.utf8))
  }

  @Test func valuesThatAnAxisCannotShowAreLeftOutAndTold() throws {
    let bad = [Point(-1, 2), Point(.nan, 2), Point(10, .infinity), Point(10, 0)]
    let empty = figure("empty", layers: [.points(bad, Style("lost", .category(0)))])
    let mixed = figure("mixed", layers: layers + [.points(bad, Style("lost", .category(1)))])
    try draw([empty, mixed, figure("none", layers: [])]) { drawn, _ in
      let texts = try drawn.map { try XMLText(Data($0.inlineSVG.utf8)).text }
      #expect(texts.map { $0.contains("no value that these axes can show") } == [true, false, true])
      #expect(texts.map { $0.contains("lost (no values)") } == [true, true, false])
    }
  }

  @Test(arguments: [(1.3, 2.1, "1.4"), (1.0, 4.2, "2"), (2e4, 9e5, "50k"), (1e3, 1e9, "105")])
  func logarithmicAxesHaveLabelsHoweverShort(low: Double, high: Double, label: String) throws {
    let line = [Point(1, low), Point(2, high)]
    let panel = Panel(x: Axis("x"), y: Axis("y", .logarithmic), layers: [.line(line, Style(nil, .neutral))])
    try draw([Figure(name: "ticks", title: "", caption: "", panels: [panel])]) { drawn, _ in
      let words = try XMLText(Data(drawn[0].inlineSVG.utf8)).text.split(whereSeparator: \.isWhitespace)
      // A superscript is a separate text element: 10⁵ is extracted as 10 5.
      #expect(words.contains { $0 == label } || label == "105" && words.contains("10") && words.contains("5"))
    }
  }

  /// The relative luminance of sRGB (WCAG 2.2).
  private func luminance(_ hex: String) throws -> Double {
    let value = try #require(Int(hex.dropFirst(), radix: 16))
    let parts = [value >> 16, value >> 8 & 255, value & 255].map { part -> Double in
      let part = Double(part) / 255
      return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
  }

  @Test func everyColourIsSeenOnWhite() throws {
    let families = (1...12).flatMap { Ink.series($0) }
    for ink in (0..<14).map({ Ink.category($0) }) + families + [.neutral] {
      let contrast = try 1.05 / (luminance(ink.hex) + 0.05)
      #expect(contrast >= 3, "\(ink): \(contrast)")
    }
  }

  @Test("Series can be distinguished without colour", arguments: [true, false])
  func seriesDifferInShape(haveMarkers: Bool) throws {
    let line = [Point(1, 1), Point(2, 2)]
    let count = haveMarkers ? 12 : 6
    for inks in [Ink.series(count), (0..<count).map { .category($0) }] {
      let layers = inks.enumerated().flatMap { index, ink -> [Layer] in
        let style = Style("series \(index)", ink)
        return [.line(line, style)] + (haveMarkers ? [.points(line, style)] : [])
      }
      let panel = Panel(x: Axis("x"), y: Axis("y"), layers: layers)
      try draw([Figure(name: "series", title: "", caption: "", panels: [panel])]) { _, folder in
        let script = try FileAccess.readText("\(folder)/series.gp")
        let mark = haveMarkers ? /keyentry.* pt ([0-9]+)/ : /keyentry.* dt ([^ ]+)/
        #expect(Set(script.matches(of: mark).map(\.output.1)).count == count)
      }
    }
  }

  @Test func anAxisHasOneNotation() throws {
    func labels(_ axis: Axis, _ values: [Double]) throws -> String {
      let panel = Panel(
        x: axis, y: Axis("y"), layers: [.line(values.map { Point($0, 1) }, Style(nil, .neutral))])
      return try draw([Figure(name: "axis", title: "", caption: "", panels: [panel])]) { _, folder in
        let script = try FileAccess.readText("\(folder)/axis.gp")
        return try #require(script.split(separator: "\n").first { $0.contains("set xtics (") }).description
      }
    }
    let compute = try labels(Axis("C", .logarithmic), [2e9, 3e10])
    #expect(
      compute.contains("'10^{10}'") && compute.contains("'2×10^{9}'") && !compute.contains("G'"), "\(compute)"
    )
    let tokens = try labels(Axis("D", .logarithmic), [1e5, 2e7])
    #expect(tokens.contains("'200k'") && tokens.contains("'10M'"), "\(tokens)")
    let linear = try labels(Axis("D"), [2e5, 1.3e6])
    #expect(linear.contains("'1.2M'") && linear.contains("'800k'") && !linear.contains("1200k"), "\(linear)")
  }

  @Test func missingProgramIsToldWithItsRemedy() {
    let error = #expect(throws: InputError.self) { try Gnuplot(searchPath: "/nowhere:/nor/here") }
    #expect(error?.remedy?.contains("apt-get install gnuplot-nox") == true)
    #expect(error?.remedy?.contains("--no-figures") == true)
  }

  @Test(arguments: ["pipe", "link", "folder"])
  func whatIsNoFileIsRefusedInAFiguresPlace(_ kind: String) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder(folder)
    for ending in ["gp", "svg", "png"] {
      let path = "\(folder)/odd.\(ending)"
      switch kind {
      case "pipe": mkfifo(path, 0o600)
      case "link": symlink("/nowhere/at/all", path)
      default: mkdir(path, 0o700)
      }
      let error = #expect(throws: InputError.self) {
        try Renderer(Gnuplot().draw).render([figure("odd", layers: layers)], into: folder)
      }
      #expect(error?.message == "expected a regular file, found a \(kind)")
      try FileManager.default.removeItem(atPath: path)
    }
  }

  @Test func numbersAtTheEndsOfTheirRangeAreWritten() {
    let texts: [(Double, String)] = [
      (.greatestFiniteMagnitude, "1.80×10³⁰⁸"), (-5e-324, "−4.94×10⁻³²⁴"), (9.9996, "10.0"), (999.6, "1000"),
      (.infinity, "∞"), (.nan, "none"), (61_234, "61.2k"),
    ]
    for (value, text) in texts { #expect(value.text() == text) }
  }

  @Test(arguments: [Axis.Scale.linear, .logarithmic])
  func axesOfAnyRangeAreDrawn(_ scale: Axis.Scale) throws {
    let extremes: [[Double]] = [
      [1e-320, 1e308], [-1e308, 1e308], [1e6, 1e6.nextUp], [1e-250, 1e250], [0, 5e-324], [1e300, 1e301],
      [1, 1], [1e16, 1e16 + 4], [-1e-300, 1e-300],
    ]
    let figures = extremes.enumerated().map { index, values in
      Figure(
        name: "range-\(index)", title: "", caption: "",
        panels: [
          Panel(
            x: Axis("x", scale), y: Axis("y", scale),
            layers: [
              .line(values.map { Point($0, $0) }, Style("line", .neutral)), .horizontal(values[1], "top"),
            ])
        ])
    }
    try draw(figures) { drawn, _ in #expect(drawn.count == extremes.count) }
  }
}

/// Parses a document as XML; one that is not well-formed is an error.
private final class XMLText: NSObject, XMLParserDelegate {
  private(set) var text = ""
  private(set) var ids: [String] = []
  private(set) var references: [String] = []
  private(set) var elements: Set<String> = []
  private(set) var scripts: [(type: String, text: String)] = []
  private var isInScript = false

  init(_ data: Data) throws {
    super.init()
    let parser = XMLParser(data: data)
    parser.delegate = self
    guard parser.parse() else { throw parser.parserError ?? CocoaError(.fileReadCorruptFile) }
  }

  func parser(_ parser: XMLParser, foundCharacters string: String) {
    if isInScript { scripts[scripts.count - 1].text += string } else { text += string }
  }

  func parser(_ parser: XMLParser, foundCDATA block: Data) {
    self.parser(parser, foundCharacters: String(decoding: block, as: UTF8.self))
  }

  func parser(
    _ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?
  ) { isInScript = false }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String] = [:]
  ) {
    elements.insert(name)
    isInScript = name == "script"
    if isInScript { scripts.append((attributes["type"] ?? "", "")) }
    if let id = attributes["id"] { ids.append(id) }
    references += ["href", "xlink:href", "src"].compactMap { attributes[$0] }
  }
}
