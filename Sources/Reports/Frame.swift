import Foundation

/// The position of a panel's plot in the image, in pixels from the top left, and the ranges of its axes.
struct Frame {
  let x: ClosedRange<Double>
  let y: ClosedRange<Double>
  let left: Double
  let right: Double
  let top: Double
  let bottom: Double
  /// The upper edge of the panel, with its title.
  let cellTop: Double
  /// The title in lines that fit over the plot.
  let title: [String]
  /// Labels of the horizontal lines, with their heights as fractions of the plot's height.
  let baselines: [(text: String, height: Double, ink: Ink)]
  /// Whether no layer has a value that the axes can show.
  let isEmpty: Bool

  init(_ panel: Panel, x cellLeft: Double, y cellTop: Double, width: Double, height: Double) {
    x = panel.range(of: panel.x, .x)
    let yRange = panel.range(of: panel.y, .y)
    y = yRange
    isEmpty = panel.layers.allSatisfy { panel.shown($0).isEmpty }
    self.cellTop = cellTop

    let marks = panel.y.ticks(in: yRange).compactMap(\.label).map { label in
      Script.width(of: label.replacing(/[{}^]/, with: ""))
    }
    left = cellLeft + 56 + (marks.max() ?? 0)
    let hasVertical = panel.layers.contains { if case .vertical = $0 { true } else { false } }
    title = panel.title.map { Script.wrapped($0, to: width - 76) } ?? []
    top = cellTop + (title.isEmpty ? 6 : 8 + 18 * Double(title.count)) + (hasVertical ? 16 : 0)
    bottom = cellTop + height - 66

    let pixels = bottom - top
    let lines = panel.layers.compactMap { layer -> (text: String, height: Double, ink: Ink)? in
      guard case .horizontal(let value, let text, let style) = layer, panel.y.shows(value) else {
        return nil
      }
      // A line beyond the range is named at the edge rather than left out.
      if value > yRange.upperBound { return ("\(text) ↑", 1, style.ink) }
      if value < yRange.lowerBound { return ("\(text) ↓", 0, style.ink) }
      return (text, panel.y.fraction(of: value, in: yRange), style.ink)
    }
    let spread = Frame.spread(lines, gap: 13 / pixels)
    baselines = spread
    let labels = spread.map { Script.width(of: $0.text, size: 11) + 8 }
    right = cellLeft + width - max(labels.max() ?? 0, 14)
  }

  /// Moves labels apart until neighbours are `gap` from each other, from the lowest upwards and, where
  /// that runs over the top, back down.
  private static func spread(
    _ labels: [(text: String, height: Double, ink: Ink)], gap: Double
  ) -> [(text: String, height: Double, ink: Ink)] {
    var labels = labels.sorted { $0.height < $1.height }
    for index in labels.indices.dropFirst() {
      labels[index].height = max(labels[index].height, labels[index - 1].height + gap)
    }
    var ceiling = 1.0
    for index in labels.indices.reversed() {
      labels[index].height = min(labels[index].height, ceiling)
      ceiling = labels[index].height - gap
    }
    return labels
  }
}

extension Axis {
  /// Ratios and differences of larger values would leave the range of a Double.
  private static let largest = 1e250

  /// Whether the axis can show `value`.
  func shows(_ value: Double) -> Bool {
    abs(value) <= Self.largest && (scale == .linear || value >= 1 / Self.largest)
  }

  /// The place of `value` as a fraction of the axis' length.
  func fraction(of value: Double, in range: ClosedRange<Double>) -> Double {
    scale == .linear
      ? (value - range.lowerBound) / (range.upperBound - range.lowerBound)
      : (log(value) - log(range.lowerBound)) / (log(range.upperBound) - log(range.lowerBound))
  }
}

extension Panel {
  enum Direction { case x, y }

  /// Whether both axes can show `point`.
  func shows(_ point: Point) -> Bool { x.shows(point.x) && y.shows(point.y) }

  /// Whether both axes can show the whole interval of `point`.
  func showsInterval(_ point: Point) -> Bool {
    x.shows(point.x) && y.shows(point.low) && y.shows(point.high)
  }

  /// The data of `layer` that can be drawn.
  func shown(_ layer: Layer) -> [Point] {
    switch layer {
    case .points(let points, _), .line(let points, _): points.filter(shows)
    case .band(let points, _): points.filter(showsInterval)
    case .cells(let cells, _): cells.map(\.corners).filter { $0.allSatisfy(shows) }.flatMap { $0 }
    case .horizontal, .vertical, .text: []
    }
  }

  /// The range that `axis` spans: its own, or that of the values it can show, with a margin of 4 %.
  func range(of axis: Axis, _ direction: Direction) -> ClosedRange<Double> {
    if let range = axis.range, range.lowerBound < range.upperBound, axis.shows(range.lowerBound),
      axis.shows(range.upperBound)
    {
      return range
    }
    let values = layers.flatMap { $0.values(direction, on: self) }.filter(axis.shows)
    guard let low = values.min(), let high = values.max() else {
      return axis.scale == .linear ? 0...1 : 1...10
    }
    switch axis.scale {
    case .linear:
      // Values whose difference is one of rounding count as one value.
      let size = max(abs(low), abs(high))
      let air = high - low > max(1e-12 * size, 1e-250) ? 0.04 * (high - low) : max(size * 0.1, 1e-3)
      return (low - air)...(high + air)
    case .logarithmic:
      let decades = log10(high) - log10(low)
      let air = decades > 1e-12 ? pow(10, 0.04 * decades) : 1.2
      return (low / air)...(high * air)
    }
  }
}

extension Layer {
  /// The style of a layer that a legend may name.
  var style: Style? {
    switch self {
    case .points(_, let style), .line(_, let style), .band(_, let style), .cells(_, let style): style
    case .horizontal, .vertical, .text: nil
    }
  }

  /// The values that the axis should span for the layer.
  fileprivate func values(_ direction: Panel.Direction, on panel: Panel) -> [Double] {
    switch (self, direction) {
    case (.points, .x), (.line, .x), (.band, .x), (.cells, .x): panel.shown(self).map(\.x)
    case (.line, .y), (.cells, .y): panel.shown(self).map(\.y)
    case (.points, .y): panel.shown(self).flatMap { [$0.low, $0.y, $0.high] }
    case (.band, .y): panel.shown(self).flatMap { [$0.low, $0.high] }
    case (.horizontal(let y, _, _), .y): [y]
    case (.vertical(let x, _, _), .x): [x]
    case (.text(_, let x, _), .x): [x]
    case (.text(_, _, let y), .y): [y]
    case (.horizontal, .x), (.vertical, .y): []
    }
  }
}
