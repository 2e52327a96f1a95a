/* flock(2): locks that end with their process, whatever ends it. */
#ifndef UNGIL_BASE_LOCK_H
#define UNGIL_BASE_LOCK_H

#include <stdbool.h>
#include <sys/types.h>

/* Takes `how` (LOCK_SH or LOCK_EX) on fd, which is the file or directory at `path`. While another
 * process holds it: says `waiting` once and tries again. E_SIGNAL when ungil is to stop meanwhile.
 * `elsewhere`: as for lock_failed. */
int lock_wait(int fd, int how, const char *path, const char *waiting, const char *elsewhere);

/* Records that errno kept `path` from being locked, and that a local disk has locks, to be chosen
 * with `elsewhere` ("--root DIR"; NULL: unsaid). */
int lock_failed(const char *path, const char *elsewhere);

/* lock_wait without waiting: false, and no error, when another process holds it. A file system
 * without locks cannot tell: true. */
bool lock_try(int fd, int how);

/* False when what fd was opened as is no longer at `path`: its last owner deleted it while we
 * waited. */
bool lock_is_current(int fd, const char *path);

/* Single bytes of a file, for many small locks in one: they belong to the open file description and
 * end with it. fd is open for writing; the file need not be so long. */

/* Takes the byte without waiting. 0; E_BUSY (nothing recorded) when another description has it;
 * E_FAILED recorded where there are no such locks. */
int lock_byte(int fd, off_t at);
void lock_release_byte(int fd, off_t at);
/* Whether another description has one of the `n` bytes. */
bool lock_bytes_taken(int fd, off_t from, off_t n);

#endif
