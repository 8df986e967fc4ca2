import Execution
import Files
import Foundation
import Synchronization
import Testing

/// A clock that is set by hand.
private final class Clock: Sendable {
  private let seconds = Mutex(0.0)
  var now: @Sendable () -> Double { { self.seconds.withLock { $0 } } }
  func advance(_ amount: Double) { seconds.withLock { $0 += amount } }
}

/// Tests of claims of processes that die, are suspended and resume.
@Suite struct ClaimsTests {
  private let folder = FileManager.default.temporaryDirectory.appendingPathComponent("claims-\(UUID())").path
  private let clock = Clock()

  private func claims(on host: String? = nil) throws -> Claims {
    Claims(folder, process: try host.map { try foreign($0) } ?? .own, now: clock.now)
  }

  /// A process of another machine.
  private func foreign(_ host: String) throws -> ProcessIdentity {
    try identity(["host": host, "boot": host])
  }

  /// The identity of this process with some fields changed.
  private func identity(_ changes: [String: Any]) throws -> ProcessIdentity {
    let own =
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(ProcessIdentity.own)) as? [String: Any]
    return try JSONDecoder().decode(
      ProcessIdentity.self, from: JSONSerialization.data(withJSONObject: (own ?? [:]).merging(changes) { $1 })
    )
  }

  private func isLost(_ claim: Claim) -> Bool {
    do { try claim.check() } catch { return error is ClaimLost }
    return false
  }

  private func isHeld(_ state: Claims.State) -> Bool { if case .held = state { true } else { false } }

  @Test func onlyOneHasAClaimUntilItIsReleased() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (one, other) = (try claims(on: "a"), try claims(on: "b"))
    let claim = try #require(try one.claim("x"))
    #expect(try one.claim("x") == nil && other.claim("x") == nil)
    #expect(try isHeld(other.state(of: "x")) && claim.isHeld)
    #expect(try other.claim("y") != nil)
    claim.release()
    #expect(!claim.isHeld || clock.now() < 30)
    let next = try #require(try other.claim("x"))
    next.finish()
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/x"))
    // On a network file system, an open file cannot be removed from its folder.
    let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap {
      try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
    }
    withExtendedLifetime([claim, next]) { #expect(!open.contains { $0.contains("\(folder)/x") }) }
  }

  @Test func ofManyAtOnceExactlyOneWins() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let winners = Mutex<[Claim]>([])
    let all = try (0..<16).map { try claims(on: "host \($0)") }
    for round in 0..<20 {
      DispatchQueue.concurrentPerform(iterations: all.count) { index in
        if let claim = try? all[index].claim("round \(round)") { winners.withLock { $0.append(claim) } }
      }
    }
    #expect(winners.withLock(\.count) == 20)
  }

  /// The clocks of the owner and the server do not matter: only whether the observer sees beats within 60 of its
  /// seconds.
  @Test func aSilentClaimOfAnotherMachineIsTakenOverAfterAWhile() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (one, other) = (try claims(on: "a"), try claims(on: "b"))
    let lost = try #require(try one.claim("x"))
    #expect(try other.claim("x") == nil)
    clock.advance(50)
    // After a pause, the owner finds that it still has the claim, and writes a beat.
    #expect(lost.isHeld)
    #expect(try other.claim("x") == nil)
    clock.advance(59)
    #expect(try other.claim("x") == nil)
    clock.advance(2)
    let taken = try #require(try other.claim("x"))
    // When it resumes, the first owner finds that it lost the claim, and cannot disturb the second.
    #expect(!lost.isHeld)
    lost.release()
    let seen = try claims(on: "c").state(of: "x")
    #expect(taken.isHeld && isHeld(seen))
  }

  @Test func whatOneProcessHasSeenToBeAbandonedAnotherMayTake() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (one, parent, worker) = (try claims(on: "a"), try claims(on: "b"), try claims(on: "c"))
    let claim = try #require(try one.claim("x"))
    _ = try parent.state(of: "x")
    clock.advance(61)
    guard case .abandoned(let sighting) = try parent.state(of: "x") else {
      Issue.record("the claim is not abandoned")
      return
    }
    // The worker has not observed the claim for long enough by itself.
    #expect(try worker.claim("x") == nil)
    let taken = try worker.claim("x", abandoned: sighting)
    #expect(taken != nil && !claim.isHeld)
    // Sightings of the old claim do not apply to the new one.
    #expect(try claims(on: "d").claim("x", abandoned: sighting) == nil)
  }

  @Test func theClaimOfADeadProcessOfThisMachineIsFreeAtOnce() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sleep")
    process.arguments = ["100"]
    try process.run()
    let stat = try FileAccess.readText("/proc/\(process.processIdentifier)/stat")
    let started = String(stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...].split(separator: " ")[20])
    let living = try identity(["pid": process.processIdentifier, "started": started])
    let claim = try #require(try Claims(folder, process: living, now: clock.now).claim("x"))
    let own = try claims()
    #expect(try own.claim("x") == nil)
    // A reused process identifier is another process.
    #expect(try identity(["pid": process.processIdentifier, "started": "1"]).isDead)
    // The state of processes on other machines and in other containers is unknown.
    #expect(try !identity(["pid": 999_999_999, "boot": "another"]).isDead)
    #expect(try !identity(["pid": 999_999_999, "nameSpace": "another"]).isDead)
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    #expect(try own.claim("x") != nil)
    withExtendedLifetime(claim) {}
  }

  /// Numbers restart at 1 when a thing is finished. A claim of the same age with the same number is a different claim.
  @Test func aClaimIsNeverTakenForAnEarlierOne() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (one, other, third) = (try claims(on: "a"), try claims(on: "b"), try claims(on: "c"))
    let sleeping = try #require(try one.claim("x"))
    #expect(try other.claim("x") == nil)
    clock.advance(61)
    try #require(try other.claim("x")).finish()
    let last = try #require(try third.claim("x"))
    #expect(FileManager.default.fileExists(atPath: "\(folder)/x/1"))
    // When it resumes, the first owner may neither write nor remove the claim of the third.
    #expect(isLost(sleeping) && !sleeping.isHeld)
    sleeping.finish()
    #expect(!isLost(last) && last.isHeld)
    #expect(try claims(on: "d").claim("x") == nil)
    // If it was removed, no process owns it.
    try FileManager.default.removeItem(atPath: "\(folder)/x")
    #expect(isLost(last))
  }

  @Test func patienceLastsFromOneCommandToTheNext() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let claim = try #require(try claims(on: "a").claim("x"))
    #expect(try claims(on: "b").claim("x") == nil)
    clock.advance(59)
    #expect(try claims(on: "b").claim("x") == nil)
    clock.advance(2)
    // A machine that has not observed the claim must wait. The next command on a machine that has need not.
    #expect(try claims(on: "c").claim("x") == nil)
    let taken = try #require(try claims(on: "b").claim("x"))
    #expect(isLost(claim) && !isLost(taken))
    taken.finish()
    #expect(!FileManager.default.fileExists(atPath: "\(folder)/x"))
  }

  @Test func aProcessOfThisMachineBeforeARestartIsDead() throws {
    let own =
      try JSONSerialization.jsonObject(with: JSONEncoder().encode(ProcessIdentity.own)) as? [String: Any]
    let started = try #require(own?["bootTime"] as? Int)
    let before = ["boot": "another", "bootTime": started - 1000] as [String: Any]
    #expect(try identity(before.merging(["machine": "m"]) { $1 }).isDead == false)
    if own?["machine"] != nil {
      #expect(try identity(before).isDead)
      #expect(try !identity(before.merging(["host": "another"]) { $1 }).isDead)
      // A copy of the machine that was started later.
      #expect(try !identity(["boot": "another", "bootTime": started + 1000]).isDead)
    }
  }

  @Test func aClaimThatCannotBeReadIsNeitherFreeNorAbandoned() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // Not even root can read a folder as a file.
    try FileAccess.makeFolder("\(folder)/x/1")
    let own = try claims()
    for _ in 0..<2 {
      #expect(throws: InputError.self) { try own.claim("x") }
      clock.advance(61)
    }
  }

  @Test(arguments: ["", "{", "nonsense\n0000000001 0.5 claimed .\n"])
  func aClaimThatIsNotWhollyWrittenIsGivenTime(_ text: String) throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileAccess.makeFolder("\(folder)/x")
    try FileAccess.write(Data(text.utf8), to: "\(folder)/x/1")
    let own = try claims()
    #expect(try own.claim("x") == nil)
    clock.advance(61)
    #expect(try own.claim("x") != nil)
  }
}
