import Corpora
import Files
import Foundation
import Synchronization

/// The corpora of an experiment, each opened once, whichever runs ask for it and from whichever thread.
public final class CorpusCache: Sendable {
  private struct Key: Hashable {
    let configuration: CorpusConfiguration
    let context: Int
  }

  private let corpora = Mutex<[Key: TokenizedCorpus]>([:])
  private let folders: [String]

  /// - Parameter folders: where texts may lie beside those that any experiment may read.
  public init(allowing folders: [String] = []) { self.folders = folders }

  /// Refuses a source that an experiment's file may not read: the file may be untrusted, and what is read shows in
  /// the report. Bundled corpora are free, as is what lies below the current folder and that of the file.
  func checkSource(_ source: String, of experiment: String) throws {
    if CorpusSource.isBundled(source) { return }
    let own = URL(fileURLWithPath: experiment).deletingLastPathComponent().path
    guard isPath(source, below: [".", own] + folders) else {
      throw InputError(
        "the corpus `\(source)` lies outside the folder of the experiment and the current folder",
        remedy: "Allow it on the command line: `--corpora FOLDER`, the folder that it is in")
    }
  }

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
