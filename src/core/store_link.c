/* What stands in root/bin is derived from versions/ alone, so that any run can repair it.
 * A name there has the whole suffix, "python3.14-jit"; the program that it leads to, inside the
 * prefix, only the ABI flags.
 *
 * pip, idle, pydoc and the -config scripts find their prefix from their own real path: symlinks.
 * The interpreters are short scripts: a venv made through a symlink notes the symlink's
 * directory as its home, and CPython looks for its library above that directory, where it is not;
 * it then falls back to the prefix it was configured for, that is to whatever else stands there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/receipt.h"
#include "core/release.h"
#include "core/store.h"
#include "core/store_tree.h"

static const char script_head[] = "#!/bin/sh\n# Made by ungil.\n";

/* One name in a directory of programs. */
struct link {
    char *name;    /* "python3.14t" */
    char *program; /* relative to versions/: "3.14.7t/bin/python3.14t" */
    bool script;
};

struct links {
    const struct store *s;
    const char *dir;      /* where they stand */
    const char *versions; /* as scripts name it: where versions/ is when they run */
    bool own_dir;       /* root/bin, where links lead into versions/; else links lead to root/bin */
    struct link v[512]; /* ample: ten for each installed prefix that is the newest of its series */
    size_t n;
    struct strv foreign; /* names that somebody else owns */
};

static const struct link *find_link(const struct links *l, const char *name)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(l->v[i].name, name) == 0)
            return &l->v[i];
    return NULL;
}

/* Wants `name` to be PROGRAM of an installed prefix; who comes first owns the name. */
static void want(struct links *l, const char *name, const char *installed, const char *program,
                 bool script)
{
    autofree char *relative = xasprintf("%s/bin/%s", installed, program);
    autofree char *path = path_join(l->s->versions, relative);
    if (l->n == lengthof(l->v) || find_link(l, name) || access(path, X_OK) < 0)
        return;
    l->v[l->n++] =
        (struct link){.name = xstrdup(name), .program = steal(&relative), .script = script};
}

static void want_prefix(struct links *l, const struct receipt *r)
{
    static const struct {
        const char *program, *tail;
    } forms[] = {{"python", ""}, {"pip", ""}, {"idle", ""}, {"pydoc", ""}, {"python", "-config"}};
    autofree char *flags = suffix_abiflags(r->suffix);
    for (size_t i = 0; i < lengthof(forms); i++) {
        autofree char *name =
            xasprintf("%s%s%s%s", forms[i].program, r->series, r->suffix, forms[i].tail);
        autofree char *program =
            xasprintf("%s%s%s%s", forms[i].program, r->series, flags, forms[i].tail);
        want(l, name, r->name, program, i == 0);
    }
}

static void want_default(struct links *l, struct receipt *const *list, size_t n)
{
    autofree char *name = store_default(l->s, list, n);
    for (size_t i = 0; name && i < n; i++) {
        if (strcmp(list[i]->name, name) != 0)
            continue;
        autofree char *program = python_program(list[i]->series, list[i]->suffix);
        want(l, "python3", name, program, true);
        want(l, "python", name, program, true);
    }
}

static char *shell_quote(const char *text)
{
    autostr out = {0};
    str_add(&out, "'");
    for (; *text; text++)
        if (*text == '\'')
            str_add(&out, "'\\''");
        else
            str_addn(&out, text, 1);
    str_add(&out, "'");
    return str_take(&out);
}

/* What the link has to be: a symlink's target, or a script's text. */
static char *content_of(const struct links *l, const struct link *k)
{
    if (!l->own_dir)
        return path_join(l->s->bin, k->name);
    if (!k->script)
        return xasprintf("../versions/%s", k->program);
    autofree char *path = path_join(l->versions, k->program);
    autofree char *quoted = shell_quote(path), *program = shell_quote(k->program);
    /* Where it was made costs no process; realpath and dirname find it when the root was moved. */
    return xasprintf(
        "%s"
        "[ -x %s ] && exec %s \"$@\"\n"
        "exec \"$(dirname -- \"$(dirname -- \"$(realpath -- \"$0\")\")\")\"/versions/%s "
        "\"$@\"\n",
        script_head, quoted, quoted, program);
}

/* The target of the symlink or the head of the script that stands at `path`, if it is ungil's own;
 * NULL otherwise. */
static char *own_content(const struct links *l, const char *path)
{
    char target[4096];
    ssize_t n = readlink(path, target, sizeof target - 1);
    if (n >= 0) {
        autofree char *bin = xasprintf("%s/", l->s->bin),
                      *versions = xasprintf("%s/", l->s->versions);
        target[n] = '\0';
        bool own = l->own_dir ? str_starts(target, "../versions/")
                              : str_starts(target, bin) || str_starts(target, versions);
        return own ? xstrdup(target) : NULL;
    }
    struct stat st;
    autofree char *text = NULL;
    if (!l->own_dir || lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > 16384 ||
        fs_read_text(path, &text) < 0)
        return NULL;
    return str_starts(text, script_head) ? steal(&text) : NULL;
}

