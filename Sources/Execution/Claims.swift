import Dispatch
import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Which process works on what, told by files in a folder that many machines may share.
///
/// The claims on a thing are the files `THING/1`, `THING/2` and so on, of which the last counts. Making the next file
/// (`O_EXCL`) is what only one process can do, on network file systems too. Its owner writes a new beat into it every few
/// seconds. Whoever knows the owner to be dead, or has seen no new beat for `patience` by its own clock, may make the
/// next. So nothing depends on locks, on the times of files, or on clocks that agree.
public final class Claims: Sendable {
  /// What was seen of a claim.
  public struct Sighting: Codable, Hashable, Sendable {
    let generation: Int
    /// The file's text, which each beat changes.
    let text: String
  }

  /// Who works on a thing.
  public struct Holder: Sendable {
    /// Nil in the moment in which it is written.
    public let process: ProcessIdentity?
    /// Which part of the work is done, 0 to 1.
    public let done: Double
  }

  /// How a thing stands.
  public enum State: Sendable {
    case free
    /// Claimed by a process that is dead or has fallen silent.
    case abandoned(Sighting)
    case held(Holder)
  }

  /// Seconds between beats.
  public static let beat = 5.0
  /// Seconds without a beat after which a claim is given up for lost: many beats, as a busy file server may hold some up.
  public static let usualPatience = 60.0

  private let folder: String
  private let process: ProcessIdentity
  fileprivate let patience: Double
  /// Seconds that go on while the machine sleeps.
  fileprivate let now: @Sendable () -> Double
  private let sightings = Mutex<[String: (sighting: Sighting, since: Double)]>([:])
  private let active = Mutex<[ObjectIdentifier: Weak]>([:])
  private nonisolated(unsafe) let timer: any DispatchSourceTimer

  private struct Weak {
    weak var claim: Claim?
  }

  /// - Parameters:
  ///   - folder: Where the claims are, made when needed.
  ///   - process: The owner.
  ///   - now: Seconds by a clock that is never set.
  public init(
    _ folder: String, patience: Double = usualPatience, process: ProcessIdentity = .own,
    now: @escaping @Sendable () -> Double = Claims.uptime
  ) {
    self.folder = folder
    self.process = process
    self.patience = patience
    self.now = now
    timer = DispatchSource.makeTimerSource(queue: .global())
    timer.schedule(deadline: .now() + Self.beat, repeating: Self.beat)
    timer.setEventHandler { [weak self] in self?.beatAll() }
    timer.resume()
  }

  deinit { timer.cancel() }

  /// Seconds since the machine was started, sleep included.
  @Sendable public static func uptime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  /// How `thing` stands.
  public func state(of thing: String) -> State {
    guard let generation = generations(of: thing).last else { return .free }
    // One that cannot be read, as on a file server in trouble, is not free for that.
    let text = (try? FileAccess.readText(path(thing, generation))) ?? ""
    let sighting = Sighting(generation: generation, text: text)
    let content = Content(text)
    if content?.isReleased == true { return .free }
    if content?.process.isDead == true { return .abandoned(sighting) }
    let silence = sightings.withLock { sightings in
      if sightings[thing]?.sighting != sighting { sightings[thing] = (sighting, now()) }
      return now() - (sightings[thing]?.since ?? now())
    }
    return silence > patience
      ? .abandoned(sighting) : .held(Holder(process: content?.process, done: content?.done ?? 0))
  }

  /// Claims `thing`; nil where another process works on it.
  ///
  /// - Parameter abandoned: What another process has found to be abandoned.
  /// - Throws: `InputError` if the folder cannot be written.
  public func claim(_ thing: String, abandoned: Sighting? = nil) throws -> Claim? {
    try FileAccess.makeFolder("\(folder)/\(thing)")
    let last = generations(of: thing).last ?? 0
    switch state(of: thing) {
    case .free, .abandoned: break
    case .held:
      guard let abandoned, (try? FileAccess.readText(path(thing, last))) == abandoned.text,
        abandoned.generation == last
      else { return nil }
    }
    let descriptor = open(path(thing, last + 1), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      if errno == EEXIST || errno == ENOENT { return nil }
      throw FileAccess.systemError("cannot be written", path(thing, last + 1))
    }
    let claim: Claim
    do {
      claim = try Claim(
        of: self, thing, generation: last + 1, descriptor, Content(process: process, beat: 0, done: 0))
    } catch {
      // On a full disk: nobody need wait for a claim that says nothing.
      unlink(path(thing, last + 1))
      throw error
    }
    for old in generations(of: thing) where old <= last { unlink(path(thing, old)) }
    active.withLock { $0[ObjectIdentifier(claim)] = Weak(claim: claim) }
    return claim
  }

