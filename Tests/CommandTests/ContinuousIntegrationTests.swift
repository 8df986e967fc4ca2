import Foundation
import Testing

/// Tests of the action for GitHub and of the hook for pre-commit.
@Suite struct ContinuousIntegrationTests {
  private let folder: ScratchFolder
  private let program = URL(fileURLWithPath: Command.program).deletingLastPathComponent().path

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 20_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    try folder.write(smallExperiment.replacing("[4, 4]", with: "[5, 5]"), to: "other.yaml")
  }

  private func shell(_ text: String) throws -> Script {
    try Script("/bin/bash", "-c", text, in: folder.path)
  }

  @Test("The step of the action passes its inputs on, and the verdicts are where it says")
  func action() throws {
    let action = try String(
      contentsOfFile: "\(packageRoot)/.github/actions/regress/action.yml", encoding: .utf8)
    let lines = action.split(separator: "\n", omittingEmptySubsequences: false)
    let start = try #require(lines.firstIndex { $0.hasSuffix("run: |") })
    let step = lines[(start + 1)...].prefix { $0.hasPrefix("        ") }.joined(separator: "\n")
    // The script of the package would build, which waits for this test.
    let names = ["a/.github/actions/regress", "a/scripts"]
    for name in names {
      try FileManager.default.createDirectory(
        atPath: "\(folder.path)/\(name)", withIntermediateDirectories: true)
    }
    try folder.write("#!/bin/sh\nexec '\(Command.program)' regress \"$@\"\n", to: "a/scripts/regress")
    for (files, status) in [("small.yaml", 0), ("small.yaml other.yaml", 1)] as [(String, Int32)] {
      let job = try shell(
        """
        chmod +x a/scripts/regress
        export GITHUB_ACTION_PATH=a/.github/actions/regress FILES='\(files)' TIER=whole OUTPUT=results
        export OPTIONS='--no-figures -j 1'
        set -e
        \(step)
        """)
      #expect(job.status == status, "\(job.output) \(job.errors)")
      let verdicts = try folder.read("results/regress.xml")
      #expect(verdicts.contains("testsuite") && verdicts.contains("<failure") == (status == 1))
    }
  }

  @Test(
    "The action and the workflow are valid by GitHub's schemas",
    .enabled(if: python != nil, "Python's libraries are not installed: scripts/test installs them"))
  func schemas() throws {
    let python = try #require(python)
    for (schema, file) in [("actions", "actions/regress/action.yml"), ("workflows", "workflows/regress.yml")]
    {
      let check = try Script(
        python, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-\(schema)",
        "\(packageRoot)/.github/\(file)", in: folder.path)
      #expect(check.status == 0, "\(check.output) \(check.errors)")
    }
  }

  @Test("The hook checks experiments without training, and prints a line for each fault")
  func hook() throws {
    let hooks = try String(contentsOfFile: "\(packageRoot)/.pre-commit-hooks.yaml", encoding: .utf8)
    let entry = try #require(hooks.firstMatch(of: #/entry: (\S+)/#)?.output.1)
    try folder.write("title: t\ncorpus: text.txt\ngrid: {wdith: 16, tokens: 1M}\n", to: "unknown.yaml")
    try folder.write("title: t\ncorpus: text.txt\ngrid: {width: 3, tokens: 1M}\n", to: "narrow.yml")
    let check = { (files: String) in
      try shell("PATH='\(program)':$PATH '\(packageRoot)/\(entry)' --corpora . \(files)")
    }
    let good = try check("small.yaml other.yaml")
    #expect(good.status == 0 && good.output.isEmpty && good.errors.isEmpty, "\(good.errors)")
    let bad = try check("unknown.yaml small.yaml narrow.yml")
    let errors = bad.errors.split(separator: "\n")
    #expect(bad.status == 2 && errors.count == 2, "\(bad.errors)")
    #expect(errors.first?.hasPrefix("error: unknown.yaml:3: unknown key `wdith`") == true)
    #expect(errors.last?.hasPrefix("error: narrow.yml:3: 3 is out of range") == true)
    #expect(try !FileManager.default.contentsOfDirectory(atPath: folder.path).contains("runs"))
  }
}
