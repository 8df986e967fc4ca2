import Execution
import Files
import FlyingFox
import Foundation
import Plans
import Serving
import TestSupport
import Testing

/// What the site answers. `ServeTests` reads its pages with a browser.
@Suite struct SiteTests {
  private let planted: PlantedStore
  private let site: Site
  private let root: String

  init() throws {
    let plan = try plan("grid: {width: [8, 16, 32], tokens: [256k, 512k]}\n")
    planted = try PlantedStore(
      plan, entropy: 0.3, share: { $0.configuration.model.width == 32 ? 0 : 1 },
      loss: { run, tokens in 0.3 + 100 / Double(tokens + run.counts.total) })
    root = planted.folder.path
    let frozen = FrozenPlan(
      plan, try Scheduler([plan], store: planted.store, corpora: CorpusCache(), workers: 1), index: 0,
      folder: "\(root)/e", isShrunken: false)
    try FileAccess.makeFolder("\(root)/e")
    try frozen.write(to: "\(root)/e/plan.json")
    try FileAccess.write(Data("<p>report</p>".utf8), to: "\(root)/e/report.html")
    site = Site(root, corpora: [packageFolder])
  }

  private func answer(_ path: String, _ method: HTTPMethod = .GET, host: String = "127.0.0.1:80") async throws
    -> (
      status: Int, body: String, headers: HTTPHeaders
    )
  {
    let request = HTTPRequest(
      method: method, version: .http11, path: path, query: [], headers: [.host: host], body: Data())
    let answer = await site.answer(request)
    return (
      answer.statusCode.code, String(decoding: try await answer.bodyData, as: UTF8.self), answer.headers
    )
  }

  @Test("Only GET is answered, only for this machine's names, and only from the folder")
  func limits() async throws {
    for method in [HTTPMethod.POST, .HEAD, .PUT, .DELETE, .OPTIONS] {
      #expect(try await answer("/", method).status == 405)
    }
    #expect(try await answer("/", host: "example.org").status == 421)
    #expect(try await answer("/", host: "localhost:8760").status == 200)
    try FileAccess.write(Data("secret".utf8), to: "\(root)-outside")
    defer { try? FileManager.default.removeItem(atPath: "\(root)-outside") }
    try FileManager.default.createSymbolicLink(
      atPath: "\(root)/link.html", withDestinationPath: "\(root)-outside")
    try FileAccess.write(Data("hidden".utf8), to: "\(root)/.hidden")
    for path in [
      "/../\(URL(fileURLWithPath: root).lastPathComponent)-outside", "/e/../../x", "/%2e%2e/x",
      "/e/..%2f..%2fx",
      "/link.html", "/.hidden", "/.live/none", "/.live/..", "/.budget/e", "/none.html", "/e/report.html/x",
      "/.live/e/none.json", "/%00",
    ] {
      let found = try await answer(path)
      #expect(found.status == 404 && !found.body.contains("secret"), "\(path): \(found.status)")
    }
  }

  @Test("Files have types, folders lead to their page, and nothing is loaded from elsewhere")
  func files() async throws {
    let report = try await answer("/e/report.html")
    #expect(report.status == 200 && report.body == "<p>report</p>")
    #expect(report.headers[.contentType] == "text/html; charset=utf-8")
    let policy = report.headers[.init("Content-Security-Policy")]
    #expect(policy?.hasPrefix("default-src 'none'; ") == true)
    let folder = try await answer("/e/")
    #expect(folder.status == 303 && folder.headers[.location] == "/e/report.html")
    let index = try await answer("/")
    #expect(
      index.body.contains("href=\"/.live/e\"") && index.body.contains("4 of 6 runs done"), "\(index.body)")
  }

  @Test("The state has every run with its loss, and the curves")
  func state() async throws {
    let text = try await answer("/.live/e/status.json").body
    let state = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    #expect(state["done"] as? Int == 4 && state["total"] as? Int == 6 && state["waiting"] as? Int == 2)
    let runs = try #require(state["runs"] as? [[String: Any]])
    #expect(runs.map { $0["state"] as? String } == ["done", "done", "done", "done", "waiting", "waiting"])
    #expect(runs[0]["loss"] is Double && runs[5]["loss"] == nil && state["curves"] != nil)
    let page = try await answer("/.live/e").body
    #expect(page.contains("data-address=\"e\"") && page.contains("const figures ="))
  }
}
