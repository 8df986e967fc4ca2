import Foundation
import Testing

/// Tests of `isoflop export`.
@Suite struct ExportCommandTests {
  private let folder: ScratchFolder
  private let run: String

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 10_000), to: "text.txt")
    let command = try Command(
      "train", "--corpus", "text.txt", "--width", "8", "--depth", "1", "--context", "32", "--tokens", "60k",
      "--validation-tokens", "2048", "-o", "runs", in: folder.path)
    #expect(command.status == 0, "\(command.errors)")
    let files = try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/runs")
    let checkpoint = try #require(files.first { $0.hasSuffix("/checkpoint.safetensors") })
    run = "runs/" + checkpoint.dropLast("/checkpoint.safetensors".count)
  }

  @Test("A run's folder or its checkpoint is exported")
  func export() throws {
    let text = try Command("export", run, "--to", "transformers", "a/b", in: folder.path)
    #expect(text.status == 0 && text.errors.isEmpty, "\(text.errors)")
    #expect(
      text.output.contains("class    Starcoder2ForCausalLM\n") && text.output.contains("folder   a/b\n"))

    let file = "\(run)/checkpoint.safetensors"
    let json = try Command("export", file, "--to", "transformers", "c", "--json", in: folder.path)
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    #expect(object?["class_name"] as? String == "Starcoder2ForCausalLM" && object?["weights"] is Int)
    let files = try #require(object?["files"] as? [String])
    #expect(files.count == 4 && files.contains("c/config.json"))
    for file in files {
      let other = "a/b/" + file.dropFirst(2)
      #expect(
        FileManager.default.contentsEqual(
          atPath: "\(folder.path)/\(file)", andPath: "\(folder.path)/\(other)"))
    }
  }

  @Test("Mistakes give one line with a remedy, and write nothing")
  func mistakes() throws {
    try FileManager.default.createDirectory(atPath: "\(folder.path)/full", withIntermediateDirectories: true)
    try folder.write("x", to: "full/file")
    var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(run)/checkpoint.safetensors"))
    bytes[bytes.count / 2] ^= 1
    try bytes.write(to: URL(fileURLWithPath: "\(folder.path)/damaged.safetensors"))
    for (arguments, message) in [
      ([run, "full"], "full: the folder is not empty. Name a new folder, or remove this one."),
      ([run, "text.txt"], "text.txt: is a file, not a folder. Name a new folder."),
      (["none", "new"], "none: no such file. Check the path."),
      (["runs", "new"], "runs: has no checkpoint.safetensors. Train the run with `isoflop train`"),
      (["text.txt", "new"], "text.txt: is not a checkpoint of Isoflop, or is damaged. Name a checkpoint"),
      (["damaged.safetensors", "new"], "damaged.safetensors: is damaged. Name a checkpoint.safetensors."),
      ([run, "new", "--to", "onnx"], "transformers"), ([run], "<folder>"),
    ] {
      let command = try Command(all: ["export"] + arguments, in: folder.path)
      #expect(command.status == 2 && command.output.isEmpty, "\(arguments): \(command.output)")
      #expect(command.errors.contains(message), "\(arguments): \(command.errors)")
      #expect(command.errors.split(separator: "\n").count == 1, "\(command.errors)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/new"))
    }
  }
}

/// The Python of `scripts/test`, which has the libraries that tests use; nil if it is absent.
let python: String? = {
  let path =
    ProcessInfo.processInfo.environment["ISOFLOP_PYTHON"] ?? "\(packageRoot)/.build/python/bin/python"
  let libraries =
    "check_jsonschema, duckdb, ipykernel, matplotlib, nbclient, pandas, scipy, tensorboard, wandb"
  let script = try? Script(path, "-c", "import \(libraries)", in: "/")
  return script?.status == 0 ? path : nil
}()

