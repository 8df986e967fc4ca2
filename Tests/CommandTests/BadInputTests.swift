import Foundation
import Testing

/// Mistakes of users: each gives one clear message and exit status 2.
@Suite struct BadInputTests {
  @Test(
    "An invalid experiment is rejected with file, line and remedy",
    arguments: [
      ("  width: [8, 16]", "  widht: [8, 16]", "small.yaml:11: unknown key `widht`"),
      ("  width: [8, 16]", "  width: [8, x]", "small.yaml:11: `x` is not a"),
      ("  context: 32", "  context: 32\n  heads: 3", "heads do not divide the width 8"),
      ("  tokens: [20k, 40k]", "  flops: [1000]", "too small for one step"),
      ("  tokens: [20k, 40k]", "  tokens: [100]", "100 tokens are too few for one step of 256 tokens"),
      ("  batch: 256", "  batch: 100", "a batch of 100 tokens is not a multiple of the context 32"),
      ("source: text.txt", "source: missing.txt", "missing.txt"),
      ("source: text.txt", "source: empty.txt", "empty.txt"),
      ("source: text.txt", "source: short.txt", "short.txt"),
      ("source: text.txt", "source: latin.txt", "latin.txt:2: not valid UTF-8"),
      ("title:", "\ttitle:", "small.yaml:1: not valid YAML"),
      ("  context: 32", "  context: 32\n  context: 64", "small.yaml:6: `context` is given twice. Remove"),
    ])
  func experiment(_ original: String, _ mistake: String, _ message: String) throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write("", to: "empty.txt")
    try folder.write("Too short.", to: "short.txt")
    try Data([0x61, 0x0A, 0xE9, 0x0A]).write(to: URL(fileURLWithPath: "\(folder.path)/latin.txt"))
    try folder.write(smallExperiment.replacing(original, with: mistake), to: "small.yaml")
    let run = try Command("run", "small.yaml", in: folder.path)
    #expect(run.status == 2)
    #expect(run.errors.contains(message), "\(run.errors)")
    #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/runs/store"))
  }

  @Test("An experiment reads no text outside its folders unless the user allows it")
  func corporaOutside() throws {
    let (folder, other) = (try ScratchFolder(), try ScratchFolder())
    try other.write(smallText(words: 40_000), to: "text.txt")
    try FileManager.default.createSymbolicLink(
      atPath: "\(folder.path)/link.txt", withDestinationPath: "\(other.path)/text.txt")
    let name = URL(fileURLWithPath: other.path).lastPathComponent
    for source in ["\(other.path)/text.txt", "../\(name)/text.txt", "link.txt", "\(other.path)/text.yaml"] {
      try folder.write(
        smallExperiment.replacing("source: text.txt", with: "source: \(source)"), to: "small.yaml")
      for command in ["run", "book", "regress"] {
        let refused = try Command(command, "small.yaml", "--dry-run", in: folder.path)
        #expect(refused.status == 2)
        #expect(
          refused.errors.contains("small.yaml:3: the corpus `\(source)` lies outside")
            && refused.errors.contains("`--corpora FOLDER`"), "\(refused.errors)")
      }
    }
    try folder.write(
      smallExperiment.replacing("source: text.txt", with: "source: \(other.path)/text.txt"), to: "small.yaml")
    let allowed = try Command(
      "run", "small.yaml", "--dry-run", "--corpora", "elsewhere", "--corpora", other.path, in: folder.path)
    #expect(allowed.status == 0, "\(allowed.errors)")
    // Texts beside the experiment are always allowed, whatever the current folder is.
    try other.write(
      smallExperiment.replacing("source: text.txt", with: "source: \(other.path)/text.txt"), to: "small.yaml")
    #expect(try Command("run", "\(other.path)/small.yaml", "--dry-run", in: folder.path).status == 0)
  }

  @Test("The error names a missing file")
  func missingFile() throws {
    let folder = try ScratchFolder()
    for arguments in [["run"], ["fit"], ["sample"], ["check"], ["plan", "--flops", "1e20"]] {
      let result = try Command(all: arguments + ["nothing.here"], in: folder.path)
      #expect(result.status == 2)
      #expect(result.errors.contains("nothing.here: no such file"), "\(arguments): \(result.errors)")
    }
  }

  @Test("A damaged checkpoint cannot be sampled")
  func damage() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    #expect(try Command("run", "small.yaml", "--keep-checkpoints", in: folder.path).status == 0)
    let table = try folder.read("runs/small/results.csv")
    let store = "\(folder.path)/runs/store"
    let run = try #require(try FileManager.default.contentsOfDirectory(atPath: store).sorted().first)

    let checkpoint = URL(fileURLWithPath: "\(store)/\(run)/checkpoint.safetensors")
    var bytes = try Data(contentsOf: checkpoint)
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: checkpoint)
    let sample = try Command("sample", checkpoint.path, in: folder.path)
    #expect(sample.status == 2 && sample.errors.contains("is damaged"), "\(sample.errors)")

    #expect(try folder.read("runs/small/results.csv") == table)
  }

  @Test("A limit on file sizes gives one message, and the same command continues later")
  func noRoom() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    let limited = try Command("run", "small.yaml", in: folder.path, shell: "ulimit -f 8")
    #expect(limited.status == 3 || limited.status == 2)
    #expect(limited.errors.contains("ulimit -f"), "\(limited.errors)")
    let afterwards = try Command("run", "small.yaml", in: folder.path)
    #expect(afterwards.status == 0, "\(afterwards.errors)")
  }

  @Test("The error names a folder that cannot be written")
  func readOnly() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    // Not even root may write under /proc.
    let run = try Command("run", "small.yaml", "-o", "/proc/runs", in: folder.path)
    #expect(run.status == 2)
    #expect(run.errors.contains("/proc/runs") && run.errors.contains("cannot be created"), "\(run.errors)")
  }

  @Test("A model whose weights alone exceed memory is refused before memory is planned")
  func hugeModel() throws {
    let folder = try ScratchFolder()
    let train = try Command("train", "--width", "65536", "--depth", "1000", in: folder.path)
    #expect(
      train.status == 2 && train.errors.contains("the run: training needs at least "), "\(train.errors)")
    #expect(train.errors.hasSuffix("available. Train a smaller model.\n"), "\(train.errors)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("A diverging run is recorded as diverged and does not stop the others")
  func divergence() throws {
    let folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
    try folder.write(
      smallExperiment.replacing(
        "  tokens: [20k, 40k]", with: "  tokens: [20k, 40k]\n  learning_rate: [0.01, 90]"),
      to: "small.yaml")
    let run = try Command("run", "small.yaml", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let table = try folder.read("runs/small/results.csv")
    #expect(table.components(separatedBy: ",completed,").count == 5)
    #expect(table.components(separatedBy: ",diverged,").count == 5)
  }
}
