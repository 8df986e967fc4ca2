// A library for LD_PRELOAD that makes system calls fail, as on a broken disk or file server, for the tests and for
// scripts/soak-faults:
//
//   FAULT_PATH    calls fail for paths that contain this text
//   FAULT_ERROR   the error number (errno)
//   FAULT_CALLS   letters of calls: o (open for reading), s (stat), d (opendir), w (open for writing, rename),
//                 c (create a process)
//   FAULT_ONE_IN  N: a random one in N calls fails; 1 for all
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int fails(const char *path, char call) {
  const char *part = getenv("FAULT_PATH"), *error = getenv("FAULT_ERROR"), *calls = getenv("FAULT_CALLS");
  if (!error || (calls && !strchr(calls, call)) || (part && path && !strstr(path, part))) return 0;
  const char *chance = getenv("FAULT_ONE_IN");
  int one_in = chance ? atoi(chance) : 1;
  static _Thread_local unsigned seed;
  if (!seed) seed = (unsigned)getpid() * 2654435761u ^ (unsigned)time(0) ^ (unsigned)(size_t)&seed;
  if (one_in > 1 && rand_r(&seed) % one_in) return 0;
  errno = atoi(error);
  return 1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static char kind(int flags) { return (flags & O_ACCMODE) == O_RDONLY ? flags & O_DIRECTORY ? 'x' : 'o' : 'w'; }

#define OPEN(name) \
  int name(const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    REAL(int, #name, const char *, int, ...); \
    return fails(path, kind(flags)) ? -1 : real(path, flags, mode); \
  }
OPEN(open)
OPEN(open64)

#define OPEN_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    va_list rest; \
    va_start(rest, flags); \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
    va_end(rest); \
    REAL(int, #name, int, const char *, int, ...); \
    return fails(path, kind(flags)) ? -1 : real(folder, path, flags, mode); \
  }
OPEN_AT(openat)
OPEN_AT(openat64)

#define STAT(name, type) \
  int name(const char *path, struct type *status) { \
    REAL(int, #name, const char *, struct type *); \
    return fails(path, 's') ? -1 : real(path, status); \
  }
STAT(stat, stat)
STAT(lstat, stat)
STAT(stat64, stat64)
STAT(lstat64, stat64)

DIR *opendir(const char *path) {
  REAL(DIR *, "opendir", const char *);
  return fails(path, 'd') ? NULL : real(path);
}

int rename(const char *source, const char *target) {
  REAL(int, "rename", const char *, const char *);
  return fails(target, 'w') ? -1 : real(source, target);
}

int posix_spawn(
    pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const arguments[], char *const environment[]) {
  REAL(
      int, "posix_spawn", pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
      char *const *, char *const *);
  return fails(path, 'c') ? errno : real(pid, path, actions, attributes, arguments, environment);
}
