/* Wheels: what their file names say, and unpacking one that nobody trusts. */
#ifndef UNGIL_CORE_WHEEL_H
#define UNGIL_CORE_WHEEL_H

#include <stdbool.h>

#include "base/str.h"

/* DISTRIBUTION-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl, as in the binary distribution format
 * specification. Each of the three tags can be a set, written with dots: "py2.py3". */
struct wheel {
    char *distribution; /* normalised: lower case, runs of - _ . are one "-" */
    char *version;      /* as written: "1.0+local.1" */
    char *build;        /* "1", "2_rc"; NULL: none */
    struct strv python; /* "cp314", "py3" … */
    struct strv abi;    /* "cp314t", "abi3", "none" … */
    struct strv platform;
};

/* Of a file name or a path that ends in one; fills *w, which the caller frees (also on error).
 * E_USAGE says what is wrong with it. */
int wheel_parse_name(const char *file, struct wheel *w);
void wheel_free(struct wheel *w);
#define autowheel __attribute__((cleanup(wheel_free))) struct wheel

/* A name as the index compares it: lower case, "-" for each run of "-", "_", ".". Owned. */
char *wheel_normalise(const char *name);

/* What it is for the free-threaded interpreter of `series` ("3.14"); the best of its tags counts.
 */
enum wheel_kind {
    WHEEL_NOT_FREE_THREADED, /* no tag that interpreter would take */
    WHEEL_PURE,              /* abi "none" and platform "any" */
    WHEEL_NO_ABI,   /* abi "none" for a platform: programs or libraries, loaded otherwise */
    WHEEL_ABI3T,    /* the stable ABI for free threading, 3.15 and later */
    WHEEL_SERIES_T, /* cp314t for 3.14 */
};
enum wheel_kind wheel_free_threaded(const struct wheel *w, const char *series);
/* "pure", "cp314t" …, for a table; "no" for WHEEL_NOT_FREE_THREADED. Owned. */
char *wheel_kind_text(enum wheel_kind kind, const char *series);

/* "cp314-cp314t-linux_x86_64" for every combination. */
void wheel_tags(const struct wheel *w, struct strv *tags);

/* Unpacks the wheel (a zip archive) into the existing directory `dir` and nowhere else: absolute
 * paths, "..", links that lead out, devices, too many entries, and an archive that grows beyond
 * what its size lets expect are E_INTEGRITY, naming the entry; so is what is no zip archive. After
 * any error the caller removes dir. */
int wheel_unpack(const char *file, const char *dir);

/* What the *.dist-info of an unpacked wheel says. */
struct wheel_info {
    char *name, *version; /* of METADATA, as written; NULL: not there */
    struct strv tags;     /* of WHEEL */
    struct strv notes;    /* where this and the file name `w` disagree, a line each */
};
/* E_INTEGRITY without exactly one *.dist-info with METADATA, WHEEL and RECORD. */
int wheel_read_info(const char *dir, const struct wheel *w, struct wheel_info *info);
void wheel_info_free(struct wheel_info *info);
/* Of an installed distribution, whose *.dist-info directory this is: its name and version, by
 * METADATA or by the directory's name. Both owned; *version can be NULL. */
void wheel_identity(const char *info_dir, char **name, char **version);

#endif
