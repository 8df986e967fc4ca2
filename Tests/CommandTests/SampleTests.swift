import Foundation
import Testing

/// Tests of `isoflop sample`.
@Suite struct SampleTests {
  private let folder: ScratchFolder
  private let checkpoint: String

  /// Trains a small model with a context of 32 characters.
  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 10_000), to: "text.txt")
    let run = try Command(
      "train", "--corpus", "text.txt", "--tokenizer", "characters", "--width", "8", "--depth", "1",
      "--context", "32", "--tokens", "60k", "--validation-tokens", "2048", "-o", "runs", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
    checkpoint = "runs/" + (try #require(files.first { $0.hasSuffix("checkpoint.safetensors") }))
  }

  /// The output of `--json`.
  private struct Output: Decodable {
    struct Sample: Decodable, Equatable {
      let text: String
      let tokens: [Int]
      let ending: String
    }
    let prompt: String
    let seed: Int
    let samples: [Sample]
  }

  private func sample(_ arguments: String...) throws -> Command {
    try Command(all: ["sample", checkpoint, "--prompt", "the "] + arguments, in: folder.path)
  }

  private func json(_ arguments: String...) throws -> Output {
    let command = try Command(
      all: ["sample", checkpoint, "--prompt", "the ", "--json"] + arguments, in: folder.path)
    #expect(command.status == 0, "\(command.errors)")
    return try JSONDecoder().decode(Output.self, from: Data(command.output.utf8))
  }

  @Test("Samples continue the prompt beyond the context, and do not depend on their number")
  func samples() throws {
    let five = try json("--count", "5", "--tokens", "50", "--seed", "3")
    #expect(five.samples.count == 5 && five.prompt == "the " && five.seed == 3)
    #expect(five.samples.allSatisfy { $0.tokens.count == 50 && $0.text.count == 50 && $0.ending == "length" })
    #expect(Set(five.samples.map(\.text)).count == 5)
    let two = try json("--count", "2", "--tokens", "50", "--seed", "3")
    #expect(two.samples == Array(five.samples.prefix(2)))
    #expect(try json("--tokens", "50", "--seed", "4").samples[0] != five.samples[0])

    let text = try sample("--tokens", "50", "--seed", "3")
    #expect(text.status == 0 && text.output == "the \(five.samples[0].text)\n")
    let several = try sample("--tokens", "50", "--seed", "3", "--count", "2")
    #expect(several.output.contains("sample 2 of 2\nthe \(five.samples[1].text)\n"))
    #expect(try sample("--tokens", "0").output == "the \n")
  }

  @Test("Greedy, top-k, top-p, temperature and stop work as documented")
  func choices() throws {
    let greedy = try json("--temperature", "0", "--tokens", "40").samples[0]
    for flags in [["--top-k", "1"], ["--top-p", "1e-9"], ["--temperature", "1e-9"]] {
      #expect(try json(flags[0], flags[1], "--tokens", "40", "--seed", "9").samples[0] == greedy)
    }
    let few = try json("--top-k", "2", "--count", "3").samples
    #expect(few.allSatisfy { $0.tokens.count == 400 } && few[0] != few[1])
    let stopped = try json("--stop", " ", "--count", "20", "--tokens", "60").samples
    for sample in stopped {
      let isStopped = sample.ending == "stop"
      #expect(sample.text.dropLast(isStopped ? 1 : 0).contains(" ") == false)
      #expect(isStopped ? sample.text.hasSuffix(" ") : sample.tokens.count == 60)
    }
    #expect(stopped.contains { $0.ending == "stop" })
  }

  @Test("Mistakes give one line with a remedy")
  func mistakes() throws {
    for (arguments, message) in [
      (["--prompt", "a Ω b"], "the character `Ω` (U+3A9) is not in the corpus's alphabet. Remove it"),
      (["--prompt", ""], "the prompt is empty. Give at least one character with --prompt"),
      (["--stop", "Ω"], "no token of the model writes `Ω`"),
      (["--stop", "the cat"], "Give one character of its alphabet with --stop"),
      (["--stop", ""], "no token of the model writes"), (["--tokens", "-1"], "--tokens"),
      (["--temperature", "-1"], "--temperature"), (["--temperature", "nan"], "--temperature"),
      (["--temperature", "inf"], "--temperature"), (["--top-p", "0"], "--top-p"),
      (["--top-p", "1.5"], "--top-p"), (["--top-p", "nan"], "--top-p"), (["--top-k", "0"], "--top-k"),
      (["--count", "0"], "--count"), (["--count", "1e17"], "--count"), (["--seed", "x"], "--seed"),
    ] {
      let prompt = arguments.contains("--prompt") ? [] : ["--prompt", "the "]
      let command = try Command(all: ["sample", checkpoint] + prompt + arguments, in: folder.path)
      #expect(command.status == 2 && command.output.isEmpty, "\(arguments)")
      #expect(command.errors.contains(message), "\(arguments): \(command.errors)")
      #expect(command.errors.split(separator: "\n").count == 1, "\(command.errors)")
    }
  }

  @Test("A file that is not a checkpoint is rejected without advice to delete it")
  func notACheckpoint() throws {
    try folder.write("N,loss\n1,2\n", to: "results.csv")
    try folder.write("", to: "empty")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(checkpoint)"))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: "\(folder.path)/damaged.safetensors"))
    for file in ["results.csv", "empty", "text.txt", "damaged.safetensors", "/dev/null"] {
      let command = try Command("sample", file, in: folder.path)
      #expect(command.status == 2 && command.errors.contains("\(file): is "), "\(command.errors)")
      #expect(command.errors.contains("Name a checkpoint.safetensors"), "\(command.errors)")
      #expect(!command.errors.lowercased().contains("delete"), "\(command.errors)")
    }
  }

  @Test("A run's folder stands for its checkpoint")
  func runFolder() throws {
    let run = String(checkpoint.dropLast("/checkpoint.safetensors".count))
    let text = try Command("sample", run, "--tokens", "20", "--prompt", "the ", in: folder.path)
    #expect(try text.status == 0 && text.output == sample("--tokens", "20").output, "\(text.errors)")
    let none = try Command("sample", "runs", in: folder.path)
    #expect(
      none.status == 2 && none.errors.contains("runs: has no checkpoint.safetensors. Train the run with"))
  }

  @Test("The benchmark of generation has both figures and their ratio")
  func benchmark() throws {
    struct Output: Decodable {
      struct Generation: Decodable {
        let samples: Int
        let length: Int
        let cachedTokensPerSecond: Double
        let windowTokensPerSecond: Double
        let ratio: Double

        enum CodingKeys: String, CodingKey {
          case samples, length, ratio
          case cachedTokensPerSecond = "cached_tokens_per_second"
          case windowTokensPerSecond = "window_tokens_per_second"
        }
      }
      let generation: Generation
    }
    let arguments = ["bench", "generation", "--shape", "8,1,1,16,4,20", "--seconds", "0.01"]
    let run = try Command(all: arguments + ["--json"], in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let figures = try JSONDecoder().decode(Output.self, from: Data(run.output.utf8)).generation
    #expect(figures.samples == 4 && figures.length == 32 && figures.cachedTokensPerSecond > 0)
    #expect(abs(figures.ratio * figures.windowTokensPerSecond / figures.cachedTokensPerSecond - 1) < 1e-9)
    let table = try Command(all: arguments, in: folder.path)
    #expect(table.status == 0 && table.output.contains("8,1,1,16,4,20"), "\(table.errors)")
    let bad = try Command("bench", "generation", "--seconds", "nan", in: folder.path)
    #expect(bad.status == 2 && bad.errors.contains("--seconds"), "\(bad.errors)")
  }
}
