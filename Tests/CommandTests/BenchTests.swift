import Foundation
import Testing

/// The times depend on the machine, so only the presence of the figures and the memory are tested.
@Suite struct BenchTests {
  @Test("Steps of both architectures are measured, and the JSON has all figures")
  func steps() throws {
    let folder = try ScratchFolder()
    let run = try Command(
      "bench", "--shape", "16,1,2,32,4,20", "--seconds", "0.05", "--json", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let output = try Self.decoder.decode(Output.self, from: Data(run.output.utf8))
    #expect(!output.provenance.cpu.isEmpty && !output.provenance.blasKernel.isEmpty)
    #expect(output.steps.map(\.model.architecture) == ["gpt2", "llama"])
    for step in output.steps {
      #expect(step.model.width == 16 && step.model.context == 32)
      #expect(step.batch == 4 && step.model.vocabulary == 20)
      #expect(step.stepSeconds > 0 && step.floorSeconds > 0)
      #expect(abs(step.stepOverFloor * step.floorSeconds / step.stepSeconds - 1) < 1e-9)
      #expect(abs(step.tokensPerSecond * step.stepSeconds / 128 - 1) < 1e-9)
      #expect(step.stepFlopRate > 0 && step.floorFlopRate > 0)
      let floor = step.hardwareFloor
      #expect(!floor.unit.isEmpty && floor.peakFlopRate > 0 && floor.bandwidth > 0)
      #expect(abs(floor.flops / (step.stepFlopRate * step.stepSeconds) - 1) < 1e-9)
      // Weights, gradients and two moments, each read and written, and the values that backward reads.
      #expect(floor.bytes > Double(step.plannedBytes) / 4 && floor.bytes < 4 * Double(step.plannedBytes))
      #expect(abs(floor.computeSeconds * floor.peakFlopRate / floor.flops - 1) < 1e-9)
      #expect(abs(floor.memorySeconds * floor.bandwidth / floor.bytes - 1) < 1e-9)
      #expect(floor.seconds == max(floor.computeSeconds, floor.memorySeconds))
      #expect(abs(step.stepOverHardwareFloor * floor.seconds / step.stepSeconds - 1) < 1e-9)
      #expect(step.plannedBytes > 0 && step.baseBytes > step.plannedBytes)
      #expect(step.residentBytes >= step.baseBytes && step.residentBytes < 1 << 28)
      #expect(step.evaluation.tokensPerSecond > 0 && step.evaluation.bytes > 0)
      #expect(step.evaluation.overTraining > 0)
      if let twoCores = step.twoCores { #expect(twoCores.twoRuns > 0 && twoCores.oneRun > 0) }
      #expect(abs(step.operations.reduce(0) { $0 + $1.fraction } - 1) < 1e-9)
      let names = step.operations.map(\.name)
      #expect(names.contains("Linear") && names.contains("AdamW") && names.contains("gradient norm"))
      #expect(names.last == "rest" && Set(names).count == names.count)
      let backward = Set(step.operations.filter { $0.backwardSeconds > 0 }.map(\.name))
      #expect(backward.isSuperset(of: ["Linear", "CausalAttention", "CrossEntropy"]))
    }
  }

  @Test("A step allocates no memory, but the first one does", arguments: ["own", "blas"])
  func allocations(_ kernels: String) throws {
    let folder = try ScratchFolder()
    // Two shards of 2048 tokens, and a gradient that is summed over them.
    let run = try Command(
      "bench", "--shape", "8,1,1,32,128,20", "--seconds", "0.01", "--json", "--kernels", kernels,
      in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let output = try Self.decoder.decode(Output.self, from: Data(run.output.utf8))
    #expect(output.provenance.kernels == kernels)
    for step in output.steps {
      #expect(try #require(step.firstStepAllocations) > 0)
      // OpenBLAS itself allocates memory for some small products, at most once for each of the fifteen of a shard.
      #expect(try #require(step.stepAllocations) <= (kernels == "own" ? 0 : 30))
    }
  }

  @Test(
    "Another update rule is compared with AdamW, and allocates no memory either", arguments: ["muon", "soap"])
  func updateRules(_ rule: String) throws {
    let run = try Command(
      "bench", "--architecture", "llama", "--shape", "16,1,2,32,4,20", "--seconds", "0.01", "--json",
      "--kernels",
      "own", "--update-rule", rule, in: packageRoot)
    #expect(run.status == 0, "\(run.errors)")
    let step = try #require(try Self.decoder.decode(Output.self, from: Data(run.output.utf8)).steps.first)
    #expect(try #require(step.stepAllocations) == 0 && #require(step.overAdam) > 0)
    #expect(step.operations.contains { $0.name.lowercased() == rule })
    let wrong = try Command("bench", "--update-rule", "adam", in: packageRoot)
    #expect(wrong.status == 2 && wrong.errors.contains("Choose among adamw"), "\(wrong.errors)")
  }

  @Test("The tables name the shape, the kernel and the operations")
  func tables() throws {
    let folder = try ScratchFolder()
    let run = try Command(
      "bench", "--architecture", "gpt2", "--shape", "16,1,2,32,4,20", "--seconds", "0.01", "--operations",
      "--kernels", "own",
      in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    for text in [
      "own kernels", "OpenBLAS kernel", "16, 1, 2, 32, 4, 20", "step / floor", "/ hardware floor",
      "memory GB / s", "CausalAttention", "rest",
    ] {
      #expect(run.output.contains(text), "\(text)")
    }
    #expect(!run.output.contains("llama"))
  }

  @Test(
    "The fifteen shapes are listed",
    arguments: ["32,2,2,64,64,256", "64,2,8,128,16,79", "128,4,4,128,32,256,8,1"])
  func shapes(_ shape: String) throws {
    let lines = try Command("bench", "shapes", in: packageRoot).output.split(separator: "\n")
    #expect(lines.count == 15 && lines.contains { $0 == shape })
  }

  @Test(
    "An impossible shape is refused",
    arguments: [("16,1,3,32,4,20", "3 heads do not divide the width 16"), ("16,1,2", "--shape")])
  func mistakes(_ shape: String, _ message: String) throws {
    let run = try Command("bench", "--shape", shape, "--seconds", "0.01", in: packageRoot)
    #expect(run.status != 0 && run.errors.contains(message), "\(run.errors)")
  }

  @Test("Sequence layers are measured over the context, and only the caches of full attention grow with it")
  func sequenceLayers() throws {
    struct Output: Decodable {
      struct Model: Decodable {
        let layer: String
        let context: Int
        let tokensPerSecond: Double
        let decodingSeconds: Double
        let cacheBytes: Int
      }
      struct Scan: Decodable {
        let channels: Int
        let states: Int
        let context: Int
        let secondsPerToken: Double
      }
      struct Sequence: Decodable {
        let models: [Model]
        let scans: [Scan]
      }
      let sequence: Sequence
    }
    let arguments = [
      "bench", "sequence", "--contexts", "128", "64", "--width", "8", "--tokens", "128", "--seconds", "0.001",
    ]
    let run = try Command(all: arguments + ["--json"], in: packageRoot)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("\"seconds_per_token\""))
    let figures = try Self.decoder.decode(Output.self, from: Data(run.output.utf8)).sequence
    #expect(figures.models.map(\.context) == [64, 64, 64, 64, 64, 128, 128, 128, 128, 128])
    #expect(figures.models.allSatisfy { $0.tokensPerSecond > 0 && $0.decodingSeconds > 0 })
    let growth = Dictionary(grouping: figures.models, by: \.layer).mapValues { models in
      Double(models[1].cacheBytes) / Double(models[0].cacheBytes)
    }
    #expect(growth == ["A": 2, "W": 1, "L": 1, "M": 1, "D": 1])
    #expect(figures.scans.map(\.context) == [64, 128] && figures.scans.allSatisfy { $0.secondsPerToken > 0 })
    #expect(figures.scans.allSatisfy { $0.channels == 16 && $0.states == 16 })

    let tables = try Command(all: arguments + ["--layers", "AM"], in: packageRoot)
    #expect(tables.status == 0, "\(tables.errors)")
    for text in [
      "Training, tokens a second", "128 / 64", "times the tokens a second of attention", "Decoding, ms",
      "Cache of a sequence, KiB", "M (selectiveScan)", "scan alone",
    ] {
      #expect(tables.output.contains(text), "\(text)")
    }
    #expect(!tables.output.contains("W (windowAttention)"))
  }

  @Test(
    "Layers and contexts that cannot be are refused",
    arguments: [
      (["--layers", "AX"], "no layer is named `X`"), (["--layers", "AA"], "must name nothing twice"),
      (["--contexts", "0"], "context is 0"), (["--tokens", "0"], "--tokens must be from 1"),
    ])
  func sequenceMistakes(_ options: [String], _ message: String) throws {
    let run = try Command(all: ["bench", "sequence", "--seconds", "0.001"] + options, in: packageRoot)
    #expect(run.status == 2 && run.errors.contains(message), "\(run.errors)")
  }

  /// All names that the program prints are in snake_case.
  private static let decoder = {
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    return decoder
  }()

  /// The required structure of the JSON.
  private struct Output: Decodable {
    struct Provenance: Decodable {
      let cpu: String
      let blasKernel: String
      let kernels: String
    }
    struct Model: Decodable {
      let architecture: String
      let width: Int
      let context: Int
      let vocabulary: Int
    }
    struct Operation: Decodable {
      let name: String
      let forwardSeconds: Double
      let backwardSeconds: Double
      let fraction: Double
    }
    struct HardwareFloor: Decodable {
      let unit: String
      let peakFlopRate: Double
      let bandwidth: Double
      let flops: Double
      let bytes: Double
      let computeSeconds: Double
      let memorySeconds: Double
      let seconds: Double
    }
    struct Evaluation: Decodable {
      let tokensPerSecond: Double
      let overTraining: Double
      let bytes: Int
    }
    struct TwoCores: Decodable {
      let twoRuns: Double
      let oneRun: Double
    }
    struct Step: Decodable {
      let model: Model
      let batch: Int
      let stepSeconds: Double
      let floorSeconds: Double
      let stepOverFloor: Double
      let hardwareFloor: HardwareFloor
      let stepOverHardwareFloor: Double
      let tokensPerSecond: Double
      let stepFlopRate: Double
      let floorFlopRate: Double
      let operations: [Operation]
      let overAdam: Double?
      let plannedBytes: Int
      let residentBytes: Int
      let baseBytes: Int
      let firstStepAllocations: Int?
      let stepAllocations: Double?
      let evaluation: Evaluation
      let twoCores: TwoCores?
    }
    let provenance: Provenance
    let steps: [Step]
  }
}
