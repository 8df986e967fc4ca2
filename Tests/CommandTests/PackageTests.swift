import Foundation
import Testing

/// Tests of what packages rely on. `scripts/test-package` tests the packages themselves, which take minutes to build.
@Suite struct PackageTests {
  @Test("The scripts are valid, and every file that goes into a package exists")
  func scripts() throws {
    for name in ["package", "test-package"] {
      let check = try Script("/bin/bash", "-n", "\(packageRoot)/scripts/\(name)", in: packageRoot)
      #expect(check.status == 0, "\(check.errors)")
    }
    let script = try String(contentsOfFile: "\(packageRoot)/scripts/package", encoding: .utf8)
    // Folders and files of the repository, as the script names them.
    for name in ["LICENSE", "README.md", "corpora", "experiments", "Sources/isoflop/Documentation.docc"] {
      #expect(script.contains(name), "\(name)")
      #expect(FileManager.default.fileExists(atPath: "\(packageRoot)/\(name)"), "\(name)")
    }
  }

  /// The program finds its data in `share/isoflop` beside its folder, also if it is called by a link.
  @Test("An installed program finds its corpora and experiments from every folder")
  func installed() throws {
    let (prefix, elsewhere) = (try ScratchFolder(), try ScratchFolder())
    let files = FileManager.default
    for folder in ["bin", "share/isoflop/corpora", "share/isoflop/experiments"] {
      try files.createDirectory(atPath: "\(prefix.path)/\(folder)", withIntermediateDirectories: true)
    }
    try files.copyItem(atPath: Command.program, toPath: "\(prefix.path)/bin/isoflop")
    try files.createSymbolicLink(
      atPath: "\(elsewhere.path)/linked", withDestinationPath: "\(prefix.path)/bin/isoflop")
    try prefix.write(
      """
      tables: {bird: {words: [owl, lark]}, deed: {words: [sings, sleeps]}}
      tasks: {songs: {weight: 1, text: "{bird} {deed}."}}
      """, to: "share/isoflop/corpora/birds.yaml")
    try prefix.write(
      "title: t\ncorpus: birds\ngrid: {width: 16, tokens: [100k, 200k]}\n",
      to: "share/isoflop/experiments/singing.yaml")
    let run = { (arguments: [String]) in
      try Script("\(elsewhere.path)/linked", all: arguments, in: elsewhere.path)
    }
    let plan = try run(["run", "singing", "--dry-run", "--json"])
    #expect(plan.status == 0 && plan.output.contains("d_tokens"), "\(plan.output) \(plan.errors)")
    let book = try run(["book", "--dry-run", "--json"])
    #expect(book.status == 0 && book.output.contains("\"singing\""), "\(book.output) \(book.errors)")
    let unknown = try run(["run", "singin", "--dry-run"])
    #expect(unknown.status == 2)
    #expect(
      unknown.errors == """
        error: there is no experiment `singin`, neither a file nor bundled. The nearest name is `singing`.

        """)
    // A file of the current folder comes before a bundled experiment of its name.
    try elsewhere.write("title: t\n", to: "singing")
    let file = try run(["run", "singing", "--dry-run"])
    #expect(file.errors.hasPrefix("error: singing:1:"), "\(file.errors)")
  }
}
