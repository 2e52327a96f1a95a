#include "base/str.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die_of_memory(void)
{
    fputs("ungil: out of memory\n", stderr);
    abort();
}

void *xmalloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        die_of_memory();
    return p;
}

void *xcalloc(size_t count, size_t size)
{
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (!p)
        die_of_memory();
    return p;
}

void *xrealloc(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    if (!p)
        die_of_memory();
    return p;
}

char *xstrdup(const char *s)
{
    return s ? xstrndup(s, strlen(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
    n = strnlen(s, n);
    char *p = xmalloc(n + 1);
    memcpy(p, s, n);
    p[n] = '\0';
    return p;
}

char *xvasprintf(const char *fmt, va_list ap)
{
    char *s = NULL;
    if (vasprintf(&s, fmt, ap) < 0)
        die_of_memory();
    return s;
}

char *xasprintf(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *s = xvasprintf(fmt, ap);
    va_end(ap);
    return s;
}

char *str_set(char **at, char *owned)
{
    if (*at != owned)
        free(*at);
    return *at = owned;
}

bool str_eq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool str_starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool str_ends(const char *s, const char *suffix)
{
    size_t n = strlen(s), m = strlen(suffix);
    return n >= m && strcmp(s + n - m, suffix) == 0;
}

char *str_trim(char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    size_t n = strlen(s);
    while (n > 0 && isspace((unsigned char)s[n - 1]))
        s[--n] = '\0';
    return s;
}

static void str_reserve(struct str *b, size_t more)
{
    size_t need = b->len + more + 1;
    if (need < more)
        die_of_memory();
    if (need <= b->cap)
        return;
    size_t cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > need / 2 ? cap * 2 : need;
    b->s = xrealloc(b->s, cap);
    b->cap = cap;
}

void str_addn(struct str *b, const void *data, size_t n)
{
    str_reserve(b, n);
    if (n)
        memcpy(b->s + b->len, data, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void str_add(struct str *b, const char *text)
{
    str_addn(b, text, strlen(text));
}

void str_addf(struct str *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    autofree char *text = xvasprintf(fmt, ap);
    va_end(ap);
    str_add(b, text);
}

char *str_take(struct str *b)
{
    char *s = b->s ? b->s : xstrdup("");
    *b = (struct str){0};
    return s;
}

void str_free(struct str *b)
{
    free(b->s);
    *b = (struct str){0};
}

void strv_take(struct strv *l, char *owned)
{
    if (l->n + 2 > l->cap) {
        l->cap = l->cap ? l->cap * 2 : 8;
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    l->v[l->n++] = owned;
    l->v[l->n] = NULL;
}

void strv_add(struct strv *l, const char *s)
{
    strv_take(l, xstrdup(s));
}

void strv_addf(struct strv *l, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    strv_take(l, xvasprintf(fmt, ap));
    va_end(ap);
}

void strv_addv(struct strv *l, const struct strv *more)
{
    for (size_t i = 0; i < more->n; i++)
        strv_add(l, more->v[i]);
}

static void split_at(struct strv *l, const char *words, const char *between)
{
    while (*(words += strspn(words, between))) {
        size_t n = strcspn(words, between);
        strv_take(l, xstrndup(words, n));
        words += n;
    }
}

void strv_split(struct strv *l, const char *words)
{
    split_at(l, words, " \t\r\n");
}

void strv_split_commas(struct strv *l, const char *words)
{
    split_at(l, words ? words : "", ",");
}

bool strv_has(const struct strv *l, const char *s)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i], s) == 0)
            return true;
    return false;
}

char *strv_join(const struct strv *l, const char *between)
{
    autostr out = {0};
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            str_add(&out, between);
        str_add(&out, l->v[i]);
    }
    return str_take(&out);
}

static int compare_strings(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void strv_sort(struct strv *l)
{
    if (l->n > 1)
        qsort(l->v, l->n, sizeof *l->v, compare_strings);
}

char *str_public_url(const char *url)
{
    const char *begin = strstr(url, "://");
    if (!begin)
        return xstrdup(url);
    begin += 3;
    const char *name = begin;
    size_t authority = strcspn(begin, "/?#");
    for (size_t i = 0; i < authority; i++)
        if (begin[i] == '@')
            name = begin + i + 1;
    size_t user = str_starts(url, "http") || name == begin ? 0 : strcspn(begin, ":@");
    return xasprintf("%.*s%.*s%s%s", (int)(begin - url), url, (int)user, begin, user ? "@" : "",
                     name);
}

void strv_free(struct strv *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i]);
    free(l->v);
    *l = (struct strv){0};
}

/* Levenshtein distance, one row at a time; words longer than the row count as far away. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64], n = strlen(b);
    if (n >= lengthof(row) || strlen(a) >= lengthof(row))
        return lengthof(row);
    for (size_t j = 0; j <= n; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t substitute = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            row[j] = substitute < best ? substitute : best;
        }
    }
    return row[n];
}

const char *str_nearest(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t limit = 3, length = strlen(word);
    for (size_t i = 0; i < n; i++) {
        size_t d = edit_distance(word, names[i]);
        if (d < limit && 2 * d < length + 1) {
            limit = d;
            best = names[i];
        }
    }
    return best;
}

char *str_bytes(char buf[16], unsigned long long bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t u = 0;
    while (value >= 1024 && u + 1 < lengthof(units)) {
        value /= 1024;
        u++;
    }
    snprintf(buf, 16, u && value < 10 ? "%.1f %s" : "%.0f %s", value, units[u]);
    return buf;
}

char *str_duration(char buf[32], double seconds)
{
    if (seconds < 59.5) {
        snprintf(buf, 32, seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
        return buf;
    }
    long s = (long)(seconds + 0.5);
    if (s < 3600)
        snprintf(buf, 32, "%ld min %02ld s", s / 60, s % 60);
    else
        snprintf(buf, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    return buf;
}