/// Tests of the tables of an experiment that `isoflop export` writes.
@Suite(.serialized) struct ExportedTablesTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(smallText(words: 20_000), to: "text.txt")
    try folder.write(smallExperiment, to: "small.yaml")
    #expect(try Command("run", "small.yaml", "--no-figures", in: folder.path).status == 0)
  }

  private func rows(_ name: String) throws -> [[String: Any]] {
    try folder.read(name).split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
  }

  @Test("JSON Lines have the values of results.csv and of the logs")
  func jsonl() throws {
    let command = try Command("export", "small", "--to", "jsonl", "tables", in: folder.path)
    #expect(command.status == 0 && command.errors.isEmpty, "\(command.errors)")
    let results = try rows("tables/results.jsonl")
    #expect(results.count == 4 && command.output.contains("runs     4\n"))
    let lines = try folder.read("runs/small/results.csv").split(separator: "\n").map {
      $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    }
    for name in ["run", "width", "n_total", "loss", "entropy", "status"] {
      let column = try #require(lines[0].firstIndex(of: name))
      #expect(
        results.map { ($0[name] as? NSObject)?.description ?? "" }.map { $0 == "<null>" ? "" : $0 }
          == lines.dropFirst().map { $0[column] }, "\(name)")
    }
    #expect(Set(results.compactMap { $0["label"] as? String }).count == 4)
    let logs = try rows("tables/logs.jsonl")
    for result in results {
      let run = try #require(result["run"] as? String)
      let own = logs.filter { $0["run"] as? String == run }
      let text = try folder.read("runs/store/\(run)/metrics.jsonl")
      #expect(own.count == text.split(separator: "\n").count)
      #expect(own.last?["validation_loss"] as? Double == result["loss"] as? Double)
      let first = try #require(own.first)
      #expect(
        first["step"] as? Int == 1 && first["training_loss"] is Double && first["gradient_norm"] is Double)
    }
    // A run whose log is gone has its row of results.
    let run = try #require(results[0]["run"] as? String)
    try FileManager.default.removeItem(atPath: "\(folder.path)/runs/store/\(run)")
    let less = try Command("export", "runs/small", "--to", "jsonl", "less", "--json", in: folder.path)
    #expect(less.status == 0 && less.errors.contains("1 of 4 runs have no log"))
    let written = try #require(
      try JSONSerialization.jsonObject(with: Data(less.output.utf8)) as? [String: Int])
    #expect(written["runs"] == 4 && written["without_log"] == 1)
    #expect(try written["points"] == rows("less/logs.jsonl").count)
  }

  @Test(
    "The libraries read what they wrote: Parquet, TensorBoard's events and offline runs",
    .enabled(if: python != nil, "Python's libraries are not installed: scripts/test installs them"))
  func libraries() throws {
    let python = try #require(python)
    for format in ["jsonl", "parquet", "tensorboard", "wandb"] {
      let command = try Command(
        "export", "small.yaml", "--to", format, format, in: folder.path,
        shell: "export ISOFLOP_PYTHON='\(python)'")
      #expect(command.status == 0 && command.errors.isEmpty, "\(command.errors)")
    }
    let read = try Script(
      python, "-c",
      """
      import glob, json, struct
      import duckdb
      from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
      from wandb.proto.wandb_internal_pb2 import Record

      def records(path):
          # The format of LevelDB's logs: blocks of 32 KiB of parts, each with checksum, length and kind.
          data, place, whole = open(path, "rb").read(), 7, b""
          while place + 7 <= len(data):
              room = 32768 - place % 32768
              if room < 7:
                  place += room
                  continue
              length, kind = struct.unpack("<HB", data[place + 4:place + 7])
              whole += data[place + 7:place + 7 + length]
              place += 7 + length
              if kind in (1, 4):
                  yield Record.FromString(whole)
                  whole = b""

      lines = lambda name: [json.loads(line) for line in open(f"jsonl/{name}.jsonl")]
      results, logs = lines("results"), lines("logs")
      for name, rows in (("results", results), ("logs", logs)):
          table = duckdb.sql(f"FROM 'parquet/{name}.parquet'")
          assert len(table) == len(rows)
          for row, values in zip(rows, table.fetchall()):
              for column, value in zip(table.columns, values):
                  assert row.get(column) == value, (name, column, value)
      kinds = dict(zip(table.columns, map(str, table.types)))
      assert (kinds["step"], kinds["training_loss"], kinds["run"]) == ("BIGINT", "DOUBLE", "VARCHAR"), kinds
      for result in results:
          own = [point for point in logs if point["run"] == result["run"]]
          losses = [(p["step"], p["training_loss"]) for p in own if "training_loss" in p]
          events = EventAccumulator(f"tensorboard/{result['label']}").Reload()
          close = lambda a, b: a[0] == b[0] and abs(a[1] - b[1]) < 1e-6 * abs(b[1])
          found = [(event.step, event.value) for event in events.Scalars("train/loss")]
          assert len(found) == len(losses) and all(map(close, found, losses))
          assert close((0, events.Scalars("validation/loss")[-1].value), (0, result["loss"]))
          assert close((0, events.Scalars("result/loss")[-1].value), (0, result["loss"]))
          assert "_hparams_/session_start_info" in events.summary_metadata
          [path] = glob.glob(f"wandb/wandb/offline-run-*-{result['run']}/*.wandb")
          history, config, summary = [], {}, {}
          for record in records(path):
              item = lambda i: ("/".join(i.nested_key) or i.key, json.loads(i.value_json))
              if record.HasField("history"):
                  history.append(dict(map(item, record.history.item)))
              if record.HasField("run"):
                  config.update(map(item, record.run.config.update))
                  assert record.run.display_name == result["label"] and record.run.project == "small"
              for update in record.summary.update:
                  summary.update([item(update)])
          assert [(h["_step"], h["train/loss"]) for h in history if "train/loss" in h] == losses
          assert config["width"] == result["width"] and summary["loss"] == result["loss"]
      print("equal")
      """, in: folder.path)
    #expect(read.output == "equal\n" && read.status == 0, "\(read.output) \(read.errors)")
    for format in ["parquet", "tensorboard", "wandb"] {
      let files = try FileManager.default.contentsOfDirectory(atPath: "\(folder.path)/\(format)")
      #expect(!files.contains { $0.hasSuffix(".json") || $0.hasSuffix(".jsonl") }, "\(files)")
    }
  }

  @Test("Mistakes give one line with a remedy, and leave no folder")
  func mistakes() throws {
    try folder.write("#!/bin/sh\necho 'missing duckdb' >&2\nexit 1\n", to: "without")
    try folder.write(
      "#!/bin/sh\ncase $2 in *find_spec*) exit 0 ;; esac\necho 'no space' >&2\nexit 1\n", to: "failing")
    for script in ["without", "failing"] {
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o755], ofItemAtPath: "\(folder.path)/\(script)")
    }
    try FileManager.default.createDirectory(atPath: "\(folder.path)/full", withIntermediateDirectories: true)
    try folder.write("x", to: "full/file")
    for (arguments, shell, message) in [
      (
        ["smal", "--to", "jsonl", "new"], "",
        "smal: is neither a file nor an experiment in runs. `isoflop ls`"
      ),
      (["text.txt", "--to", "jsonl", "new"], "", "text.txt:1: is not a table of results"),
      (["runs", "--to", "jsonl", "new"], "", "runs: has no results yet: there is no runs/results.csv"),
      (
        ["small", "--to", "jsonl", "full"], "",
        "full: the folder is not empty. Name a new folder, or remove this one."
      ),
      (["small", "--to", "jsonl", "text.txt"], "", "text.txt: is a file, not a folder. Name a new folder."),
      (["small", "--to", "csv", "new"], "", "parquet"),
      (
        ["small", "--to", "parquet", "new"], "ISOFLOP_PYTHON=none",
        "ISOFLOP_PYTHON is `none`, which is no program"
      ),
      (
        ["small", "--to", "parquet", "new"], "ISOFLOP_PYTHON=./without",
        "Install it (`./without -m pip install duckdb`)"
      ),
      (["small", "--to", "parquet", "new"], "ISOFLOP_PYTHON=./failing", "duckdb failed: no space."),
      (
        ["small", "--to", "parquet", "new"], "PATH=none",
        "Python is not installed. Install it: `apt-get install"
      ),
    ] {
      let set = shell.isEmpty ? "" : "unset ISOFLOP_PYTHON; export \(shell)"
      let command = try Command(all: ["export"] + arguments, in: folder.path, shell: set)
      #expect(command.status == 2 && command.output.isEmpty, "\(arguments): \(command.output)")
      #expect(command.errors.contains(message), "\(arguments): \(command.errors)")
      #expect(command.errors.split(separator: "\n").count == 1, "\(command.errors)")
      #expect(!FileManager.default.fileExists(atPath: "\(folder.path)/new"))
    }
  }
}
