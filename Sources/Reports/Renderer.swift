import Files
import Foundation

/// Writes figures as gnuplot scripts and draws them.
public struct Renderer: Sendable {
  private let draw: @Sendable (_ scripts: [String], _ folder: String) throws -> [String?]

  /// - Parameter draw: Runs the scripts with these names in a folder. Returns an error message for each, or nil.
  public init(_ draw: @escaping @Sendable (_ scripts: [String], _ folder: String) throws -> [String?]) {
    self.draw = draw
  }

  /// Writes NAME.gp of every figure into `folder`, which is created if missing. `gnuplot NAME.gp` draws it later.
  ///
  /// - Throws: `InputError` if a script or its image cannot be written.
  static func writeScripts(of figures: [Figure], into folder: String) throws {
    precondition(Set(figures.map(\.name)).count == figures.count, "two figures have one name")
    try FileAccess.makeFolder(folder)
    for figure in figures {
      let base = "\(folder)/\(figure.name)"
      // gnuplot would wait for a reader of a pipe, and follow a link to wherever it points.
      for ending in [".gp", ".svg", "-narrow.svg", ".png"] {
        try FileAccess.requireRegular("\(base)\(ending)")
      }
      try FileAccess.write(Data(Script.text(of: figure).utf8), to: "\(base).gp")
    }
  }

  /// Writes NAME.gp, NAME.svg, NAME-narrow.svg and NAME.png of every figure into `folder`, which is created if missing.
  ///
  /// - Returns: The figures in the same order, with their SVG to put into a page.
  /// - Throws: `InputError` with gnuplot's message if it fails, or if a file cannot be written.
  public func render(_ figures: [Figure], into folder: String) throws -> [RenderedFigure] {
    try Self.writeScripts(of: figures, into: folder)
    let failures = try draw(figures.map { "\($0.name).gp" }, folder)
    return try zip(figures, failures).map { try finish($0, failure: $1, in: folder) }
  }

  private func finish(_ figure: Figure, failure: String?, in folder: String) throws -> RenderedFigure {
    let base = "\(folder)/\(figure.name)"
    func error(_ message: String) -> InputError {
      InputError(
        message, file: "\(base).gp",
        remedy: "See whether the disk has room; `gnuplot \(figure.name).gp` in that folder tries again")
    }
    if let failure { throw error(failure) }
    // gnuplot does not report a full disk, so the ends of the files are checked.
    let svg = try FileAccess.readText("\(base).svg")
    let narrow = try FileAccess.readText("\(base)-narrow.svg")
    guard svg.contains("</svg>"), narrow.contains("</svg>"),
      try FileAccess.read("\(base).png").suffix(8) == Renderer.endOfPNG
    else { throw error("gnuplot left an unfinished image") }
    return RenderedFigure(figure: figure, svg: svg, narrow: narrow)
  }

  /// The type and checksum of the chunk that ends a PNG, `IEND`.
  private static let endOfPNG = Data([0x49, 0x45, 0x4E, 0x44, 0xAE, 0x42, 0x60, 0x82])
}

/// A figure that has been drawn.
public struct RenderedFigure: Sendable {
  public let figure: Figure
  /// The SVG that gnuplot has drawn.
  let svg: String
  /// The same with its panels one below the other, for narrow screens.
  let narrow: String

  /// An `<svg>` element for a page: without an XML header, with unique ids, and labelled by its caption for screen
  /// readers.
  public var inlineSVG: String {
    Reports.inlineSVG(svg, prefix: figure.name, attributes: label + " class=\"wide\"")
  }

  /// The element for a narrow screen. The page shows one of the two.
  public var inlineNarrowSVG: String {
    Reports.inlineSVG(narrow, prefix: "\(figure.name)-narrow", attributes: label + " class=\"narrow\"")
  }

  private var label: String { "role=\"img\" aria-labelledby=\"\(figure.name)-caption\"" }

  /// An `<svg>` element that illustrates a link to the figure, with a prefix for its ids.
  func picture(prefix: String) -> String {
    Reports.inlineSVG(svg, prefix: prefix, attributes: "aria-hidden=\"true\"")
  }
}

/// Returns gnuplot's SVG as an element for a page with several figures: its ids, and the references to them,
/// get a prefix, and its first tag gets `attributes`.
private func inlineSVG(_ svg: String, prefix: String, attributes: String) -> String {
  var result = ""
  // A piece is a tag up to `>`, then text, which is not changed.
  for piece in svg[(svg.firstRange(of: "<svg")?.lowerBound ?? svg.startIndex)...].split(separator: "<") {
    // As tooltips, titles would show gnuplot's internal names.
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
