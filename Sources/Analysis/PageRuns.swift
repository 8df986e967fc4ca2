import Files

/// The runs of the book's pages, which are distributed as `experiments/reference/PAGE/results.csv`. `PAGE-minutes` has those
/// of the reduced tier.
extension ReferenceTable {
  /// What names of these tables begin with, as in `isoflop fit --reference pages/quickstart`.
  static let pagePrefix = "pages/"

  private static let folder = BundledFolder(
    "experiments/reference", variable: "ISOFLOP_REFERENCE",
    content: ("runs of pages", "PAGE/results.csv"), alternative: "name a results.csv"
  ) { folder in
    let tables = try FileAccess.names(in: folder).map { ($0, "\(folder)/\($0)/results.csv") }
      .filter { try FileAccess.exists($0.1) }
    return Dictionary(uniqueKeysWithValues: tables)
  }

  /// Returns the names of the pages whose runs are there, in alphabetical order.
  ///
  /// - Throws: `InputError` if their folder is not found.
  public static func pages() throws -> [String] { try folder.items().keys.sorted().map { pagePrefix + $0 } }

  /// Returns the runs of a page, such as `pages/quickstart`, or the table with a name that is part of the program.
  ///
  /// - Throws: `InputError` if there is none, or it cannot be read.
  public static func withPages(named name: String) throws -> ReferenceTable {
    guard name.hasPrefix(pagePrefix) else {
      if !all.contains(where: { $0.name == name }), (try? pages().contains(pagePrefix + name)) == true {
        throw InputError(
          "there is no reference `\(name)`", remedy: "The runs of this page are `\(pagePrefix)\(name)`")
      }
      return try named(name)
    }
    let page = String(name.dropFirst(pagePrefix.count))
    let tables = try folder.items()
    guard let path = tables[page] else {
      throw InputError(
        "there are no runs of a page `\(page)`",
        remedy: nearestName(to: page, among: tables.keys.sorted()).map {
          "The nearest is `\(pagePrefix)\($0)`"
        }
          ?? "Choose one of \(tables.keys.sorted().joined(separator: ", "))")
    }
    let isReduced = page.hasSuffix("-minutes")
    let experiment = isReduced ? String(page.dropLast("-minutes".count)) : page
    let options = isReduced ? " --tier minutes" : ""
    return ReferenceTable(
      name: name,
      title: "the runs of page \(experiment) of the book" + (isReduced ? ", in its reduced tier" : ""),
      source: "`isoflop run experiments/\(experiment).yaml\(options)`", advice: nil, entropy: nil,
      bytes: Array(try FileAccess.readText(path).utf8))
  }
}
