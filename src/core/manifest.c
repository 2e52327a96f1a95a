#include "core/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "io/archive.h"
#include "io/digest.h"

static const char manifest_name[] = "ungil.mtree";

/* What the manifest does not speak of: itself, and the receipt, which holds its digest and changes
 * when the prefix is measured again. */
static bool is_own(const char *relative)
{
    return strcmp(relative, manifest_name) == 0 || strcmp(relative, "ungil.json") == 0;
}

static int add_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    if (is_own(relative))
        return 0;
    int rc = proc_check();
    return rc < 0 ? rc : archive_mtree_add(arg, relative, path, st);
}

int manifest_write(const char *prefix, char **digest)
{
    autofree char *file = path_join(prefix, manifest_name);
    autofree char *text = NULL;
    struct archive_mtree *m;
    int rc = archive_mtree_open(file, &m);
    if (rc < 0)
        return rc;
    rc = fs_walk(prefix, add_one, m);
    int closed = archive_mtree_close(m, rc == 0 ? &text : NULL);
    if (rc < 0 || closed < 0)
        return rc < 0 ? rc : closed;
    char hex[SHA256_HEX];
    digest_text(text, hex);
    *digest = xstrdup(hex);
    return 0;
}

/* ---- Renewing ---- */

/* The line of a manifest that begins with the first word of `line`; NULL: there is none. */
static const char *line_like(const char *text, const char *line)
{
    size_t n = strcspn(line, " \n");
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (strncmp(text, line, n) == 0 && (text[n] == ' ' || text[n] == '\n'))
            return text;
    return NULL;
}

/* `old` with the lines that `fresh` has in place of its own; the number of those in *replaced. */
static char *spliced(const char *old, const char *fresh, size_t *replaced)
{
    autostr out = {0};
    *replaced = 0;
    while (*old) {
        size_t n = strcspn(old, "\n");
        n += old[n] == '\n';
        const char *line = *old == '.' ? line_like(fresh, old) : NULL;
        if (line) {
            str_addn(&out, line, strcspn(line, "\n"));
            str_add(&out, "\n");
            ++*replaced;
        } else {
            str_addn(&out, old, n);
        }
        old += n;
    }
    return str_take(&out);
}

/* Manifest lines of these files alone; *n of them are there. */
static int describe(const char *prefix, const struct strv *files, char **text, size_t *n)
{
    autofree char *temporary = path_join(prefix, "ungil.mtree.new");
    struct archive_mtree *m;
    int rc = archive_mtree_open(temporary, &m);
    if (rc < 0)
        return rc;
    *n = 0;
    for (size_t i = 0; rc == 0 && i < files->n; i++) {
        autofree char *path = path_join(prefix, files->v[i]);
        struct stat st;
        if (lstat(path, &st) < 0)
            continue;
        rc = archive_mtree_add(m, files->v[i], path, &st);
        ++*n;
    }
    int closed = archive_mtree_close(m, rc == 0 ? text : NULL);
    unlink(temporary);
    return rc < 0 ? rc : closed;
}

int manifest_renew(const char *prefix, const struct strv *changed, char **digest)
{
    autofree char *file = path_join(prefix, manifest_name), *old = NULL, *fresh = NULL;
    size_t there = 0, replaced = 0;
    int rc = fs_read_text(file, &old);
    if (rc == 0)
        rc = describe(prefix, changed, &fresh, &there);
    if (rc < 0)
        return rc == E_NOTFOUND ? manifest_write(prefix, digest) : rc;
    autofree char *text = spliced(old, fresh, &replaced);
    if (there != changed->n || replaced != there)
        return manifest_write(prefix, digest); /* one is gone, or came */
    rc = fs_write_atomic(file, text, strlen(text), 0644);
    char hex[SHA256_HEX];
    digest_text(text, hex);
    *digest = xstrdup(hex);
    return rc;
}

/* The lines of `more` whose paths `text` does not name. */
static void add_new_lines(struct str *out, const char *text, const char *more)
{
    while (*more) {
        size_t n = strcspn(more, "\n");
        n += more[n] == '\n';
        if (*more == '.' && !line_like(text, more))
            str_addn(out, more, n);
        more += n;
    }
}

int manifest_join(const char *prefix, const char *base, char **digest)
{
    autofree char *file = path_join(prefix, manifest_name),
                  *old_file = path_join(base, manifest_name);
    autofree char *old = NULL, *more = NULL;
    size_t replaced;
    int rc = fs_read_text(old_file, &old);
    if (rc == 0)
        rc = fs_read_text(file, &more);
    if (rc < 0)
        return rc == E_NOTFOUND ? fail(E_FAILED, "%s has no manifest", base) : rc;
    autofree char *kept = spliced(old, more, &replaced);
    autostr text = {0};
    str_add(&text, kept);
    add_new_lines(&text, old, more);
    rc = fs_write_atomic(file, text.s, text.len, 0644);
    char hex[SHA256_HEX];
    digest_text(text.s, hex);
    *digest = xstrdup(hex);
    return rc;
}

/* ---- Checking ---- */

