import Analysis
import ArgumentParser
import Corpora
import Execution
import Foundation

/// Shell completions of arguments that are neither files nor a fixed choice.
extension CompletionKind {
  /// The names of the bundled corpora, and the paths of texts.
  static var corpus: CompletionKind {
    .custom { _, _, prefix in ((try? BundledCorpora.recipes()) ?? [:]).keys.sorted() + paths(from: prefix) }
  }

  /// The bundled tables of losses, and the pages of the book whose runs are there.
  static var reference: CompletionKind {
    .custom { _, _, _ in ReferenceTable.all.map(\.name) + ((try? ReferenceTable.pages()) ?? []) }
  }

  /// The runs in the folder of runs that the command line names.
  static var run: CompletionKind {
    .custom { words, _, _ in (try? StoredRun.names(in: folder(in: words))) ?? [] }
  }

  /// The experiments in that folder.
  static var experiment: CompletionKind {
    .custom { words, _, _ in (try? StoredExperiment.all(in: folder(in: words)).map(\.name)) ?? [] }
  }

  private static func folder(in words: [String]) -> String {
    let flag = words.lastIndex { ["-o", "--output"].contains($0) }
    return flag.flatMap { words.indices.contains($0 + 1) ? words[$0 + 1] : nil } ?? "runs"
  }

  private static func paths(from prefix: String) -> [String] {
    let folder = prefix.lastIndex(of: "/").map { String(prefix[...$0]) } ?? ""
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.isEmpty ? "." : folder)) ?? []
    return names.filter { !$0.hasPrefix(".") }.sorted().map { folder + $0 }
  }
}
