import ScalingLaws

extension Finding {
  /// Returns the minima of a fit's IsoFLOP profiles, or the reasons why profiles have none; nil if they were not
  /// requested.
  public static func isoFLOPMinima(of fit: ExperimentFit) -> Finding? {
    guard let analysis = fit.isoFLOP else { return nil }
    return Finding(
      "\(fit.name): minima of the IsoFLOP profiles, with 95 % intervals",
      columns: [
        Column("compute", "C", unit: "FLOPs"), Column("models", "models"),
        Column("fitted", "fitted"), Column("window", "N of the fitted"), Column("size", "N*"),
        Column("size_interval", "95 % interval"), Column("tokens", "D*"),
        Column("tokens_interval", "95 % interval"), Column("tokens_per_parameter", "D*/N*"),
        Column("loss", "loss"), Column("remark", "remark", .left),
      ],
      rows: analysis.profiles.map { profile in
        let head: [Cell] = [
          .amount(profile.budget), .count(profile.observations.count),
          profile.window == nil ? .missing : .count(profile.fittedModels), .interval(profile.window),
        ]
        guard let minimum = profile.minimum else {
          return head + Array(repeating: .missing, count: 6) + [.text("refused: \(profile.refusal ?? "")")]
        }
        return head + [
          .number(minimum.parameters), .interval(minimum.parametersInterval), .number(minimum.tokens),
          .interval(minimum.tokensInterval), .number(minimum.tokens / minimum.parameters),
          .number(minimum.loss, digits: 4), .missing,
        ]
      }, notes: windowed(analysis).map { ["\(fit.name): \($0)"] } ?? [])
  }

  /// Returns a note about profiles that are wider than the window; nil if there are none.
  private static func windowed(_ analysis: IsoFLOPAnalysis) -> String? {
    let wide = analysis.profiles.filter { $0.window != nil }
    let ratio = wide.compactMap { profile in
      let sizes = profile.observations.compactMap(\.parameters)
      return sizes.min().flatMap { smallest in sizes.max().map { $0 / smallest } }
    }.max()
    guard let ratio else { return nil }
    let reach = IsoFLOPAnalysis.reach * (analysis.method == .local ? IsoFLOPAnalysis.reach : 1)
    return
      "\(wide.count) of \(analysis.profiles.count) profiles are too wide for a parabola (up to a factor of "
      + "\(shortText(ratio)) in N): it is fitted to the models within a factor of \(shortText(reach)) of the minimum, "
      + "at least \(IsoFLOPAnalysis.leastSizes) sizes"
  }
}
