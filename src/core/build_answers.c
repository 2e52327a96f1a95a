#include "core/build_answers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/recipe.h"
#include "io/digest.h"

enum { ENTRIES = 32, OLD_SECONDS = 3600, ANSWERS_LIMIT = 8 << 20 };

/* Followed by the SHA-256 of the rest of the file, and a newline. */
static const char heading[] = "ungil configure 1 ";
enum { HEADING = sizeof heading - 1, HEADER = HEADING + SHA256_HEX };

static char *entry_path(const struct pipeline *p, const char *name)
{
    return xasprintf("%s/configure/%s", p->opts->cache, name);
}

/* ---- The key ---- */

/* The prefix is in no answer; two releases that have one script in common share its answers. */
static void add_options(const struct pipeline *p, struct str *text)
{
    autostrv words = {0};
    strv_split(&words, p->build->configure);
    for (size_t i = 0; i < words.n; i++)
        if (!str_starts(words.v[i], "--prefix="))
            str_addf(text, "option %s\n", words.v[i]);
}

/* *key is owned; NULL when none can be told. */
static int make_key(const struct pipeline *p, char **key)
{
    autofree char *path = path_join(p->dir, "configure"), *script = NULL;
    autostr text = {0};
    char hex[SHA256_HEX];
    if (fs_read_text(path, &script) < 0) {
        err_clear();
        return 0;
    }
    digest_text(script, hex);
    str_addf(&text, "script %s\nseries %s\n", hex, p->opts->recipe->series);
    add_options(p, &text);
    fingerprint_environment(&p->env, script, &text);
    int rc = fingerprint_machine(p->dir, &p->env, &text);
    if (rc < 0)
        return rc == E_SIGNAL ? rc : 0;
    digest_text(text.s, hex);
    str_set(key, xstrdup(hex));
    return 0;
}

/* ---- Entries ---- */

/* The answers in the entry; NULL when it is not there, not ours alone, or damaged. Owned. */
static char *read_entry(const char *path)
{
    struct stat st;
    autofree char *text = NULL;
    size_t size = 0;
    char hex[SHA256_HEX];
    if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || !fs_is_own(&st) ||
        st.st_size > ANSWERS_LIMIT)
        return NULL;
    if (fs_read(path, &text, &size) < 0) {
        err_clear();
        return NULL;
    }
    if (size <= HEADER || strlen(text) != size || !str_starts(text, heading))
        return NULL;
    digest_text(text + HEADER, hex);
    if (strncmp(text + HEADING, hex, SHA256_HEX - 1) != 0 || text[HEADER - 1] != '\n')
        return NULL;
    return xstrdup(text + HEADER);
}

struct entry {
    char *path;
    time_t used;
};

static int newest_first(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return (x->used < y->used) - (x->used > y->used);
}

/* Keeps the ENTRIES that were used last, and nothing that a killed run left half written. */
static void prune(const struct pipeline *p)
{
    autofree char *dir = entry_path(p, "");
    autostrv names = {0};
    if (fs_list(dir, &names) < 0) {
        err_clear();
        return;
    }
    autofree struct entry *entries = xcalloc(names.n + 1, sizeof *entries);
    size_t n = 0;
    for (size_t i = 0; i < names.n; i++) {
        char *path = entry_path(p, names.v[i]);
        struct stat st;
        bool there = lstat(path, &st) == 0;
        if (there && strlen(names.v[i]) == SHA256_HEX - 1) {
            entries[n++] = (struct entry){path, st.st_mtime};
            continue;
        }
        if (there && time(NULL) - st.st_mtime > OLD_SECONDS)
            unlink(path);
        free(path);
    }
    qsort(entries, n, sizeof *entries, newest_first);
    for (size_t i = 0; i < n; i++) {
        if (i >= ENTRIES)
            unlink(entries[i].path);
        free(entries[i].path);
    }
}

int answers_take(struct pipeline *p, struct str *cache)
{
    str_set(&p->answers_key, NULL);
    p->answers_taken = false;
    int rc = make_key(p, &p->answers_key);
    if (rc < 0 || !p->answers_key)
        return rc;
    autofree char *path = entry_path(p, p->answers_key), *answers = read_entry(path);
    if (!answers)
        return 0;
    detail("%s: configure starts from what an equal one found out", p->build->name);
    utimensat(AT_FDCWD, path, NULL, 0); /* used last */
    str_add(cache, answers);
    p->answers_taken = true;
    return 1;
}

/* CPython's configure cannot take these from a cache: see share_is_trap. A cache with one more line
 * is no other. */
static char *useful_answers(const char *text)
{
    struct str kept = {0};
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\n");
        n += at[n] == '\n';
        if (!share_is_trap(at))
            str_addn(&kept, at, n);
        at += n;
    }
    return str_take(&kept);
}

int answers_put(struct pipeline *p)
{
    autofree char *now = NULL, *from = path_join(p->dir, "config.cache"), *text = NULL;
    if (!p->answers_key || p->answers_taken)
        return 0;
    int rc = make_key(p, &now);
    if (rc < 0)
        return rc;
    if (!str_eq(now, p->answers_key) || fs_read_text(from, &text) < 0) {
        err_clear();
        return 0;
    }
    autofree char *answers = useful_answers(text), *path = entry_path(p, p->answers_key);
    autofree char *dir = path_dir(path);
    char hex[SHA256_HEX];
    digest_text(answers, hex);
    autofree char *whole = xasprintf("%s%s\n%s", heading, hex, answers);
    if (fs_mkdirs(dir, 0755) < 0 || fs_write_atomic(path, whole, strlen(whole), 0644) < 0) {
        detail("%s: what configure found out is not kept: %s", p->build->name, err_message());
        err_clear();
        return 0;
    }
    prune(p);
    return 0;
}

void answers_drop(const struct pipeline *p)
{
    if (!p->answers_key || !p->answers_taken)
        return;
    autofree char *path = entry_path(p, p->answers_key);
    unlink(path);
}
