import Corpora
import Files
import Foundation
import Models
import RandomNumbers

/// A text of evenly drawn characters, as many different ones as the model's vocabulary, and runs on it.
struct BenchmarkText {
  /// Steps until the text repeats.
  private static let steps = 64
  private static let validationWindows = 32

  private let configuration: RunConfiguration
  private let corpus: TokenizedCorpus

  /// - Parameter rule: The update rule; nil for the default.
  init(_ model: ModelConfiguration, batch: Int, rule: (any UpdateRule.Type)? = nil) throws {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("isoflop-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var random = SplitMix64(seed: 0)
    var scalars = String.UnicodeScalarView()
    let validation = Self.validationWindows * model.context
    // Beyond the characters of any language all code points are valid.
    func append(_ token: Int) { Unicode.Scalar(0x20000 + UInt32(token)).map { scalars.append($0) } }
    for token in 0..<model.vocabulary { append(token) }
    for _ in 0..<2 * validation + (Self.steps + 1) * batch * model.context {
      append(Int(random.uniform() * Double(model.vocabulary)))
    }
    try FileAccess.write(Data(String(scalars).utf8), to: path)
    let source = CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: validation)
    corpus = try TokenizedCorpus(source, context: model.context)
    configuration = RunConfiguration(
      corpus: source, corpusFingerprint: corpus.fingerprint, model: model,
      training: TrainingConfiguration(
        tokens: 1 << 50, batch: .fixed(batch * model.context), updateRule: rule.map { Selection($0) }),
      seed: 0)
  }

  func trainer(threads: Int = 1) throws -> Trainer {
    try Trainer(configuration, corpus: corpus, threads: threads)
  }
}