struct checking {
    const char *prefix;
    struct manifest_report *report;
    struct strv listed; /* paths in the manifest, sorted once it was read */
};

static char type_of(const struct stat *st)
{
    return S_ISREG(st->st_mode)   ? 'f'
           : S_ISDIR(st->st_mode) ? 'd'
           : S_ISLNK(st->st_mode) ? 'l'
                                  : '?';
}

/* What differs first, in words; NULL when nothing does. Cheap comparisons come first. */
static int difference(const struct archive_mtree_entry *e, const char *path, const struct stat *st,
                      const char **what)
{
    *what = NULL;
    if (type_of(st) != e->type) {
        *what = "type";
        return 0;
    }
    if (e->type == 'l') { /* the mode of a symbolic link means nothing */
        autofree char *target = NULL;
        int rc = fs_read_link(path, &target);
        if (rc == 0 && !str_eq(target, e->link))
            *what = "link";
        return rc;
    }
    if ((st->st_mode & 07777) != e->mode)
        *what = "mode";
    if (e->type == 'd')
        return 0;
    if ((unsigned long long)st->st_size != e->size) {
        *what = "size";
        return 0;
    }
    char hex[SHA256_HEX];
    int rc = digest_file(path, hex);
    if (rc == 0 && strcmp(hex, e->sha256) != 0)
        *what = "SHA-256";
    return rc;
}

static int check_one(const struct archive_mtree_entry *e, void *arg)
{
    struct checking *c = arg;
    int rc = proc_check();
    if (rc < 0)
        return rc;
    autofree char *path = path_join(c->prefix, e->path);
    struct stat st;
    strv_add(&c->listed, e->path);
    c->report->checked++;
    if (lstat(path, &st) < 0) {
        strv_add(&c->report->missing, e->path);
        return 0;
    }
    const char *what;
    if (difference(e, path, &st, &what) < 0)
        what = "unreadable"; /* one file that cannot be read must not hide the others */
    if (what)
        strv_addf(&c->report->changed, "%s: %s", e->path, what);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_listed(const struct checking *c, const char *relative)
{
    return c->listed.n &&
           bsearch(&relative, c->listed.v, c->listed.n, sizeof *c->listed.v, compare_names) != NULL;
}

/* Importing a module makes a cache directory, and files in it. */
static bool is_bytecode_cache(const char *relative)
{
    return strcmp(path_base(relative), "__pycache__") == 0 || strstr(relative, "/__pycache__/");
}

static int look_for_extra(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)path;
    (void)st;
    struct checking *c = arg;
    if (!is_own(relative) && !is_bytecode_cache(relative) && !is_listed(c, relative))
        strv_add(&c->report->extra, relative);
    return 0;
}

int manifest_check(const char *prefix, struct manifest_report *report)
{
    *report = (struct manifest_report){0};
    struct checking c = {.prefix = prefix, .report = report};
    autofree char *file = path_join(prefix, manifest_name);
    int rc = archive_mtree_read(file, check_one, &c);
    if (rc == E_NOTFOUND)
        rc = err_hint(fail(E_FAILED, "%s has no manifest: there is no file %s", prefix, file),
                      "install it again");
    strv_sort(&c.listed);
    if (rc == 0)
        rc = fs_walk(prefix, look_for_extra, &c);
    strv_free(&c.listed);
    if (rc < 0)
        manifest_report_free(report);
    return rc;
}

void manifest_report_free(struct manifest_report *r)
{
    strv_free(&r->changed);
    strv_free(&r->missing);
    strv_free(&r->extra);
    *r = (struct manifest_report){0};
}

/* ---- two of them ---- */

static int add_line(const struct archive_mtree_entry *e, void *arg)
{
    strv_addf(arg, "%s\n%c %o %s%s", e->path, e->type, (unsigned)e->mode,
              e->type == 'f' ? e->sha256 : "", e->type == 'l' ? e->link : "");
    return 0;
}

static int read_lines(const char *prefix, struct strv *lines)
{
    autofree char *file = path_join(prefix, "ungil.mtree");
    int rc = archive_mtree_read(file, add_line, lines);
    if (rc == E_NOTFOUND && !*err_message())
        rc = fail(E_FAILED, "%s has no manifest", prefix);
    strv_sort(lines);
    return rc;
}

static void add_path(struct strv *paths, const char *line)
{
    autofree char *path = xstrndup(line, strcspn(line, "\n"));
    if (paths->n == 0 || strcmp(paths->v[paths->n - 1], path) != 0)
        strv_take(paths, steal(&path));
}

int manifest_compare(const char *one, const char *other, struct strv *paths)
{
    autostrv a = {0}, b = {0};
    int rc = read_lines(one, &a);
    if (rc == 0)
        rc = read_lines(other, &b);
    for (size_t i = 0, j = 0; rc == 0 && (i < a.n || j < b.n);) {
        int order = i == a.n ? 1 : j == b.n ? -1 : strcmp(a.v[i], b.v[j]);
        if (order != 0)
            add_path(paths, order < 0 ? a.v[i] : b.v[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return rc;
}
