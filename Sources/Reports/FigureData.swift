import Files
import Foundation

extension Figure {
  /// The figure as data for the script of pages (`figures.js`), which draws it again so that a reader can read values,
  /// hide series and change scales.
  ///
  /// | member | content |
  /// |---|---|
  /// | `title`, `legend` | texts; the title of the legend may be absent |
  /// | `panels` | `title`, the axes `x` and `y`, and `layers`, the first at the bottom |
  ///
  /// An axis has a `label`, `log`, and perhaps a `range` and `names`. A layer has a `kind` and what that needs; numbers
  /// that are not finite are null.
  package var data: JSONValue {
    let legend = LegendEntry.entries(of: self)
    return .object(
      [
        "title": .text(title),
        "panels": .list(
          panels.map { panel in
            .object(
              [
                "x": panel.x.data, "y": panel.y.data,
                "layers": .list(panel.layers.map { $0.data(legend) }),
              ].adding("title", panel.title))
          }),
      ].adding("legend", self.legend))
  }
}

extension Axis {
  fileprivate var data: JSONValue {
    var members: [String: JSONValue] = ["label": .text(label), "log": .boolean(scale == .logarithmic)]
    if let range { members["range"] = list([range.lowerBound, range.upperBound]) }
    if !names.isEmpty { members["names"] = .list(names.map(JSONValue.text)) }
    return .object(members)
  }
}

extension Layer {
  fileprivate func data(_ legend: [LegendEntry]) -> JSONValue {
    let style =
      switch self {
      case .points(_, let style), .line(_, let style), .band(_, let style), .cells(_, let style): style
      case .horizontal(_, _, let style), .vertical(_, _, let style): style
      case .text: Style(nil, .neutral)
      }
    var members: [String: JSONValue] = [
      "ink": .text(style.ink.hex), "number": .integer(style.ink.number ?? -1),
    ].adding("label", style.label)
    func fill(_ kind: String, _ values: JSONValue) {
      members["kind"] = .text(kind)
      members["values"] = values
    }
    switch self {
    case .points(let points, _):
      fill(
        "points",
        .list(points.map { list($0.low < $0.high ? [$0.x, $0.y, $0.low, $0.high] : [$0.x, $0.y]) }))
      members["marker"] = .text("\(style.marker)")
    case .line(let points, _):
      fill("line", .list(points.map { list([$0.x, $0.y]) }))
    case .band(let points, _):
      fill("band", .list(points.map { list([$0.x, $0.low, $0.high]) }))
    case .cells(let cells, _):
      fill(
        "cells",
        .list(cells.map { list([$0.x.lowerBound, $0.x.upperBound, $0.y.lowerBound, $0.y.upperBound]) }))
    case .horizontal(let y, let text, _):
      fill("horizontal", list([y]))
      members["text"] = .text(text)
    case .vertical(let x, let text, _):
      fill("vertical", list([x]))
      members["text"] = .text(text)
    case .text(let text, let x, let y):
      fill("text", list([x, y]))
      members["text"] = .text(text)
    }
    switch self {
    case .line, .horizontal, .vertical: members["dash"] = .text("\(legend.dash(of: style))")
    default: break
    }
    return .object(members)
  }
}

extension [String: JSONValue] {
  fileprivate func adding(_ key: String, _ text: String?) -> [String: JSONValue] {
    guard let text else { return self }
    return merging([key: .text(text)]) { $1 }
  }
}

/// Numbers with six digits, which is more than a figure shows.
private func list(_ numbers: [Double]) -> JSONValue {
  .list(
    numbers.map { number in
      guard number.isFinite else { return .null }
      return .number(Double(String(format: "%.6g", number)) ?? number)
    })
}
