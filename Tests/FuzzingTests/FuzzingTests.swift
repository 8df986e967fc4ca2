import Foundation
import Fuzzing
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A short form of `scripts/fuzz`, the same every time: the seeds, and some thousand changed forms of them.
@Suite(.serialized) struct FuzzingTests {
  @Test(
    "No parser crashes, hangs, or ends in anything but a line to the user", arguments: FuzzedParser.allCases)
  func shortForm(_ parser: FuzzedParser) {
    let seeds = parser.seeds
    #expect(!seeds.isEmpty)
    for seed in seeds { check(seed, by: parser) }
    let bytes = seeds.map { [UInt8]($0) }
    for number in 0..<1500 {
      var mutation = Mutation(seed: UInt64(number), others: bytes)
      check(Data(mutation.changed(bytes[number % bytes.count], limit: 4096)), by: parser)
    }
  }

  private func check(_ input: Data, by parser: FuzzedParser) {
    let begin = processorSeconds()
    if case .fault(let text) = parser.read(input) {
      Issue.record("\(text), of \(String(decoding: input, as: UTF8.self))")
    }
    let seconds = processorSeconds() - begin
    #expect(seconds < FuzzedParser.mostSeconds, "\(String(decoding: input, as: UTF8.self))")
  }

  private func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
  }
}
