import Files
import Foundation
import Plans
import TestSupport
import Testing

private let head = "title: t\ncorpus: village\n"
private let grid = "grid: {width: 16, tokens: 1M}\n"

/// Invalid files with their error messages.
private let badInputs: [(String, String)] = [
  ("corpus: village\ngrid: {width: 16, tokens: 1M}\n", "e.yaml:1: `title` is missing. Add `title: …`."),
  ("\(head)gird: {}\n", "e.yaml:3: unknown key `gird`. The nearest key is `grid`."),
  ("\(head)grid: {widht: 16, tokens: 1M}\n", "e.yaml:3: unknown key `widht`. The nearest key is `width`."),
  (
    "\(head)grid: {width: 16}\n",
    "e.yaml:1: the length of training is not given. Add `tokens: [1M, 2M]`, or `flops: [1e11]`, to the grid."
  ),
  ("\(head)grid: {tokens: 1M}\n", "e.yaml:1: no `width` is given. Add `width: [16, 32]` to the grid."),
  ("title: t\n\(grid)", "e.yaml:1: no `corpus` is given. Add `corpus: village`."),
  (
    "\(head)grid:\n  width: 16\n  tokens: 1M\n  flops: 1e11\n",
    "e.yaml:4: both `tokens` and `flops` are given. Remove one of them."
  ),
  (
    "\(head)grid: {width: 16, tokens: 1M, seeds: 1000, warmup_steps: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]}\n",
    "e.yaml:3: the grid has more than 10000 runs. Give shorter lists, or write several experiments."
  ),
  (
    "\(head)grid: ../other\n",
    "e.yaml:3: `../other` is not a name. Name a file of this folder, without its path."
  ),
  (
    "\(head)grid: {width: 16, tokens: 1e15}\n",
    "e.yaml:3: 1e15 is out of range. It must be from 1 to 1000000000000."
  ),
  (
    "\(head)grid: {width: 16, flops: 1e308T}\n",
    "e.yaml:3: `1e308T` is not a number. Write for example 12, 0.5, 1e6 or 4M."
  ),
  (
    "title: t\ncorpus: /etc/host*\n\(grid)",
    "e.yaml:2: the corpus `/etc/host*` lies outside the folder of the experiment and the current folder. "
      + "Allow it on the command line: `--corpora FOLDER`, the folder that it is in."
  ),
  (
    "title: t\ncorpus: /etc/hosts\n\(grid)",
    "e.yaml:2: the corpus `/etc/hosts` lies outside the folder of the experiment and the current folder. "
      + "Allow it on the command line: `--corpora FOLDER`, the folder that it is in."
  ),
  (
    "title: &a [x, x]\nb: &b [*a, *a]\n"
      + (0..<20).map { "c\($0): &\($0 % 2 == 0 ? "a" : "b") [*a, *b]\n" }.joined(),
    "e.yaml:22: has more than 200000 values after its aliases are expanded. Remove aliases within anchored values."
  ),
  (
    "\(head)grid:\n  \(String(repeating: "[", count: 70))\n",
    "e.yaml:4: lists and mappings are nested more than 64 levels deep. Check the brackets."
  ),
  (
    "\(head)\"a\\nb\": 1\n",
    "e.yaml:3: unknown key `a b`. The keys here are title, description, chapter, page, key, "
      + "corpus, synthetic, model, training, grid, reference, fits, compare, sweeps, plots, expect, slurm, minutes."
  ),
  ("\(head)grid: {width: [], tokens: 1M}\n", "e.yaml:3: the list is empty. Give at least one value."),
  (
    "\(head)grid: {width: 16, tokens: 1M, seeds: 0}\n",
    "e.yaml:3: 0 is out of range. It must be from 1 to 1000."
  ),
  (
    "\(head)grid: {width: 16, tokens: many}\n",
    "e.yaml:3: `many` is not a whole number. Write for example 12 or 4M."
  ),
  (
    "\(head)model: {family: gtp2}\n\(grid)",
    "e.yaml:3: `gtp2` is not one of gpt2, llama, mamba, hybrid, performer. The nearest is `gpt2`."
  ),
  (
    "\(head)\(grid)slurm: {options: {wrap: rm -r /}}\n",
    "e.yaml:4: `wrap` is not an option of sbatch that a file may set. "
      + "Give it on the command line: --sbatch 'wrap=…'."
  ),
  ("\(head)\(grid)slurm: {chunk: 0}\n", "e.yaml:4: 0 is out of range. It must be from 1 to 1000000."),
  (
    "\(head)training: {schedule: {cosine: 0.1, shape: sqrt}}\n\(grid)",
    "e.yaml:3: a cosine has neither cooldown nor shape. Remove them."
  ),
  (
    "\(head)training: {schedule: {cooldown: 1.5}}\n\(grid)",
    "e.yaml:3: 1.5 is out of range. It must be from 0 to 1."
  ),
  (
    "\(head)training: {learning_rate: {rate: 0.01, exponent: -1}}\n\(grid)",
    "e.yaml:3: `at_width` is missing. Add `at_width: …`."
  ),
  (
    "\(head)training: {batch: [{from: 1k, tokens: 512}]}\n\(grid)",
    "e.yaml:3: the stages of a batch ramp must begin at 0 and rise. Write for example [{from: 0, tokens: 512}, {from: 1M, tokens: 1024}]."
  ),
  (
    "\(head)grid: {width: 16, tokens: 1M, batch: [{from: 0, tokens: 512}]}\n",
    "e.yaml:3: a batch is a number or a list of stages. In a grid, put brackets around each ramp."
  ),
  (
    "title: t\ncorpus: {source: village, tokenizer: words}\n\(grid)",
    "e.yaml:2: `words` is not a tokenizer. Write characters, bytes or bytePairs(V) with V from 257 to 65536."
  ),
  (
    "\(head)\(grid)fits: [chinchila]\n",
    "e.yaml:4: `chinchila` is not one of power_n, power_d, power_c, broken_n, broken_d, broken_c, chinchilla, interaction, overtraining, kaplan, kaplan_steps, repeated_data, routed, joint_routed, coupling, isoflop, isoflop_robust, isoflop_local, envelope, critical_batch, best_mixture. The nearest is `chinchilla`."
  ),
  (
    "\(head)\(grid)fits: [chinchilla, chinchilla]\n",
    "e.yaml:4: two fits are called `chinchilla`. Give one of them another `name`."
  ),
  (
    "\(head)\(grid)fits: [\"L = E + A*exq(N)\"]\n",
    "e.yaml:4: `L = E + A*exq(N)`, character 11: there is no function `exq`; functions are exp, log, log10, log2, sqrt, expm1, softplus, min, max, and a product is written `exq*(…)`. Names that are no column and not N, D, C, U or S are parameters."
  ),
  (
    "\(head)\(grid)fits: [{law: \"L = A*N^-a\", positive: b}]\n",
    "e.yaml:4: `L = A*N^-a`: it has no parameter `b`; its parameters are A, a. Names that are no column and not N, D, C, U or S are parameters."
  ),
  (
    "\(head)\(grid)fits: [{law: chinchilla, start: {alpha: 1}}]\n",
    "e.yaml:4: `start` and `positive` are for a law that is given as an equation. Remove them."
  ),
  (
    "\(head)\(grid)fits: [{law: \"L = A*N^-a\", start: {a: x}}]\n",
    "e.yaml:4: `x` is no start. Write for example 0.3 or 1..1e4."
  ),
  (
    "\(head)\(grid)fits: [{law: kaplan, floor: entropy}]\n",
    "e.yaml:4: the law `kaplan` has no floor. Remove `floor`."
  ),
  (
    "\(head)\(grid)fits: [{law: power_n, where: {widht: 16}}]\n",
    "e.yaml:4: unknown key `widht`. The nearest key is `width`."
  ),
  (
    "\(head)\(grid)expect:\n  - {fit: chinchila, parameter: alpha, between: [0, 1]}\n",
    "e.yaml:5: `chinchila` is not one of power_n, power_d, power_c, chinchilla, power_n_entropy, power_d_entropy, power_c_entropy, chinchilla_entropy, isoflop. The nearest is `chinchilla`."
  ),
  (
    "\(head)\(grid)expect:\n  - {fit: chinchilla, parameter: alhpa, between: [0, 1]}\n",
    "e.yaml:5: `alhpa` is not one of A, B, alpha, beta, E, a, b, G, rms. The nearest is `alpha`."
  ),
  (
    "\(head)\(grid)expect:\n  - {fit: chinchilla, parameter: alpha}\n",
    "e.yaml:5: an expectation needs one of between, interval_contains, interval_above, interval_below. Write for example `between: [0.2, 0.4]`."
  ),
  (
    "\(head)\(grid)expect:\n  - {results: completed, between: [2, 1]}\n",
    "e.yaml:5: `between` needs two numbers, the lower first. Write for example [0.2, 0.4]."
  ),
  (
    "\(head)\(grid)expect:\n  - {results: completed, interval_contains: 2}\n",
    "e.yaml:5: only parameters of fits have intervals. Write `between: [low, high]`."
  ),
  (
    "\(head)\(grid)training:\n  schedule: {cooldown: 0.2, over: 1M}\n",
    "e.yaml:5: only a cosine has `over`. Remove it, or write for example {cosine: 0.1, over: 8M}."
  ),
  (
    "\(head)\(grid)training:\n  schedule: {cosine: 0.2, over: 1M, cooldown: 0.1}\n",
    "e.yaml:5: a cosine has neither cooldown nor shape. Remove them."
  ),
]

@Suite struct ExperimentFileTests {
  @Test func theSmallestFileIsShort() throws {
    let file = try experiment(
      "title: Why?\ncorpus: village\ngrid:\n  width: [16, 32]\n  tokens: [1M, 2M]\n  seeds: 3\n")
    #expect(file.title == "Why?")
    #expect(file.name == "e")
    #expect(file.fits == nil)
  }

  @Test(arguments: badInputs)
  func badInputIsNamedWithItsLine(text: String, message: String) {
    #expect(complaint(text) == message)
  }

  @Test func everyExperimentOfThePackageCanBePlannedInItsTiers() throws {
    let folder = "\(packageFolder)/experiments"
    let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".yaml") }
    #expect(files.contains("quickstart.yaml"))
    for file in files.sorted() {
      for tier in Tier.allCases {
        let experiment = try ExperimentFile(contentsOf: "\(folder)/\(file)", tier: tier)
        let tiny: Plan
        do {
          tiny = try Plan(
            experiment.shrunken(), corpora: CorpusCache(allowing: [packageFolder, "/usr/share/perl"]))
        } catch let error as InputError where error.description.contains("there is no corpus `/usr/") {
          print("skipped \(file), whose text this machine does not have: \(error)")
          continue
        }
        let cost = tiny.runs.reduce(0) { $0 + $1.flops }
        #expect(tiny.runs.count > 1)
        // A limit of 0.2 s for each file.
        #expect(cost < 1e10 * Double(tiny.runs.count), "\(file) shrunken takes \(cost) FLOPs")
        #expect(Set(tiny.runs.compactMap(\.isoFLOPBudget)).count <= 16)
      }
    }
  }

  @Test func theReferenceInTheReadmeIsThatOfTheProgram() throws {
    let readme = try FileAccess.readText("\(packageFolder)/experiments/README.md")
    for table in [
      Reference.settings, Reference.architectures, Reference.layers, Reference.columns, Reference.laws,
    ] {
      #expect(readme.contains(table), "experiments/README.md wants this table:\n\(table)")
    }
  }
}
