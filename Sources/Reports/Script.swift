import Files
import Foundation

/// A figure as a gnuplot script that includes its data: `gnuplot NAME.gp` draws NAME.svg and NAME.png, and
/// NAME-narrow.svg for the screen of a phone.
///
/// The layout is computed here rather than left to gnuplot, so that the legend and the labels of baselines are beside
/// the data and never cover them.
struct Script {
  /// A layout; sizes are in pixels of the SVG.
  private struct Layout {
    let width: Double
    /// The largest number of panels in a row.
    let columns: Int
    let isNarrow: Bool

    static let wide = Layout(width: 820, columns: 3, isNarrow: false)
    static let narrow = Layout(width: 400, columns: 1, isNarrow: true)
  }

  private static let fontSize = 13.0
  private static let lineHeight = 22.5

  private let figure: Figure
  private let entries: [LegendEntry]
  private var data: [String] = []
  /// The names of the data blocks by their rows: both layouts share them.
  private var blocks: [String: String] = [:]

  /// The text of the script.
  static func text(of figure: Figure) -> String {
    var script = Script(figure: figure)
    return script.text()
  }

  private init(figure: Figure) {
    self.figure = figure
    entries = LegendEntry.entries(of: figure)
  }

  private mutating func text() -> String {
    let name = figure.name
    let (wide, narrow) = (drawing(in: .wide), drawing(in: .narrow))
    let font = "enhanced font 'Arial,\(Int(clamping: Script.fontSize))' background rgb 'white' rounded"
    func size(_ drawing: Drawing, _ scale: Int) -> String {
      "size \(scale * Int(clamping: drawing.width)),\(scale * Int(clamping: drawing.height))"
    }
    return """
      # Isoflop figure. Change what you like and draw it again with: gnuplot \(name).gp
      set encoding utf8
      set minussign
      \(data.joined(separator: "\n"))
      set border 3 lc rgb '#444444'
      set tics out nomirror scale 0.8, 0.4 textcolor rgb '#222222'
      set grid xtics ytics lt 1 lc rgb '#e4e4e4' lw 0.8
      do for [format in 'svg png'] {
        if (format eq 'svg') { set terminal svg \(size(wide, 1)) dynamic \(font)
        } else { set terminal pngcairo \(size(wide, 2)) fontscale 2 linewidth 2 pointscale 2 \(font) }
        set output '\(name).'.format
        \(wide.commands.joined(separator: "\n  "))
        set output
      }
      set terminal svg \(size(narrow, 1)) dynamic \(font)
      set output '\(name)-narrow.svg'
      \(narrow.commands.joined(separator: "\n"))
      set output

      """
  }

  /// The commands that draw all panels, and the size of the image.
  private struct Drawing {
    let width: Double
    let height: Double
    let commands: [String]
  }

