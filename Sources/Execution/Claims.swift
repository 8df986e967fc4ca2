import Dispatch
import Files
import Foundation
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// Records which process works on what, in files in a folder that many machines may share.
///
/// The claims on a thing are the files `THING/1`, `THING/2` and so on, of which the last one counts. Only one process
/// can create the next file (`O_EXCL`), also on network file systems. The owner writes a new beat into its file every
/// few seconds. A process that knows that the owner is dead, or has seen no new beat for `patience` by its own clock,
/// may create the next file. So nothing depends on locks, on the times of files, or on synchronised clocks.
///
/// A claim holds a random token, so that it is never mistaken for an earlier one, although numbers begin at 1 again
/// once a thing is finished. Before an owner replaces a file, it checks that the last claim still has its token
/// (`Claim.check`). If it was suspended and another process has taken over, it changes nothing: that process first
/// removes all temporary files with which the earlier owner could still replace or remove something right after its
/// check (`FileAccess.write`, `FileAccess.removeTemporaries`).
public final class Claims: Sendable {
  /// A claim as it was read.
  public struct Sighting: Codable, Hashable, Sendable {
    let generation: Int
    /// The file's text, which each beat changes.
    let text: String
  }

  /// The owner of a claim.
  public struct Holder: Sendable {
    /// The process; nil while the claim is being written.
    public let process: ProcessIdentity?
    /// The fraction of the work that is done, 0 to 1.
    public let done: Double
  }

  /// The state of a thing.
  public enum State: Sendable {
    case free
    /// Claimed by a process that is dead or no longer writes beats.
    case abandoned(Sighting)
    case held(Holder)
  }

  /// The default number of seconds without a beat after which a claim counts as abandoned. It spans many beats, because
  /// a busy file server may delay some. Tests set another value with `ISOFLOP_PATIENCE`.
  public static let usualPatience =
    ProcessInfo.processInfo.environment["ISOFLOP_PATIENCE"].flatMap { Double($0) }
    .flatMap { $0.isNaN ? nil : min(max($0, 0.5), 86_400) } ?? 60

  private let folder: String
  private let process: ProcessIdentity
  /// The number of seconds without a beat after which a claim counts as abandoned.
  public let patience: Double
  /// Returns the seconds of a monotonic clock that also runs while the machine sleeps.
  fileprivate let now: @Sendable () -> Double
  private let sightings = Mutex<[String: (sighting: Sighting, since: Double)]>([:])
  private let active = Mutex<[ObjectIdentifier: Weak]>([:])
  private nonisolated(unsafe) let timer: any DispatchSourceTimer

  private struct Weak {
    weak var claim: Claim?
  }

  /// A sighting that is kept for later commands on this machine, so that they need not wait for the whole patience
  /// again.
  private struct Memory: Codable {
    let sighting: Sighting
    /// By `now`, which counts from the start of the machine.
    let since: Double
    let boot: String
  }

