import Autograd
import Corpora
import Files
import Foundation
import Models

/// The state of a training in a file, from which it goes on as if never interrupted: weights, moments, and the
/// position in the data. There is no other random state: data and initial weights follow from the configuration.
public struct Checkpoint {
  private let configuration: RunConfiguration
  private let layout: ParameterLayout

  public init(_ configuration: RunConfiguration, _ transformer: Transformer) {
    self.configuration = configuration
    layout = transformer.layout
  }

  /// Writes the state atomically, with a checksum of the log that goes with it.
  func write(_ state: TrainingState, to folder: RunFolder, tokenizer: any Tokenizer) throws {
    var file = Safetensors()
    file.metadata = [
      "format": "isoflop checkpoint 1", "configuration": configuration.canonicalJSON,
      "tokenizer": String(decoding: try canonicalJSON(TokenizerFile(tokenizer)), as: UTF8.self),
      "step": "\(state.step)", "tokens": "\(state.tokens)",
      "branched": state.branched.map(String.init) ?? "",
      "recent_loss": state.recentLoss.map { String($0.bitPattern) } ?? "",
      "spared_flops": "\(state.sparedFlops)",
      "log": checksum(try MetricsLog.text(of: folder.metrics, through: state.step)),
    ]
    for (prefix, buffer) in sections(of: state) {
      for parameter in layout.parameters {
        let range = parameter.offset * 4..<(parameter.offset + parameter.count) * 4
        file.add(prefix + parameter.name, shape: parameter.tensor.shape, data: Data(buffer.bytes[range]))
      }
    }
    try file.write(to: folder.checkpoint)
  }

  /// Looks whether training can go on from the folder's checkpoint. What is damaged is an `InputError`.
  func check(_ folder: RunFolder) throws {
    let file = try Safetensors(contentsOf: folder.checkpoint)
    guard Self.configuration(in: file)?.identifier == configuration.identifier else { return }
    let step = file.metadata["step"].flatMap { Int($0) } ?? 0
    guard file.metadata["log"] == checksum(try MetricsLog.text(of: folder.metrics, through: step)) else {
      throw InputError("is damaged", file: folder.metrics, remedy: "The run will be done again")
    }
  }

  /// Reads the file at `path` into `state`. A damaged file, or that of another run, is an `InputError`.
  public func read(_ path: String, into state: TrainingState) throws {
    try read(Safetensors(contentsOf: path), path: path, into: state)
  }

  fileprivate func read(_ file: Safetensors, path: String, into state: TrainingState) throws {
    guard Self.configuration(in: file)?.identifier == configuration.identifier else {
      throw InputError(
        "belongs to a run with other settings", file: path, remedy: "Delete it, or train into another folder")
    }
    let foreign = InputError("is no checkpoint of this model", file: path, remedy: "Delete it")
    for (prefix, buffer) in sections(of: state) {
      for parameter in layout.parameters {
        guard let data = file.data(prefix + parameter.name, shape: parameter.tensor.shape) else {
          throw foreign
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer.bytes[(parameter.offset * 4)...]).copyBytes(from: data)
      }
    }
    guard let step = file.metadata["step"].flatMap({ Int($0) }),
      let tokens = file.metadata["tokens"].flatMap({ Int($0) }),
      let sparedFlops = file.metadata["spared_flops"].flatMap({ Double($0) })
    else { throw foreign }
    state.step = step
    state.tokens = tokens
    state.sparedFlops = sparedFlops
    state.branched = file.metadata["branched"].flatMap { Int($0) }
    state.recentLoss = file.metadata["recent_loss"].flatMap { UInt64($0) }.map { Double(bitPattern: $0) }
  }

  /// The configuration of the run that a file is a checkpoint of.
  static func configuration(in file: Safetensors) -> RunConfiguration? {
    file.metadata["configuration"].flatMap {
      try? JSONDecoder().decode(RunConfiguration.self, from: Data($0.utf8))
    }
  }

  private func sections(of state: TrainingState) -> [(prefix: String, buffer: FloatBuffer)] {
    [("", state.parameters), ("moment1.", state.moment1), ("moment2.", state.moment2)]
  }
}

/// A trained model from a checkpoint, with what it takes to use it.
public struct TrainedModel {
  public let configuration: RunConfiguration
  public let transformer: Transformer
  public let parameters: FloatBuffer
  public let tokenizer: any Tokenizer

  /// Reads a checkpoint. A damaged file is an `InputError`.
  public init(checkpoint path: String) throws {
    try self.init(Safetensors(contentsOf: path), path: path)
  }

  /// Takes a model out of the checkpoint at `path`. Its metadata are believed only as far as its data bear them out: a
  /// model is built if the file has the room of its weights.
  package init(_ file: Safetensors, path: String) throws {
    guard let configuration = Checkpoint.configuration(in: file),
      let tokenizerJSON = file.metadata["tokenizer"],
      let tokenizer = try? JSONDecoder().decode(TokenizerFile.self, from: Data(tokenizerJSON.utf8)).decoded,
      tokenizer.vocabulary == configuration.model.vocabulary, (try? configuration.model.check()) != nil,
      // A tensor a block, at the least: before a model of that depth is laid out.
      configuration.model.depth <= file.tensors.count
    else {
      throw InputError("is no checkpoint of Isoflop", file: path, remedy: "Name a checkpoint.safetensors")
    }
    self.configuration = configuration
    transformer = Transformer(configuration.model)
    self.tokenizer = tokenizer
    let weights = transformer.layout.parameters.reduce(0) { $0 + $1.count }
    guard 4 * weights <= file.tensors.reduce(0, { $0 + $1.data.count }) else {
      throw InputError("is no checkpoint of this model", file: path, remedy: "Name a checkpoint.safetensors")
    }
    let state = TrainingState(parameters: FloatBuffer(count: transformer.layout.bufferCount))
    try Checkpoint(configuration, transformer).read(file, path: path, into: state)
    parameters = state.parameters
  }

  /// Continues `prompt` by `count` tokens, drawn at `temperature` (0 takes the likeliest).
  public func sample(prompt: String, count: Int, temperature: Double, seed: UInt64) throws -> String {
    let (context, vocabulary) = (configuration.model.context, configuration.model.vocabulary)
    let (program, inputs) = transformer.logitsProgram()
    let arena = Arena(for: program)
    var random = SplitMix64(seed: seed)
    var tokens = try tokenizer.encode(prompt).map(Int.init)
    guard !tokens.isEmpty else {
      throw InputError("the prompt is empty", remedy: "Give at least one character with --prompt")
    }
    for _ in 0..<count {
      let window = tokens.suffix(context)
      for (position, token) in window.enumerated() { arena.integers(inputs)[position] = Int32(token) }
      program.forward(arena, parameters: parameters)
      let logits = arena.output[(window.count - 1) * vocabulary..<window.count * vocabulary].map(Double.init)
      tokens.append(choose(logits, temperature: temperature, random: &random))
    }
    return tokenizer.decode(tokens.map { UInt16($0) })
  }

  private func choose(_ logits: [Double], temperature: Double, random: inout SplitMix64) -> Int {
    let top = logits.max() ?? 0
    guard temperature > 0 else { return logits.firstIndex(of: top) ?? 0 }
    let weights = logits.map { exp(($0 - top) / temperature) }
    var left = random.uniform() * weights.reduce(0, +)
    for (token, weight) in weights.enumerated() {
      left -= weight
      if left < 0 { return token }
    }
    return weights.count - 1
  }
}
