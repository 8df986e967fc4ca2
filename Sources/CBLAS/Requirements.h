// The instructions that the program was compiled for. Without them the CPU would end it by SIGILL.
#pragma once

#if defined(__x86_64__)
#include <string.h>
#include <unistd.h>

/// Ends the process with a message and status 2 if this CPU lacks instructions that the compiler was allowed to use. The
/// function itself uses only those of every x86-64 CPU.
static __attribute__((noinline, target("arch=x86-64,no-avx,no-bmi,no-bmi2"))) void require_instructions(void) {
  const char *missing = 0;
  __builtin_cpu_init();
#define ISOFLOP_REQUIRE(feature, name) \
  if (!missing && !__builtin_cpu_supports(feature)) missing = name
#ifdef __AVX__
  ISOFLOP_REQUIRE("avx", "AVX");
#endif
#ifdef __AVX2__
  ISOFLOP_REQUIRE("avx2", "AVX2");
#endif
#ifdef __FMA__
  ISOFLOP_REQUIRE("fma", "FMA");
#endif
#ifdef __BMI2__
  ISOFLOP_REQUIRE("bmi2", "BMI2");
#endif
#ifdef __AVX512F__
  ISOFLOP_REQUIRE("avx512f", "AVX-512");
#endif
#ifdef __AVX512VL__
  ISOFLOP_REQUIRE("avx512vl", "AVX-512VL");
#endif
#ifdef __AVX512BF16__
  ISOFLOP_REQUIRE("avx512bf16", "AVX-512BF16");
#endif
#undef ISOFLOP_REQUIRE
  if (!missing) return;
  const char *parts[] = {
      "error: this program was compiled for CPUs with ", missing,
      ", which this CPU lacks. Build it from its sources on this machine.\n"};
  for (int i = 0; i < 3; i++)
    if (write(STDERR_FILENO, parts[i], strlen(parts[i])) < 0) break;
  _exit(2);
}
#else
static void require_instructions(void) {}
#endif