  /// Opens the claims in a folder.
  ///
  /// - Parameters:
  ///   - folder: The folder of the claims. It is created when needed.
  ///   - process: The owner of new claims.
  ///   - now: Returns the seconds of a monotonic clock.
  public init(
    _ folder: String, patience: Double = usualPatience, process: ProcessIdentity = .own,
    now: @escaping @Sendable () -> Double = Claims.uptime
  ) {
    self.folder = folder
    self.process = process
    self.patience = patience
    self.now = now
    // On its own queue: computation may occupy all threads of the shared ones.
    timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "claims"))
    // Several beats within the patience of other processes.
    let beat = patience / 12
    timer.schedule(deadline: .now() + beat, repeating: beat)
    timer.setEventHandler { [weak self] in self?.beatAll() }
    timer.resume()
  }

  deinit { timer.cancel() }

  /// Returns the seconds since the machine was started, including sleep.
  @Sendable public static func uptime() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_BOOTTIME, &time)
    return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
  }

  /// Returns the state of `thing`.
  ///
  /// - Throws: `InputError` if its claim cannot be read.
  public func state(of thing: String) throws -> State {
    var found: (generation: Int, data: Data)?
    while found == nil {
      guard let generation = try generations(of: thing).last else { return .free }
      // A claim that has just been removed was replaced by the next one, or released.
      found = try FileAccess.readIfPresent(path(thing, generation)).map { (generation, $0) }
    }
    guard let (generation, data) = found else { return .free }
    let text = String(decoding: data, as: UTF8.self)
    let sighting = Sighting(generation: generation, text: text)
    let content = Content(text)
    if content?.isReleased == true { return .free }
    if content?.process.isDead == true { return .abandoned(sighting) }
    let silence = sightings.withLock { sightings in
      let last = sightings[thing]
      if last?.sighting != sighting {
        sightings[thing] = (sighting, last == nil ? firstSeen(thing, sighting) : now())
      }
      return now() - (sightings[thing]?.since ?? now())
    }
    return silence > patience
      ? .abandoned(sighting) : .held(Holder(process: content?.process, done: content?.done ?? 0))
  }

  /// Returns the time when a command on this machine first saw the claim in its present state.
  private func firstSeen(_ thing: String, _ sighting: Sighting) -> Double {
    let path = "\(folder)/\(thing)/seen-\(process.boot.prefix(8))"
    if let data = try? FileAccess.readIfPresent(path), let memory = try? decodeJSON(Memory.self, from: data),
      memory.sighting == sighting, memory.boot == process.boot, memory.since <= now()
    {
      return memory.since
    }
    // If it cannot be written, as in another user's folder, each command measures the time by itself.
    let memory = Memory(sighting: sighting, since: now(), boot: process.boot)
    if let data = try? canonicalJSON(memory) { try? FileAccess.write(data, to: path) }
    return now()
  }

  /// Claims `thing`. Returns nil if another process owns it.
  ///
  /// - Parameter abandoned: A claim that another process has found to be abandoned.
  /// - Throws: `InputError` if the folder cannot be read or written.
  public func claim(_ thing: String, abandoned: Sighting? = nil) throws -> Claim? {
    try FileAccess.makeFolder("\(folder)/\(thing)")
    let last = try generations(of: thing).last ?? 0
    switch try state(of: thing) {
    case .free, .abandoned: break
    case .held:
      guard let abandoned, abandoned.generation == last,
        let data = try FileAccess.readIfPresent(path(thing, last)),
        String(decoding: data, as: UTF8.self) == abandoned.text
      else { return nil }
    }
    let descriptor = open(path(thing, last + 1), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else {
      if errno == EEXIST || errno == ENOENT { return nil }
      throw FileAccess.systemError("cannot be written", path(thing, last + 1))
    }
    let claim: Claim
    do {
      claim = try Claim(of: self, thing, generation: last + 1, descriptor, Content(process: process))
      try removeFiles(of: thing, before: last + 1)
    } catch {
      // The disk may be full. Other processes must not wait for an empty claim.
      unlink(path(thing, last + 1))
      throw error
    }
    active.withLock { $0[ObjectIdentifier(claim)] = Weak(claim: claim) }
    return claim
  }

  /// Returns the names of all things with a folder of claims, whether they are claimed or not.
  public func things() throws -> [String] { try FileAccess.names(in: folder) }

  /// Returns whether any process owns a claim on anything but `exception`.
  public func isAnyHeld(but exception: String? = nil) throws -> Bool {
    try things().contains { thing in
      if thing != exception, case .held = try state(of: thing) { true } else { false }
    }
  }

  /// Removes a claim that no process owns.
  public func removeIfAbandoned(_ thing: String) throws {
    if case .held = try state(of: thing) { return }
    try claim(thing)?.finish()
  }

  /// Releases all claims of this process.
  public func releaseAll() { for claim in activeClaims { claim.release() } }

  private func beatAll() { for claim in activeClaims { claim.beat() } }

  private var activeClaims: [Claim] {
    active.withLock { active in
      active = active.filter { $0.value.claim != nil }
      return active.values.compactMap(\.claim)
    }
  }

  fileprivate func path(_ thing: String, _ generation: Int) -> String { "\(folder)/\(thing)/\(generation)" }

  fileprivate func generations(of thing: String) throws -> [Int] {
    try FileAccess.names(in: "\(folder)/\(thing)").compactMap(Int.init).sorted()
  }

  /// Removes older claims on a thing, and the sightings of them.
  fileprivate func removeFiles(of thing: String, before generation: Int) throws {
    for name in try FileAccess.names(in: "\(folder)/\(thing)")
    where Int(name).map({ $0 < generation }) ?? true {
      try FileAccess.remove("\(folder)/\(thing)/\(name)")
    }
  }

  fileprivate func removeFolder(of thing: String) { rmdir("\(folder)/\(thing)") }
}

/// The content of a claim's file: two constant lines, and one that each beat rewrites.
private struct Content {
  let process: ProcessIdentity
  /// A random text that is unique to this claim.
  let token: String
  var beat = 0
  var done = 0.0
  var isReleased = false

