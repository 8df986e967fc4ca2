import ArgumentParser
import Files
import Foundation
import Models
import Training

/// `isoflop bench sequence`: the layers that move information between positions, over the context.
struct SequenceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sequence",
    abstract: "Times training and decoding with each sequence layer over the context, on one core.",
    discussion:
      "Models of two blocks with the same layer, all with the same number of tokens in a step. scripts/compare-scan measures the selective scan beside PyTorch's."
  )

  @Option(help: "The letters of the layers.")
  var layers = String(layerLetters.map(\.letter))
  @Option(parsing: .upToNextOption, help: "Tokens in a window, such as 1024 8192.")
  var contexts = [128, 512, 1024, 2048, 4096, 8192]
  @Option(help: "The width of the models.")
  var width = 64
  @Option(help: "The fewest tokens of a step, which has as many windows as reach them.")
  var tokens = 8192
  @Option(help: "About how long to measure each figure.")
  var seconds = 1.0
  @OptionGroup var kernels: KernelOptions
  @Flag(help: "Prints everything as JSON.")
  var json = false

  /// What `--json` prints.
  private struct Output: Encodable {
    let provenance: Provenance
    let sequence: SequenceBenchmark
  }

  func validate() throws {
    guard seconds > 0, seconds.isFinite else { throw ValidationError("--seconds must be more than 0.") }
    guard (1...1_000_000).contains(tokens) else {
      throw ValidationError("--tokens must be from 1 to 1000000.")
    }
    guard !layers.isEmpty else { throw ValidationError("--layers names no layer.") }
    guard Set(layers).count == layers.count, Set(contexts).count == contexts.count else {
      throw ValidationError("--layers and --contexts must name nothing twice.")
    }
  }

  func run() throws {
    kernels.apply()
    KernelOptions.warn()
    let others = OtherLoad()
    let benchmark: SequenceBenchmark
    do {
      benchmark = try SequenceBenchmark(
        layers: Array(layers), contexts: contexts.sorted(), width: width, tokens: tokens, seconds: seconds)
    } catch let fault as SettingFault {
      throw InputError(fault.message, remedy: fault.remedy)
    }
    if json {
      try printJSON(Output(provenance: Provenance(threads: 1), sequence: benchmark))
    } else {
      show(benchmark)
    }
    others.warn()
  }

  private func show(_ benchmark: SequenceBenchmark) {
    let contexts = contexts.sorted()
    func models(_ layer: Character) -> [SequenceBenchmark.Model] {
      benchmark.models.filter { $0.layer == String(layer) }
    }
    func table(_ title: String, _ cell: (SequenceBenchmark.Model) -> String) {
      print("\n\(title)")
      printTable(
        ["layer, by context"] + contexts.map(String.init),
        layers.map { layer in [name(of: layer)] + models(layer).map(cell) })
    }
    let provenance = Provenance(threads: 1)
    print(
      "\(provenance.cpu); \(provenance.kernelNames) kernels; one core; models of two blocks of width \(width), "
        + "\(tokens) tokens in a step")

    // Where the time is linear in the context, a token takes as long in a window eight times as long.
    let long = contexts.last ?? 0
    let short = contexts.first { 8 * $0 == long } ?? contexts[0]
    print("\nTraining, tokens a second")
    printTable(
      ["layer, by context"] + contexts.map(String.init) + ["time of a token, \(long) / \(short)"],
      layers.map { layer in
        let rates = models(layer).map { ($0.context, $0.tokensPerSecond) }
        let ends = [short, long].compactMap { end in rates.first { $0.0 == end }?.1 }
        return [name(of: layer)] + rates.map { digits($0.1, 0) } + [digits(ends[0] / ends[1], 2)]
      })
    if layers.contains("A"), layers.count > 1 {
      let attention = models("A")
      table("Training, times the tokens a second of attention") { model in
        let peer = attention.first { $0.context == model.context }
        return digits(model.tokensPerSecond / (peer?.tokensPerSecond ?? .nan), 2)
      }
    }
    table("Decoding, ms for the last token of a window") { digits(1000 * $0.decodingSeconds, 3) }
    table("Cache of a sequence, KiB") { digits(Double($0.cacheBytes) / 1024, 1) }
    guard let scan = benchmark.scans.first else { return }
    print(
      "\nThe selective scan alone, forward and backward, \(scan.channels) channels of \(scan.states) states")
    printTable(
      ["by context"] + contexts.map(String.init),
      [["µs a token"] + benchmark.scans.map { digits(1e6 * $0.secondsPerToken, 3) }])
  }

  private func name(of letter: Character) -> String {
    "\(letter) (\(layerLetters.first { $0.letter == letter }?.name ?? ""))"
  }

  private func digits(_ value: Double, _ count: Int) -> String { String(format: "%.\(count)f", value) }
}
