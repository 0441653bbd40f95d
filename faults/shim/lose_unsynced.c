/* A disk that forgets what was never synced, for one process, without a device.
 *
 * Loaded with LD_PRELOAD. It keeps, beside the watched directory, what a power cut would leave of it:
 *
 *   $LOSE_UNSYNCED_SHADOW/content/INODE   a file's bytes at its last fsync or fdatasync
 *   $LOSE_UNSYNCED_SHADOW/entries/INODE   a directory's names at its last fsync: "INODE KIND NAME\0" each
 *   $LOSE_UNSYNCED_SHADOW/pins/INODE      keeps an inode from being used again after unlink or rename
 *
 * So data is durable at the sync of its file, and creation, unlink and rename at the sync of their directory:
 * the least that POSIX promises, stricter than ext4. The harness (support/power_cut.rs) puts the
 * directory back together from this.
 *
 * Not modelled, because nothing here uses it: O_SYNC, msync of mapped files (SQLite's -shm is rebuilt),
 * syncfs, io_uring. The shadow must lie on the same file system as the watched directory.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* One copy at a time, so that an older copy never replaces a newer one. */
static pthread_mutex_t copying = PTHREAD_MUTEX_INITIALIZER;

static const char *watched(void) { return getenv("LOSE_UNSYNCED_DIR"); }
static const char *shadow(void) { return getenv("LOSE_UNSYNCED_SHADOW"); }

/* A shadow that is wrong would make a test prove nothing. */
static void give_up(const char *what) {
    fprintf(stderr, "lose_unsynced: %s: %s\n", what, strerror(errno));
    abort();
}

static int is_inside(const char *path) {
    const char *root = watched();
    if (!root || !shadow()) return 0;
    size_t length = strlen(root);
    return strncmp(path, root, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static int fd_is_inside(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = '\0';
    return is_inside(path);
}

static void shadow_path(char *out, const char *kind, unsigned long long inode) {
    if (snprintf(out, PATH_MAX, "%s/%s/%llu", shadow(), kind, inode) >= PATH_MAX) give_up("path too long");
}

static int open_partial(char *partial) {
    if (snprintf(partial, PATH_MAX, "%s/partial.%d.%ld", shadow(), getpid(), syscall(SYS_gettid)) >= PATH_MAX)
        give_up("path too long");
    int out = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) give_up(partial);
    return out;
}

static void write_all(int out, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t written = write(out, bytes, length);
        if (written < 0) give_up("write");
        bytes += written;
        length -= (size_t)written;
    }
}

static void put_in_place(int out, const char *partial, const char *kind, unsigned long long inode) {
    char path[PATH_MAX];
    shadow_path(path, kind, inode);
    close(out);
    /* The system call itself: our own rename() below watches the program under test. */
    if (syscall(SYS_rename, partial, path) != 0) give_up(path);
}

static void keep_content(int fd, unsigned long long inode, mode_t mode) {
    char link[64], partial[PATH_MAX], buffer[65536];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    /* Opened anew: the program's descriptor may be write-only, and its offset is not ours to move. */
    int in = open(link, O_RDONLY | O_CLOEXEC);
    if (in < 0) give_up("open for copy");
    int out = open_partial(partial);
    ssize_t got;
    while ((got = read(in, buffer, sizeof buffer)) > 0) write_all(out, buffer, (size_t)got);
    if (got < 0) give_up("read");
    close(in);
    if (fchmod(out, mode & 07777) != 0) give_up("fchmod");
    put_in_place(out, partial, "content", inode);
}

static void keep_entries(int fd, unsigned long long inode) {
    char link[64], partial[PATH_MAX], line[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    DIR *dir = opendir(link);
    if (!dir) give_up("opendir");
    int out = open_partial(partial);
    struct dirent *entry;
    while ((entry = readdir(dir))) {
        struct stat about;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (fstatat(dirfd(dir), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) != 0) continue;
        char kind = S_ISDIR(about.st_mode) ? 'd' : S_ISREG(about.st_mode) ? 'f' : 0;
        if (!kind) continue;
        int length = snprintf(line, sizeof line, "%llu %c %s", (unsigned long long)about.st_ino, kind, entry->d_name);
        write_all(out, line, (size_t)length + 1);
    }
    closedir(dir);
    put_in_place(out, partial, "entries", inode);
}

/* What the disk holds once this sync has returned. */
static void keep(int fd) {
    struct stat about;
    int saved = errno;
    if (fd_is_inside(fd) && fstat(fd, &about) == 0) {
        pthread_mutex_lock(&copying);
        if (S_ISREG(about.st_mode)) keep_content(fd, about.st_ino, about.st_mode);
        if (S_ISDIR(about.st_mode)) keep_entries(fd, about.st_ino);
        pthread_mutex_unlock(&copying);
    }
    errno = saved;
}

/* Until its directory is synced, a name that is going away is still on the disk; its inode must stay itself. */
static void pin(int at, const char *path) {
    struct stat about;
    char full[PATH_MAX], pinned[PATH_MAX];
    int saved = errno;
    int fd = openat(at, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0) {
        if (fd_is_inside(fd) && fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
            shadow_path(pinned, "pins", about.st_ino);
            snprintf(full, sizeof full, "/proc/self/fd/%d", fd);
            if (linkat(AT_FDCWD, full, AT_FDCWD, pinned, AT_SYMLINK_FOLLOW) != 0 && errno != EEXIST)
                give_up("pin");
        }
        close(fd);
    }
    errno = saved;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int fsync(int fd) {
    keep(fd);
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    keep(fd);
    return REAL(fdatasync)(fd);
}

int unlink(const char *path) {
    pin(AT_FDCWD, path);
    return REAL(unlink)(path);
}

int unlinkat(int at, const char *path, int flags) {
    pin(at, path);
    return REAL(unlinkat)(at, path, flags);
}

int remove(const char *path) {
    pin(AT_FDCWD, path);
    return REAL(remove)(path);
}

int rename(const char *from, const char *to) {
    pin(AT_FDCWD, to);
    return REAL(rename)(from, to);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
    pin(to_at, to);
    return REAL(renameat)(from_at, from, to_at, to);
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned int flags) {
    pin(to_at, to);
    return REAL(renameat2)(from_at, from, to_at, to, flags);
}
