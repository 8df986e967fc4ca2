/// Returns `text` with control characters other than line feeds and tabs replaced by U+FFFD, so that text from an
/// untrusted file, such as a title or a table header, cannot send escape sequences to a terminal.
///
/// All output of the program passes through it.
public func printable(_ text: String) -> String {
  guard text.unicodeScalars.contains(where: isHarmful) else { return text }
  return String(
    String.UnicodeScalarView(text.unicodeScalars.map { isHarmful($0) ? "\u{FFFD}" : $0 }))
}

/// Returns whether a terminal would interpret the character or XML forbids it.
private func isHarmful(_ scalar: Unicode.Scalar) -> Bool {
  scalar.properties.generalCategory == .control && scalar != "\n" && scalar != "\t"
}
