import Foundation
import PackagePlugin

/// Writes the commit of the checkout to a source file whenever sources or the head have changed.
@main struct CommitPlugin: BuildToolPlugin {
  func createBuildCommands(context: PluginContext, target: Target) throws -> [Command] {
    let root = context.package.directoryURL
    let output = context.pluginWorkDirectoryURL.appendingPathComponent("SourceCommit.swift")
    // In a linked worktree, `.git` is a file with the path of the folder.
    var repository = root.appendingPathComponent(".git")
    if let link = try? String(contentsOf: repository, encoding: .utf8), link.hasPrefix("gitdir: ") {
      let path = link.dropFirst("gitdir: ".count).trimmingCharacters(in: .whitespacesAndNewlines)
      repository = URL(fileURLWithPath: path, relativeTo: root)
    }
    let git = ["HEAD", "logs/HEAD"].map(repository.appendingPathComponent)
      .filter { FileManager.default.fileExists(atPath: $0.path) }
    let sources = context.package.targets.compactMap { $0 as? SourceModuleTarget }
      .filter { $0.kind != .test }.flatMap { $0.sourceFiles.map(\.url) }
    // The file is only written if the commit differs, to avoid needless compilation.
    let script = #"""
      cd "$1" && commit=$(git describe --always --dirty=+ --abbrev=12 2>/dev/null) || commit=unknown
      text="let sourceCommit = \"$commit\""
      [ "$text" = "$(cat "$2" 2>/dev/null)" ] || echo "$text" >"$2"
      """#
    return [
      .buildCommand(
        displayName: "Record the commit", executable: URL(fileURLWithPath: "/bin/sh"),
        arguments: ["-c", script, "sh", root.path, output.path], inputFiles: git + sources,
        outputFiles: [output])
    ]
  }
}
