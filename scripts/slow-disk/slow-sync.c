/*
 * A disk that takes its time, hangs, is full, or is broken: for the files in folders that hold a file which says so.
 *
 *   slow-sync   with a number of milliseconds, at most MOST_MS: fsync and fdatasync take so much longer
 *               with the word `hang`: they do not come back while the word stands there
 *   full-disk   what would make a file longer fails with ENOSPC, as on a full disk; bytes that a file has
 *               already are overwritten as ever, but with the word `all` that fails too, as where a file system
 *               writes nothing in place (Btrfs, ZFS); with the word `quota` it fails with EDQUOT, as where a user
 *               has used up a quota; with the word `sync` nothing fails but fsync and fdatasync, with EDQUOT, as
 *               over NFS
 *   failed-disk whatever it says: writes, fsync and fdatasync fail with EIO, and do nothing
 *
 * Loaded before libc (LD_PRELOAD). On each call it finds the file's path by /proc/self/fd and looks beside it (for a
 * folder: in it). So each of these begins and ends while the process runs, for each node's folder on its own. The
 * calling thread waits first and syncs then: nothing is durable before, as with a slow disk. Keeps no state, hence
 * thread safe; costs a readlink and a failed open or access where nothing is wanted, and an fstat for each write to
 * what is no file. A call that fails fails as without it; errno is kept.
 *
 * Knows nothing of SQLite or of nodes. Does not see what a program asks of the kernel without libc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SYNC_FILE "/slow-sync"
#define FULL_FILE "/full-disk"
#define FAILED_FILE "/failed-disk"
#define MOST_MS 60000
#define HANGS (-1)
#define LOOK_MS 10

typedef int (*sync_function)(int);
typedef ssize_t (*write_function)(int, const void *, size_t);
typedef ssize_t (*pwrite_function)(int, const void *, size_t, off_t);

/* The path of the file's folder in `folder`, or of the folder itself; 0 where there is none (a pipe, a deleted file). */
static int folder_of(int fd, char *folder, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, folder, size - 1);
  if (length <= 0 || folder[0] != '/') return 0;
  folder[length] = '\0';
  struct stat status;
  if (fstat(fd, &status) == 0 && S_ISDIR(status.st_mode)) return 1;
  char *slash = strrchr(folder, '/');
  *slash = '\0';
  return 1;
}

/* What the file `name` beside that of `fd` says, at most `size` - 1 bytes; < 0 where there is no such file. */
static ssize_t say_of(int fd, const char *name, char *text, size_t size) {
  char path[PATH_MAX + 16];
  if (!folder_of(fd, path, PATH_MAX)) return -1;
  strcat(path, name);
  int signal_fd = open(path, O_RDONLY | O_CLOEXEC);
  if (signal_fd < 0) return -1;
  ssize_t length = read(signal_fd, text, size - 1);
  close(signal_fd);
  text[length > 0 ? length : 0] = '\0';
  return length;
}

static long delay_ms(int fd) {
  char text[16];
  if (say_of(fd, SYNC_FILE, text, sizeof text) <= 0) return 0;
  if (strncmp(text, "hang", 4) == 0) return HANGS;
  long ms = strtol(text, NULL, 10);
  if (ms <= 0) return 0;
  return ms < MOST_MS ? ms : MOST_MS;
}

static void sleep_ms(long ms) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += ms / 1000;
  until.tv_nsec += (ms % 1000) * 1000000;
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
  }
}

/* Is there a file of that name beside that of `fd`? Keeps errno. */
static int is_failed(int fd) {
  int error = errno;
  char text[1];
  int failed = say_of(fd, FAILED_FILE, text, sizeof text) >= 0;
  errno = error;
  return failed;
}

static int slowly(const char *name, int fd) {
  int error = errno;
  long ms = delay_ms(fd);
  if (ms > 0) sleep_ms(ms);
  if (ms == HANGS) {
    while (delay_ms(fd) == HANGS) sleep_ms(LOOK_MS);
  }
  if (is_failed(fd)) {
    errno = EIO;
    return -1;
  }
  char text[16];
  if (say_of(fd, FULL_FILE, text, sizeof text) > 0 && strncmp(text, "sync", 4) == 0) {
    errno = EDQUOT;
    return -1;
  }
  sync_function real = (sync_function)dlsym(RTLD_NEXT, name);
  if (real == NULL) {
    errno = ENOSYS;
    return -1;
  }
  errno = error;
  return real(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }

int fdatasync(int fd) { return slowly("fdatasync", fd); }

/*
 * Can nothing be written: on a broken disk, or as there is no room for bytes up to `end`, since the disk is full or a quota
 * used up? `end` < 0: from where the file stands.
 */
static int cannot_write(int fd, size_t count, off_t end) {
  int error = errno;
  int full = 0;
  struct stat status;
  char text[16];
  if (count == 0 || fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    errno = error;
    return 0;
  }
  if (is_failed(fd)) {
    errno = EIO;
    return 1;
  }
  if (say_of(fd, FULL_FILE, text, sizeof text) >= 0) {
    if (end < 0) {
      int flags = fcntl(fd, F_GETFL);
      end = (flags >= 0 && (flags & O_APPEND) != 0 ? status.st_size : lseek(fd, 0, SEEK_CUR)) + (off_t)count;
    }
    full = strncmp(text, "sync", 4) != 0 && (end > status.st_size || strncmp(text, "all", 3) == 0);
  }
  errno = !full ? error : strncmp(text, "quota", 5) == 0 ? EDQUOT : ENOSPC;
  return full;
}

ssize_t write(int fd, const void *bytes, size_t count) {
  if (cannot_write(fd, count, -1)) return -1;
  return ((write_function)dlsym(RTLD_NEXT, "write"))(fd, bytes, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  if (cannot_write(fd, count, at + (off_t)count)) return -1;
  return ((pwrite_function)dlsym(RTLD_NEXT, "pwrite"))(fd, bytes, count, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  if (cannot_write(fd, count, at + (off_t)count)) return -1;
  return ((pwrite_function)dlsym(RTLD_NEXT, "pwrite64"))(fd, bytes, count, at);
}
