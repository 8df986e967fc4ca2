import Files
import Foundation
import Fuzzing
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A short, deterministic form of `scripts/fuzz`: the seeds and some thousand mutations of them.
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

  /// `ISOFLOP_FUZZ_TABLES` sets another number of tables, as in `scripts/fuzz tables`; then the time of each is
  /// limited.
  @Test("No table of values traps a fit, its page, its figures' scripts or a plan")
  func tables() throws {
    let environment = ProcessInfo.processInfo.environment
    let wanted = environment["ISOFLOP_FUZZ_TABLES"].flatMap { Int($0) }
    let first = environment["ISOFLOP_FUZZ_FIRST"].flatMap { Int($0) } ?? 0
    let rows = environment["ISOFLOP_FUZZ_ROWS"].flatMap { Int($0) } ?? 60
    var (slowest, refused) = ((number: first, seconds: 0.0), 0)
    for number in first..<first + (wanted ?? 200) {
      if wanted != nil { beside("\rtable \(number)") }
      let (table, begin) = (TableCase(number: number, mostRows: wanted == nil ? 20 : rows), processSeconds())
      do { try table.run() } catch is InputError { refused += 1 }
      let seconds = processSeconds() - begin
      if seconds > slowest.seconds { slowest = (number, seconds) }
      if wanted != nil, seconds > TableCase.mostSeconds {
        Issue.record("table \(number) took \(seconds) s:\n\(table.csv)")
      }
    }
    guard let wanted else { return }
    beside(
      String(
        format: "\rtables: %d, of which %d were refused; the slowest, %d, took %.1f s of the processor\n",
        wanted, refused, slowest.number, slowest.seconds))
  }

  private func beside(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

  /// The CPU time of all threads in seconds, because a fit uses several.
  private func processSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
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