  init(process: ProcessIdentity) {
    self.process = process
    token = UUID().uuidString
  }

  /// Parses the content; nil if it is incomplete.
  init?(_ text: String) {
    let lines = text.split(separator: "\n")
    // Claims of earlier versions have no token.
    guard (2...3).contains(lines.count), let state = lines.last, state.hasSuffix("."),
      let process = try? decodeJSON(ProcessIdentity.self, from: Data(lines[0].utf8))
    else { return nil }
    let words = state.dropLast().split(separator: " ")
    guard words.count == 3, let beat = Int(words[0]), let done = Double(words[1]) else { return nil }
    self.process = process
    token = lines.count == 3 ? String(lines[1]) : ""
    (self.beat, self.done, isReleased) = (beat, done, words[2] == "released")
  }

  var owner: Data { ((try? JSONEncoder().encode(process)) ?? Data()) + Data("\n\(token)\n".utf8) }

  /// The line that beats rewrite. Its length is constant.
  var state: Data {
    Data((String(format: "%010d %.4f ", beat, done) + (isReleased ? "released" : "claimed ") + ".\n").utf8)
  }
}

/// The error if another process has taken over a claim of this one.
public struct ClaimLost: Error {}

/// The right to work on something, until it is released or lost.
public final class Claim: Sendable {
  private let claims: Claims
  private let thing: String
  private let generation: Int
  /// The constant part of the claim's file.
  private let owner: Data
  /// The content of the claim's file, its descriptor until the claim is released, and the time of the last beat.
  private let state: Mutex<(content: Content, descriptor: Int32?, lastBeat: Double)>

  fileprivate init(
    of claims: Claims, _ thing: String, generation: Int, _ descriptor: Int32, _ content: Content
  ) throws {
    self.claims = claims
    self.thing = thing
    self.generation = generation
    owner = content.owner
    state = Mutex((content, descriptor, claims.now()))
    try FileAccess.writeAll(owner + content.state, to: descriptor, path: claims.path(thing, generation))
    fsync(descriptor)
  }

  deinit { state.withLock { state in _ = state.descriptor.map(close) } }

  /// True if this process still owns the claim. Another process may have taken it over if this one wrote no beat for
  /// too long, for example while the machine slept. Cheap enough to be called at each step.
  public var isHeld: Bool {
    let silence = state.withLock { claims.now() - $0.lastBeat }
    return silence < claims.patience / 2 || beat()
  }

  /// Checks that this process still owns the claim, right before it replaces or removes a file.
  ///
  /// - Throws: `ClaimLost` if it does not, `InputError` if the claim cannot be read.
  public func check() throws {
    guard try state.withLock({ state in try !state.content.isReleased && isOwner() }) else {
      throw ClaimLost()
    }
  }

  /// Records the fraction of the work that is done. Others can read it after the next beat.
  public func report(done: Double) { state.withLock { $0.content.done = min(max(done, 0), 1) } }

  /// Returns whether this is the last claim on the thing.
  private func isOwner() throws -> Bool {
    guard try claims.generations(of: thing).last == generation else { return false }
    return try FileAccess.readIfPresent(claims.path(thing, generation))?.starts(with: owner) ?? false
  }

  /// Writes a beat. Returns true if this process still owns the claim, false if it does not or this cannot be
  /// determined.
  @discardableResult
  fileprivate func beat() -> Bool {
    state.withLock { state in
      guard !state.content.isReleased, (try? isOwner()) ?? false else { return false }
      state.content.beat += 1
      // Through the open descriptor, so that it can never overwrite a claim of another process.
      if write(state.content, state.descriptor) { state.lastBeat = claims.now() }
      return true
    }
  }

  /// Releases the claim on unfinished work.
  public func release() {
    state.withLock { state in
      state.content.isReleased = true
      _ = write(state.content, state.descriptor)
      // On a network file system, an open file cannot be removed from its folder.
      _ = state.descriptor.map(close)
      state.descriptor = nil
    }
  }

  /// Releases the claim on finished work and removes its files. A claim that another process has taken over remains.
  public func finish() {
    let isOwn = state.withLock { _ in (try? isOwner()) ?? false }
    release()
    guard isOwn else { return }
    try? claims.removeFiles(of: thing, before: generation + 1)
    claims.removeFolder(of: thing)
  }

  private func write(_ content: Content, _ descriptor: Int32?) -> Bool {
    guard let descriptor else { return false }
    let bytes = content.state
    let written = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, off_t(owner.count)) }
    return written == bytes.count && fsync(descriptor) == 0
  }
}
