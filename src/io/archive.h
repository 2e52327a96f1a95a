/* Archives by libarchive, used as a parser only; what is written goes through fs_beneath. */
#ifndef UNGIL_IO_ARCHIVE_H
#define UNGIL_IO_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

/* One entry: of a manifest, or of an archive that is unpacked. */
struct archive_mtree_entry {
    const char *path; /* without "./" */
    char type;        /* 'f', 'd', 'l'; 'h': one more name of a file that came before;
                         '?' for anything else */
    unsigned mode;
    unsigned long long size;
    const char *link; /* NULL unless 'l' or 'h' */
    char sha256[65];  /* "" when absent */
};
typedef int archive_each(const struct archive_mtree_entry *e, void *arg);

struct archive_limits {
    unsigned long long bytes; /* of all files unpacked together */
    unsigned long entries;
    bool zip;           /* a .zip, as wheels are, and not a source archive of CPython */
    const char *kind;   /* what messages call it if it is neither: "an archive of training data" */
    archive_each *each; /* told of every entry once it is there; a result other than 0 stops;
                           NULL: nobody is. One call at a time, but not always in order */
    void *arg;
    int threads;         /* that write small files beside each other; 0, 1: none */
    unsigned long alone; /* so many entries are there, and told, before the next is looked at */
    unsigned long long alone_bytes; /* the size that each of those may have; 0: any */
};
#define ARCHIVE_LIMITS_SOURCE                                                                      \
    {                                                                                              \
        .bytes = 2ull << 30, .entries = 100000                                                     \
    }

/* Unpacks a .tar, plain or packed with xz, gz, bz2 or zst, or with limits->zip a .zip (read by its
 * central directory, as Python does), into the existing directory `dir`,
 * leaving out `strip` leading path components. Only regular files, directories, and symbolic and
 * hard links that stay inside; absolute or ".." paths, links out, devices, fifos, setuid or setgid
 * bits, files beside the stripped directory, more than the limits: E_INTEGRITY naming the entry. A
 * damaged or truncated archive, or one without entries, is E_INTEGRITY too; E_FAILED is this
 * machine's fault (no space). After any error the caller removes dir. Modes become 0755 or 0644,
 * whatever the umask; modification times are kept. Names are bytes: no locale is needed. */
int archive_unpack(const char *file, const char *dir, int strip,
                   const struct archive_limits *limits);

/* The text of the first regular file in an archive, if its name without directories is `name`;
 * owned. E_INTEGRITY when it is another one, larger than `limit`, or no such archive. */
int archive_first(const char *file, const char *name, size_t limit, const char *kind, char **text);

/* Writing mtree(5): one entry a call, in any order (the file is sorted). */
struct archive_mtree;
struct stat;
int archive_mtree_open(const char *file, struct archive_mtree **out);
/* The file, directory or symbolic link `path` under the name `relative`; `st` is its lstat. Files
 * are read here, once, for their digest. */
int archive_mtree_add(struct archive_mtree *m, const char *relative, const char *path,
                      const struct stat *st);
/* Writes the file (atomically) and frees m, also on error; *text is what was written (owned). With
 * `text` NULL everything is dropped and nothing written. */
int archive_mtree_close(struct archive_mtree *m, char **text);

/* Reading one: calls back for each entry; a result other than 0 stops it and is returned.
 * E_NOTFOUND, silently, when there is no such file; E_INTEGRITY when it is no manifest as the above
 * writes them: no path in it is absolute or has "..". */
int archive_mtree_read(const char *file, archive_each *each, void *arg);

#endif
