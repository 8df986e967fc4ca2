import Autograd
import Testing

#if arch(x86_64)
  /// What is told of the kernel that OpenBLAS has chosen, on machines of all kinds.
  @Suite struct OpenBLASTests {
    private static let avx2: Set = ["sse2", "avx", "avx2", "fma"]
    private static let avx512 = avx2.union(["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"])

    @Test(
      "A lesser kernel of OpenBLAS than the CPU could run is told, with the remedy",
      arguments: [
        ("Haswell", "Haswell", "env -u OPENBLAS_CORETYPE"), ("Zen", "zen", "env -u OPENBLAS_CORETYPE"),
        ("Prescott", nil, "OPENBLAS_CORETYPE=SkylakeX"), ("Prescott", "", "OPENBLAS_CORETYPE=SkylakeX"),
        ("Haswell", "bogus", "OPENBLAS_CORETYPE=SkylakeX"), ("Haswell", "SkylakeX", "Install a build"),
      ] as [(String, String?, String)])
    func lesserKernel(_ kernel: String, _ coreType: String?, _ remedy: String) throws {
      let warning = try #require(OpenBLAS.warning(kernel: kernel, cpuFlags: Self.avx512, coreType: coreType))
      #expect(warning.contains(remedy) && warning.contains(kernel) && warning.contains("AVX-512"))
      #expect(!warning.contains { $0.isNewline })
    }

    @Test("The remedy is for the CPU")
    func remedy() throws {
      let old = try #require(OpenBLAS.warning(kernel: "Prescott", cpuFlags: Self.avx2, coreType: nil))
      #expect(old.contains("OPENBLAS_CORETYPE=Haswell") && old.contains("uses SSE2"))
      let first = try #require(OpenBLAS.warning(kernel: "Core2", cpuFlags: ["sse2", "avx"], coreType: nil))
      #expect(first.contains("OPENBLAS_CORETYPE=Sandybridge"))
    }

    @Test(
      "Nothing is told where the kernel fits the CPU, or is not known",
      arguments: [
        ("SkylakeX", avx512, nil), ("Cooperlake", avx512, nil), ("SkylakeX", avx512, "SkylakeX"),
        ("Haswell", avx2, "Haswell"), ("Zen", avx2, nil),
        // A CPU that has the first part of AVX-512 alone.
        ("Haswell", avx2.union(["avx512f"]), nil),
        ("Prescott", ["sse2"], nil), ("Prescott", [], nil), ("NewestLake", avx512, nil),
      ] as [(String, Set<String>, String?)])
    func fittingKernel(_ kernel: String, _ flags: Set<String>, _ coreType: String?) {
      #expect(OpenBLAS.warning(kernel: kernel, cpuFlags: flags, coreType: coreType) == nil)
    }
  }
#endif
