import Foundation

/// The number of cores that other programs, and other guests of a shared machine, have kept busy since the value was made.
/// Their work makes all times unreliable.
struct OtherLoad {
  private let began = ContinuousClock.now
  private let busy = Self.busySeconds
  private let own = Self.ownSeconds

  /// The mean number of cores; nil if the kernel does not report it.
  var cores: Double? {
    guard let busy, let now = Self.busySeconds else { return nil }
    return max(0, now - busy - (Self.ownSeconds - own)) / ((ContinuousClock.now - began) / .seconds(1))
  }

  /// Says so if they kept more than a tenth of a core busy.
  func warn() {
    guard let cores, cores > 0.1 else { return }
    complain(
      "note: other programs kept \(String(format: "%.1f", cores)) cores busy during the measurement: the times are unreliable"
    )
  }

  /// The time of all cores that was neither idle nor waiting, from the first line of /proc/stat.
  private static var busySeconds: Double? {
    guard let text = try? String(contentsOfFile: "/proc/stat", encoding: .utf8),
      let line = text.split(separator: "\n").first
    else { return nil }
    let ticks = line.split(separator: " ").dropFirst().compactMap { Double($0) }
    // user, nice, system, idle, waiting, interrupts, soft interrupts, stolen; then guests, counted under user.
    guard ticks.count >= 8 else { return nil }
    return (ticks[..<8].reduce(0, +) - ticks[3] - ticks[4]) / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// The time of this process, and of those that it started and that have ended.
  private static var ownSeconds: Double {
    [RUSAGE_SELF, RUSAGE_CHILDREN].reduce(0) { sum, who in
      var usage = rusage()
      getrusage(who.rawValue, &usage)
      return [usage.ru_utime, usage.ru_stime].reduce(sum) {
        $0 + Double($1.tv_sec) + 1e-6 * Double($1.tv_usec)
      }
    }
  }
}
