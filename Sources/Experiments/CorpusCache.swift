import Corpora
import Synchronization

/// The corpora of an experiment, each opened once, whichever runs ask for it and from whichever thread.
public final class CorpusCache: Sendable {
  private struct Key: Hashable {
    let configuration: CorpusConfiguration
    let context: Int
  }

  private let corpora = Mutex<[Key: TokenizedCorpus]>([:])

  public init() {}

  /// The corpus in windows of `context` tokens; while one thread opens it, the others wait.
  ///
  /// - Throws: `InputError` for whatever is wrong with its source.
  public func corpus(_ configuration: CorpusConfiguration, context: Int) throws -> TokenizedCorpus {
    try corpora.withLock { corpora in
      let key = Key(configuration: configuration, context: context)
      if let known = corpora[key] { return known }
      let corpus = try TokenizedCorpus(configuration, context: context)
      corpora[key] = corpus
      return corpus
    }
  }
}