  /// Whether any process is at work on anything.
  public var isAnyHeld: Bool {
    let things = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return things.contains { if case .held = state(of: $0) { true } else { false } }
  }

  private func beatAll() {
    let claims = active.withLock { active in
      active = active.filter { $0.value.claim != nil }
      return active.values.compactMap(\.claim)
    }
    for claim in claims { claim.beat() }
  }

  fileprivate func path(_ thing: String, _ generation: Int) -> String { "\(folder)/\(thing)/\(generation)" }

  fileprivate func generations(of thing: String) -> [Int] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(thing)")) ?? []).compactMap(Int.init)
      .sorted()
  }

  fileprivate func finish(_ thing: String) {
    for generation in generations(of: thing) { unlink(path(thing, generation)) }
    rmdir("\(folder)/\(thing)")
  }
}

/// What a claim's file says: a line that stays, and one that each beat writes anew.
private struct Content {
  let process: ProcessIdentity
  var beat: Int
  var done: Double
  var isReleased = false

  init(process: ProcessIdentity, beat: Int, done: Double) {
    (self.process, self.beat, self.done) = (process, beat, done)
  }

  /// Nil of a file that is not wholly written.
  init?(_ text: String) {
    let lines = text.split(separator: "\n")
    guard lines.count == 2, lines[1].hasSuffix("."),
      let process = try? decodeJSON(ProcessIdentity.self, from: Data(lines[0].utf8))
    else { return nil }
    let words = lines[1].dropLast().split(separator: " ")
    guard words.count == 3, let beat = Int(words[0]), let done = Double(words[1]) else { return nil }
    self.init(process: process, beat: beat, done: done)
    isReleased = words[2] == "released"
  }

  var owner: Data { ((try? JSONEncoder().encode(process)) ?? Data()) + Data("\n".utf8) }

  /// Of one length, whatever it says.
  var state: Data {
    Data((String(format: "%010d %.4f ", beat, done) + (isReleased ? "released" : "claimed ") + ".\n").utf8)
  }
}

/// The right to work on something, until it is released or lost.
public final class Claim: Sendable {
  private let claims: Claims
  private let thing: String
  private let generation: Int
  /// What the claim's file says, its descriptor until the end, and when the last beat was.
  private let state: Mutex<(content: Content, descriptor: Int32?, lastBeat: Double)>

  fileprivate init(
    of claims: Claims, _ thing: String, generation: Int, _ descriptor: Int32, _ content: Content
  ) throws {
    self.claims = claims
    self.thing = thing
    self.generation = generation
    state = Mutex((content, descriptor, claims.now()))
    try FileAccess.writeAll(
      content.owner + content.state, to: descriptor, path: claims.path(thing, generation))
    fsync(descriptor)
  }

  deinit { state.withLock { state in _ = state.descriptor.map(close) } }

  /// Whether the claim is still this process's. Another has it, if this one was silent for too long, as after the
  /// machine was asleep. Cheap enough to be asked at each step.
  public var isHeld: Bool {
    let silence = state.withLock { claims.now() - $0.lastBeat }
    return silence < claims.patience / 2 || beat()
  }

  /// Says which part of the work is done: others read it at the next beat.
  public func report(done: Double) { state.withLock { $0.content.done = min(max(done, 0), 1) } }

  /// Shows that the owner lives. Tells whether it is still the owner.
  @discardableResult
  fileprivate func beat() -> Bool {
    state.withLock { state in
      guard claims.generations(of: thing).last == generation, !state.content.isReleased else { return false }
      state.content.beat += 1
      // In its own file, wherever that is: a claim that another has made cannot be overwritten.
      if Self.write(state.content, state.descriptor) { state.lastBeat = claims.now() }
      return true
    }
  }

  /// Lets go of work that is not finished.
  public func release() {
    state.withLock { state in
      state.content.isReleased = true
      _ = Self.write(state.content, state.descriptor)
      // A network file system keeps the place of an open file in its folder.
      _ = state.descriptor.map(close)
      state.descriptor = nil
    }
  }

  /// Lets go of work that nobody needs to do again.
  public func finish() {
    release()
    claims.finish(thing)
  }

  private static func write(_ content: Content, _ descriptor: Int32?) -> Bool {
    guard let descriptor else { return false }
    let bytes = content.state
    let written = bytes.withUnsafeBytes {
      pwrite(descriptor, $0.baseAddress, $0.count, off_t(content.owner.count))
    }
    return written == bytes.count && fsync(descriptor) == 0
  }
}
