import Foundation
import Fuzzing

/// The functions that libFuzzer calls. It has its own `main`, and finds these functions by their names.
///
/// `ISOFLOP_FUZZ_PARSER` names the parser, `ISOFLOP_FUZZ_CORPUS` the folder of initial inputs.
@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutableRawPointer, _ arguments: UnsafeMutableRawPointer) -> Int32 {
  do {
    try parser.writeSeeds(to: ProcessInfo.processInfo.environment["ISOFLOP_FUZZ_CORPUS"] ?? ".")
  } catch {
    fatalError("\(error)")
  }
  limitMemory(FuzzedParser.mostMemory << 20)
  atexit { printFigures() }
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func test(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let input = Data(UnsafeBufferPointer(start: bytes, count: count))
  let begin = processorSeconds()
  if case .fault(let text) = parser.read(input) { fatalError(text) }
  let seconds = processorSeconds() - begin
  (inputs, slowest) = (inputs + 1, max(slowest, seconds))
  if seconds > FuzzedParser.mostSeconds { fatalError("\(seconds) seconds") }
  return 0
}

/// Half of the mutations are libFuzzer's, of single bytes, guided by coverage; half are of whole tokens.
@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int, _ seed: UInt32) -> Int {
  guard seed.isMultiple(of: 2) else { return mutateBytes(bytes, count, limit) }
  var mutation = Mutation(seed: UInt64(seed), others: seeds)
  let changed = mutation.changed(Array(UnsafeBufferPointer(start: bytes, count: count)), limit: limit)
  for (index, byte) in changed.enumerated() { bytes[index] = byte }
  return changed.count
}

@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ limit: Int) -> Int

private let parser = FuzzedParser(
  rawValue: ProcessInfo.processInfo.environment["ISOFLOP_FUZZ_PARSER"] ?? "")!
private let seeds = parser.seeds.map { [UInt8]($0) }

// libFuzzer calls from one thread.
nonisolated(unsafe) private var inputs = 0
nonisolated(unsafe) private var slowest = 0.0

/// The CPU time of this thread in seconds.
private func processorSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}

/// Limits the memory of the process to `bytes` beyond its present size. If an input exceeds it, it crashes and is kept.
private func limitMemory(_ bytes: Int) {
  let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").first
  let now = (pages.flatMap { Int($0) } ?? 0) * Int(getpagesize())
  var limit = rlimit(rlim_cur: rlim_t(now + bytes), rlim_max: rlim_t(now + bytes))
  setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
}

private func printFigures() {
  var usage = rusage()
  getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  print(
    String(
      format: "%@: %d inputs, the slowest %.1f ms, at most %d MiB", parser.rawValue, inputs, slowest * 1000,
      usage.ru_maxrss >> 10))
}
