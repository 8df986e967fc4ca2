// The vector units of a core. Swift cannot tell what the compiler was allowed to use.
#pragma once
#include "CBLAS.h"

/// The unit that the kernels were compiled for, by the name of its `ArithmeticUnit`.
#if defined(__AVX512F__)
#define ISOFLOP_UNIT "AVX-512"
#elif defined(__AVX__) && defined(__FMA__)
#define ISOFLOP_UNIT "AVX2"
#elif defined(__AVX__)
#define ISOFLOP_UNIT "AVX"
#elif defined(__x86_64__)
#define ISOFLOP_UNIT "SSE2"
#else
#define ISOFLOP_UNIT "NEON"
#endif
