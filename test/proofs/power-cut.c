/*
 * Loaded into the shop with LD_PRELOAD. Keeps a journal of what decides whether an answer outlives a power cut:
 * requests that came, writes to the database and its log, waits for the disk that succeeded, answers about to be sent.
 * The journal's order is the order of the calls, since a record is written after a request was read, after a file was
 * written, after a wait for the disk ended, and before an answer goes out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

struct record {
  char kind; /* r request, w write, t truncate, s sync, a answer */
  char file; /* d database, l its write-ahead log, - none */
  uint16_t unused;
  uint32_t length; /* of what follows */
  uint64_t offset; /* in the file */
};

static int journal = -1;
static const char *database;

static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_ftruncate)(int, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);

__attribute__((constructor)) static void start(void) {
  real_read = dlsym(RTLD_NEXT, "read");
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  database = getenv("POWER_CUT_DATABASE");
  const char *path = getenv("POWER_CUT_JOURNAL");
  if (path != NULL) journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void note(char kind, char file, uint64_t offset, const void *data, size_t length) {
  if (journal < 0) return;
  int error = errno;
  struct record record = {kind, file, 0, (uint32_t)length, offset};
  struct iovec parts[] = {{&record, sizeof record}, {(void *)data, length}};
  /* Half a journal would prove nothing. */
  if (real_writev(journal, parts, 2) != (ssize_t)(sizeof record + length)) abort();
  errno = error;
}

static char file_of(int fd) {
  if (journal < 0 || database == NULL) return '-';
  int error = errno;
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  errno = error;
  if (length < 0) return '-';
  path[length] = 0;
  size_t prefix = strlen(database);
  if (strncmp(path, database, prefix) != 0) return '-';
  return path[prefix] == 0 ? 'd' : strcmp(path + prefix, "-wal") == 0 ? 'l' : '-';
}

static int begins(const void *data, size_t length, const char *words) {
  size_t wanted = strlen(words);
  return length >= wanted && memcmp(data, words, wanted) == 0;
}

ssize_t read(int fd, void *data, size_t length) {
  ssize_t result = real_read(fd, data, length);
  if (result > 0 && begins(data, (size_t)result, "POST ")) note('r', '-', 0, data, (size_t)result);
  return result;
}

ssize_t write(int fd, const void *data, size_t length) {
  if (begins(data, length, "HTTP/1.1 ")) note('a', '-', 0, data, 12);
  return real_write(fd, data, length);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (count > 0 && begins(parts[0].iov_base, parts[0].iov_len, "HTTP/1.1 "))
    note('a', '-', 0, parts[0].iov_base, 12);
  return real_writev(fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
  ssize_t result = real_pwrite(fd, data, length, offset);
  char file = file_of(fd);
  if (result > 0 && file != '-') note('w', file, (uint64_t)offset, data, (size_t)result);
  return result;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off_t offset) { return pwrite(fd, data, length, offset); }

int ftruncate(int fd, off_t length) {
  int result = real_ftruncate(fd, length);
  char file = file_of(fd);
  if (result == 0 && file != '-') note('t', file, (uint64_t)length, NULL, 0);
  return result;
}

int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }

int fsync(int fd) {
  int result = real_fsync(fd);
  char file = file_of(fd);
  if (result == 0 && file != '-') note('s', file, 0, NULL, 0);
  return result;
}

int fdatasync(int fd) {
  int result = real_fdatasync(fd);
  char file = file_of(fd);
  if (result == 0 && file != '-') note('s', file, 0, NULL, 0);
  return result;
}
