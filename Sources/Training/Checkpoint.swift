import Autograd
import Corpora
import Files
import Foundation
import Models
import RandomNumbers

/// The state of a training in a file, from which it resumes as if never interrupted: weights, the update rule's buffers
/// under their names, carried states by shard, and the position in the data. There is no random state: data and initial
/// weights follow from the configuration.
public struct Checkpoint {
  private let configuration: RunConfiguration
  private let layout: ParameterLayout

  public init(_ configuration: RunConfiguration, _ transformer: Transformer) {
    self.configuration = configuration
    layout = transformer.layout
  }

  /// Writes the state atomically, with a checksum of the log that goes with it.
  ///
  /// - Parameter mayReplace: Called right before the last checkpoint is replaced; what it throws prevents that.
  func write(
    _ state: TrainingState, to folder: RunFolder, tokenizer: any Tokenizer,
    mayReplace: () throws -> Void = {}
  ) throws {
    var file = SafetensorsWriter(metadata: [
      ("format", "isoflop checkpoint 2"), ("run", configuration.identifier),
      ("configuration", configuration.canonicalJSON), ("tokenizer", TokenizerText(tokenizer).text),
      ("step", "\(state.step)"), ("tokens", "\(state.tokens)"),
      ("branched", state.branched.map(String.init) ?? ""),
      ("recent_loss", state.recentLoss.map { String($0.bitPattern) } ?? ""),
      ("spared_flops", "\(state.sparedFlops)"),
      ("log", checksum(try MetricsLog.lines(of: folder.metrics, through: state.step).text)),
    ])
    for section in sections(of: state) {
      for (parameter, place) in zip(layout.parameters, section.places) {
        guard let place else { continue }
        file.add(section.prefix + parameter.name, shape: place.shape, section.buffer.data(place.range))
      }
    }
    for (shard, buffer) in state.carried.enumerated() {
      file.add(Self.carriedPrefix + "\(shard)", shape: [buffer.count], buffer.data(0..<buffer.count))
    }
    try file.write(to: folder.checkpoint, mayReplace: mayReplace)
  }

  /// Checks that the folder's checkpoint and its log are intact. A checkpoint of another run passes.
  ///
  /// - Throws: `InputError` if one is damaged.
  func check(_ folder: RunFolder) throws {
    let file = try Safetensors(contentsOf: folder.checkpoint, remedy: Safetensors.deletion)
    guard file.metadata("run") == configuration.identifier else { return }
    let step = file.metadata("step").flatMap { Int($0) } ?? 0
    let (log, last) = try MetricsLog.lines(of: folder.metrics, through: step)
    guard last == step, file.metadata("log") == checksum(log) else {
      throw InputError("is damaged", file: folder.metrics, remedy: "The run will be done again")
    }
  }

  /// Reads the file at `path` into `state`.
  ///
  /// - Throws: `InputError` if the file is damaged or belongs to another run.
  public func read(_ path: String, into state: TrainingState) throws {
    let file = try Safetensors(contentsOf: path, remedy: Safetensors.deletion)
    guard file.metadata("run") == configuration.identifier else {
      throw InputError(
        "belongs to a run with other settings", file: path, remedy: "Delete it, or train into another folder")
    }
    var arrays = file.arrays()
    guard sections(of: state).allSatisfy({ layout.read(&arrays, $0) }),
      Self.read(&arrays, into: state.carried), arrays.next() == nil,
      let step = file.metadata("step").flatMap({ Int($0) }),
      let tokens = file.metadata("tokens").flatMap({ Int($0) }),
      let sparedFlops = file.metadata("spared_flops").flatMap({ Double($0) })
    else { throw InputError("is not a checkpoint of this model", file: path, remedy: "Delete it") }
    state.step = step
    state.tokens = tokens
    state.sparedFlops = sparedFlops
    state.branched = file.metadata("branched").flatMap { Int($0) }
    state.recentLoss = file.metadata("recent_loss").flatMap { UInt64($0) }.map { Double(bitPattern: $0) }
  }

