/* Calls that fail, for every process of a night but its jobs. Loaded before the C library.

   FAULT_PAGE is a file of numbers shared by all processes: how many watched calls were seen, the
   first and the last one that fail, how, and how many did. A call is watched when the path it is
   about holds FAULT_PLACE. What a run finds in its environment does not hold us; the nursery, which
   is given as little, gets us back here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum { SEEN, FIRST, LAST, KIND, STRUCK, NUMBERS };
enum { SHORT = -1 };
static long *page;
static char place[256], kept[4][512];
static int noted;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("FAULT_PAGE"), *what = getenv("FAULT_PLACE"), *us = getenv("LD_PRELOAD");
  if (!file || !what || !us) return;
  int there = syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC, 0);
  if (there < 0) return;
  void *found = mmap(0, NUMBERS * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, there, 0);
  syscall(SYS_close, there);
  if (found == MAP_FAILED) return;
  snprintf(place, sizeof place, "%s", what);
  snprintf(kept[0], sizeof kept[0], "FAULT_PAGE=%s", file);
  snprintf(kept[1], sizeof kept[1], "FAULT_PLACE=%s", what);
  snprintf(kept[2], sizeof kept[2], "LD_PRELOAD=%s", us);
  snprintf(kept[3], sizeof kept[3], "%s.log", file);
  page = found;
}

static void note(const char *call, const char *path) {
  char line[600];
  int length = snprintf(line, sizeof line, "%s %s\n", call, path);
  int log = syscall(SYS_openat, AT_FDCWD, kept[3], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  if (log < 0) return;
  noted += syscall(SYS_write, log, line, length) > 0;
  syscall(SYS_close, log);
}

/* What becomes of this call: 0 it is carried out, SHORT half of it, else it fails so. */
static int fate(const char *call, const char *path, int is_write, int may_be_interrupted) {
  if (!page || !strstr(path, place)) return 0;
  long number = __atomic_add_fetch(&page[SEEN], 1, __ATOMIC_SEQ_CST), kind = page[KIND];
  if (number < page[FIRST] || number > page[LAST] || !kind) return 0;
  if ((kind == SHORT && !is_write) || (kind == EINTR && !may_be_interrupted)) return 0;
  __atomic_add_fetch(&page[STRUCK], 1, __ATOMIC_SEQ_CST);
  note(call, path);
  return (int)kind;
}

static int fate_at(const char *call, int file, int is_write, int may_be_interrupted) {
  char name[64], path[512];
  if (!page) return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", file);
  ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, name, path, sizeof path - 1);
  if (length <= 0) return 0;
  path[length] = 0;
  return fate(call, path, is_write, may_be_interrupted);
}

#define STRIKE(how) if (how) { errno = how; return -1; }
/* The second of two calls in a row is not interrupted again, or nobody would ever be done. */
#define HALF(how, length) if (how == SHORT) { length = length > 1 ? length / 2 : length; how = 0; }

ssize_t write(int file, const void *data, size_t length) {
  int how = fate_at("write", file, 1, 1);
  HALF(how, length) STRIKE(how)
  return REAL(write)(file, data, length);
}
ssize_t pwrite(int file, const void *data, size_t length, off_t at) {
  int how = fate_at("pwrite", file, 1, 1);
  HALF(how, length) STRIKE(how)
  return REAL(pwrite)(file, data, length, at);
}
ssize_t pwrite64(int file, const void *data, size_t length, off64_t at) {
  int how = fate_at("pwrite", file, 1, 1);
  HALF(how, length) STRIKE(how)
  return REAL(pwrite64)(file, data, length, at);
}
int fsync(int file) { int how = fate_at("fsync", file, 0, 0); STRIKE(how) return REAL(fsync)(file); }
int fdatasync(int file) {
  int how = fate_at("fdatasync", file, 0, 0);
  STRIKE(how)
  return REAL(fdatasync)(file);
}
int ftruncate(int file, off_t at) {
  int how = fate_at("ftruncate", file, 0, 1);
  STRIKE(how)
  return REAL(ftruncate)(file, at);
}
int ftruncate64(int file, off64_t at) {
  int how = fate_at("ftruncate", file, 0, 1);
  STRIKE(how)
  return REAL(ftruncate64)(file, at);
}
int rename(const char *from, const char *to) {
  int how = fate("rename", to, 0, 0);
  STRIKE(how)
  return REAL(rename)(from, to);
}
int renameat(int there, const char *from, int here, const char *to) {
  int how = fate("rename", to, 0, 0);
  STRIKE(how)
  return REAL(renameat)(there, from, here, to);
}
int link(const char *from, const char *to) {
  int how = fate("link", to, 0, 0);
  STRIKE(how)
  return REAL(link)(from, to);
}
int linkat(int there, const char *from, int here, const char *to, int flags) {
  int how = fate("link", to, 0, 0);
  STRIKE(how)
  return REAL(linkat)(there, from, here, to, flags);
}
int mkdir(const char *path, mode_t mode) {
  int how = fate("mkdir", path, 0, 0);
  STRIKE(how)
  return REAL(mkdir)(path, mode);
}
int mkdirat(int there, const char *path, mode_t mode) {
  int how = fate("mkdir", path, 0, 0);
  STRIKE(how)
  return REAL(mkdirat)(there, path, mode);
}

/* Reading what is there does not fail here: what cannot be read is no fault of writing. */
#define OPENING(name, first, call)                                                   \
  int how = flags & (O_WRONLY | O_RDWR | O_CREAT) ? fate("open", path, 0, 1) : 0;     \
  va_list more;                                                                      \
  va_start(more, flags);                                                             \
  mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;          \
  va_end(more);                                                                      \
  STRIKE(how)                                                                        \
  return call;
int open(const char *path, int flags, ...) { OPENING(open, path, REAL(open)(path, flags, mode)) }
int open64(const char *path, int flags, ...) {
  OPENING(open64, path, REAL(open64)(path, flags, mode))
}
int openat(int at, const char *path, int flags, ...) {
  OPENING(openat, at, REAL(openat)(at, path, flags, mode))
}
int openat64(int at, const char *path, int flags, ...) {
  OPENING(openat64, at, REAL(openat64)(at, path, flags, mode))
}

int execve(const char *program, char *const argv[], char *const envp[]) {
  char *all[600];
  int count = 0, is_nursery = page && argv[0] && argv[1] && !strcmp(argv[1], "-I");
  if (!is_nursery) return REAL(execve)(program, argv, envp);
  while (envp[count] && count < 590) { all[count] = envp[count]; count++; }
  for (int one = 0; one < 3; one++) all[count++] = kept[one];
  all[count] = 0;
  return REAL(execve)(program, argv, all);
}
