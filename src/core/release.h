/* Releases, suffixes, names and SPECs: the words of the command line.
 *
 *   series 3.14 · release 3.14.7, 3.15.0rc1 · suffix "", "t", "td", "-jit" · name 3.14.7t
 *
 * A suffix has two parts. The letters are CPython's ABI flags, which upstream puts into the names
 * of programs and extension modules: "t" without the GIL, "d" with --with-pydebug. What follows a
 * '-' is ungil's own word for another way to build, of which upstream's files know nothing.
 */
#ifndef UNGIL_CORE_RELEASE_H
#define UNGIL_CORE_RELEASE_H

#include <stdbool.h>

struct release {
    int major, minor, micro;
    char stage; /* 'a', 'b', 'c' (rc), 'f' (final): in the order of age */
    int serial; /* of a prerelease: rc2 -> 2 */
};

/* False when `text` (whole) is no release; no error is recorded. */
bool release_parse(const char *text, struct release *r);
int release_compare(const struct release *a, const struct release *b); /* <0, 0, >0: age */
int release_compare_text(const char *a, const char *b); /* unparsable ones are oldest */
static inline bool release_is_prerelease(const struct release *r)
{
    return r->stage != 'f';
}

/* Splits "3.14.7t" into release and suffix (both owned). False when it is no name. */
bool name_split(const char *name, char **release, char **suffix);
/* The ABI flags in a suffix: "td" of "td", "t" of "t-tsan", "" of "-jit"; owned. */
char *suffix_abiflags(const char *suffix);
/* The interpreter's file name in a prefix's bin/: "python3.14td" of "3.14" and "td-word"; owned. */
char *python_program(const char *series, const char *suffix);
/* "3.14" of "3.14.7" or of "3.15.0rc1"; owned. */
char *series_of(const char *release);
/* Order of names in lists: newest release first; within one, suffix order ("" first). */
int name_compare(const char *a, const char *b);

struct spec {
    char *text;    /* as typed */
    char *series;  /* "3.14" */
    char *release; /* "3.14.7", NULL when only a series was given */
    char *suffix;  /* NULL: the pair; "t": that variant. "3.14.7" is the pair, too */
};
/* Parses 3.14, 3.14.7, 3.14t, 3.14.7t, 3.14-jit. E_USAGE, with what was expected. */
int spec_parse(const char *text, struct spec *spec);
void spec_free(struct spec *spec);

#endif
