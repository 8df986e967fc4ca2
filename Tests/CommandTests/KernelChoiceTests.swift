import Foundation
import Testing

/// The choice of kernels, by the environment or a flag.
@Suite struct KernelChoiceTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 40_000), to: "text.txt")
  }

  /// What `isoflop train` records of a small run in a folder of its own.
  private func train(_ name: String, _ options: [String] = [], shell: String = "") throws -> Record {
    let run = try Command(
      all: [
        "train", "--corpus", "text.txt", "--validation-tokens", "4096", "--width", "16", "--context", "32",
        "--batch", "4096", "--tokens", "40960", "--warmup-steps", "2", "--output", name,
      ] + options, in: folder.path, shell: shell)
    #expect(run.status == 0, "\(run.errors)")
    let path = try #require(
      FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/\(name)").first {
        $0.hasSuffix("result.json")
      })
    return try JSONDecoder().decode(File.self, from: Data(folder.read("\(name)/\(path)").utf8)).record
  }

  private struct File: Decodable { let record: Record }

  private struct Record: Decodable {
    struct Provenance: Decodable { let kernels: String }
    struct Result: Decodable { let loss: Double }
    let provenance: Provenance
    let result: Result
  }

  @Test("The environment and the flag choose the kernels, and the record names them")
  func record() throws {
    let set = "export ISOFLOP_KERNELS="
    let own = try train("a", shell: "\(set)own")
    let blas = try train("b", shell: "\(set)blas")
    #expect(own.provenance.kernels == "own" && blas.provenance.kernels == "blas")
    // The flag takes precedence.
    let flagged = try train("c", ["--kernels", "own"], shell: "\(set)blas")
    #expect(flagged.provenance.kernels == "own" && flagged.result.loss == own.result.loss)
    #expect(abs(blas.result.loss - own.result.loss) < 0.01)
  }

  @Test("Records of runs in bfloat16 name the instructions, and a kernel that the CPU lacks is refused")
  func bfloat16() throws {
    let set = "export ISOFLOP_BFLOAT16="
    let float32 = try train("f")
    let portable = try train("p", ["--precision", "bfloat16"], shell: "\(set)portable")
    #expect(portable.provenance.kernels == "portable bfloat16")
    let usual = try train("u", ["--precision", "bfloat16"])
    #expect(usual.provenance.kernels.contains("16"))
    for loss in [portable.result.loss, usual.result.loss] {
      #expect(loss != float32.result.loss && abs(loss - float32.result.loss) < 0.01)
    }
    let refused = try Command(
      "bench", "steps", "--precision", "bfloat16", in: folder.path, shell: "\(set)abacus")
    #expect(refused.status == 2 && refused.errors.contains("ISOFLOP_BFLOAT16 is abacus: this CPU has"))
  }

  @Test("With OpenBLAS too, numbers do not depend on the number of threads")
  func threads() throws {
    // Batches of four shards.
    let losses = try [1, 2, 3].map {
      try train("\($0)", ["--kernels", "blas", "--threads", "\($0)"]).result.loss
    }
    #expect(Set(losses).count == 1)
  }

  @Test("The workers of a command have its kernels")
  func workers() throws {
    try folder.write(smallExperiment, to: "small.yaml")
    let run = try Command("run", "small.yaml", "--no-figures", "--kernels", "blas", in: folder.path)
    #expect(run.status == 0, "\(run.errors)")
    let runs = try Command("ls", "--json", in: folder.path)
    let rows = try #require(JSONSerialization.jsonObject(with: Data(runs.output.utf8)) as? [[String: Any]])
    #expect(rows.count == 4 && rows.allSatisfy { $0["kernels"] as? String == "blas" })
  }

  @Test("Unknown kernels are refused in one line, and help is still given")
  func unknown() throws {
    let set = "export ISOFLOP_KERNELS=fast"
    for command in [["train", "--width", "8"], ["bench"], ["run", "a.yaml"], ["sample", "a"]] {
      let run = try Command(all: command, in: folder.path, shell: set)
      #expect(run.status == 2 && run.output.isEmpty)
      #expect(
        run.errors.hasPrefix(
          "error: ISOFLOP_KERNELS names unknown kernels: fast. Set it to own or blas, or unset it."))
      #expect(run.errors.count { $0.isNewline } == 1)
    }
    #expect(try Command("train", "--help", in: folder.path, shell: set).status == 0)
    let flag = try Command("train", "--kernels", "fast", in: folder.path)
    #expect(flag.status == 2 && flag.errors.contains("'--kernels <kernels>'"), "\(flag.errors)")
  }

  #if arch(x86_64)
    @Test("A training on OpenBLAS tells that it is held to a lesser kernel, and one on own kernels does not")
    func warning() throws {
      let cpu = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
      try #require(cpu.contains(" avx2 "), "the CPU has nothing better to offer")
      let held = "export OPENBLAS_CORETYPE=Prescott"
      func errors(_ kernels: String) throws -> String {
        try Command(
          "train", "--corpus", "text.txt", "--validation-tokens", "4096", "--width", "8", "--context", "32",
          "--batch", "512", "--tokens", "4096", "--warmup-steps", "2", "--kernels", kernels, in: folder.path,
          shell: held
        ).errors
      }
      #expect(try errors("blas").components(separatedBy: "env -u OPENBLAS_CORETYPE").count == 2)
      #expect(try !errors("own").contains("OPENBLAS_CORETYPE"))
    }
  #endif
}
