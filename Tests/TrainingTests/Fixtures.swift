import Corpora
import Files
import Foundation
import Models
import RandomNumbers
import Training

/// A temporary folder that is removed at the end of the test.
final class ScratchFolder {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("isoflop-\(UUID().uuidString)").path
    try FileAccess.makeFolder(path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Returns a small text of ten letters that is partly predictable.
func smallText(bytes: Int) -> Data {
  var random = SplitMix64(seed: 5)
  var letter: UInt8 = 0
  return Data(
    (0..<bytes).map { _ in
      letter = random.uniform() < 0.7 ? (letter + 3) % 10 : UInt8(random.uniform() * 10)
      return UInt8(ascii: "a") + letter
    })
}

/// A corpus of the small text in `folder`, read character by character.
func smallCorpus(in folder: ScratchFolder, context: Int) throws -> (CorpusConfiguration, TokenizedCorpus) {
  let path = "\(folder.path)/text.txt"
  try FileAccess.write(smallText(bytes: 200_000), to: path)
  let configuration = CorpusConfiguration(source: path, tokenizer: .characters, validationTokens: 4096)
  return (configuration, try TokenizedCorpus(configuration, context: context))
}
