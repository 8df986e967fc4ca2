import Files
import Training

extension PlannedRun {
  /// Plans a run from options of the command line, with the same readers and checks as for an experiment's file.
  ///
  /// - Parameter options: The names of settings (`Setting.name`) with their values, written as in a file.
  /// - Throws: `InputError` that names the invalid option.
  public init(options: [(name: String, text: String)], corpora: CorpusCache) throws {
    var draft = RunDraft()
    for (one, other) in Setting.alternatives
    where options.contains(where: { $0.name == one }) && options.contains(where: { $0.name == other }) {
      throw InputError(
        "both \(Setting.flag(one)) and \(Setting.flag(other)) are given", remedy: "Remove one of them")
    }
    for (name, text) in options {
      guard let setting = Setting.named(name) else {
        throw InputError("there is no setting `\(name)`", remedy: "`isoflop train --help` lists them")
      }
      let value = try YAMLValue(option: Setting.flag(name), text: text)
      try GivenSetting(setting, value).apply(to: &draft)
    }
    var planner = Planner(source: .options, corpora: corpora)
    self = try planner.plan(draft, naming: [])
    try planner.checkEffects()
  }

  /// Checks that the run needs no other one before it.
  ///
  /// - Throws: `InputError` if it is trained on samples of another model.
  public func checkIsAlone() throws {
    guard configuration.samples != nil else { return }
    throw InputError(
      "trains several models, and only one is trained here", file: Setting.flag(SampledText.generations),
      remedy: "Write an experiment with `synthetic: {generations: …}`, and train it with `isoflop run`")
  }
}
