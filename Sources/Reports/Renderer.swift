import Files
import Foundation

/// Draws figures with gnuplot, which runs as a process of its own.
public struct Renderer: Sendable {
  private let gnuplot: URL

  /// Finds gnuplot in the folders of `searchPath`, which are separated by colons.
  ///
  /// - Throws: `InputError` if gnuplot is not installed.
  public init(searchPath: String = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin") throws {
    let places = searchPath.split(separator: ":").map { "\($0)/gnuplot" }
    guard let place = places.first(where: FileManager.default.isExecutableFile) else {
      throw InputError(
        "figures are drawn with gnuplot, which is not installed",
        remedy: "Install it: `apt-get install gnuplot-nox`, or go without figures: `--no-figures`")
    }
    gnuplot = URL(fileURLWithPath: place)
  }

  /// Writes NAME.gp of every figure into `folder`, which is made if missing: what `gnuplot NAME.gp` draws later.
  ///
  /// - Throws: `InputError` if a script or its image cannot be written.
  static func writeScripts(of figures: [Figure], into folder: String) throws {
    precondition(Set(figures.map(\.name)).count == figures.count, "two figures have one name")
    try FileAccess.makeFolder(folder)
    for figure in figures {
      let base = "\(folder)/\(figure.name)"
      // gnuplot would wait for a reader of a pipe, and write through a link to wherever it points.
      for ending in [".gp", ".svg", "-narrow.svg", ".png"] {
        try FileAccess.requireRegular("\(base)\(ending)")
      }
      try FileAccess.write(Data(Script.text(of: figure).utf8), to: "\(base).gp")
    }
  }

  /// Writes NAME.gp, NAME.svg, NAME-narrow.svg and NAME.png of every figure into `folder`, which is made if missing.
  ///
  /// - Returns: The figures in the same order, with their SVG to put into a page.
  /// - Throws: `InputError` with gnuplot's own words if it fails, or if a file cannot be written.
  public func render(_ figures: [Figure], into folder: String) throws -> [RenderedFigure] {
    try Self.writeScripts(of: figures, into: folder)
    // All processes start before the first is awaited: the system spreads them over the cores.
    let runs = try figures.map { try (figure: $0, process: start($0, in: folder)) }
    let results = runs.map { run in Result { try finish(run.figure, run.process, in: folder) } }
    return try results.map { try $0.get() }
  }

  private func start(_ figure: Figure, in folder: String) throws -> Process {
    let process = Process()
    process.executableURL = gnuplot
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    // Without the user's own start-up file, so that a figure looks the same everywhere.
    process.arguments = ["-d", "./\(figure.name).gp"]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = Pipe()
    do { try process.run() } catch {
      throw InputError("gnuplot cannot be started: \(error.localizedDescription)", file: gnuplot.path)
    }
    return process
  }

  private func finish(_ figure: Figure, _ process: Process, in folder: String) throws -> RenderedFigure {
    let messages = (try? (process.standardError as? Pipe)?.fileHandleForReading.readToEnd()) ?? Data()
    process.waitUntilExit()
    let base = "\(folder)/\(figure.name)"
    func failure(_ what: String) -> InputError {
      let words = String(decoding: messages, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
      return InputError(
        words.isEmpty ? what : "\(what): \(words)", file: "\(base).gp",
        remedy: "See whether the disk has room; `gnuplot \(figure.name).gp` in that folder tries again")
    }
    guard process.terminationReason == .exit, process.terminationStatus == 0 else {
      throw failure("gnuplot ended with status \(process.terminationStatus)")
    }
    // gnuplot does not say when a disk is full: look at the ends of the files.
    let svg = try FileAccess.readText("\(base).svg")
    let narrow = try FileAccess.readText("\(base)-narrow.svg")
    guard svg.contains("</svg>"), narrow.contains("</svg>"),
      try FileAccess.read("\(base).png").suffix(8) == Renderer.endOfPNG
    else { throw failure("gnuplot left an unfinished image") }
    return RenderedFigure(figure: figure, svg: svg, narrow: narrow)
  }

  /// The type and checksum of the chunk that ends a PNG, `IEND`.
  private static let endOfPNG = Data([0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82])
}

/// A figure that has been drawn.
public struct RenderedFigure: Sendable {
  public let figure: Figure
  /// What gnuplot has drawn.
  let svg: String
  /// The same with its panels one below the other, for narrow screens.
  let narrow: String

  /// An `<svg>` element for a page: no XML header, and ids that no other figure has. Readers that see no image are told
  /// what it is.
  public var inlineSVG: String {
    Reports.inlineSVG(svg, prefix: figure.name, attributes: label + " class=\"wide\"")
  }

  /// The element for a narrow screen, of which the page shows one or the other.
  public var inlineNarrowSVG: String {
    Reports.inlineSVG(narrow, prefix: "\(figure.name)-narrow", attributes: label + " class=\"narrow\"")
  }

  private var label: String { "role=\"img\" aria-labelledby=\"\(figure.name)-caption\"" }

  /// An `<svg>` element that stands in for the figure where its link is named, with a prefix to its ids.
  func picture(prefix: String) -> String {
    Reports.inlineSVG(svg, prefix: prefix, attributes: "aria-hidden=\"true\"")
  }
}

/// gnuplot's SVG as an element that shares a page with others: its ids, and the references to them,
/// get a prefix, and its first tag gets `attributes`.
private func inlineSVG(_ svg: String, prefix: String, attributes: String) -> String {
  var result = ""
  // A piece is a tag up to `>`, then text, which stays as it is.
  for piece in svg[(svg.firstRange(of: "<svg")?.lowerBound ?? svg.startIndex)...].split(separator: "<") {
    // Titles would show gnuplot's own names for things under the pointer.
    if piece.hasPrefix("title>") || piece.hasPrefix("/title>") { continue }
    let end = piece.firstIndex(of: ">") ?? piece.endIndex
    var tag = String(piece[..<end])
    for quote in ["'", "\""] {
      tag = tag.replacing(" id=\(quote)", with: " id=\(quote)\(prefix)-")
      tag = tag.replacing("href=\(quote)#", with: "href=\(quote)#\(prefix)-")
    }
    tag = tag.replacing("url(#", with: "url(#\(prefix)-")
    if tag.hasPrefix("svg") { tag += " \(attributes)" }
    result += "<" + tag + piece[end...]
  }
  return result
}
