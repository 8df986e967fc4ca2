import Corpora
import Files
import Foundation
import Models
import Testing
import Training

/// A process is suspended right after it has checked that it may write, and another process takes over its work there.
/// Whatever the first was about to do when it wakes up, it changes nothing.
@Suite struct TakeOverTests {
  private struct Lost: Error {}

  private let folder: ScratchFolder
  private let corpus: TokenizedCorpus
  private let runs: [RunConfiguration]

  init() throws {
    folder = try ScratchFolder()
    let source: CorpusConfiguration
    (source, corpus) = try smallCorpus(in: folder, context: 16)
    let model = try ModelConfiguration(
      width: 8, depth: 1, heads: 2, context: 16, vocabulary: corpus.vocabulary)
    let fingerprint = corpus.fingerprint
    runs = [2000, 4000, 6000].map {
      RunConfiguration(
        corpus: source, corpusFingerprint: fingerprint, model: model,
        training: TrainingConfiguration(
          tokens: $0, batch: .fixed(512), warmupSteps: 1, schedule: .cooldown(fraction: 0.5, shape: .linear)),
        seed: 1)
    }
  }

  private func training(
    _ runs: ArraySlice<RunConfiguration>, in name: String, _ control: TrunkTraining.Control
  )
    throws -> TrunkTraining
  {
    let root = "\(folder.path)/\(name)"
    return try TrunkTraining(
      Array(runs), corpus: corpus, folder: { RunFolder("\(root)/store/\($0.identifier)") },
      trunkFolder: RunFolder("\(root)/trunk"), control: control)
  }

  /// All files in a folder with their content. An empty folder changes nothing.
  private func content(_ name: String) throws -> [String: Data] {
    let root = "\(folder.path)/\(name)"
    let files = try FileAccess.paths(below: root).filter { try FileAccess.kind(of: "\(root)/\($0)") == .file }
    return try Dictionary(uniqueKeysWithValues: files.map { ($0, try FileAccess.read("\(root)/\($0)")) })
  }

  @Test(
    "Overtaken at any of its checks, a training changes nothing",
    arguments: [false, true])
  func overtaken(_ isOtherUnderWay: Bool) throws {
    var number = 0
    while true {
      number += 1
      let name = "\(number)"
      var (checks, after): (Int, [String: Data]?) = (0, nil)
      var control = TrunkTraining.Control(checkpointInterval: 0)
      control.mayWrite = {
        if after != nil { throw Lost() }
        checks += 1
        guard checks == number else { return }
        // The other process has finished the same runs, or is training a further one when this one wakes up.
        var other = TrunkTraining.Control(checkpointInterval: 0)
        other.isCancelled = {
          try isOtherUnderWay
            && runs[..<2].allSatisfy {
              try FileAccess.exists("\(folder.path)/\(name)/store/\($0.identifier)/result.json")
            }
        }
        do { try training(runs[..<(isOtherUnderWay ? 3 : 2)], in: name, other)() } catch is TrunkTraining
          .Cancelled
        {}
        after = try content(name)
      }
      let first = try training(runs[..<2], in: name, control)
      guard checks < number else { break }
      do { try first() } catch is Lost {} catch { if after == nil { throw error } }
      guard let after else { break }
      let now = try content(name)
      let changed = Set(now.keys).union(after.keys).filter { now[$0] != after[$0] }
      #expect(changed.isEmpty, "check \(number): \(changed.sorted())")
      #expect(after.keys.count { $0.hasSuffix("result.json") } == 2)
      #expect(after.keys.contains("trunk/checkpoint.safetensors") == isOtherUnderWay)
    }
    // As many checks as there are places where a file is replaced or removed.
    #expect(number > 25)
  }
}