  private mutating func drawing(in layout: Layout) -> Drawing {
    // Labels beside three panels would leave too little room.
    let hasLabels = figure.panels.contains { panel in
      panel.layers.contains { if case .horizontal(_, let label, _) = $0 { label.count > 4 } else { false } }
    }
    let most = figure.panels.count == 4 || hasLabels ? 2 : layout.columns
    let columns = min(figure.panels.count, most, layout.columns)
    let rows = (figure.panels.count + columns - 1) / columns
    let texts = [figure.legend ?? ""] + entries.map(\.label)
    let labels = entries.map {
      layout.isNarrow ? Script.wrapped($0.label, to: layout.width - 70) : [$0.label]
    }
    let legend = (
      width: 80 + (texts.map { Script.width(of: $0) }.max() ?? 0),
      height: Script.lineHeight
        * Double(labels.reduce(0) { $0 + $1.count } + (figure.legend == nil ? 0 : 1))
    )
    // Long labels beside the panels would leave too little room: they go below.
    let isBelow = legend.width > 210 || layout.isNarrow
    let columnWidth = entries.isEmpty ? 10 : isBelow ? 10 : legend.width
    let cell = (
      width: (layout.width - columnWidth) / Double(columns),
      height: layout.isNarrow ? 290 : [400.0, 310, 270][columns - 1]
    )
    let title = Script.wrapped(figure.title, to: layout.width - 24, size: 17)
    let (top, panelsHeight) = (20 + 20 * Double(title.count), Double(rows) * cell.height)
    let height =
      isBelow ? top + panelsHeight + legend.height + 24 : top + max(panelsHeight, legend.height + 30)

    var body = ["set multiplot", "unset label"]
    for (index, line) in title.enumerated() {
      let place = "screen \(12 / layout.width), screen \(1 - (20 + 20 * Double(index)) / height)"
      body.append("set label \(index + 1) \(Script.quoted(line)) at \(place) left font 'Arial Bold,15'")
    }
    for (index, panel) in figure.panels.enumerated() {
      let corner = (x: Double(index % columns) * cell.width, y: top + Double(index / columns) * cell.height)
      let frame = Frame(panel, x: corner.x, y: corner.y, width: cell.width, height: cell.height)
      if index > 0 { body.append("unset label") }
      body += settings(of: panel, in: frame, width: layout.width, height: height)
      var plots = panel.layers.flatMap { plot($0, on: panel) }
      // gnuplot draws axes only along with something; a legend entry without title shows nothing.
      plots.append("NaN notitle")
      if index == figure.panels.count - 1, !entries.isEmpty {
        let x = isBelow ? (layout.isNarrow ? 12 : 40) : layout.width - legend.width + 8
        let y = isBelow ? top + panelsHeight + 4 : top + 14
        body.append(
          "set key at screen \(x / layout.width), screen \(1 - y / height) left top Left reverse samplen 1.8 spacing 1.15"
        )
        if let title = figure.legend { body.append("set key title \(Script.quoted(title)) left") }
        plots += zip(entries, labels).flatMap { $0.plots(label: $1, dash: entries.dash(of:)) }
      }
      body.append("plot \(plots.joined(separator: ", \\\n    "))")
    }
    return Drawing(width: layout.width, height: height, commands: body + ["unset multiplot"])
  }

