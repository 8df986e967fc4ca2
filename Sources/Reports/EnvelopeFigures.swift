import ScalingLaws

extension Chapter {
  /// Chinchilla's approach 1: the sizes on the lower envelope of training curves.
  static func envelope(of envelope: Envelope, _ fit: ReportedFit, name: String) -> Figure {
    let compute = fit.labels.axis(.compute)
    let runs = Layer.points(
      fit.result.observations.points(along: .compute),
      Style("points of training curves", .neutral, marker: .small))
    let touched = Layer.line(
      envelope.places.map { Point($0.compute, $0.loss) }, Style("lower envelope", .category(1)))
    func panel(_ exponent: Estimate, _ label: String, _ value: (Envelope.Place) -> Double) -> Panel {
      Panel(
        exponent.text, x: compute, y: Axis(label, .logarithmic),
        layers: [
          .points(
            envelope.places.map { Point($0.compute, value($0)) },
            Style("on the envelope", .category(1), marker: .small))
        ])
    }
    return Figure(
      name: name, title: "The envelope of \(envelope.curves) training curves",
      caption: """
        At each compute, the curve of lowest loss gives a best size and its number of tokens. A compute at which the \
        smallest or the largest size is best is left out: a size beyond the grid might be better there.
        """,
      panels: [
        Panel(x: compute, y: fit.labels.lossAxis, layers: [runs, touched]),
        panel(envelope.parametersExponent, "Best size N* (parameters)") { $0.parameters },
        panel(envelope.tokensExponent, "Best data D* (tokens)") { $0.tokens },
      ])
  }
}
