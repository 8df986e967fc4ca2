import Files

/// A figure as data, independent of how it is drawn. `Renderer` turns it into SVG and PNG.
///
///     Figure(
///       name: "loss-parameters", title: "Loss falls as a power of size", caption: "…",
///       panels: [
///         Panel(
///           x: Axis("Parameters N", .logarithmic), y: Axis("Loss (nats per token)", .logarithmic),
///           layers: [
///             .points(runs.map { Point($0.n, $0.loss, error: $0.error) }, Style("runs", .category(0))),
///             .line(curve, Style("fit", .category(1))),
///             .horizontal(entropy, "true entropy"),
///           ])
///       ])
public struct Figure: Sendable {
  /// The files' name without an extension, and the prefix of the SVG's ids: ASCII letters, digits, `-`, `_`. Other
  /// characters become `-`.
  public private(set) var name: String
  /// One line above the panels.
  public var title: String
  /// A description of the figure. It is below the figure in a page, not in the image.
  public var caption: String
  /// A line above the legend, such as the quantity that colours represent.
  public var legend: String?
  /// Drawn side by side, at most three in a row.
  public var panels: [Panel]

  public init(name: String, title: String, caption: String, legend: String? = nil, panels: [Panel]) {
    precondition(!panels.isEmpty, "figure `\(name)` has no panel")
    self.name = String(name.unicodeScalars.map { Figure.isNameScalar($0) ? Character($0) : "-" })
    self.title = title
    self.caption = caption
    self.legend = legend
    self.panels = panels
  }

  /// The same figure with a name that is not among `taken`: names may differ only in characters that become `-`.
  func named(apartFrom taken: Set<String>) -> Figure {
    guard taken.contains(name) else { return self }
    var figure = self
    figure.name = (2...).lazy.map { "\(name)-\($0)" }.first { !taken.contains($0) } ?? name
    return figure
  }

  private static func isNameScalar(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9", "-", "_": true
    default: false
    }
  }
}

/// One pair of axes and the layers drawn on it, the first at the bottom.
public struct Panel: Sendable {
  public var title: String?
  public var x: Axis
  public var y: Axis
  public var layers: [Layer]

  public init(_ title: String? = nil, x: Axis, y: Axis, layers: [Layer]) {
    self.title = title
    self.x = x
    self.y = y
    self.layers = layers
  }
}

/// An axis: its label with the unit, its scale, and its range if the data should not determine it.
public struct Axis: Sendable {
  public enum Scale: Sendable { case linear, logarithmic }

  public var label: String
  public var scale: Scale
  /// The part of the axis that is shown; `nil` for all finite data with a margin.
  public var range: ClosedRange<Double>?
  /// The labels at 1, 2, … in place of numbers; empty for numbers.
  public var names: [String]

  public init(
    _ label: String, _ scale: Scale = .linear, range: ClosedRange<Double>? = nil, names: [String] = []
  ) {
    self.label = label
    self.scale = scale
    self.range = range
    self.names = names
  }
}

/// Something drawn on a panel. Points that the axes cannot show (not finite, or not positive on a logarithmic axis) are
/// left out; lines and bands have a gap there.
public enum Layer: Sendable {
  /// Markers, with error bars where the points have them.
  case points([Point], Style)
  /// A line through the points in their order.
  case line([Point], Style)
  /// A shaded area between the ends of each point's interval, such as a 95 % interval of a fit.
  case band([Point], Style)
  /// Filled rectangles, such as the cells of a heat map that have one level.
  case cells([Cell], Style)
  /// A line across the panel, such as a floor or a baseline; its label is to the right of the panel.
  case horizontal(Double, String, Style = Style(nil, .neutral, dash: .dashed))
  /// A vertical line; its label is above the panel.
  case vertical(Double, String, Style = Style(nil, .neutral, dash: .dashed))
  /// A note centred above a place.
  case text(String, x: Double, y: Double)
}

