/*
 * A date that was set: for a process whose command line names a data folder (`--data FOLDER`, `--data=FOLDER`) in which a
 * file `clock-offset` lies, with a number of milliseconds, by which CLOCK_REALTIME is off as long as it says so.
 *
 * Loaded before libc (LD_PRELOAD). Looked at anew every LOOK_MS, so a date jumps while the process runs. All other
 * clocks, and what sleeps by them, are left alone. Thread safe: threads that look at once find the same.
 *
 * Knows nothing of nodes. Does not see what a program asks of the kernel without libc.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define OFFSET_FILE "/clock-offset"
#define OPTION "--data"
#define LOOK_MS 20
#define MOST_ARGUMENTS_BYTES 65536

typedef int (*clock_function)(clockid_t, struct timespec *);

static char path[PATH_MAX];
static atomic_llong offset_ms;
static atomic_llong looked_ms;

static int real_clock(clockid_t id, struct timespec *time) {
  static _Atomic(clock_function) real;
  clock_function call = atomic_load_explicit(&real, memory_order_relaxed);
  if (call == NULL) {
    call = (clock_function)dlsym(RTLD_NEXT, "clock_gettime");
    atomic_store_explicit(&real, call, memory_order_relaxed);
  }
  return call(id, time);
}

/* Before `main`, and so before there are threads. */
__attribute__((constructor)) static void find_folder(void) {
  static char arguments[MOST_ARGUMENTS_BYTES];
  int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  ssize_t length = read(fd, arguments, sizeof arguments - 1);
  close(fd);
  for (char *word = arguments; word < arguments + length; word += strlen(word) + 1) {
    if (strncmp(word, OPTION, strlen(OPTION)) != 0) continue;
    char *behind = word + strlen(OPTION);
    char *folder = *behind == '=' ? behind + 1 : *behind == '\0' ? behind + 1 : NULL;
    if (folder == NULL || folder >= arguments + length) continue;
    if (strlen(folder) + sizeof OFFSET_FILE < sizeof path) {
      strcpy(path, folder);
      strcat(path, OFFSET_FILE);
    }
  }
}

/* By how much the date is off. Keeps errno. */
static long long look(void) {
  if (path[0] == '\0') return 0;
  struct timespec now;
  if (real_clock(CLOCK_MONOTONIC_COARSE, &now) != 0) return 0;
  long long ms = (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
  long long last = atomic_load(&looked_ms);
  if (last != 0 && ms - last < LOOK_MS) return atomic_load(&offset_ms);
  atomic_store(&looked_ms, ms);
  int error = errno;
  long long offset = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    char text[32];
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = '\0';
    offset = strtoll(text, NULL, 10);
  }
  errno = error;
  atomic_store(&offset_ms, offset);
  return offset;
}

int clock_gettime(clockid_t id, struct timespec *time) {
  int result = real_clock(id, time);
  if (result != 0 || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE)) return result;
  long long offset = look();
  time->tv_sec += offset / 1000;
  time->tv_nsec += (offset % 1000) * 1000000;
  if (time->tv_nsec < 0) {
    time->tv_nsec += 1000000000;
    time->tv_sec--;
  } else if (time->tv_nsec >= 1000000000) {
    time->tv_nsec -= 1000000000;
    time->tv_sec++;
  }
  return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  int result = clock_gettime(CLOCK_REALTIME, &precise);
  if (result == 0) {
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
  }
  return result;
}

time_t time(time_t *seconds) {
  struct timespec now;
  if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
  if (seconds != NULL) *seconds = now.tv_sec;
  return now.tv_sec;
}
