import Corpora
import Foundation
import Models
import Testing
import Training

/// Tests that the header of a checkpoint cannot make its reader allocate excessive memory.
@Suite struct HostileCheckpointTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
    try folder.write(Self.counter, to: "peak.c")
    let built = try Script(
      "/usr/bin/env", "clang", "-O", "-shared", "-fPIC", "-o", "peak.so", "peak.c", in: folder.path)
    #expect(built.status == 0, "\(built.errors)")
  }

  @Test("No header makes the reader allocate more than the file's size")
  func allocation() throws {
    func file(_ metadata: (name: String, value: String)...) -> SafetensorsWriter {
      SafetensorsWriter(metadata: metadata)
    }
    func many(_ text: String) -> String { String(repeating: text, count: 2_000_000 / text.utf8.count) }
    var empty = file()
    for _ in 0..<40_000 { empty.add("", shape: [0], Data()) }
    var sides = file()
    sides.add("a", shape: Array(repeating: 1, count: 1_000_000), Data(count: 4))
    var name = file()
    name.add(many("a"), shape: [], Data(count: 4))
    var blocks = try file(("configuration", configuration(depth: 570)))
    for _ in 0..<40_000 { blocks.add("", shape: [0], Data()) }
    let hostile = [
      "arrays": empty, "sides": sides, "name": name, "blocks": blocks,
      "members": SafetensorsWriter(metadata: (0..<200_000).map { ("\($0)", "") }),
      "text": file(("tokenizer", many("a"))), "escapes": file(("configuration", many("\u{1}"))),
      "list": file(("configuration", many("[1,1],"))), "objects": file(("configuration", many("{\"\":{}},"))),
      "numbers": file(("configuration", "{\"a\":[" + String(many("1,").prefix(510)) + "1]}")),
      "settings": file(("configuration", "{" + (0..<254).map { "\"\($0)\":1" }.joined(separator: ",") + "}")),
      "path": file(("configuration", "{\"corpus\":{\"source\":\"" + String(many("a").prefix(6000)) + "\"}}")),
      "merges": try model(tokenizer: "bytePairs(65536)\n" + many("1 1\n").prefix(4 * 65_279)),
      "spaces": try model(tokenizer: "bytePairs(300)\n" + many("1 1 ").prefix(800_000)),
      "alphabet": try model(tokenizer: "characters\n" + many("é").prefix(400_000)),
      "imported": try model(
        tokenizer: "imported(65536)\n0 65536\n" + many("\n").prefix(65_536), weightsAlone: true),
      "imported merges": try model(
        tokenizer: "imported(65536)\n0 65536\n" + many("\n").prefix(65_536)
          + many("1 1 1\n").prefix(6 * 65_530),
        weightsAlone: true),
      "imported content": try model(
        tokenizer: "imported(65536)\n0 65536\n" + many("00").prefix(1_900_000), weightsAlone: true),
    ]
    for (name, writer) in hostile.sorted(by: { $0.key < $1.key }) {
      let file = writer.encoded()
      let extra = try peak(file) - peak(Data(count: file.count))
      // For a small file, Foundation may need more memory to parse the configuration.
      let decodes = ["numbers", "settings", "path"].contains(name)
      #expect(extra <= max(file.count, decodes ? 64 << 10 : 0), "\(name): \(extra) bytes of \(file.count)")
    }
  }

  /// The checkpoint of a model without its tokenizer.
  ///
  /// - Parameter weightsAlone: Whether it is that of an imported model, which has no moments.
  private func model(tokenizer: String, weightsAlone: Bool = false) throws -> SafetensorsWriter {
    var writer = try SafetensorsWriter(
      metadata: [("configuration", configuration(depth: 1)), ("tokenizer", tokenizer)]
        + (weightsAlone ? [] : [("step", "1")]))
    let model = try ModelConfiguration(width: 4, depth: 1, context: 16, vocabulary: 65_536)
    for prefix in weightsAlone ? [""] : ["", "moment1.", "moment2."] {
      for parameter in Transformer(model).layout.parameters {
        writer.add(prefix + parameter.name, shape: parameter.tensor.shape, Data(count: 4 * parameter.count))
      }
    }
    return writer
  }

  private func configuration(depth: Int) throws -> String {
    try RunConfiguration(
      corpus: CorpusConfiguration(source: "text.txt"), corpusFingerprint: "",
      model: ModelConfiguration(width: 4, depth: depth, context: 16, vocabulary: 65_536),
      training: TrainingConfiguration(tokens: 1000), seed: 0
    ).canonicalJSON
  }

  /// Returns the peak allocated memory in bytes while the program reads a file, which it rejects.
  private func peak(_ file: Data) throws -> Int {
    try file.write(to: URL(fileURLWithPath: "\(folder.path)/x.safetensors"))
    let sample = try Command(
      "sample", "x.safetensors", in: folder.path, shell: "export PEAK=$PWD/peak LD_PRELOAD=$PWD/peak.so")
    #expect(sample.status == 2 && sample.errors.contains("checkpoint"), "\(sample.errors)")
    return try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/peak"))
      .reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// Counts the allocated memory of a process, and writes its peak to the file PEAK.
  private static let counter = """
    #define _GNU_SOURCE
    #include <errno.h>
    #include <fcntl.h>
    #include <malloc.h>
    #include <stdlib.h>
    #include <sys/mman.h>
    #include <unistd.h>
    void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
    void *__libc_memalign(size_t, size_t), __libc_free(void *);
    static _Atomic long now;
    static _Atomic(long) *peak;
    static void *count(void *block) {
      long sum = now += malloc_usable_size(block);
      if (peak && sum > *peak) *peak = sum;
      return block;
    }
    void *malloc(size_t size) { return count(__libc_malloc(size)); }
    void *calloc(size_t number, size_t size) { return count(__libc_calloc(number, size)); }
    void *memalign(size_t alignment, size_t size) { return count(__libc_memalign(alignment, size)); }
    void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }
    int posix_memalign(void **block, size_t alignment, size_t size) {
      return (*block = memalign(alignment, size)) ? 0 : ENOMEM;
    }
    void *realloc(void *block, size_t size) {
      long before = malloc_usable_size(block);
      void *result = __libc_realloc(block, size);
      if (result || !size) now -= before;
      return count(result);
    }
    void free(void *block) { now -= malloc_usable_size(block), __libc_free(block); }
    __attribute__((constructor)) static void begin(void) {
      int file = open(getenv("PEAK"), O_RDWR | O_CREAT | O_TRUNC, 0644);
      if (ftruncate(file, sizeof *peak) == 0)
        peak = mmap(0, sizeof *peak, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    }
    """
}
