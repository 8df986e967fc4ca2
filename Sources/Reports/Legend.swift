/// A line of the legend: all layers with one label.
struct LegendEntry {
  var label: String
  var layers: [Layer]

  static func entries(of figure: Figure) -> [LegendEntry] {
    var entries: [LegendEntry] = []
    for panel in figure.panels {
      for layer in panel.layers {
        guard let style = layer.style, let name = style.label else { continue }
        let label = !panel.shown(layer).isEmpty ? name : "\(name) (no values)"
        if let index = entries.firstIndex(where: { $0.label == label }) {
          entries[index].layers.append(layer)
        } else {
          entries.append(LegendEntry(label: label, layers: [layer]))
        }
      }
    }
    return entries
  }

  /// The style of its markers, if it has any.
  var point: Style? {
    layers.lazy.compactMap { if case .points(_, let style) = $0 { style } else { nil } }.first
  }

  /// The style of its lines, if it has any.
  var line: Style? {
    layers.lazy.compactMap { if case .line(_, let style) = $0 { style } else { nil } }.first
  }
}

extension [LegendEntry] {
  /// The dash of a layer's line: its own, or by its number if several lines have no markers.
  func dash(of style: Style) -> Style.Dash {
    if let dash = style.dash { return dash }
    guard let label = style.label, let number = style.ink.number,
      let entry = first(where: { $0.label == label }), entry.point == nil
    else { return .solid }
    let others = filter { $0.point == nil && $0.line != nil }
    return others.count > 1 ? Style.Dash.allCases[number % Style.Dash.allCases.count] : .solid
  }
}
