import Foundation

/// Published measurements in `../shared/data`, beside the package. Tests on them are skipped if
/// the folder is absent.
enum PublishedData {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data")

  static func has(_ path: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appending(path: path).path)
  }

  /// Rows of a comma-separated file without quotes, by column name.
  static func rows(_ path: String) throws -> [[String: String]] {
    try rows(text: String(contentsOf: folder.appending(path: path), encoding: .utf8))
  }

  static func rows(text: String) -> [[String: String]] {
    let lines = text.split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    guard let header = lines.first else { return [] }
    return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(header, $0)) }
  }
}

extension [String: String] {
  func number(_ column: String) -> Double { self[column].flatMap(Double.init) ?? .nan }
}