/// A point on a panel, optionally with an interval of its y.
public struct Point: Sendable {
  public var x: Double
  public var y: Double
  /// The ends of the error bar or band, in units of y.
  public var low: Double
  public var high: Double

  /// A point with a symmetric error bar of `y ± error`.
  public init(_ x: Double, _ y: Double, error: Double = 0) {
    self.init(x, y, low: y - error, high: y + error)
  }

  /// A point with the interval from `low` to `high`.
  public init(_ x: Double, _ y: Double, low: Double, high: Double) {
    self.x = x
    self.y = y
    self.low = low
    self.high = high
  }
}

/// A rectangle on a panel.
public struct Cell: Sendable {
  public var x: ClosedRange<Double>
  public var y: ClosedRange<Double>

  public init(x: ClosedRange<Double>, y: ClosedRange<Double>) {
    self.x = x
    self.y = y
  }

  /// Its lower left and its upper right corner.
  var corners: [Point] { [Point(x.lowerBound, y.lowerBound), Point(x.upperBound, y.upperBound)] }
}

/// The appearance of a layer, and its label in the legend. Layers with the same label have one entry.
public struct Style: Sendable {
  public enum Dash: Sendable, CaseIterable {
    case solid, dashed, dotted, dashDotted, longDashed, dashDoubleDotted
  }
  public enum Marker: Sendable { case filled, open, diamond, small }

  public var label: String?
  public var ink: Ink
  /// Nil for the default: solid if the line has markers or is the only one without, else by the ink's number.
  public var dash: Dash?
  public var marker: Marker

  public init(_ label: String? = nil, _ ink: Ink, dash: Dash? = nil, marker: Marker = .filled) {
    self.label = label
    self.ink = ink
    self.dash = dash
    self.marker = marker
  }
}

/// A colour by its role, dark enough to be seen on white: a contrast of at least 3 : 1 (WCAG 2.2, 1.4.11).
///
/// Colour is never the only distinction: an ink's number also decides the shape of markers and the dash of lines
/// without markers.
public enum Ink: Sendable, Equatable {
  /// One of a few unordered kinds: Okabe and Ito (2008), with darker colours in place of those that are too light.
  case category(Int)
  /// A member of an ordered series, such as widths: the darker part of the colour map plasma.
  case ordered(Int, of: Int)
  /// Dark grey, for anything that is not data.
  case neutral

  /// The inks for `count` members of an ordered series, from dark to light.
  public static func series(_ count: Int) -> [Ink] { (0..<count).map { .ordered($0, of: count) } }

  /// The number of the member or kind; nil for neutral.
  var number: Int? {
    switch self {
    case .category(let number), .ordered(let number, _): number
    case .neutral: nil
    }
  }

  /// The colour as `#rrggbb`.
  package var hex: String {
    switch self {
    case .category(let index):
      let kinds = ["0072b2", "d55e00", "008a64", "bb5b92", "a87000", "6a51a3", "000000"]
      return "#" + kinds[((index % 7) + 7) % 7]
    case .ordered(let member, let count):
      // Plasma at 0, 0.125, … 0.625; in between the colour is interpolated.
      let plasma = [
        (13, 8, 135), (75, 3, 161), (126, 3, 168), (168, 34, 150), (204, 71, 120), (229, 107, 93),
      ]
      let position = count > 1 ? Double(member) / Double(count - 1) : 0.5
      let place = min(max(position, 0), 1) * Double(plasma.count - 1)
      let lower = min(Int(clamping: place), plasma.count - 2)
      let (a, b, t) = (plasma[lower], plasma[lower + 1], place - Double(lower))
      let mixed = [(a.0, b.0), (a.1, b.1), (a.2, b.2)].map { Int(clamping: Double($0) + t * Double($1 - $0)) }
      return "#" + mixed.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    case .neutral: return "#444444"
    }
  }
}