  /// A text in at most three lines. Each is at most `width` pixels wide if its words allow.
  static func wrapped(_ text: String, to width: Double, size: Double = fontSize) -> [String] {
    var lines: [String] = []
    for word in text.split(separator: " ") {
      if let last = lines.last, lines.count == 3 || Script.width(of: "\(last) \(word)", size: size) <= width {
        lines[lines.count - 1] = "\(last) \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines.isEmpty ? [""] : lines
  }

  // MARK: Settings

  private func settings(of panel: Panel, in frame: Frame, width: Double, height: Double) -> [String] {
    func marks(_ ticks: [Tick]) -> String {
      ticks
        .map { tick in
          // The label of a mark is a format of its value.
          tick.label.map { "'\($0.replacing("%", with: "%%"))' \(tick.value)" } ?? "'' \(tick.value) 1"
        }
        .joined(separator: ", ")
    }
    var lines = [
      "unset key; unset logscale",
      "set lmargin at screen \(frame.left / width); set rmargin at screen \(frame.right / width)",
      "set tmargin at screen \(1 - frame.top / height); set bmargin at screen \(1 - frame.bottom / height)",
      "set xrange [\(frame.x.lowerBound):\(frame.x.upperBound)] noextend",
      "set yrange [\(frame.y.lowerBound):\(frame.y.upperBound)] noextend",
      "set xlabel \(Script.quoted(panel.x.label)) offset 0,0.3; set ylabel \(Script.quoted(panel.y.label))",
      "set xtics (\(marks(panel.x.ticks(in: frame.x, length: frame.right - frame.left))))",
      "set ytics (\(marks(panel.y.ticks(in: frame.y))))",
    ]
    if panel.x.scale == .logarithmic { lines.append("set logscale x") }
    if panel.y.scale == .logarithmic { lines.append("set logscale y") }
    for (index, line) in frame.title.enumerated() {
      let place = "graph 0, screen \(1 - (frame.cellTop + 12 + 18 * Double(index)) / height)"
      lines.append("set label \(Script.quoted(line)) at \(place) left font 'Arial,13'")
    }
    for label in frame.baselines {
      lines.append(
        "set label \(Script.quoted(label.text)) at graph 1, graph \(label.height) left offset 0.6,0"
          + " font 'Arial,11' textcolor rgb '\(label.ink.hex)'")
    }
    for case .vertical(let x, let text, let style) in panel.layers where frame.x.contains(x) {
      lines.append(
        "set label \(Script.quoted(text)) at first \(x), graph 1 center offset 0,0.6"
          + " font 'Arial,11' textcolor rgb '\(style.ink.hex)'")
    }
    for case .text(let text, let x, let y) in panel.layers where panel.x.shows(x) && panel.y.shows(y) {
      lines.append(
        "set label \(Script.quoted(text)) at first \(x), first \(y) center offset 0,0.8 front font 'Arial,11'"
      )
    }
    if frame.isEmpty {
      lines.append(
        "set label 'no value that these axes can show' at graph 0.5, graph 0.5 center font 'Arial,11'")
    }
    return lines
  }

  // MARK: Layers

  /// The plot elements of a layer; its numbers go into a data block of the script.
  private mutating func plot(_ layer: Layer, on panel: Panel) -> [String] {
    switch layer {
    case .points(_, let style):
      let shown = panel.shown(layer)
      guard !shown.isEmpty else { return [] }
      // Error bars as lines: gnuplot's own leave a white gap around the point that hides short ones.
      // One that reaches zero or below runs to the edge of a logarithmic axis.
      let bars = shown.filter { $0.low < $0.high && $0.low.isFinite && $0.high.isFinite }.flatMap { point in
        let low = panel.y.shows(point.low) ? point.low : Double.leastNormalMagnitude
        return ["\(point.x) \(low)", "\(point.x) \(point.high)", ""]
      }
      return (bars.isEmpty ? [] : ["\(addBlock(bars)) using 1:2 with lines lw 1.2 \(style.colour) notitle"])
        + [
          "\(addBlock(shown.map { "\($0.x) \($0.y)" })) using 1:2 with points \(style.pointStyle) notitle"
        ]
    case .line(let points, let style):
      guard !panel.shown(layer).isEmpty else { return [] }
      let block = addBlock(points.map { panel.shows($0) ? "\($0.x) \($0.y)" : "" })
      return ["\(block) using 1:2 with lines \(style.lineStyle(entries.dash(of: style))) notitle"]
    case .band(let points, let style):
      guard !panel.shown(layer).isEmpty else { return [] }
      let rows = points.map { panel.showsInterval($0) ? "\($0.x) \($0.low) \($0.high)" : "" }
      return ["\(addBlock(rows)) using 1:2:3 with filledcurves \(style.fillStyle) notitle"]
    case .cells(let cells, let style):
      let shown = cells.filter { $0.corners.allSatisfy(panel.shows) }
      guard !shown.isEmpty else { return [] }
      let rows = shown.map { cell in
        let (x, y) = (cell.x, cell.y)
        return
          "\(x.lowerBound) \(y.lowerBound) \(x.lowerBound) \(x.upperBound) \(y.lowerBound) \(y.upperBound)"
      }
      return ["\(addBlock(rows)) using 1:2:3:4:5:6 with boxxyerror \(style.cellStyle) notitle"]
    case .horizontal(let y, _, let style):
      guard panel.y.shows(y) else { return [] }
      let (low, high) = (panel.range(of: panel.x, .x).lowerBound, panel.range(of: panel.x, .x).upperBound)
      return [
        "\(addBlock(["\(low) \(y)", "\(high) \(y)"])) using 1:2 with lines \(style.lineStyle(entries.dash(of: style))) notitle"
      ]
    case .vertical(let x, _, let style):
      guard panel.x.shows(x) else { return [] }
      let (low, high) = (panel.range(of: panel.y, .y).lowerBound, panel.range(of: panel.y, .y).upperBound)
      return [
        "\(addBlock(["\(x) \(low)", "\(x) \(high)"])) using 1:2 with lines \(style.lineStyle(entries.dash(of: style))) notitle"
      ]
    case .text: return []
    }
  }

  private mutating func addBlock(_ rows: [String]) -> String {
    let text = rows.joined(separator: "\n")
    if let name = blocks[text] { return name }
    let name = "$data\(data.count + 1)"
    data.append("\(name) << END\n\(text)\nEND")
    blocks[text] = name
    return name
  }

  // MARK: Text

  /// Returns `text` as a gnuplot string that shows exactly its characters. None may act as markup or end the string,
  /// which would let a title run commands.
  static func quoted(_ text: String) -> String { "'\(escaped(text))'" }

  /// The same without the quotes. It works code point by code point, as gnuplot does: to Swift, an apostrophe with a
  /// combining accent is another character, but it ends a string.
  static func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\", "_", "^", "{", "}", "@", "&", "~": result += "\\\(scalar)"
      case "'": result += "''"
      case _ where scalar.properties.generalCategory == .control: result += " "
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// The approximate width of a text in pixels, rather too large, since fonts differ between machines.
  static func width(of text: String, size: Double = fontSize) -> Double { Double(text.count) * size * 0.56 }
}

extension Style {
  fileprivate var colour: String { "lc rgb '\(ink.hex)'" }

  fileprivate func lineStyle(_ dash: Dash) -> String {
    let type =
      switch dash {
      case .solid: "1"
      case .dashed: "'-'"
      case .dotted: "'.'"
      case .dashDotted: "'-.'"
      case .longDashed: "'_'"
      case .dashDoubleDotted: "'-..'"
      }
    return "\(colour) lw \(ink == .neutral ? 1.2 : 2.0) dt \(type)"
  }

  fileprivate var fillStyle: String { "fc rgb '\(ink.hex)' fs transparent solid 0.2 noborder" }

  fileprivate var cellStyle: String { "fc rgb '\(ink.hex)' fs solid 1 noborder" }

  /// Gnuplot's markers: circle, square, two triangles, diamond and pentagon, filled and then open.
  private static let shapes = [7, 5, 9, 11, 13, 15, 6, 4, 8, 10, 12, 14]

  /// The shape of markers, which differs between series as the colour does.
  fileprivate var shape: String {
    let (number, half) = (abs(ink.number ?? 0), Self.shapes.count / 2)
    let type =
      switch marker {
      case .diamond: 13
      case .small: 7
      case .filled: Self.shapes[number % Self.shapes.count]
      case .open: Self.shapes[half + number % half]
      }
    return "pt \(type) ps \(marker == .small ? 0.4 : marker == .diamond ? 1.3 : 0.9)"
  }

  fileprivate var pointStyle: String { "\(shape) lw 1.4 \(colour)" }
}

extension LegendEntry {
  /// - Parameter lines: The lines of the label.
  fileprivate func plots(label lines: [String], dash: (Style) -> Style.Dash) -> [String] {
    let rest = lines.dropFirst().map { "keyentry with points ps 0 lc rgb 'white' title \(Script.quoted($0))" }
    return [plot(title: "title \(Script.quoted(lines[0]))", dash: dash)] + rest
  }

  private func plot(title: String, dash: (Style) -> Style.Dash) -> String {
    switch (point, line) {
    case (let point?, let line?):
      return "keyentry with linespoints \(line.lineStyle(dash(line))) \(point.shape) \(title)"
    case (let point?, nil): return "keyentry with points \(point.pointStyle) \(title)"
    case (nil, let line?): return "keyentry with lines \(line.lineStyle(dash(line))) \(title)"
    case (nil, nil):
      if case .cells(_, let style) = layers[0] { return "keyentry with boxes \(style.cellStyle) \(title)" }
      return "keyentry with filledcurves \(layers[0].style?.fillStyle ?? "") \(title)"
    }
  }
}
