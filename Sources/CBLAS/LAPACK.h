// Decompositions of small matrices by LAPACK, which is part of OpenBLAS. LAPACK stores matrices by columns: the rows of a
// matrix here are its columns.
#pragma once
#include <cblas.h>
#include <stddef.h>

void ssyev_(const char *jobs, const char *triangle, const blasint *n, float *a, const blasint *rows, float *values,
            float *work, const blasint *work_count, blasint *info, size_t, size_t);
void sgeqrf_(const blasint *m, const blasint *n, float *a, const blasint *rows, float *factors, float *work,
             const blasint *work_count, blasint *info);
void sorgqr_(const blasint *m, const blasint *n, const blasint *k, float *a, const blasint *rows,
             const float *factors, float *work, const blasint *work_count, blasint *info);

/// Replaces a symmetric matrix by its eigenvectors, as rows, with the eigenvalues in ascending order. A matrix that is not
/// finite becomes the identity.
///
/// `values` has room for n floats, and `work` for `work_count` ≥ 3n.
static inline void symmetric_eigenvectors(int n, float *a, float *values, float *work, int work_count) {
  float sum = 0;
  for (long i = 0; i < (long)n * n; i++) sum += a[i] * 0;
  blasint size = n, room = work_count, info = 1;
  if (sum == 0) ssyev_("V", "L", &size, a, &size, values, work, &room, &info, 1, 1);
  if (info == 0) return;
  for (long i = 0; i < (long)n * n; i++) a[i] = i % (n + 1) == 0;
}

/// Orthonormalises the rows of a matrix, the first ones first. `factors` has room for n floats, and `work` for
/// `work_count` ≥ n.
static inline void orthonormalise(int n, float *a, float *factors, float *work, int work_count) {
  blasint size = n, room = work_count, info;
  sgeqrf_(&size, &size, a, &size, factors, work, &room, &info);
  sorgqr_(&size, &size, &size, a, &size, factors, work, &room, &info);
}
