/* Memory and strings.
 *
 * Out of memory dies here, in one place: no caller checks for it. Ownership is
 * told by names: `autofree` frees at the end of the scope, steal() hands a
 * pointer on, `const char *` borrows.
 */
#ifndef UNGIL_BASE_STR_H
#define UNGIL_BASE_STR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define lengthof(array) (sizeof(array) / sizeof((array)[0]))

void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size); /* zeroed */
void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
char *xvasprintf(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));

static inline void free_at(void *pp)
{
    extern void free(void *);
    free(*(void **)pp);
}
#define autofree __attribute__((cleanup(free_at)))

/* steal(&p): the value of p, which becomes NULL: its cleanup has nothing to do. */
static inline void *steal_pointer(void *pp)
{
    void **at = pp, *p = *at;
    *at = NULL;
    return p;
}
#define steal(pp) ((__typeof__(*(pp)))steal_pointer(pp))

/* Replaces the string that *at owns. Returns the new one. */
char *str_set(char **at, char *owned);

bool str_eq(const char *a, const char *b); /* NULL equals NULL only */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);
/* Of a URL, what may be shown and kept: no password, and over http(s) no user, which may be a
 * token. Anything else is copied. Owned. */
char *str_public_url(const char *url);
char *str_trim(char *s); /* in place: without white space at both ends */

/* A growing buffer; always NUL-terminated once something was added. Zero-initialise:
 * `struct str s = {0};`. str_take() hands the text on (never NULL) and empties it. */
struct str {
    char *s;
    size_t len, cap;
};
void str_add(struct str *b, const char *text);
void str_addn(struct str *b, const void *data, size_t n);
void str_addf(struct str *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
char *str_take(struct str *b);
void str_free(struct str *b);
#define autostr __attribute__((cleanup(str_free))) struct str

/* A list of owned strings, NULL-terminated once something was added, so that `v.v`
 * is an argv. Zero-initialise. */
struct strv {
    char **v;
    size_t n, cap;
};
void strv_add(struct strv *l, const char *s); /* copies */
void strv_addf(struct strv *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void strv_take(struct strv *l, char *owned);
void strv_addv(struct strv *l, const struct strv *more);
void strv_split(struct strv *l, const char *words); /* adds the words between white space */
/* Adds what stands between commas, and is not empty; nothing for NULL. */
void strv_split_commas(struct strv *l, const char *words);
bool strv_has(const struct strv *l, const char *s);
char *strv_join(const struct strv *l, const char *between); /* owned; "" when empty */
void strv_sort(struct strv *l);
void strv_free(struct strv *l);
#define autostrv __attribute__((cleanup(strv_free))) struct strv

/* The name in `names` that `word` most likely means (edit distance at most 2 and less than
 * half its length), or NULL: "did you mean". */
const char *str_nearest(const char *word, const char *const *names, size_t n);

/* "1.4 GiB", "312 KiB", "12 B" into buf; returns buf. */
char *str_bytes(char buf[16], unsigned long long bytes);
/* "1 h 02 min", "3 min 07 s", "12 s", "1.2 s" into buf; returns buf. */
char *str_duration(char buf[32], double seconds);

#endif
