/* From a prefix to layers and back, see bundle_layers.h. */
#include "core/bundle_layers.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "core/samefile.h"
#include "core/text_json.h"
#include "io/archive_write.h"

enum {
    LARGE = 30000,     /* bytes of a file that is a layer of its own */
    BUCKETS = 64,      /* of what is small in the library */
    REST_BUCKETS = 4,  /* of each directory elsewhere */
    LAYER_LIMIT = 2000 /* a prefix has 300 */
};

void bundle_layers_free(struct bundle_layers *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->v[i].at);
        free(l->v[i].path);
    }
    free(l->v);
    *l = (struct bundle_layers){0};
}

static struct bundle_layer *add_layer(struct bundle_layers *l, const char *at)
{
    l->v = xrealloc(l->v, (l->n + 1) * sizeof *l->v);
    l->v[l->n] = (struct bundle_layer){.at = xstrdup(at)};
    return &l->v[l->n++];
}

/* ---- Which layer a file is in ---- */

struct entry {
    char *relative; /* below the prefix */
    char *group;    /* all that begin at one directory and have one of these are a layer */
    bool in_library;
};

struct making {
    const struct bundle_copy *copy;
    const char *dir;
    char *library; /* "lib/python3.14t/" */
    struct entry *entries;
    size_t n, cap;
    struct bundle_layers *out;
};

static void making_free(struct making *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->entries[i].relative);
        free(m->entries[i].group);
    }
    free(m->entries);
    free(m->library);
}

/* FNV-1a: which bucket a name is in must be the same everywhere and for ever. */
static unsigned bucket(const char *name, unsigned buckets)
{
    unsigned hash = 2166136261u;
    for (const char *c = name; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return hash % buckets;
}

/* The directory of the standard library, by its os.py. */
static int find_library(struct making *m)
{
    autofree char *lib = path_join(m->copy->dir, "lib");
    autostrv names = {0};
    int rc = fs_list(lib, &names);
    for (size_t i = 0; rc == 0 && i < names.n && !m->library; i++) {
        autofree char *os = xasprintf("%s/%s/os.py", lib, names.v[i]);
        if (str_starts(names.v[i], "python") && fs_exists(os))
            m->library = xasprintf("lib/%s/", names.v[i]);
    }
    return rc;
}

/* What is the platform's, or one file's neighbour, and never equal in both variants. */
static bool is_neutral(const char *below)
{
    static const char *const others[] = {"lib-dynload/", "config-", "_sysconfig",
                                         "__pycache__/_sysconfig", "build-details.json"};
    for (size_t i = 0; i < lengthof(others); i++)
        if (str_starts(below, others[i]))
            return false;
    return !str_ends(below, ".dist-info/RECORD"); /* has the digest of bin/pip3.14t */
}

static char *library_group(const char *path, const char *below, const struct stat *st)
{
    if (str_starts(below, "site-packages/"))
        return xstrdup("site-packages"); /* pip: all of it is new, or nothing */
    autofree char *source = bytecode_source(below);
    struct stat of = *st;
    if (source) { /* beside what it was compiled from */
        autofree char *top = xstrndup(path, strlen(path) - strlen(below));
        autofree char *file = xasprintf("%s%s", top, source);
        if (lstat(file, &of) < 0)
            of.st_size = 0;
    }
    const char *name = source ? source : below;
    if (S_ISREG(of.st_mode) && of.st_size >= LARGE)
        return xasprintf("= %s", name);
    return xasprintf("# %02u", bucket(name, BUCKETS));
}

static char *other_group(const char *relative, const struct stat *st)
{
    if (S_ISREG(st->st_mode) && st->st_size >= LARGE)
        return xasprintf("= %s", relative);
    autofree char *dir = path_dir(relative);
    return xasprintf("# %s %u", dir, bucket(relative, REST_BUCKETS));
}

static int sort_out(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct making *m = arg;
    if (S_ISDIR(st->st_mode) || strcmp(relative, bundle_receipt_name) == 0 ||
        strcmp(relative, bundle_manifest_name) == 0)
        return 0;
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 4096;
        m->entries = xrealloc(m->entries, m->cap * sizeof *m->entries);
    }
    const char *below =
        m->library && str_starts(relative, m->library) ? relative + strlen(m->library) : NULL;
    bool in_library = below && is_neutral(below);
    m->entries[m->n++] = (struct entry){.relative = xstrdup(relative),
                                        .group = in_library ? library_group(path, below, st)
                                                            : other_group(relative, st),
                                        .in_library = in_library};
    return 0;
}

