import Execution
import Files
import FlyingFox
import FlyingSocks
import Foundation
import Synchronization

import enum Files.JSONValue

/// The pages about a folder of runs.
///
/// | path | answer |
/// |---|---|
/// | `/` | the experiments in the folder |
/// | `/.live/NAME` | an experiment while it trains; its data are at `/.live/NAME/status.json` and `figures.json` |
/// | `/.budget/NAME` | how to spend a budget by an experiment's fits; its data are at `/.budget/NAME/split.json` |
/// | other paths | the files of the folder, such as the reports |
///
/// No experiment has a name that begins with a dot. Everything comes from files: the site may begin before or after the
/// training, which any process on any machine may do.
public final class Site: Sendable {
  private let root: String
  private let corpora: [String]
  private let live = Mutex<[String: LiveExperiment]>([:])

  /// - Parameters:
  ///   - root: The folder of runs.
  ///   - corpora: Further folders that experiments may read texts and recipes from.
  public init(_ root: String, corpora: [String]) {
    self.root = root
    self.corpora = corpora
  }

  /// Answers requests from this machine until the process ends.
  ///
  /// - Parameters:
  ///   - port: The port on the loopback address 127.0.0.1; 0 for any free one.
  ///   - ready: Called with the address of the site when it is ready.
  /// - Throws: `InputError` if the port is not available.
  public func serve(port: UInt16, ready: @escaping @Sendable (String) -> Void) async throws {
    // Fits may take a while before the first byte of an answer.
    let server = HTTPServer(
      address: try .inet(ip4: "127.0.0.1", port: port), timeout: 600, logger: .disabled,
      handler: ClosureHTTPHandler { [self] in await answer($0) })
    let listening = Task {
      try await server.waitUntilListening(timeout: 10)
      if case .ip4(_, let port) = await server.listeningAddress { ready("http://127.0.0.1:\(port)/") }
    }
    do { try await server.run() } catch let error as SocketError {
      listening.cancel()
      guard case .failed(_, let code, _) = error else { throw error }
      throw InputError(
        "port \(port) is not available: \(String(cString: strerror(code)))",
        remedy: "Choose another with --port, or 0 for any free one")
    }
  }

  /// Answers a request.
  package func answer(_ request: HTTPRequest) async -> HTTPResponse {
    guard request.method == .GET else {
      return .text("Only GET is answered.", .methodNotAllowed, [.init("Allow"): "GET"])
    }
    // A page of another site could name this machine by a name of its own, and read the answers.
    let host = request.headers[.host]?.split(separator: ":").first.map(String.init)
    guard host == nil || host == "127.0.0.1" || host == "localhost" else {
      return .text("This site answers only to 127.0.0.1 and localhost.", .misdirectedRequest)
    }
    let parts = request.path.split(separator: "/").map { $0.removingPercentEncoding ?? String($0) }
    do {
      switch (parts.first, parts.count) {
      case (nil, _): return try .page(IndexPage(of: root).html)
      case (".live", 2): return try .page(experiment(parts[1]).page)
      case (".live", 3) where parts[2] == "status.json": return try .json(experiment(parts[1]).status())
      case (".live", 3) where parts[2] == "figures.json":
        return try await .json(experiment(parts[1]).figures())
      case (".budget", 2): return try .page(BudgetPage(parts[1], in: root).html)
      case (".budget", 3) where parts[2] == "split.json":
        return try .json(BudgetPage(parts[1], in: root).split(request.query.map { ($0.name, $0.value) }))
      default: return try await file(parts, request)
      }
    } catch let error as InputError {
      return .text("\(error)", .notFound)
    } catch {
      return .text("\(error)", .internalServerError)
    }
  }

  /// A file of the folder.
  private func file(_ parts: [String], _ request: HTTPRequest) async throws -> HTTPResponse {
    let path = ([root] + parts).joined(separator: "/")
    let isPlain = !parts.contains { $0.hasPrefix(".") || $0.contains("/") || $0.contains("\0") }
    // Links may not lead out of the folder.
    guard isPlain, isPath(path, below: [root]), let kind = try FileAccess.kind(of: path) else {
      return .text("There is no such file in the folder.", .notFound)
    }
    switch kind {
    case .folder:
      for name in ["report.html", "index.html"] where try FileAccess.exists("\(path)/\(name)") {
        let address = "/" + (parts + [name]).map(escaped).joined(separator: "/")
        return HTTPResponse(statusCode: .seeOther, headers: HTTPHeaders([.location: address]))
      }
      return .text("The folder has no page.", .notFound)
    case .file:
      let ending = (path as NSString).pathExtension
      let type = Self.types[ending] ?? "application/octet-stream"
      var response = try await FileHTTPHandler(path: URL(fileURLWithPath: path), contentType: type)
        .handleRequest(request)
      response.headers.secure()
      return response
    default: return .text("There is no such file in the folder.", .notFound)
    }
  }

  private static let types = [
    "html": "text/html; charset=utf-8", "svg": "image/svg+xml", "png": "image/png",
    "json": "application/json",
    "jsonl": "text/plain; charset=utf-8", "csv": "text/plain; charset=utf-8",
    "gp": "text/plain; charset=utf-8",
    "log": "text/plain; charset=utf-8", "xml": "application/xml",
  ]

  private func experiment(_ name: String) throws -> LiveExperiment {
    let plan = "\(root)/\(name)/plan.json"
    guard !name.hasPrefix("."), !name.contains("/"), try FileAccess.exists(plan) else {
      throw InputError("there is no experiment \(name) in \(root)", remedy: "Train it with `isoflop run`")
    }
    // A new plan, as of a changed experiment, replaces the old one.
    let version = checksum(try FileAccess.read(plan))
    if let known = live.withLock({ $0[name] }), known.version == version { return known }
    let experiment = try LiveExperiment(name, version: version, in: root, corpora: corpora)
    live.withLock { $0[name] = experiment }
    return experiment
  }
}

/// A part of an address.
func escaped(_ part: String) -> String {
  part.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(.init(charactersIn: "-_."))) ?? part
}

extension HTTPHeaders {
  /// Pages have their scripts and styles inline, and load nothing from elsewhere.
  fileprivate mutating func secure() {
    self[.init("Content-Security-Policy")] =
      "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
      + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    self[.init("X-Content-Type-Options")] = "nosniff"
    self[.init("Cache-Control")] = "no-store"
  }
}

extension HTTPResponse {
  private init(_ body: Data, type: String, _ status: HTTPStatusCode = .ok, _ headers: HTTPHeaders = [:]) {
    var headers = headers
    headers[.contentType] = type
    headers.secure()
    self.init(statusCode: status, headers: headers, body: body)
  }

  fileprivate static func text(_ text: String, _ status: HTTPStatusCode, _ headers: HTTPHeaders = [:])
    -> HTTPResponse
  {
    HTTPResponse(Data((text + "\n").utf8), type: "text/plain; charset=utf-8", status, headers)
  }

  fileprivate static func page(_ html: String) -> HTTPResponse {
    HTTPResponse(Data(html.utf8), type: "text/html; charset=utf-8")
  }

  fileprivate static func json(_ value: JSONValue) throws -> HTTPResponse {
    HTTPResponse(try canonicalJSON(value), type: "application/json")
  }
}
