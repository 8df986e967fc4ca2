import ArgumentParser
import Autograd
import Execution
import Files
import Foundation
import Models
import Training

/// `isoflop bench steps`: training steps compared with their matrix products alone, the floor.
struct StepsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "steps", abstract: "Times training steps against their matrix products alone, on one core.",
    discussion: "Each shape is measured in a separate process, so that its memory can be measured.")

  @Option(help: "About how long to measure each shape; two cores and the rest take as long again, or twice.")
  var seconds = 2.0
  @Option(help: "gpt2, llama or all.")
  var architecture = ArchitectureChoice.all
  @Option(help: "The precision of the operands of matrix products, as in an experiment file.")
  var precision = Precision.float32
  @Option(
    help: "The update rule, as in an experiment file.",
    completion: .list(updateRules.map { $0.name }), transform: UpdateRuleChoice.init)
  var updateRule: UpdateRuleChoice?
  @Option(
    parsing: .singleValue,
    help:
      "Width, depth, heads, context, batch and vocabulary, such as 32,2,4,128,4,79; for moe models also experts and experts per token. Default: fifteen shapes."
  )
  var shape: [BenchmarkShape] = []
  @OptionGroup var kernels: KernelOptions
  @Flag(help: "Prints the time of each kind of operation too.")
  var operations = false
  @Flag(help: "Prints everything as JSON.")
  var json = false
  @Flag(help: .hidden)
  var inThisProcess = false

  enum ArchitectureChoice: String, ExpressibleByArgument, CaseIterable {
    case gpt2, llama, all

    var architectures: [ModelConfiguration.Architecture] {
      switch self {
      case .gpt2: [.gpt2]
      case .llama: [.llama]
      case .all: [.gpt2, .llama]
      }
    }
  }

  /// What `--json` prints.
  private struct Output: Codable {
    let provenance: Provenance
    let steps: [StepBenchmark]
  }

  func validate() throws {
    guard seconds > 0, seconds.isFinite else { throw ValidationError("--seconds must be more than 0.") }
  }

  func run() throws {
    kernels.apply()
    if inThisProcess {
      // For the process that started this one: in the form that it can decode.
      return print(
        String(
          decoding: try plainJSON(
            Output(provenance: Provenance(threads: 1, kernel: precision.kernel), steps: measureHere())),
          as: UTF8.self))
    }
    if let warning = OpenBLAS.warning { complain("note: \(warning)") }
    let provenance = Provenance(threads: 1, kernel: precision.kernel)
    if !json {
      print(
        "\(provenance.cpu); \(provenance.kernelNames) kernels, compiled for \(instructionSet); "
          + "OpenBLAS kernel \(provenance.blasKernel); one core, \(precision)")
    }
    let others = OtherLoad()
    var all: [StepBenchmark] = []
    for architecture in architecture.architectures {
      let shapes = shape.isEmpty ? BenchmarkShape.usual : shape
      // An impossible shape is refused before anything is measured.
      for shape in shapes { _ = try shape.model(architecture, precision) }
      let steps = try shapes.map { try measureAlone($0, architecture) }
      all += steps
      if !json { show(steps, architecture) }
    }
    if json { try printJSON(Output(provenance: provenance, steps: all)) }
    others.warn()
  }

  private func measureHere() throws -> [StepBenchmark] {
    try architecture.architectures.flatMap { architecture in
      try shape.map {
        try StepBenchmark(
          $0.model(architecture, precision), batch: $0.batch, rule: updateRule?.rule ?? updateRules[0],
          seconds: seconds)
      }
    }
  }

  /// Measures one shape in a separate process, so that its memory is not that of earlier shapes and its allocations can be
  /// counted.
  private func measureAlone(_ shape: BenchmarkShape, _ architecture: ModelConfiguration.Architecture) throws
    -> StepBenchmark
  {
    let trace = FileManager.default.temporaryDirectory.appendingPathComponent("isoflop-\(UUID().uuidString)")
      .path
    defer { try? FileManager.default.removeItem(atPath: trace) }
    let output = try ChildProcess.pipe()
    let process = try ChildProcess(
      "/proc/\(getpid())/exe",
      [
        "bench", "steps", "--in-this-process", "--architecture", architecture.rawValue, "--shape", "\(shape)",
        "--seconds", "\(seconds)", "--precision", precision.rawValue,
      ] + (updateRule.map { ["--update-rule", $0.rule.name] } ?? []) + KernelOptions.ofThisProcess,
      output: output.writing, environment: AllocationTrace.environment(file: trace))
    try output.writing.close()
    let data = try output.reading.readToEnd() ?? Data()
    guard process.wait() == .status(0),
      let result = try decodeJSON(Output.self, from: data).steps.first
    else {
      throw InputError(
        "\(shape) of \(architecture.rawValue) could not be measured", remedy: "See the message above")
    }
    return result
  }

  private func show(_ steps: [StepBenchmark], _ architecture: ModelConfiguration.Architecture) {
    print("\n\(architecture.rawValue): a training step")
    printTable(
      [
        Self.shapeTitle, "step ms", "floor ms", "step / floor", "/ hardware floor", "tokens / s", "GFLOP / s",
        "floor GFLOP / s",
        "planned MiB", "resident MiB", "allocations",
      ],
      steps.map { step in
        [
          step.shape, digits(1000 * step.stepSeconds, 3), digits(1000 * step.floorSeconds, 3),
          digits(step.stepOverFloor, 2), digits(step.stepOverHardwareFloor, 2),
          digits(step.tokensPerSecond, 0), digits(1e-9 * step.stepFlopRate, 1),
          digits(1e-9 * step.floorFlopRate, 1), mebibytes(step.plannedBytes), mebibytes(step.residentBytes),
          step.stepAllocations.map { digits($0, 1) } ?? "not counted",
        ]
      })
    print(
      "\n\(architecture.rawValue): the hardware floor of a step, the longer of its products at the peak of "
        + "\(precision.kernel.unit.rawValue) and its bytes at the bandwidth of reading memory")
    printTable(
      [
        Self.shapeTitle, "peak GFLOP / s", "memory GB / s", "products, MFLOP", "bytes, MB", "ms at peak",
        "ms at bandwidth", "floor ms",
      ],
      steps.map { step in
        let floor = step.hardwareFloor
        return [
          step.shape, digits(1e-9 * floor.peakFlopRate, 1), digits(1e-9 * floor.bandwidth, 1),
          digits(1e-6 * floor.flops, 1), digits(1e-6 * floor.bytes, 1),
          digits(1000 * floor.computeSeconds, 3),
          digits(1000 * floor.memorySeconds, 3), digits(1000 * floor.seconds, 3),
        ]
      })
    print("\n\(architecture.rawValue): evaluation, and two cores against one (tokens per second)")
    printTable(
      [
        Self.shapeTitle, "evaluation tokens / s", "over training", "its MiB", "two runs", "one run",
      ],
      steps.map { step in
        [
          step.shape, digits(step.evaluation.tokensPerSecond, 0), digits(step.evaluation.overTraining, 2),
          mebibytes(step.evaluation.bytes), step.twoCores.map { digits($0.twoRuns, 2) } ?? "",
          step.twoCores.map { digits($0.oneRun, 2) } ?? "",
        ]
      })
    let moe = steps.filter { $0.overDense != nil }
    if !moe.isEmpty {
      print(
        "\n\(architecture.rawValue): a step of a moe model relative to the dense model of the same active size"
      )
      printTable(
        [Self.shapeTitle + ", experts, experts per token", "step / dense step"],
        moe.map { [$0.shape, digits($0.overDense ?? 0, 2)] })
    }
    let others = steps.filter { $0.overAdam != nil }
    if !others.isEmpty {
      print("\n\(architecture.rawValue): a step relative to one with AdamW")
      printTable(
        [Self.shapeTitle, "step / step with AdamW"],
        others.map { [$0.shape, digits($0.overAdam ?? 0, 2)] })
    }
    guard operations else { return }
    for step in steps {
      print("\n\(architecture.rawValue), \(step.shape): operations")
      printTable(
        ["operation", "forward ms", "backward ms", "% of the step"],
        step.operations.map {
          [
            $0.name, digits(1000 * $0.forwardSeconds, 3),
            $0.backwardSeconds > 0 ? digits(1000 * $0.backwardSeconds, 3) : "", digits(100 * $0.fraction, 1),
          ]
        })
    }
  }

  private static let shapeTitle = "width, depth, heads, context, batch, vocabulary"

  private func digits(_ value: Double, _ count: Int) -> String { String(format: "%.\(count)f", value) }
  private func mebibytes(_ bytes: Int) -> String { digits(Double(bytes) / 1_048_576, 1) }
}

extension Precision: ExpressibleByArgument {}

/// The name of an update rule.
struct UpdateRuleChoice {
  let rule: any UpdateRule.Type

  /// Reads an option.
  init(_ argument: String) throws {
    guard let rule = updateRules.first(where: { $0.name == argument }) else {
      throw ValidationError("Choose among \(updateRules.map { $0.name }.joined(separator: ", ")).")
    }
    self.rule = rule
  }
}

extension StepBenchmark {
  /// The numbers that name the shape.
  fileprivate var shape: String {
    ([model.width, model.depth, model.heads, model.context, batch, model.vocabulary]
      + (model.moe.map { [$0.experts, $0.topK] } ?? [])).map(String.init).joined(separator: ", ")
  }
}
