/* A disk and a clock in trouble, for one process, switched on and off while it runs.
 *
 * Loaded with LD_PRELOAD. $TROUBLE_CONTROL names a file of 64-bit numbers that the harness (src/trouble.rs) writes
 * and this maps; $TROUBLE_DIR is the directory whose files are in trouble. Numbers, in order:
 *
 *   0  errno of every write into the directory, and of making, renaming or removing names there; 0: none
 *   1  errno of every fsync and fdatasync there; 0: none
 *   2  milliseconds that every fsync and fdatasync there takes longer
 *   3  nanoseconds that are added to the clock of the day (CLOCK_REALTIME); the monotonic clock is left alone
 *   4  counts the writes that were made to fail
 *   5  counts the syncs that were made to fail
 *   6  counts the syncs that were made to wait
 *
 * A failed write has written nothing. A failed sync has not synced. Not modelled: short writes, errors of reads,
 * mapped files (SQLite's -shm is rebuilt), io_uring.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_ERRNO, SYNC_ERRNO, SYNC_DELAY_MS, CLOCK_SHIFT_NS, WRITES_FAILED, SYNCS_FAILED, SYNCS_DELAYED, NUMBERS };

static volatile int64_t *control;
static const char *watched;

/* A harness that believes in trouble which is not there would prove nothing. */
static void give_up(const char *what) {
    fprintf(stderr, "trouble: %s: %s\n", what, strerror(errno));
    abort();
}

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("TROUBLE_CONTROL");
    watched = getenv("TROUBLE_DIR");
    if (!path || !watched) give_up("TROUBLE_CONTROL and TROUBLE_DIR must be set");
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    if (fd < 0) give_up(path);
    void *mapped = mmap(NULL, NUMBERS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED) give_up("mmap");
    control = mapped;
    close(fd);
}

static int64_t number(int which) { return control ? control[which] : 0; }

static void count(int which) { __sync_fetch_and_add(&control[which], 1); }

static int is_inside(const char *path) {
    size_t length = strlen(watched);
    return strncmp(path, watched, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static int fd_is_inside(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    return is_inside(path);
}

/* Whether this write fails; errno then says why. */
static int write_fails(int inside) {
    if (!inside) return 0;
    count(WRITES_FAILED);
    errno = (int)number(WRITE_ERRNO);
    return 1;
}

#define FD_FAILS(fd) (number(WRITE_ERRNO) && write_fails(fd_is_inside(fd)))
#define PATH_FAILS(path) (number(WRITE_ERRNO) && write_fails(is_inside(path)))
#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t length) {
    return FD_FAILS(fd) ? -1 : REAL(write)(fd, bytes, length);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t at) {
    return FD_FAILS(fd) ? -1 : REAL(pwrite)(fd, bytes, length, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t at) {
    return FD_FAILS(fd) ? -1 : REAL(pwrite64)(fd, bytes, length, at);
}

ssize_t writev(int fd, const struct iovec *pieces, int count_of) {
    return FD_FAILS(fd) ? -1 : REAL(writev)(fd, pieces, count_of);
}

int ftruncate(int fd, off_t length) { return FD_FAILS(fd) ? -1 : REAL(ftruncate)(fd, length); }

int ftruncate64(int fd, off64_t length) { return FD_FAILS(fd) ? -1 : REAL(ftruncate64)(fd, length); }

int fallocate(int fd, int mode, off_t from, off_t length) {
    return FD_FAILS(fd) ? -1 : REAL(fallocate)(fd, mode, from, length);
}

int unlink(const char *path) { return PATH_FAILS(path) ? -1 : REAL(unlink)(path); }

int rename(const char *from, const char *to) { return PATH_FAILS(to) ? -1 : REAL(rename)(from, to); }

int mkdir(const char *path, mode_t mode) { return PATH_FAILS(path) ? -1 : REAL(mkdir)(path, mode); }

static int opened(int (*real)(const char *, int, ...), const char *path, int flags, mode_t mode) {
    if ((flags & (O_CREAT | O_TRUNC)) && PATH_FAILS(path)) return -1;
    return real(path, flags, mode);
}

int open(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(REAL(open), path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    va_start(rest, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    return opened(REAL(open64), path, flags, mode);
}

/* Waits and fails as the harness says; whether the sync fails. */
static int sync_fails(int fd) {
    if ((!number(SYNC_ERRNO) && !number(SYNC_DELAY_MS)) || !fd_is_inside(fd)) return 0;
    int64_t wait = number(SYNC_DELAY_MS);
    if (wait > 0) {
        struct timespec time = {wait / 1000, (wait % 1000) * 1000000};
        count(SYNCS_DELAYED);
        nanosleep(&time, NULL);
    }
    if (!number(SYNC_ERRNO)) return 0;
    count(SYNCS_FAILED);
    errno = (int)number(SYNC_ERRNO);
    return 1;
}

int fsync(int fd) { return sync_fails(fd) ? -1 : REAL(fsync)(fd); }

int fdatasync(int fd) { return sync_fails(fd) ? -1 : REAL(fdatasync)(fd); }

/* The system call, because dlsym may itself ask for the time. */
int clock_gettime(clockid_t clock, struct timespec *time) {
    long done = syscall(SYS_clock_gettime, clock, time);
    if (done == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        int64_t moment = (int64_t)time->tv_sec * 1000000000 + time->tv_nsec + number(CLOCK_SHIFT_NS);
        time->tv_sec = moment / 1000000000;
        time->tv_nsec = moment % 1000000000;
    }
    return (int)done;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    (void)zone;
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return -1;
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *kept) {
    struct timespec now;
    if (clock_gettime(CLOCK_REALTIME, &now) != 0) return (time_t)-1;
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}
