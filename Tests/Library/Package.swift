// swift-tools-version: 6.2
import PackageDescription

// A separate package that uses Isoflop's library products, without the engine and OpenBLAS.
let package = Package(
  name: "library-use",
  dependencies: [.package(name: "isoflop", path: "../..")],
  targets: [
    .testTarget(
      name: "LibraryTests",
      dependencies: [
        .product(name: "ScalingLaws", package: "isoflop"), .product(name: "Analysis", package: "isoflop"),
      ])
  ],
  swiftLanguageModes: [.v6]
)
