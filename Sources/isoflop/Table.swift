import TextTable

/// Prints rows under their titles; columns of numbers stand right.
func printTable(_ titles: [String], _ rows: [[String]]) {
  let isNumeric = titles.indices.map { column in
    rows.allSatisfy { row in
      row[column].isEmpty || row[column].first.map { "0123456789-.<".contains($0) } ?? true
    }
  }
  let table = TextTable<[String]> { row in
    titles.indices.map { Column(title: titles[$0], value: row[$0], align: isNumeric[$0] ? .right : .left) }
  }
  table.print(rows, style: Style.simple)
}
