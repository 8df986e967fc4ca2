// swift-tools-version: 6.2
import PackageDescription

// Kernels are compiled for the CPU of the building machine. For a cluster with different CPUs, name a common target
// instead, for example ISOFLOP_MARCH=x86-64-v3.
let march = Context.environment["ISOFLOP_MARCH"] ?? "native"
#if arch(x86_64)
  // The longest vectors of the CPU: without this, LLVM uses at most 256 bits on many CPUs with AVX-512.
  let longVectors = ["-Xclang", "-target-feature", "-Xclang", "-prefer-256-bit"]
#else
  let longVectors: [String] = []
#endif
let tuned: [SwiftSetting] = [
  .unsafeFlags((["-march=\(march)"] + longVectors).flatMap { ["-Xcc", $0] })
]

let package = Package(
  name: "isoflop",
  products: [
    .executable(name: "isoflop", targets: ["isoflop"]),
    .library(name: "ScalingLaws", targets: ["ScalingLaws"]),
    .library(name: "Analysis", targets: ["Analysis"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swiftcsv/SwiftCSV", from: "0.10.0"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/ordo-one/TextTable", from: "0.0.2"),
    .package(url: "https://github.com/swhitty/FlyingFox", from: "0.27.1"),
  ]
    // Only scripts/documentation needs it, and packages that depend on this one do not.
    + (Context.environment["ISOFLOP_DOCUMENTATION"] == nil
      ? [] : [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")]),
  targets: [
    // Embeds the commit of the sources, for the records of runs. Only the executable depends on it.
    .plugin(name: "CommitPlugin", capability: .buildTool(), path: "Sources/CommitPlugin"),
    .target(name: "Build", plugins: ["CommitPlugin"]),
    // Foundations. They do not depend on each other, except that all may use RandomNumbers and Corpora uses Files.
    .systemLibrary(name: "CBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CMCheck"),
    .target(name: "RandomNumbers"),
    .target(name: "Files", dependencies: ["CXXHash", "Yams"]),
    .target(name: "Autograd", dependencies: ["CBLAS", "RandomNumbers"], swiftSettings: tuned),
    .target(name: "Corpora", dependencies: ["CZlib", "CZstd", "Files", "RandomNumbers"]),
    .target(name: "ScalingLaws", dependencies: ["RandomNumbers"]),
    // Targets that build on the foundations. Each depends only on targets above it.
    .target(name: "Models", dependencies: ["Autograd", "Files", "RandomNumbers"], swiftSettings: tuned),
    .target(
      name: "Training",
      dependencies: ["Autograd", "CBLAS", "CMCheck", "Models", "Corpora", "Files", "RandomNumbers"],
      swiftSettings: tuned),
    .target(
      name: "Generation", dependencies: ["Models", "Autograd", "Corpora", "Files", "RandomNumbers"],
      swiftSettings: tuned),
    // Typed results, fits and expectations, without the engine. Also a library product. Like ScalingLaws, it has no
    // unsafe flags, because SwiftPM forbids them in dependencies that are required by version.
    .target(
      name: "Analysis", dependencies: ["Files", "ScalingLaws", "SwiftCSV"],
      resources: [.embedInCode("References")]),
    .target(
      name: "Plans",
      dependencies: ["Analysis", "ScalingLaws", "Training", "Models", "Autograd", "Corpora", "Files"],
      swiftSettings: tuned),
    .target(
      name: "Execution",
      dependencies: [
        "Plans", "Analysis", "ScalingLaws", "Generation", "Training", "Models", "Corpora", "Files",
        "RandomNumbers",
      ],
      swiftSettings: tuned),
    .target(
      name: "Reports",
      dependencies: [
        "Plans", "Analysis", "ScalingLaws", "Training", "Files",
        .product(name: "Mustache", package: "swift-mustache"),
      ],
      resources: [.embedInCode("Templates")], swiftSettings: tuned),
    // Pages about a folder of runs, over HTTP.
    .target(
      name: "Serving",
      dependencies: [
        "Reports", "Execution", "Plans", "Analysis", "ScalingLaws", "Training", "Files", "FlyingFox",
        .product(name: "FlyingSocks", package: "FlyingFox"),
      ],
      resources: [.embedInCode("Pages")], swiftSettings: tuned),
    // Files in the formats of other programs.
    .target(
      name: "Exports",
      dependencies: ["Execution", "Analysis", "Training", "Models", "Autograd", "Corpora", "Files"],
      resources: [.embedInCode("Scripts")], swiftSettings: tuned),
    // The budget game for classes.
    .target(
      name: "Games",
      dependencies: [
        "CCrypto", "Reports", "Execution", "Plans", "Analysis", "Training", "Models", "Corpora",
        "ScalingLaws",
        "Files",
      ],
      swiftSettings: tuned),
    .executableTarget(
      name: "isoflop",
      dependencies: [
        "Build", "Games", "Exports", "Serving", "Reports", "Execution", "Plans", "Analysis", "Generation",
        "Training", "Models", "Autograd", "Corpora", "ScalingLaws", "Files", "TextTable",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: tuned),
  ]
    + [
      ("Files", []), ("Autograd", ["CBLAS"]), ("Corpora", ["CZstd", "Files", "RandomNumbers"]),
      ("ScalingLaws", []),
      ("Models", ["Autograd", "Files", "RandomNumbers"]),
      ("Training", ["Autograd", "Models", "Corpora", "Files", "RandomNumbers"]),
      ("Generation", ["Autograd", "Models", "Corpora", "Files", "RandomNumbers"]),
      ("Analysis", ["TestSupport", "Corpora", "ScalingLaws", "Files", "RandomNumbers"]),
      ("Plans", ["TestSupport", "Analysis", "ScalingLaws", "Training", "Models", "Corpora", "Files"]),
      (
        "Execution",
        [
          "TestSupport", "Analysis", "Plans", "ScalingLaws", "Training", "Models", "Autograd", "Corpora",
          "Files",
        ]
      ),
      ("Reports", ["Execution", "Plans", "Analysis", "ScalingLaws", "Training", "Files"]),
      ("Serving", ["TestSupport", "Execution", "Plans", "Training", "Files", "FlyingFox"]),
      ("Exports", ["TestSupport", "Training", "Models", "Autograd", "Corpora", "Files", "RandomNumbers"]),
      ("Games", ["TestSupport", "Plans", "Files"]),
    ].map { (name: String, others: [String]) in
      .testTarget(
        name: "\(name)Tests", dependencies: ([name] + others).map { .byName(name: $0) },
        exclude: ["Execution", "Training"].contains(name) ? ["EarlierVersion"] : [], swiftSettings: tuned)
    }
    + [
      .testTarget(
        name: "CommandTests", dependencies: ["isoflop", "Analysis", "Plans", "Training", "Files"],
        exclude: ["Browser"]),
      // Helpers of several suites: temporary folders, small plans and planted results.
      .target(
        name: "TestSupport", dependencies: ["Execution", "Plans", "Training", "Files"], path: "Tests/Support",
        swiftSettings: tuned),
      // Every parser as a function of bytes, for a short test and for scripts/fuzz.
      .target(
        name: "Fuzzing",
        dependencies: [
          "Reports", "Exports", "Plans", "Execution", "Analysis", "ScalingLaws", "Generation", "Training",
          "Corpora", "Files", "RandomNumbers",
        ],
        path: "Tests/Fuzzing", exclude: ["Seeds"], swiftSettings: tuned),
      .testTarget(name: "FuzzingTests", dependencies: ["Fuzzing", "Files"]),
    ]
    // libFuzzer has its own `main`. It links only if every target is built with its instrumentation.
    + (Context.environment["ISOFLOP_FUZZ"] == nil
      ? []
      : [.executableTarget(name: "Fuzzers", dependencies: ["Fuzzing"], path: "Tests/Fuzzers")]),
  swiftLanguageModes: [.v6]
)