  /// The prefix of the names of carried states.
  fileprivate static let carriedPrefix = "carried."

  /// Fills the buffers of carried states with the next arrays, if they are those.
  private static func read(_ arrays: inout Safetensors.Arrays, into carried: [FloatBuffer]) -> Bool {
    carried.indices.allSatisfy { shard in
      guard let array = arrays.next(), array.name == carriedPrefix + "\(shard)",
        array.shape == [carried[shard].count]
      else { return false }
      carried[shard].bytes.copyBytes(from: array.data)
      return true
    }
  }

  /// The weights under their own names, then each buffer of the update rule, whose name precedes theirs.
  private func sections(of state: TrainingState) -> [Section] {
    [.weights(state.parameters, layout)]
      + zip(state.layouts, state.buffers).map { layout, buffer in
        Section(prefix: "\(layout.name).", buffer: buffer, places: layout.places)
      }
  }
}

/// A buffer in a checkpoint.
private struct Section {
  /// The prefix of its arrays' names.
  let prefix: String
  let buffer: FloatBuffer
  /// What it holds of each parameter, and where; nil for nothing.
  let places: [(shape: [Int], range: Range<Int>)?]

  static func weights(_ buffer: FloatBuffer, _ layout: ParameterLayout) -> Section {
    Section(prefix: "", buffer: buffer, places: layout.parameters.map { ($0.tensor.shape, $0.range) })
  }
}

extension ParameterLayout {
  /// Fills the section's buffer with the next arrays, if they are those of the section.
  fileprivate func read(_ arrays: inout Safetensors.Arrays, _ section: Section) -> Bool {
    zip(parameters, section.places).allSatisfy { parameter, place in
      guard let place else { return true }
      guard let array = arrays.next(), array.name == section.prefix + parameter.name,
        array.shape == place.shape
      else { return false }
      UnsafeMutableRawBufferPointer(rebasing: section.buffer.bytes[(place.range.lowerBound * 4)...])
        .copyBytes(from: array.data)
      return true
    }
  }
}

/// A trained model from a checkpoint, with its tokenizer.
public struct TrainedModel {
  public let configuration: RunConfiguration
  public let transformer: Transformer
  public let parameters: FloatBuffer
  public let tokenizer: any Tokenizer

  /// The greatest size of the configuration in a checkpoint, in bytes: usually some hundreds, and a path.
  private static let longestConfiguration = 6144

  /// The greatest number of values in it, usually some dozens. They determine how much memory decoding takes.
  private static let mostSettings = 256

  /// Whether a file may hold all blocks of a model, found without laying out the model. Each array takes at least 100
  /// bytes of a file, those of the update rule's buffers too.
  private static func fits(_ configuration: RunConfiguration, in file: Safetensors) -> Bool {
    let model = configuration.model
    let buffers = configuration.training.updateRuleType.buffers
    // Not more arrays of a weight than two moments, so that a file of the weights alone fits too.
    func arrays(of weight: ModelParameter) -> Int {
      1 + min(2, buffers.count { $0.shape(weight) != nil })
    }
    // For each sequence mixer, the number of arrays that two blocks with it add to a model.
    let kinds: [Character?] = model.layers.map { Array(Set($0)) } ?? [nil]
    return kinds.contains { kind in
      let counts = [1, 3].map { depth in
        var short = model
        short.depth = depth
        short.layers = kind.map { String(repeating: $0, count: depth) }
        return Transformer(short).parameters.reduce(0) { $0 + arrays(of: $1) }
      }
      return (model.depth - 1) * (counts[1] - counts[0]) <= 2 * (file.byteCount / 100)
    }
  }

  /// The bytes of the carried states in a file. Samples begin without them.
  private static func carriedBytes(of file: Safetensors) -> Int {
    var (arrays, bytes) = (file.arrays(), 0)
    while let array = arrays.next() {
      if array.name.hasPrefix(Checkpoint.carriedPrefix) { bytes += array.data.count }
    }
    return bytes
  }

