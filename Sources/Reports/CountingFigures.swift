import ScalingLaws

extension Chapter {
  /// The optimal size counted with and without embeddings, from one surface; nil if it was not requested.
  static func counting(_ fits: [ReportedFit]) -> Chapter? {
    let asked = fits.compactMap { fit in fit.result.counting.map { (fit, $0) } }
    guard !asked.isEmpty else { return nil }
    return Chapter(
      "Two counts of N",
      [
        .paragraph(
          """
          Kaplan et al. (2020) left embeddings out of N and C and found that the best size grows as about C^0.73; \
          Hoffmann et al. (2022) counted everything and found about C^0.5. Both can come from one law: embeddings \
          are a large part of small models, so without them the best size seems to grow faster (Pearce and Song \
          2024). Here the optimum of one fitted law is found by both counts, with C = 6ND.
          """)
      ]
        + asked.flatMap { fit, count in
          [.figure(figure(of: count, fit))] + Part.finding(.counting(of: fit.result))
        })
  }

  private static func figure(of count: EmbeddingCount, _ fit: ReportedFit) -> Figure {
    let line = { (places: [EmbeddingCount.Place]) in places.map { Point($0.compute, $0.parameters) } }
    return Figure(
      name: "counting-\(fit.result.name)", title: "The best size by both counts of N and C",
      caption:
        "The optimum of the fit \(fit.result.name), over the range of the runs' compute without embeddings.",
      panels: [
        Panel(
          x: Axis("Compute C = 6ND (FLOPs)", .logarithmic), y: Axis("Best size N*", .logarithmic),
          layers: [
            .line(
              line(count.frontierTotal), Style("in total, a = \(count.total.value.text())", .category(0))),
            .line(
              line(count.frontierNonEmbedding),
              Style("without embeddings, a = \(count.nonEmbedding.value.text())", .category(1), dash: .dashed)
            ),
          ])
      ])
  }
}
