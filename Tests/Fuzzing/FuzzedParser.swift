import Analysis
import Corpora
import Exports
import Files
import Foundation
import Generation
import Plans
import ScalingLaws
import Training

/// The parsers of files that may be untrusted, each as a function of bytes for the fuzzer.
package enum FuzzedParser: String, CaseIterable, Sendable {
  case experiment, recipe, observations, filter, formula, results, fits, record, safetensors, checkpoint,
    tokenizer, documents, pretrainedConfiguration, pretrainedTokenizer, pretrainedWeights

  /// The limit on the CPU time of an input, in seconds.
  package static let mostSeconds = 1.0
  /// The limit on the memory of the process beyond its initial size, in MiB. Inputs have a few KiB.
  package static let mostMemory = 512

  /// The outcome of an input.
  package enum Outcome: Sendable {
    case read
    /// It was rejected with an error message for users.
    case refused(InputError)
    /// It caused an error that is not meant for users.
    case fault(String)
  }

  /// Reads an input as the program reads such a file, and uses the result.
  package func read(_ input: Data) -> Outcome {
    do {
      try parse(input)
      return .read
    } catch let error as InputError {
      let text = error.description
      return text.contains(where: \.isNewline) ? .fault("more than a line: \(text)") : .refused(error)
    } catch {
      return .fault("\(type(of: error)): \(error)")
    }
  }

  private func parse(_ input: Data) throws {
    let path = "\(folder)/fuzzed"
    switch self {
    case .experiment:
      _ = try ExperimentFile(path: path, text: FileAccess.text(of: input, path: path))
    case .recipe:
      let recipe = try GeneratedText(recipe: path, text: FileAccess.text(of: input, path: path))
      _ = recipe.text(bytes: 100, seed: 1)
      _ = recipe.costs(bytes: 100, seed: 2)
    case .observations:
      _ = try ObservationFile(path: path, text: FileAccess.text(of: input, path: path)).variants()
    case .filter: try readFilter(FileAccess.text(of: input, path: path))
    case .formula: try readFormula(FileAccess.text(of: input, path: path))
    case .results: _ = try ResultsTable(path: path, text: FileAccess.text(of: input, path: path)).csv
    case .fits: try use(Fits(input, path: path))
    case .record:
      _ = LearningCurve.points(in: input)
      // A forged file may have a correct checksum.
      let forged = (try? decodeJSON(RunRecord.self, from: input)).flatMap { try? $0.encoded() }
      _ = try RunRecord(forged ?? input, path: path)
    case .safetensors:
      use(try Safetensors(Self.forged(input), path: path))
    case .checkpoint:
      let metadata = Seeds.metadata(of: String(decoding: input, as: UTF8.self))
      let file = try Safetensors(Seeds.checkpoint(metadata: metadata), path: path)
      try use(TrainedModel(file, path: path))
    case .documents:
      // JSONL, or what is named and contains a compressed file.
      let name =
        input.starts(with: [0x1F, 0x8B])
        ? "a.jsonl.gz" : input.starts(with: [0x28, 0xB5]) ? "a.zst" : "a.jsonl"
      _ = try Documents().read(input, path: name)
    case .pretrainedConfiguration:
      _ = try PretrainedModel.configuration(PretrainedConfiguration(input, path: path))
    case .pretrainedTokenizer:
      use(try PretrainedTokenizer(input, path: path, vocabulary: 300).tokenizer)
    case .pretrainedWeights:
      let weights = try PretrainedWeights([input], paths: [path])
      for name in weights.names { _ = try weights.matrix(name, [2, 3]) }
    case .tokenizer: TokenizerText(String(decoding: input, as: UTF8.self)).tokenizer.map(use)
    }
  }

  /// The assumed path of the input, beside files of its kind.
  private var folder: String {
    switch self {
    case .experiment: "\(Self.root)/experiments"
    case .recipe: "\(Self.root)/corpora"
    default: "."
    }
  }

  /// The root of the package.
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

  /// A condition on the first line, a table in the others.
  private func readFilter(_ text: String) throws {
    let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let filter = try RowFilter(lines[0])
    let table = lines.count > 1 ? lines[1] : "N,loss\n1,2\n"
    _ = try ObservationFile(path: "fuzzed", text: table, where: [filter], droppingHighest: 1)
  }

  /// A law on the first line, starts of its parameters on the others. It is evaluated at a row, and written and read.
  private func readFormula(_ text: String) throws {
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let table = try ObservationFile(
      path: "fuzzed", text: "N,D,batch,loss\n1e6,1e8,64,3\n2e6,1e9,128,2.5\n",
      formulaNames: FormulaLaw.namesOfUser(in: lines[0]))
    let law = try FormulaLaw(
      lines[0], over: table, hints: FormulaHints(starts: lines.dropFirst().filter { !$0.isEmpty }))
    let stored = try decodeJSON(FormulaLaw.self, from: canonicalJSON(law))
    let θ = law.parameters.map { _ in 0.5 }
    for run in table.observations {
      let (value, again) = (law.loss(θ, at: run), stored.loss(θ, at: run))
      precondition(value == again || value?.isNaN == true && again?.isNaN == true)
    }
  }

  /// Computes the allocations of `isoflop plan`.
  private func use(_ fits: Fits) throws {
    for fit in fits.fits {
      _ = (fit.number("alpha"), fit.number("rms"), fit.isoFLOP?.parameters?(compute: 1e20))
      guard let law = fit.fit else { continue }
      _ = law.predict(at: Observation(parameters: 1e6, tokens: 1e8, loss: 1))
      _ = try? Allocation(.compute(1e20), under: law)
    }
    _ = fits.surface
  }

  /// Returns the input with a correct checksum, as in a forged file.
  private static func forged(_ input: Data) -> Data {
    let digits = Safetensors.digits
    guard input.count > digits.upperBound else { return input }
    let sum = checksum(input[input.startIndex + digits.upperBound..<input.endIndex])
    return input.prefix(digits.lowerBound) + Data(sum.utf8) + input.dropFirst(digits.upperBound)
  }

  private func use(_ file: Safetensors) {
    _ = (file.metadata("format"), file.metadata("text"), file.metadata("none"))
    var arrays = file.arrays()
    while let array = arrays.next() { precondition(array.data.count == array.shape.reduce(4, *)) }
  }

  private func use(_ model: TrainedModel) throws {
    // Text generation takes time proportional to the context, and is not parsing.
    guard model.configuration.model.context <= 256 else { return }
    let generator = Generator(model.transformer, parameters: model.parameters, sequences: 2)
    let prompt = try model.tokenizer.encode("a").map(Int.init)
    _ = generator([prompt, prompt], GenerationSettings(length: 2, seed: 1))
  }

  private func use(_ tokenizer: any Tokenizer) {
    _ = try? tokenizer.encode("Every wörd has 12 letters,\n  or not.")
    _ = tokenizer.decode((0..<UInt16(min(tokenizer.vocabulary, 1000))).map { $0 })
  }
}
