import Files
import RandomNumbers

/// Finds documents that are copies, or near copies, of an earlier one.
///
/// Two documents are near copies if their Jaccard similarity is at least a threshold: of all different spans of
/// 24 bytes that occur in either, the fraction that occurs in both. Candidates are found by MinHash (Broder 1997) with
/// locality-sensitive hashing: 63 minima of one hash (Li, Owen and Zhang 2012; empty bins are filled as by Shrivastava
/// 2017), of which three in a row must agree. Of candidates, the similarity is computed exactly. A pair of similarity .8
/// is missed with a probability of 10⁻⁶, one of .6 with .6 %.
package struct NearDuplicates: Sendable {
  /// What a document is.
  package enum Kind: Sendable {
    case distinct
    /// The same bytes as an earlier document.
    case copy
    case nearCopy
  }

  /// The similarity from which on documents usually count as near copies (Lee et al. 2022, arXiv:2107.06499).
  package static let usualThreshold = 0.8
  /// The similarities that the hashes are made for.
  package static let thresholds = 0.5...1.0
  /// The length of the spans.
  static let spanBytes = 24
  private static let bands = 21
  private static let rows = 3
  /// The earlier documents with which one is compared because of one band.
  private static let mostCandidates = 64

  /// The kind of each document. Copies are compared with documents that are no copies themselves.
  package let kinds: [Kind]

  /// Compares documents in their order.
  package init(in documents: [[UInt8]], threshold: Double = usualThreshold) {
    var index = Index(count: documents.count)
    var seen: Set<String> = []
    kinds = documents.indices.map { document in
      guard seen.insert(checksum(documents[document])).inserted else { return .copy }
      let signature = Self.signature(documents[document])
      var own: [UInt64]?
      let isNear = index.candidates(of: signature, threshold: threshold).contains { other in
        let spans = own ?? Self.spans(documents[document])
        own = spans
        return Self.similarity(spans, Self.spans(documents[other])) >= threshold
      }
      if isNear { return .nearCopy }
      index.insert(document, signature)
      return .distinct
    }
  }

  /// The number of documents of a kind.
  package func count(of kind: Kind) -> Int { kinds.count { $0 == kind } }

  /// Returns the hashes of the different spans, sorted. A shorter document is one span.
  private static func spans(_ document: [UInt8]) -> [UInt64] {
    var hashes: [UInt64] = []
    forEachSpan(of: document) { hashes.append($0) }
    hashes.sort()
    var (kept, last) = ([UInt64](), UInt64?.none)
    kept.reserveCapacity(hashes.count)
    for hash in hashes where hash != last {
      kept.append(hash)
      last = hash
    }
    return kept
  }

  private static func forEachSpan(of document: [UInt8], _ body: (UInt64) -> Void) {
    document.withUnsafeBufferPointer { bytes in
      RollingHash.forEachSpan(of: max(1, min(spanBytes, bytes.count)), in: bytes) { body($1) }
    }
  }

  /// Returns the Jaccard similarity of sorted sets.
  private static func similarity(_ one: [UInt64], _ two: [UInt64]) -> Double {
    var (i, j, common) = (0, 0, 0)
    while i < one.count, j < two.count {
      if one[i] == two[j] {
        (i, j, common) = (i + 1, j + 1, common + 1)
      } else if one[i] < two[j] {
        i += 1
      } else {
        j += 1
      }
    }
    return Double(common) / Double(max(one.count + two.count - common, 1))
  }

  /// Returns the least hash in each bin.
  private static func signature(_ document: [UInt8]) -> [UInt32] {
    let bins = bands * rows
    var least = [UInt32](repeating: .max, count: bins)
    least.withUnsafeMutableBufferPointer { least in
      forEachSpan(of: document) { hash in
        let bin = Int(truncatingIfNeeded: ((hash >> 32) &* UInt64(bins)) >> 32)
        let value = UInt32(truncatingIfNeeded: hash)
        if value < least[bin] { least[bin] = value }
      }
    }
    guard least.contains(where: { $0 < .max }) else { return least }
    return (0..<bins).map { bin in
      var (source, attempt) = (bin, 0 as UInt64)
      while least[source] == .max {
        source = Int(truncatingIfNeeded: mix(UInt64(bin), attempt) % UInt64(bins))
        attempt += 1
      }
      return least[source]
    }
  }

  /// Signatures of earlier documents, by bands.
  private struct Index {
    /// The last document with a hash of a band, and the one before each document with the same, −1 for none.
    private var heads: [[Int32]]
    private var links: [Int32]
    private var signatures: [UInt32]
    /// The last document for which a document was looked at.
    private var visits: [Int32]
    private var visit: Int32 = 0
    private let mask: Int

    init(count: Int) {
      let slots = 1 << (Int.bitWidth - max(count, 2).leadingZeroBitCount)
      mask = slots - 1
      heads = Array(repeating: Array(repeating: -1, count: slots), count: bands)
      links = Array(repeating: -1, count: count * bands)
      signatures = Array(repeating: 0, count: count * bands * rows)
      visits = Array(repeating: 0, count: count)
    }

    private func slot(_ signature: [UInt32], _ band: Int) -> Int {
      let hash = signature[band * rows..<(band + 1) * rows].reduce(0 as UInt64) { mix($0 ^ UInt64($1)) }
      return Int(truncatingIfNeeded: hash) & mask
    }

    /// Returns the earlier documents whose signature may be that of a near copy.
    mutating func candidates(of signature: [UInt32], threshold: Double) -> [Int] {
      visit += 1
      var found: [Int] = []
      let bins = bands * rows
      // Four standard deviations below the threshold.
      let least = (threshold - 0.2) * Double(bins)
      for band in 0..<bands {
        var (next, count) = (Int(heads[band][slot(signature, band)]), 0)
        while next >= 0, count < mostCandidates {
          if visits[next] != visit {
            visits[next] = visit
            let common = (0..<bins).count { signatures[next * bins + $0] == signature[$0] }
            if Double(common) >= least { found.append(next) }
          }
          (next, count) = (Int(links[next * bands + band]), count + 1)
        }
      }
      return found
    }

    mutating func insert(_ document: Int, _ signature: [UInt32]) {
      signatures.replaceSubrange(
        document * signature.count..<(document + 1) * signature.count, with: signature)
      for band in 0..<bands {
        let slot = slot(signature, band)
        links[document * bands + band] = heads[band][slot]
        heads[band][slot] = Int32(document)
      }
    }
  }
}
