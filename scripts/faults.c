// A library for LD_PRELOAD that makes system calls fail, as on a broken disk or file server, for the tests and for
// scripts/soak-faults:
//
//   FAULT_PATH    calls fail for paths that contain this text
//   FAULT_ERROR   the error number (errno)
//   FAULT_CALLS   which calls: o(pen for reading), s(tat), d (opendir), w (open for writing, rename), c (create a process),
//                 f (fsync of a folder), t (create a thread)
//   FAULT_ONE_IN  N: one call in N fails, chosen at random; 1 for all
//
// that suspends a process at a moment that cannot be hit from outside:
//
//   FAULT_STOP    a part of a path: before the first rename to or from such a path, the process stops itself (SIGSTOP)
//
// and that records calls, a line each:
//
//   FAULT_LOG     the file to which the paths of all renames (`rename TARGET`) and of all folders that are forced to the
//                 disk (`sync FOLDER`) are appended, once they are done
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
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

static void record(const char *call, const char *path) {
  const char *log = getenv("FAULT_LOG");
  if (!log) return;
  REAL(int, "open", const char *, int, ...);
  int file = real(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  dprintf(file, "%s %s\n", call, path);
  close(file);
}

int rename(const char *source, const char *target) {
  REAL(int, "rename", const char *, const char *);
  const char *part = getenv("FAULT_STOP");
  static int has_stopped;
  if (part && (strstr(source, part) || strstr(target, part)) && !__sync_lock_test_and_set(&has_stopped, 1))
    kill(getpid(), SIGSTOP);
  if (fails(target, 'w')) return -1;
  int result = real(source, target);
  if (result == 0) record("rename", target);
  return result;
}

int fsync(int file) {
  REAL(int, "fsync", int);
  char link[64], path[PATH_MAX] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  struct stat status;
  if (fstat(file, &status) || !S_ISDIR(status.st_mode) || readlink(link, path, sizeof path - 1) < 0)
    return real(file);
  if (fails(path, 'f')) return -1;
  int result = real(file);
  if (result == 0) record("sync", path);
  return result;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*body)(void *), void *argument) {
  REAL(int, "pthread_create", pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  const char *calls = getenv("FAULT_CALLS");
  return calls && fails(NULL, 't') ? errno : real(thread, attributes, body, argument);
}

int posix_spawn(
    pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
    char *const arguments[], char *const environment[]) {
  REAL(
      int, "posix_spawn", pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
      char *const *, char *const *);
  return fails(path, 'c') ? errno : real(pid, path, actions, attributes, arguments, environment);
}
