import Corpora
import Files
import Foundation
import Generation
import RandomNumbers
import Training

/// The text of one generation of a lineage: windows of the corpus, of which some are replaced by samples.
package struct GenerationText {
  package let windows: TokenWindows
  /// The windows that are samples.
  package let places: [Int]
  /// The entropy of each of these in nats per token.
  private let nats: [Float]

  /// The text of generation 0: as much of the corpus as one training reads.
  package init(of corpus: TokenizedCorpus, for run: RunConfiguration) throws {
    let tokens = run.training.batch.end(ofTraining: run.tokensOfText).tokens
    windows = try corpus.training(tokens: tokens)
    (places, nats) = ([], [])
  }

  /// The text of generation i: new windows of the corpus, and samples of the model of generation i − 1. Each sample begins
  /// with the first token of the window of generation i − 1 that is at its place, so that it needs nothing of the corpus.
  ///
  /// - Parameters:
  ///   - previous: The text of generation i − 1.
  ///   - beforeRound: Called with the number of tokens sampled since the last call, every few windows; what it throws ends
  ///     the sampling.
  package init(
    generation: Int, samplesOf model: TrainedModel, after previous: GenerationText, _ corpus: TokenizedCorpus,
    for run: RunConfiguration, _ samples: SampledText, beforeRound: (_ tokens: Int) throws -> Void
  ) throws {
    let (count, context) = (previous.windows.count, corpus.context)
    let key = Self.key(of: run, generation)
    let places = Self.places(of: samples, among: count, key: key)
    var text: [UInt16] = []
    if places.count < count {
      // Where the corpus ends, it begins anew.
      let known = try corpus.training(tokens: (generation + 1) * count * context)
      for window in 0..<count { text += known[(generation * count + window) % known.count] }
    } else {
      text = [UInt16](repeating: 0, count: count * (context + 1))
    }
    let generator = Generator(model.transformer, parameters: model.parameters)
    let settings = GenerationSettings(
      length: context, sampler: RandomDraw([Temperature(samples.temperature)]), seed: key)
    var nats: [Float] = []
    var done = 0
    for start in stride(from: 0, to: places.count, by: Self.round) {
      try beforeRound(done)
      let round = places[start..<min(start + Self.round, places.count)]
      let prompts = round.map { [Int(previous.windows[$0].first ?? 0)] }
      for (place, sequence) in zip(round, generator(prompts, settings, numberedFrom: start)) {
        let first = place * (context + 1)
        text[first] = previous.windows[place].first ?? 0
        text.replaceSubrange(first + 1...first + context, with: sequence.tokens.map(UInt16.init))
        nats.append(Float(sequence.nats / Double(context)))
      }
      done = round.count * context
    }
    try beforeRound(done)
    windows = TokenWindows(context: context, tokens: text)
    (self.places, self.nats) = (places, nats)
  }

  /// The number of windows that are sampled between two calls.
  private static let round = 64

  /// What determines the samples of a generation.
  private static func key(of run: RunConfiguration, _ generation: Int) -> UInt64 {
    mix(mix(7, run.seed), UInt64(generation))
  }

  /// Returns the windows that are samples among `count`, at least one.
  private static func places(of samples: SampledText, among count: Int, key: UInt64) -> [Int] {
    let sampled = Int(exactly: (samples.fraction * Double(count)).rounded()) ?? count
    return Shuffle(count: count, key: key).prefix(max(sampled, 1)).sorted()
  }

  // MARK: Training

  /// Returns the training windows of a run, with what its samples have lost.
  ///
  /// - Parameter texts: The texts of all generations up to that of the run.
  static func windows(
    of texts: [GenerationText], _ corpus: TokenizedCorpus, for run: RunConfiguration, _ samples: SampledText
  ) throws -> SampledWindows {
    let (own, first) = (texts[texts.count - 1], texts[0])
    let used = Array(texts.suffix(samples.texts(ofGeneration: samples.generation)))
    let key = mix(mix(8, run.seed), UInt64(samples.generation))
    let windows = used.count == 1 ? own.windows : TokenWindows(shuffling: used.map(\.windows), key: key)
    let names = corpus.names(in: own.windows, at: own.places)
    let original = corpus.names(in: first.windows, at: own.places)
    // As much new text of the corpus does not have all names of the first one either.
    let count = first.windows.count
    let known = try corpus.training(tokens: 2 * count * corpus.context)
    let new = corpus.names(in: known, at: own.places.map { (count + $0) % known.count })
    let entropy = mean(own.nats)
    return SampledWindows(
      windows,
      RunResult.Samples(
        entropy: entropy.value, entropyStandardError: entropy.standardError,
        names: names.count(sharedWith: original), namesOfCorpus: new.count(sharedWith: original),
        tailExponent: names.tailExponent, tailExponentOfCorpus: original.tailExponent),
      entropy: try Self.entropy(of: used, corpus))
  }

  /// Returns the entropy of some texts together; nil where that of the corpus is unknown.
  private static func entropy(of texts: [GenerationText], _ corpus: TokenizedCorpus) throws
    -> (mean: Double, standardError: Double)?
  {
    let all = texts.reduce(0) { $0 + $1.windows.count }
    let nats = texts.flatMap(\.nats)
    let fresh = Double(all - nats.count) / Double(all)
    let own = Self.mean(nats)
    guard fresh > 0 else { return (own.value, own.standardError) }
    let known = try corpus.trainingEntropy(tokens: all * corpus.context)
    guard let mean = known?.mean ?? corpus.validationEntropy?.total else { return nil }
    let (a, b) = ((1 - fresh) * own.standardError, fresh * (known?.standardError ?? 0))
    return ((1 - fresh) * own.value + fresh * mean, (a * a + b * b).squareRoot())
  }

  /// The mean of some numbers and its standard error.
  private static func mean(_ values: [Float]) -> (value: Double, standardError: Double) {
    let mean = values.reduce(0) { $0 + Double($1) } / Double(values.count)
    let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
    return (mean, (squares / Double(max(values.count - 1, 1)) / Double(values.count)).squareRoot())
  }

  // MARK: Files

  /// Writes the text of a generation, with a checksum, to a file that `init(contentsOf:)` reads.
  ///
  /// - Parameter run: Any run of the lineage.
  func write(to path: String, _ generation: Int, of run: RunConfiguration, mayReplace: () throws -> Void)
    throws
  {
    var file = SafetensorsWriter(metadata: [("run", run.generation(generation).identifier)])
    let tokens = (0..<windows.count).flatMap { windows[$0].map(Float.init) }
    file.add("tokens", shape: [windows.count, windows.context + 1], Self.bytes(of: tokens))
    file.add("nats", shape: [nats.count], Self.bytes(of: nats))
    try file.write(to: path, mayReplace: mayReplace)
  }

  /// Reads the text of a generation.
  ///
  /// - Parameter first: The text of generation 0.
  /// - Throws: `InputError` if the file is damaged or that of another lineage.
  init(
    contentsOf path: String, _ generation: Int, of run: RunConfiguration, _ samples: SampledText,
    after first: GenerationText
  ) throws {
    let file = try Safetensors(contentsOf: path, remedy: Safetensors.deletion)
    let (count, context) = (first.windows.count, first.windows.context)
    var arrays = file.arrays()
    places = Self.places(of: samples, among: count, key: Self.key(of: run, generation))
    guard file.metadata("run") == run.generation(generation).identifier,
      let tokens = arrays.next(), tokens.shape == [count, context + 1],
      let nats = arrays.next(), nats.shape == [places.count]
    else { throw InputError("is not the text of this lineage", file: path, remedy: Safetensors.deletion) }
    windows = TokenWindows(
      context: context, tokens: Self.floats(of: tokens.data).map { UInt16(exactly: $0) ?? 0 })
    self.nats = Self.floats(of: nats.data)
  }

  private static func bytes(of floats: [Float]) -> Data { floats.withUnsafeBytes { Data($0) } }

  private static func floats(of data: Data) -> [Float] {
    [Float](unsafeUninitializedCapacity: data.count / 4) { buffer, count in
      count = data.copyBytes(to: buffer) / 4
    }
  }
}