static int put_link(struct links *l, const struct link *k)
{
    autofree char *path = path_join(l->dir, k->name);
    autofree char *wanted = content_of(l, k);
    struct stat st;
    if (lstat(path, &st) == 0) {
        autofree char *present = own_content(l, path);
        if (!present) {
            strv_add(&l->foreign, path);
            return 0;
        }
        bool script = S_ISREG(st.st_mode);
        if (script == (l->own_dir && k->script) && strcmp(present, wanted) == 0)
            return 0;
    }
    return l->own_dir && k->script ? fs_write_atomic(path, wanted, strlen(wanted), 0755)
                                   : fs_symlink_replace(wanted, path);
}

/* Every name that ungil makes begins with one of these. */
static bool is_program(const char *name)
{
    static const char *const programs[] = {"python", "pip", "idle", "pydoc"};
    for (size_t i = 0; i < lengthof(programs); i++)
        if (str_starts(name, programs[i]))
            return true;
    return false;
}

/* Removes own links that nobody wants, and what a killed run left half-written. */
static int drop_stale(struct links *l)
{
    autostrv names = {0};
    int rc = fs_list(l->dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        if (find_link(l, names.v[i]) || !is_program(names.v[i]))
            continue;
        autofree char *path = path_join(l->dir, names.v[i]);
        autofree char *present = own_content(l, path);
        bool half = l->own_dir && str_ends(names.v[i], ".tmp");
        if ((present || half) && unlink(path) < 0 && errno != ENOENT)
            rc = fail_errno(E_FAILED, "cannot remove %s", path);
    }
    return rc;
}

static int make_links(struct links *l)
{
    int rc = fs_mkdirs(l->dir, 0777);
    if (rc == 0)
        rc = drop_stale(l);
    for (size_t i = 0; rc == 0 && i < l->n; i++)
        rc = put_link(l, &l->v[i]);
    if (rc < 0 && !l->own_dir)
        return err_hint(rc, errno == EACCES || errno == EPERM
                                ? "run it with sudo, or choose a directory of your own"
                                : "choose another directory with --into DIR");
    if (rc < 0 || l->foreign.n == 0)
        return rc;
    autofree char *names = strv_join(&l->foreign, ", ");
    rc = fail(E_FAILED, "not ungil's own and left as found: %s", names);
    return err_hint(rc, "move it away and run \"ungil link%s\"; all other names are linked",
                    l->own_dir ? "" : " --into DIR");
}

/* Forgets the receipts of names that are about to go. */
static void leave_out(struct receipt **list, size_t *n, const char *const *names, size_t n_names)
{
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        bool out = false;
        for (size_t j = 0; j < n_names && !out; j++)
            out = strcmp(list[i]->name, names[j]) == 0;
        if (out)
            receipt_free(list[i]);
        else
            list[kept++] = list[i];
    }
    *n = kept;
}

static int link_but(const struct store *s, const char *into, const char *versions,
                    const char *const *names, size_t n_names)
{
    struct receipt **list;
    size_t n;
    int rc = store_list(s, &list, &n);
    if (rc < 0)
        return rc;
    leave_out(list, &n, names, n_names);
    autofree char *dir = into ? path_absolute(into) : xstrdup(s->bin);
    struct links *l = xcalloc(1, sizeof *l);
    *l = (struct links){
        .s = s, .dir = dir, .versions = versions, .own_dir = strcmp(dir, s->bin) == 0};
    for (size_t i = 0; i < n; i++)
        want_prefix(l, list[i]);
    want_default(l, list, n);
    rc = make_links(l);
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].name);
        free(l->v[i].program);
    }
    strv_free(&l->foreign);
    free(l);
    store_list_free(list, n);
    return rc;
}

int store_link(const struct store *s, const char *into)
{
    return link_but(s, into, s->versions, NULL, 0);
}

int store_link_as(const struct store *s, const char *as)
{
    autofree char *versions = path_join(as, "versions");
    return link_but(s, NULL, versions, NULL, 0);
}

int store_link_without(const struct store *s, const char *const *names, size_t n)
{
    return link_but(s, NULL, s->versions, names, n);
}

/* The newest GIL build; prereleases only when nothing else is there. */
static const struct receipt *newest_gil(struct receipt *const *list, size_t n)
{
    const struct receipt *newest = NULL;
    for (size_t i = 0; i < n; i++) {
        struct release release;
        if (*list[i]->suffix)
            continue;
        if (release_parse(list[i]->release, &release) && !release_is_prerelease(&release))
            return list[i];
        if (!newest)
            newest = list[i];
    }
    return newest;
}

char *store_default(const struct store *s, struct receipt *const *list, size_t n)
{
    autofree char *path = path_join(s->root, "default");
    autofree char *text = NULL;
    if (fs_read_text(path, &text) == 0)
        for (size_t i = 0; i < n; i++)
            if (strcmp(list[i]->name, str_trim(text)) == 0)
                return xstrdup(list[i]->name);
    const struct receipt *r = newest_gil(list, n);
    return r ? xstrdup(r->name) : NULL;
}

int store_set_default(const struct store *s, const char *name)
{
    autofree char *path = path_join(s->root, "default");
    if (!name)
        return unlink(path) < 0 && errno != ENOENT ? fail_errno(E_FAILED, "cannot remove %s", path)
                                                   : 0;
    autofree char *text = xasprintf("%s\n", name);
    return fs_write_atomic(path, text, strlen(text), 0644);
}
