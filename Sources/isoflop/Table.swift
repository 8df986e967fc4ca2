import TextTable

/// Prints rows under their titles; columns of numbers stand right.
func printTable(_ titles: [String], _ rows: [[String]]) {
  let isNumeric = titles.indices.map { column in
    let cells = rows.map { $0[column] }.filter { !$0.isEmpty }
    return 2 * cells.count { $0.first.map { "0123456789-.<".contains($0) } ?? false } > cells.count
  }
  let table = TextTable<[String]> { row in
    titles.indices.map { Column(title: titles[$0], value: row[$0], align: isNumeric[$0] ? .right : .left) }
  }
  table.print(rows, style: Style.simple)
}
