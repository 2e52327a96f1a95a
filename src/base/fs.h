/* Files and directories. Paths are UTF-8 or whatever bytes the system gives; every function
 * returns 0 or a negative error with the path and the reason recorded, unless it says otherwise. */
#ifndef UNGIL_BASE_FS_H
#define UNGIL_BASE_FS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

char *path_join(const char *dir, const char *name); /* owned; an absolute `name` stays as it is */
char *path_absolute(
    const char *path); /* owned; lexical, from the working directory; no symlink resolved */
const char *path_base(const char *path); /* borrowed: what follows the last '/' */
char *path_dir(const char *path);        /* owned: what precedes it; "." or "/" */

bool fs_exists(const char *path); /* follows symlinks */
bool fs_is_dir(const char *path); /* does not follow */
/* The same file, and not written to between the two: device, inode, size and time. */
bool fs_is_unchanged(const struct stat *then, const struct stat *now);
/* It belongs to the user that ungil runs as, and nobody else can write to it. */
bool fs_is_own(const struct stat *st);
char *fs_find_program(const char *name); /* owned; in PATH (a name with '/' is itself), or NULL */

int fs_mkdirs(const char *path, mode_t mode); /* like mkdir -p */
/* A new private directory "DIR/PREFIX.XXXXXX"; *path is owned by the caller. */
int fs_mkdtemp(const char *dir, const char *prefix, char **path);

/* The whole file as text (NUL-terminated, owned). Silent: no error is recorded when the file
 * does not exist (E_NOTFOUND); other failures record one. fs_read gives the length too. */
int fs_read_text(const char *path, char **text);
int fs_read(const char *path, char **data, size_t *size);
ssize_t fs_read_fd(int fd, void *buf, size_t size); /* read(2), again after a signal */

/* Where `n` bytes of `needle` stand in a file, at or behind *offset: read in pieces, so that a
 * large file costs no memory. 1 with *offset set, 0 when there are none. */
int fs_find(const char *path, const void *needle, size_t n, off_t *offset);

int fs_read_link(const char *path, char **target); /* owned */

/* Writes to a temporary name, fsyncs, renames: readers see the old file or the new one. */
int fs_write_atomic(const char *path, const void *data, size_t size, mode_t mode);

int fs_write_all(int fd, const void *data, size_t size); /* no error recorded; -1 and errno */

/* Removes a tree without following symlinks; makes directories writable on the way. A path that
 * does not exist is success. */
int fs_remove_tree(const char *path);

/* Uses reflinks or copy_file_range where the file system can. */
int fs_copy_file(const char *from, const char *to); /* replaces `to`; mode and times too */

/* rename(2) that fails with E_EXISTS instead of replacing; *exchange*: swaps two existing paths in
 * one step, E_NOTFOUND (silently) where the kernel or the file system cannot. */
int fs_rename_noreplace(const char *from, const char *to);
int fs_rename_exchange(const char *a, const char *b);

/* A symlink that is replaced in one step: written under a temporary name, renamed. */
int fs_symlink_replace(const char *target, const char *path);

int fs_sync_dir(const char *path);        /* fsync of one directory */
int fs_sync_filesystem(const char *path); /* syncfs of the file system that holds path */

/* Calls `visit` for everything below `dir` (not dir itself), directories before what they hold,
 * names in strcmp order; `relative` is the path below dir. Symlinks are not followed. A non-zero
 * result stops the walk and is returned. */
typedef int fs_visit(const char *relative, const char *path, const struct stat *st, void *arg);
int fs_walk(const char *dir, fs_visit *visit, void *arg);

/* The bytes on disk below `path`, or of this file; 0 when there is none. A file with several names
 * is freed with the last of them, so each name counts for its part. */
int fs_usage(const char *path, unsigned long long *bytes);

/* The names in a directory, sorted, without "." and "..". A directory that does not exist has none.
 */
struct strv;
int fs_list(const char *dir, struct strv *names);

/* A directory under which files are made and nothing can get out: no "..", no absolute path, no
 * symlink that leads outside (openat2 RESOLVE_BENEATH; component by component where the kernel
 * lacks it). */
struct fs_beneath;
/* Whether a symlink at `relative` that says `target` leads to something beneath, whatever other
 * such links it passes: it goes up first, at most to the top, and then only down. (Going down and
 * up again may leave by way of another link: a/s -> "..", then "a/s/../x".) The link's own
 * directory must be reached without symlinks, as fs_beneath does. */
bool fs_link_stays_inside(const char *relative, const char *target);
int fs_beneath_open(const char *dir, struct fs_beneath **out);
void fs_beneath_free(struct fs_beneath *b);
/* What is made gets exactly `mode`, whatever the umask. A component that is no directory (a
 * symbolic link to one, too) is E_INTEGRITY. */
int fs_beneath_mkdirs(struct fs_beneath *b, const char *relative, mode_t mode);
/* Creates (O_EXCL after unlinking what was there) a file with its parents; the descriptor or a
 * negative error: E_INTEGRITY as above, E_EXISTS when a directory stands there (also for links). */
int fs_beneath_create(struct fs_beneath *b, const char *relative, mode_t mode);
/* E_INTEGRITY when it does not stay inside. */
int fs_beneath_symlink(struct fs_beneath *b, const char *target, const char *relative);
/* A second name for the regular file `existing`, also beneath; E_NOTFOUND when that is none. */
int fs_beneath_link(struct fs_beneath *b, const char *existing, const char *relative);

static inline void close_at(int *fd)
{
    extern int close(int);
    if (*fd >= 0)
        close(*fd);
}
#define autofd __attribute__((cleanup(close_at))) int

#endif