  /// A model from its parts.
  package init(
    configuration: RunConfiguration, transformer: Transformer, parameters: FloatBuffer,
    tokenizer: any Tokenizer
  ) {
    (self.configuration, self.transformer) = (configuration, transformer)
    (self.parameters, self.tokenizer) = (parameters, tokenizer)
  }

  /// Reads a checkpoint.
  ///
  /// - Throws: `InputError` if the file is damaged.
  public init(checkpoint path: String) throws {
    try self.init(Safetensors(contentsOf: path, remedy: Safetensors.choice), path: path)
  }

  /// Writes the weights alone, as a file that `init(checkpoint:)` reads. Training cannot resume from it.
  ///
  /// - Throws: `InputError` if it cannot be written, or the tokenizer is so large that it could not be read again.
  public func write(to path: String) throws {
    let text = TokenizerText(tokenizer).text
    let longest = Self.longestTokenizer(of: tokenizer.vocabulary, holdsWeightsAlone: true)
    guard text.utf8.count <= longest else {
      throw InputError(
        "the tokenizer takes \(text.utf8.count) bytes, and a checkpoint has room for \(longest)", file: path,
        remedy: "Give the model a tokenizer with shorter tokens or fewer merges")
    }
    var file = SafetensorsWriter(metadata: [
      ("format", "isoflop checkpoint 2"), ("run", configuration.identifier),
      ("configuration", configuration.canonicalJSON), ("tokenizer", text),
    ])
    for parameter in transformer.layout.parameters {
      file.add(parameter.name, shape: parameter.tensor.shape, parameters.data(parameter.range))
    }
    try file.write(to: path)
  }

  /// The greatest size of a tokenizer's text in bytes. A merge takes two tokens of up to 5 digits, a space and a line
  /// feed; those of other programs have long tokens and name three tokens for each merge.
  private static func longestTokenizer(of vocabulary: Int, holdsWeightsAlone: Bool) -> Int {
    holdsWeightsAlone ? 4096 + 64 * vocabulary : 64 + 13 * vocabulary
  }

  /// Reads the model in the checkpoint at `path`. Metadata are used only if the data agree with them: no more memory is
  /// allocated than the file has bytes, or 64 KiB if that is more.
  package init(_ file: Safetensors, path: String) throws {
    guard let json = file.metadata("configuration", longest: Self.longestConfiguration),
      json.utf8.count(where: { ",[{".utf8.contains($0) }) <= Self.mostSettings,
      let configuration = try? decodeJSON(RunConfiguration.self, from: Data(json.utf8)),
      (try? configuration.model.check()) != nil, (try? configuration.training.check()) != nil,
      Self.fits(configuration, in: file)
    else {
      throw InputError("is not a checkpoint of Isoflop", file: path, remedy: Safetensors.choice)
    }
    self.configuration = configuration
    transformer = Transformer(configuration.model)
    let foreign = InputError(
      "is not a checkpoint of this model", file: path, remedy: Safetensors.choice)
    let vocabulary = configuration.model.vocabulary
    let holdsWeightsAlone = file.metadata("step") == nil
    let kept =
      holdsWeightsAlone
      ? 0
      : transformer.layouts(of: configuration.training.updateRuleType).reduce(0) { $0 + $1.keptCount }
    // Weights and buffers take 4 bytes a number.
    let carried = configuration.training.carry == true ? Self.carriedBytes(of: file) : 0
    guard file.dataCount == 4 * (transformer.layout.count + kept) + carried,
      let text = file.metadata(
        "tokenizer", longest: Self.longestTokenizer(of: vocabulary, holdsWeightsAlone: holdsWeightsAlone)),
      let tokenizer = TokenizerText(text).tokenizer,
      tokenizer.vocabulary == vocabulary
    else { throw foreign }
    self.tokenizer = tokenizer
    parameters = FloatBuffer(count: transformer.layout.bufferCount)
    var arrays = file.arrays()
    guard transformer.layout.read(&arrays, .weights(parameters, transformer.layout)) else { throw foreign }
  }
}
