import Execution
import Files
import Foundation
import Reports

/// The experiments in a folder of runs, with links to their pages.
struct IndexPage {
  let html: String

  /// - Throws: `InputError` if the folder cannot be read.
  init(of root: String) throws {
    let store = RunStore(reading: root)
    let names = try FileAccess.names(in: root).sorted().filter { !$0.hasPrefix(".") }
    let entries = try names.compactMap { name -> [String: Any]? in
      let folder = "\(root)/\(name)"
      let plan = try FileAccess.exists("\(folder)/plan.json")
      let report = try FileAccess.exists("\(folder)/report.html")
      guard plan || report else { return nil }
      var entry: [String: Any] = ["name": name, "address": escaped(name), "plan": plan, "report": report]
      if plan, let frozen = try unlessDamaged({ try FrozenPlan(contentsOf: "\(folder)/plan.json") }) {
        let status = try GridStatus(frozen, in: store)
        entry["state"] =
          "\(status.done) of \(status.total) runs done"
          + (status.running.isEmpty ? "" : ", \(status.running.count) in training")
      }
      entry["budget"] = try FileAccess.exists("\(folder)/fits.json")
      return entry
    }
    let books = try ["book", "book-minutes"].filter { try FileAccess.exists("\(root)/\($0)/index.html") }
    html = try Page.render(
      PackageResources.index_mustache,
      ["folder": root, "entries": entries, "isEmpty": entries.isEmpty, "books": books])
  }
}
