/* Writing a commit's tree as files; see git_tree.h. */
#include "io/git_tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"

#define TREE_FUNCTIONS(X)                                                                          \
    X(error_last)                                                                                  \
    X(odb_free)                                                                                    \
    X(odb_object_data)                                                                             \
    X(odb_object_free)                                                                             \
    X(odb_object_size)                                                                             \
    X(odb_read)                                                                                    \
    X(repository_free)                                                                             \
    X(repository_odb)                                                                              \
    X(repository_open)                                                                             \
    X(tree_entry_byindex)                                                                          \
    X(tree_entry_filemode)                                                                         \
    X(tree_entry_id)                                                                               \
    X(tree_entry_name)                                                                             \
    X(tree_entrycount)                                                                             \
    X(tree_free)                                                                                   \
    X(tree_lookup)
DL_API(git, git_, TREE_FUNCTIONS)

struct checkout {
    git_repository **repo; /* the caller's: opened again now and then */
    git_odb *odb;
    const char *local; /* path of a local repository, or NULL */
    const char *where; /* for messages */
    struct fs_beneath *out;
    unsigned reads;           /* objects read so far */
    unsigned long long bytes; /* written */
};

struct item { /* a file, symlink or directory of the tree */
    char *path;
    git_oid id;
    git_filemode_t mode;
};
struct list {
    struct item *v;
    size_t n, cap;
};

static void list_free(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->v[i].path);
    free(l->v);
}

int git_tree_fail(enum err code, const git_error *e, const char *what, const char *subject)
{
    const char *text = e && e->message ? e->message : "no reason given";
    int rc = proc_check();
    return rc < 0 ? rc : fail(code, "%s %s: %.*s", what, subject, (int)strcspn(text, "\r\n"), text);
}

static int git_fail(enum err code, const char *what, const char *subject)
{
    return git_tree_fail(code, git.error_last(), what, subject);
}

static int read_object(struct checkout *c, const git_oid *id, git_odb_object **object)
{
    if (git.odb_read(object, c->odb, id) < 0)
        return git_fail(E_UNREACHABLE, "an object is missing or damaged in", c->where);
    return 0;
}

static int write_blob(struct checkout *c, const char *path, git_filemode_t mode, const void *data,
                      size_t size)
{
    if (mode == GIT_FILEMODE_LINK) {
        autofree char *target = xstrndup(data, size);
        return fs_beneath_symlink(c->out, target, path);
    }
    autofd fd = fs_beneath_create(c->out, path, 0600);
    if (fd < 0)
        return fd;
    /* Here and not at creation, where the umask would have its say. */
    if (fchmod(fd, mode == GIT_FILEMODE_BLOB_EXECUTABLE ? 0755 : 0644) < 0)
        return fail_errno(E_FAILED, "cannot write %s", path);
    if (fs_write_all(fd, data, size) < 0)
        return fail_errno(E_FAILED, "cannot write %s", path);
    return 0;
}

/* A lookup in the index of a big pack makes about 150 KiB of it resident (the kernel maps around
 * each fault); only closing the repository gives that back. */
static int breathe(struct checkout *c)
{
    static const unsigned often = 64;
    if (!c->local || ++c->reads % often)
        return 0;
    git.odb_free(c->odb);
    git.repository_free(*c->repo);
    c->odb = NULL;
    *c->repo = NULL;
    if (git.repository_open(c->repo, c->local) < 0 || git.repository_odb(&c->odb, *c->repo) < 0)
        return git_fail(E_UNREACHABLE, "cannot open again", c->local);
    return 0;
}

static int write_file(struct checkout *c, const struct item *item)
{
    git_odb_object *object = NULL;
    int rc = proc_check();
    if (rc == 0)
        rc = breathe(c);
    if (rc == 0)
        rc = read_object(c, &item->id, &object);
    if (rc < 0)
        return rc;
    size_t size = git.odb_object_size(object);
    rc = write_blob(c, item->path, item->mode, git.odb_object_data(object), size);
    git.odb_object_free(object);
    c->bytes += size;
    return rc;
}

static void add_item(struct list *l, char *path, const git_tree_entry *e)
{
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 1024;
        l->v = xrealloc(l->v, l->cap * sizeof *l->v);
    }
    l->v[l->n++] = (struct item){path, *git.tree_entry_id(e), git.tree_entry_filemode(e)};
}

/* Submodules are left out: CPython has none, and nothing of them is pinned. */
static int list_directory(struct checkout *c, const git_oid *id, const char *below,
                          struct list *dirs, struct list *files)
{
    git_tree *tree = NULL;
    int rc = breathe(c);
    if (rc < 0)
        return rc;
    if (git.tree_lookup(&tree, *c->repo, id) < 0)
        return git_fail(E_UNREACHABLE, "a directory is missing or damaged in", c->where);
    for (size_t i = 0; i < git.tree_entrycount(tree); i++) {
        const git_tree_entry *e = git.tree_entry_byindex(tree, i);
        git_filemode_t mode = git.tree_entry_filemode(e);
        if (mode != GIT_FILEMODE_COMMIT)
            add_item(mode == GIT_FILEMODE_TREE ? dirs : files,
                     xasprintf("%s%s%s", below, *below ? "/" : "", git.tree_entry_name(e)), e);
    }
    git.tree_free(tree);
    return 0;
}

/* Everything is listed first, so that no libgit2 object is held while files are written. */
static int list_tree(struct checkout *c, const git_oid *tree, struct list *files)
{
    static const size_t most = 200000;
    __attribute__((cleanup(list_free))) struct list dirs = {0};
    int rc = list_directory(c, tree, "", &dirs, files);
    for (size_t i = 0; rc == 0 && i < dirs.n; i++) {
        const git_oid id = dirs.v[i].id;
        rc = list_directory(c, &id, dirs.v[i].path, &dirs, files);
        if (rc == 0 && (dirs.n > most || files->n > most))
            rc = fail(E_INTEGRITY, "%s: more than %zu files", c->where, most);
        if (rc == 0)
            rc = proc_check();
    }
    return rc;
}

int git_tree_write(git_repository **repo, const char *local, const char *where, const git_oid *tree,
                   const struct git_progress *progress, const char *dir)
{
    __attribute__((cleanup(list_free))) struct list files = {0};
    struct checkout c = {.repo = repo, .local = local, .where = where};
    int rc = DL_LOAD(git, LIBGIT2_SONAME);
    if (rc == 0 && git.repository_odb(&c.odb, *repo) < 0)
        rc = git_fail(E_FAILED, "cannot open the objects of", where);
    if (rc == 0)
        rc = fs_beneath_open(dir, &c.out);
    if (rc == 0)
        rc = list_tree(&c, tree, &files);
    for (size_t i = 0; rc == 0 && i < files.n; i++) {
        rc = write_file(&c, &files.v[i]);
        if (progress->update)
            progress->update(progress->arg, GIT_PHASE_CHECKOUT, (unsigned)i + 1, (unsigned)files.n,
                             c.bytes);
    }
    fs_beneath_free(c.out);
    if (c.odb)
        git.odb_free(c.odb);
    return rc;
}
