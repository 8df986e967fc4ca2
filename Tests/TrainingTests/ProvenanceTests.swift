import Foundation
import Testing
import Training

/// The record of the machine and the program of a run.
@Suite struct ProvenanceTests {
  private let here = Provenance(threads: 1)

  /// This process's provenance with another text in one of its fields, or without that field.
  private func changing(_ key: String, to value: String?) throws -> Provenance {
    var object = try #require(
      JSONSerialization.jsonObject(with: JSONEncoder().encode(here)) as? [String: Any])
    object[key] = value
    return try JSONDecoder().decode(Provenance.self, from: JSONSerialization.data(withJSONObject: object))
  }

  @Test("A run that other kernels resume names all of them in order")
  func otherKernels() throws {
    let other = here.kernelNames == "own" ? "blas" : "own"
    let whole = here.continuing(try changing("kernels", to: other))
    #expect(whole.kernels == "\(other), then \(here.kernelNames)")
    #expect(whole.instructions == here.instructions && whole.blasKernel == here.blasKernel)
    #expect(here.continuing(whole) == whole)
  }

  @Test("Records of earlier versions had own kernels")
  func earlierVersion() throws {
    let old = try changing("kernels", to: nil)
    #expect(old.kernels == nil && old.kernelNames == "own")
    #expect(
      here.continuing(old).kernels == (here.kernelNames == "own" ? "own" : "own, then \(here.kernelNames)"))
  }
}
