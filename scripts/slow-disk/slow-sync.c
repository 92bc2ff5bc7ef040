/*
 * A disk that takes its time: delays fsync and fdatasync of files in folders that hold a file `slow-sync`.
 *
 * Loaded before libc (LD_PRELOAD). On each call it finds the file's path by /proc/self/fd and reads `slow-sync` beside
 * it (for a folder: in it): a number of milliseconds, at most MOST_MS. No such file, or no number: no delay. So the
 * delay begins and ends while the process runs, for each node's folder on its own. The calling thread sleeps first and
 * syncs then: nothing is durable before the delay is over, as with a slow disk. Keeps no state, hence thread safe;
 * costs a readlink and a failed open where no delay is wanted. A failed sync fails as without it; errno is kept.
 *
 * Knows nothing of SQLite or of nodes. Does not see syncs that a program asks of the kernel without libc.
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

#define SIGNAL_FILE "/slow-sync"
#define MOST_MS 60000

typedef int (*sync_function)(int);

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

static long delay_ms(int fd) {
  char path[PATH_MAX + sizeof SIGNAL_FILE];
  if (!folder_of(fd, path, PATH_MAX)) return 0;
  strcat(path, SIGNAL_FILE);
  int signal_fd = open(path, O_RDONLY | O_CLOEXEC);
  if (signal_fd < 0) return 0;
  char text[16];
  ssize_t length = read(signal_fd, text, sizeof text - 1);
  close(signal_fd);
  if (length <= 0) return 0;
  text[length] = '\0';
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

static int slowly(const char *name, int fd) {
  int error = errno;
  long ms = delay_ms(fd);
  if (ms > 0) sleep_ms(ms);
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
