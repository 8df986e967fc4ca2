/// Text that may be a stranger's, such as a title or the header of a table, without what would act on a terminal: control
/// characters other than line ends and tabs become U+FFFD.
///
/// Everything that the program prints goes through it.
public func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isHarmful) else { return text }
  return String(
    String.UnicodeScalarView(text.unicodeScalars.map { isHarmful($0) ? "\u{FFFD}" : $0 }))
}

/// Whether a terminal, or a reader of XML, takes a character for more than a character.
private func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
}
