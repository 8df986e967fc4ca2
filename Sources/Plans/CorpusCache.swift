import Corpora
import Files
import Foundation
import Synchronization
import Training

/// The corpora of an experiment. Each is opened once and can be used by all runs on all threads.
public final class CorpusCache: Sendable {
  private struct Key: Hashable {
    let configuration: CorpusConfiguration
    let context: Int
    let lanes: Int?
  }

  private let corpora = Mutex<[Key: TokenizedCorpus]>([:])
  private let folders: [String]

  /// Creates an empty cache.
  ///
  /// - Parameter folders: Additional folders of texts that experiments may read.
  public init(allowing folders: [String] = []) { self.folders = folders }

  /// Checks that an experiment's file may read a source: a bundled corpus, or a path below the current folder, the
  /// folder of the file or one of the allowed folders. The file may be untrusted, and the report shows parts of the
  /// text.
  ///
  /// - Throws: `InputError` if it may not.
  func checkSource(_ source: String, of experiment: String) throws {
    if try CorpusSource.isBundled(source) { return }
    // A file that matches a pattern may be a link.
    let files = try FileAccess.exists(source) ? [source] : (try? TextFiles.files(of: source)) ?? [source]
    try check(files, "corpus", named: source, of: experiment)
  }

  /// Checks that an experiment's file may read a model: see `checkSource`.
  ///
  /// - Throws: `InputError` if it may not.
  func checkModel(_ path: String, of experiment: String) throws {
    try check([path], "model", named: path, of: experiment)
  }

  private func check(_ files: [String], _ kind: String, named name: String, of experiment: String) throws {
    let own = URL(fileURLWithPath: experiment).deletingLastPathComponent().path
    guard files.allSatisfy({ isPath($0, below: [".", own] + folders) }) else {
      throw InputError(
        "the \(kind) `\(name)` lies outside the folder of the experiment and the current folder",
        remedy: "Allow it on the command line: `--corpora FOLDER`, the folder that it is in")
    }
  }

  /// Returns the corpus of a run.
  ///
  /// - Throws: `InputError` if its source is invalid.
  public func corpus(of run: RunConfiguration) throws -> TokenizedCorpus {
    try corpus(run.corpus, context: run.model.context, lanes: run.lanes)
  }

  /// Returns the corpus in windows of `context` tokens. While one thread opens a corpus, other threads wait.
  ///
  /// - Parameter lanes: The number of lanes of its windows; nil for independent windows.
  /// - Throws: `InputError` if its source is invalid.
  public func corpus(_ configuration: CorpusConfiguration, context: Int, lanes: Int?) throws
    -> TokenizedCorpus
  {
    try corpora.withLock { corpora in
      let key = Key(configuration: configuration, context: context, lanes: lanes)
      if let known = corpora[key] { return known }
      let corpus = try TokenizedCorpus(configuration, context: context, lanes: lanes)
      corpora[key] = corpus
      return corpus
    }
  }
}