static bool same_layer(const struct entry *a, const struct entry *b)
{
    return a->in_library == b->in_library && strcmp(a->group, b->group) == 0;
}

static int by_layer(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->in_library != y->in_library)
        return x->in_library ? 1 : -1;
    int order = strcmp(x->group, y->group);
    return order ? order : strcmp(x->relative, y->relative);
}

/* ---- Writing ---- */

static int open_layer(struct making *m, unsigned long long bytes, struct archive_writer **w,
                      char **path)
{
    *path = xasprintf("%s/%zu.tar.zst", m->dir, m->out->n);
    /* The level decides how much memory is cleared first: not worth it for a few KB. */
    const struct archive_writer_opts opts = {.level = bytes < 1 << 18 ? 12 : 19, .scratch = true};
    return archive_writer_open(*path, &opts, w);
}

static int close_layer(struct making *m, struct archive_writer *w, int rc, const char *at,
                       char **path)
{
    int closed = archive_writer_close(w, rc == 0);
    if (rc < 0 || closed < 0)
        return rc < 0 ? rc : closed;
    struct bundle_layer *l = add_layer(m->out, at);
    l->path = steal(path);
    return oci_describe_file(BUNDLE_LAYER_TYPE, l->path, &l->d);
}

static int add_entry(struct archive_writer *w, const struct making *m, const char *relative,
                     size_t cut)
{
    autofree char *path = path_join(m->copy->dir, relative);
    struct stat st;
    if (lstat(path, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    return archive_writer_add(w, relative + cut, path, &st, NULL);
}

struct directories {
    struct archive_writer *w;
};

static int add_directory(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct directories *d = arg;
    return S_ISDIR(st->st_mode) ? archive_writer_add(d->w, relative, path, st, NULL) : 0;
}

static int make_head(struct making *m)
{
    struct directories d = {0};
    autofree char *path = NULL;
    int rc = open_layer(m, 1 << 20, &d.w, &path);
    if (rc < 0)
        return rc;
    rc = add_entry(d.w, m, bundle_manifest_name, 0);
    if (rc == 0)
        rc = fs_walk(m->copy->dir, add_directory, &d);
    return close_layer(m, d.w, rc, "", &path);
}

/* Entries `from` to `to`, which are one layer. */
static int make_layer(struct making *m, size_t from, size_t to)
{
    unsigned long long bytes = 0;
    for (size_t i = from; i < to; i++) {
        autofree char *path = path_join(m->copy->dir, m->entries[i].relative);
        struct stat st;
        if (lstat(path, &st) == 0)
            bytes += (unsigned long long)st.st_size;
    }
    struct archive_writer *w;
    autofree char *path = NULL;
    autofree char *at =
        m->entries[from].in_library ? xstrndup(m->library, strlen(m->library) - 1) : xstrdup("");
    size_t cut = *at ? strlen(m->library) : 0;
    int rc = open_layer(m, bytes, &w, &path);
    if (rc < 0)
        return rc;
    for (size_t i = from; rc == 0 && i < to; i++)
        rc = add_entry(w, m, m->entries[i].relative, cut);
    return close_layer(m, w, rc, at, &path);
}

int bundle_layers_make(const struct bundle_copy *copy, const char *dir, struct bundle_layers *out)
{
    struct making m = {.copy = copy, .dir = dir, .out = out};
    *out = (struct bundle_layers){0};
    int rc = find_library(&m);
    if (rc == 0)
        rc = fs_walk(copy->dir, sort_out, &m);
    if (rc == 0 && m.n)
        qsort(m.entries, m.n, sizeof *m.entries, by_layer);
    if (rc == 0)
        rc = make_head(&m);
    for (size_t from = 0, to; rc == 0 && from < m.n; from = to) {
        for (to = from + 1; to < m.n && same_layer(&m.entries[from], &m.entries[to]); to++)
            ;
        rc = make_layer(&m, from, to);
    }
    making_free(&m);
    if (rc < 0)
        bundle_layers_free(out);
    return rc;
}

/* ---- Reading ---- */

static int parse_layer(const struct arrival *a, json_t *json, struct bundle_layers *out)
{
    const char *at = json_text(json_object_get(json, "annotations"), BUNDLE_LAYER_AT);
    struct bundle_layer *l = add_layer(out, at);
    int rc = oci_descriptor_parse(json, a->label, &l->d);
    if (rc < 0)
        return rc;
    return strcmp(l->d.media_type, BUNDLE_LAYER_TYPE) == 0
               ? 0
               : arrival_refuse(a, NULL, "a layer of it is of a kind that bundles do not have");
}

int bundle_layers_parse(const struct arrival *a, json_t *manifest, struct bundle_layers *out)
{
    json_t *layers = json_object_get(manifest, "layers"), *layer;
    size_t i;
    int rc = 0;
    *out = (struct bundle_layers){0};
    if (json_array_size(layers) == 0 || json_array_size(layers) > LAYER_LIMIT)
        return arrival_refuse(a, NULL, "it has no layers, or more than any bundle");
    json_array_foreach(layers, i, layer)
    {
        rc = parse_layer(a, layer, out);
        if (rc < 0)
            break;
    }
    if (rc < 0)
        bundle_layers_free(out);
    return rc;
}

struct unpacking {
    struct arrival *a;
    const char *at;
};

/* An entry of a layer under its name below the prefix. */
static int take(const struct archive_mtree_entry *e, void *arg)
{
    const struct unpacking *u = arg;
    if (!*u->at)
        return arrival_take(u->a, e);
    autofree char *path = path_join(u->at, e->path);
    autofree char *link = e->type == 'h' ? path_join(u->at, e->link) : xstrdup(e->link);
    struct archive_mtree_entry whole = *e;
    whole.path = path;
    whole.link = link;
    return arrival_take(u->a, &whole);
}

static int unpack_layer(const struct bundle_layer *l, struct arrival *a, bool first)
{
    struct unpacking u = {.a = a, .at = l->at};
    const struct archive_limits limits = {
        .bytes = bundle_byte_limit,
        .entries = BUNDLE_ENTRY_LIMIT,
        .kind = bundle_kind,
        .each = take,
        .arg = &u,
        /* In the first one the order counts; the others are not worth a crew each. */
        .alone = first ? 1 : 0, /* the manifest */
        .alone_bytes = BUNDLE_MANIFEST_LIMIT,
        .threads = first || l->d.size < 1 << 20 ? 1 : cpu_count()};
    if (*l->at && !arrival_has_directory(a, l->at))
        return arrival_refuse(a, l->at, "is where a layer begins, and no directory of it");
    autofree char *dir = path_join(a->prefix, l->at);
    return archive_unpack(l->path, dir, 0, &limits);
}

static int set_time(const char *relative, const char *path, const struct stat *st, void *arg)
{
    (void)relative;
    (void)st;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = *(const long *)arg}};
    if (utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(E_FAILED, "cannot set the time of %s", path);
    return 0;
}

int bundle_layers_unpack(const struct bundle_layers *l, struct arrival *a, long mtime)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < l->n; i++) {
        rc = proc_check();
        if (rc == 0)
            rc = unpack_layer(&l->v[i], a, i == 0);
    }
    if (rc == 0)
        rc = arrival_check_complete(a);
    return rc == 0 ? fs_walk(a->prefix, set_time, &mtime) : rc;
}
