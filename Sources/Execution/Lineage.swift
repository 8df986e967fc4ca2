import Corpora
import Files
import Foundation
import Training

/// Trains the models of a lineage one after the other, each on samples of the one before.
///
/// The folder of the lineage's trunk has the text of each generation, `text-1.safetensors` …, and while a model is trained
/// that has no record to write, its folder: generation 0, whose record belongs to another trunk, and generations that were
/// finished before but whose samples were not kept. However it was interrupted, the same call resumes.
struct Lineage {
  /// The runs whose records are wanted, by their generations.
  private let runs: [Int: RunConfiguration]
  private let last: RunConfiguration
  private let samples: SampledText
  private let corpus: TokenizedCorpus
  private let store: RunStore
  private let control: TrunkTraining.Control
  /// Called with the number of tokens that were sampled since the last call.
  private let sampled: (Int) -> Void
  private let folder: String

  /// - Parameter runs: Runs of one lineage that are trained on samples.
  init(
    _ runs: [RunConfiguration], corpus: TokenizedCorpus, store: RunStore, control: TrunkTraining.Control,
    sampled: @escaping (Int) -> Void
  ) {
    self.runs = Dictionary(
      runs.map { ($0.samples?.generation ?? 0, $0) }, uniquingKeysWith: { first, _ in first })
    guard let (_, last) = self.runs.max(by: { $0.key < $1.key }), let samples = last.samples else {
      preconditionFailure("a lineage has at least one run that is trained on samples")
    }
    (self.last, self.samples) = (last, samples)
    (self.corpus, self.store, self.control, self.sampled) = (corpus, store, control, sampled)
    folder = store.trunkFolder(of: last).path
  }

  /// Trains the runs that are not finished. No other process may train them at the same time.
  ///
  /// - Throws: `InputError` if a model that others depend on has diverged, or the first one cannot be read.
  func train() throws {
    try control.mayWrite()
    try FileAccess.makeFolder(folder)
    try FileAccess.removeTemporaries(in: folder, mayRemove: control.mayWrite)
    var texts = [try GenerationText(of: corpus, for: last)]
    if let source = samples.source {
      texts.append(try storedText(1, after: texts) ?? text(1, after: texts, by: source.model()))
    }
    for generation in texts.count - 1..<samples.generation {
      let next = try storedText(generation + 1, after: texts)
      if let next, try !isWanted(generation) {
        control.spared(last.generation(generation).training.tokens)
        texts.append(next)
      } else {
        let (model, modelFolder) = try model(of: generation, texts)
        texts.append(try next ?? text(generation + 1, after: texts, by: model))
        try removeModel(of: generation, in: modelFolder)
      }
    }
    if try isWanted(samples.generation) {
      try train(last, texts, in: store.folder(of: last), control)
    }
    try FileAccess.removeFolder(folder, mayRemove: control.mayWrite)
  }

  /// Whether the record of a generation is wanted and missing.
  private func isWanted(_ generation: Int) throws -> Bool {
    try runs[generation].map { try !store.isFinished($0) } ?? false
  }

  // MARK: Models

  /// Returns the model of a generation, trained if need be, with the folder that has its checkpoint.
  private func model(of generation: Int, _ texts: [GenerationText]) throws -> (TrainedModel, RunFolder) {
    let run = last.generation(generation)
    let own = store.folder(of: run)
    if let known = try finalModel(of: run, in: own) {
      control.spared(run.training.tokens)
      return (known, own)
    }
    var control = control
    control.keepsCheckpoints = true
    var modelFolder = own
    if try !isWanted(generation) {
      modelFolder = RunFolder("\(folder)/\(generation)")
      control.finished = { _ in }
      if generation > 0 {
        control.remark("generation \(generation) is trained again, because its samples were not kept")
      }
    }
    try train(run, texts, in: modelFolder, control)
    guard let model = try finalModel(of: run, in: modelFolder) else {
      throw InputError(
        "generation \(generation) has diverged, so that there are no samples to train later ones on",
        file: modelFolder.path, remedy: "Lower the learning rate, or train fewer generations")
    }
    return (model, modelFolder)
  }

  private func train(
    _ run: RunConfiguration, _ texts: [GenerationText], in folder: RunFolder, _ control: TrunkTraining.Control
  ) throws {
    let training = try TrunkTraining(
      [run], corpus: corpus, folder: { _ in folder },
      trunkFolder: RunFolder("\(self.folder)/trunk-\(run.samples?.generation ?? 0)"),
      sampled: run.samples.map { try GenerationText.windows(of: texts, corpus, for: run, $0) },
      control: control)
    try training()
  }

  /// Returns the model at the end of a finished run that has not diverged; nil if its checkpoint is missing or damaged.
  private func finalModel(of run: RunConfiguration, in folder: RunFolder) throws -> TrainedModel? {
    guard let result = try folder.finishedRecord()?.result, result.status == .completed,
      try FileAccess.exists(folder.checkpoint)
    else { return nil }
    return try unlessDamaged {
      let isFinal =
        try Safetensors(contentsOf: folder.checkpoint).metadata("step") == "\(result.steps)"
      return isFinal ? try TrainedModel(checkpoint: folder.checkpoint) : nil
    }
  }

  /// Removes a model whose samples are written: its folder, or its checkpoint if that is not to be kept.
  private func removeModel(of generation: Int, in modelFolder: RunFolder) throws {
    if modelFolder.path.hasPrefix(folder) {
      try FileAccess.removeFolder(modelFolder.path, mayRemove: control.mayWrite)
    } else if generation > 0, !control.keepsCheckpoints {
      try FileAccess.remove(
        [modelFolder.checkpoint], through: modelFolder.path, mayRemove: control.mayWrite)
    }
  }

  // MARK: Texts

  private func path(ofText generation: Int) -> String { "\(folder)/text-\(generation).safetensors" }

  /// Returns the text of a generation from its file; nil if it is missing or damaged.
  private func storedText(_ generation: Int, after texts: [GenerationText]) throws -> GenerationText? {
    let path = path(ofText: generation)
    guard try FileAccess.exists(path) else { return nil }
    do {
      return try GenerationText(contentsOf: path, generation, of: last, samples, after: texts[0])
    } catch let error as InputError where error.systemError == nil {
      control.damaged(error)
      return nil
    }
  }

  /// Returns the text of a generation, sampled from the model before it, after writing it to its file.
  private func text(
    _ generation: Int, after texts: [GenerationText], by model: TrainedModel
  ) throws -> GenerationText {
    let text = try GenerationText(
      generation: generation, samplesOf: model, after: texts[generation - 1], corpus, for: last, samples
    ) { tokens in
      sampled(tokens)
      if try control.isCancelled() { throw TrunkTraining.Cancelled() }
    }
    try text.write(to: path(ofText: generation), generation, of: last, mayReplace: control.mayWrite)
    return text
  }
}

extension SampledText.Source {
  /// Reads the model.
  ///
  /// - Throws: `InputError` if it has changed since the runs were planned, or cannot be read.
  fileprivate func model() throws -> TrainedModel {
    guard try Files.checksum(FileAccess.read(path)) == checksum else {
      throw InputError(
        "has changed since the runs were planned", file: path,
        remedy: "Restore it, or repeat the command that planned them")
    }
    return try TrainedModel(checkpoint: path)
  }
}
