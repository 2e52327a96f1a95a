/* Packing: from an installed prefix to a bundle, see bundle.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/bundle.h"
#include "core/bundle_copy.h"
#include "core/progress.h"
#include "core/receipt.h"
#include "core/text_json.h"
#include "io/archive_write.h"
#include "io/digest.h"

enum { LEVEL = 19 }; /* packed once, fetched by hundreds; unpacking takes no longer */

struct packing {
    struct bundle_copy copy;
    struct archive_writer *writer;
    struct strv libraries; /* "SHA-256 NAME" of static libraries that are in the archive */
    const struct progress *progress;
};

/* The name of an equal static library that is in the archive; NULL. Upstream has two of each. */
static int same_library(struct packing *p, const char *name, const char *path, char **same)
{
    char hex[SHA256_HEX];
    int rc = digest_file(path, hex);
    for (size_t i = 0; rc == 0 && i < p->libraries.n && !*same; i++)
        if (strncmp(p->libraries.v[i], hex, SHA256_HEX - 1) == 0)
            *same = xstrdup(p->libraries.v[i] + SHA256_HEX);
    if (rc == 0 && !*same)
        strv_addf(&p->libraries, "%s %s", hex, name);
    return rc;
}

static int add_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct packing *p = arg;
    progress_tick(p->progress);
    if (strcmp(relative, "ungil.json") == 0 || strcmp(relative, "ungil.mtree") == 0)
        return 0; /* they came first */
    autofree char *name = xasprintf("%s/%s", p->copy.r->name, relative), *same = NULL;
    int rc = 0;
    if (S_ISREG(st->st_mode) && p->copy.part == BUNDLE_STATIC)
        rc = same_library(p, name, path, &same);
    return rc < 0 ? rc : archive_writer_add(p->writer, name, path, st, same);
}

static int add_head(struct packing *p, const char *relative)
{
    autofree char *path = *relative ? path_join(p->copy.dir, relative) : xstrdup(p->copy.dir);
    autofree char *name = xasprintf("%s/%s", p->copy.r->name, relative);
    struct stat st;
    if (lstat(path, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    st.st_mode = S_ISDIR(st.st_mode) ? S_IFDIR | 0755 : S_IFREG | 0644;
    return archive_writer_add(p->writer, name, path, &st, NULL);
}

static int write_archive(struct packing *p, const char *file)
{
    struct archive_writer_opts opts = {.mtime = p->copy.mtime, .level = LEVEL};
    int rc = archive_writer_open(file, &opts, &p->writer);
    if (rc < 0)
        return rc;
    rc = add_head(p, "");
    if (rc == 0)
        rc = add_head(p, "ungil.json");
    if (rc == 0)
        rc = add_head(p, "ungil.mtree");
    if (rc == 0)
        rc = fs_walk(p->copy.dir, add_one, p);
    int closed = archive_writer_close(p->writer, rc == 0);
    return rc < 0 ? rc : closed;
}

static char *file_name(const struct packing *p, const char *file)
{
    bool main_part = p->copy.part == BUNDLE_MAIN;
    autofree char *name =
        xasprintf("%s-%s%s%s.tar.zst", p->copy.r->name, p->copy.platform, main_part ? "" : "-",
                  main_part ? "" : bundle_part_names[p->copy.part]);
    if (!file)
        return steal(&name);
    struct stat st;
    bool directory = str_ends(file, "/") || (stat(file, &st) == 0 && S_ISDIR(st.st_mode));
    if (!directory)
        return xstrdup(file);
    return str_ends(file, "/") ? xasprintf("%s%s", file, name) : path_join(file, name);
}

static int describe(struct bundle_made *made)
{
    char hex[SHA256_HEX];
    struct stat st;
    autofree char *real = realpath(made->file, NULL); /* no digest is made through a link */
    int rc = digest_file(real ? real : made->file, hex);
    if (rc == 0 && stat(made->file, &st) < 0)
        rc = fail_errno(E_FAILED, "cannot read %s", made->file);
    if (rc < 0)
        return rc;
    made->sha256 = xstrdup(hex);
    made->bytes = (unsigned long long)st.st_size;
    return 0;
}

int bundle_pack(const struct store *s, const struct receipt *r, enum bundle_part part,
                const char *file, const char *cache, const struct progress *progress,
                struct bundle_made *made)
{
    struct packing p = {.progress = progress};
    *made = (struct bundle_made){0};
    int rc = bundle_copy_make(s, r, part, cache, &p.copy);
    if (rc == 0) {
        made->manifest = xstrdup(bundle_copy_digest(&p.copy));
        made->file = file_name(&p, file);
        rc = write_archive(&p, made->file);
    }
    if (rc == 0)
        rc = describe(made);
    bundle_copy_free(&p.copy);
    strv_free(&p.libraries);
    if (rc < 0)
        bundle_made_free(made);
    return rc;
}

int bundle_repack(const char *prefix, const char *receipt, const struct receipt *r,
                  enum bundle_part part, long mtime, const char *dir,
                  const struct progress *progress, struct bundle_made *made)
{
    struct packing p = {.copy = {.r = r, .part = part, .mtime = mtime}, .progress = progress};
    autofree char *file = path_join(prefix, "ungil.json");
    p.copy.dir = xstrdup(prefix);
    p.copy.platform = xstrdup(json_text(r->json, "platform"));
    *made = (struct bundle_made){0};
    int rc = fs_write_atomic(file, receipt, strlen(receipt), 0644);
    if (rc == 0) {
        made->file = file_name(&p, dir);
        rc = write_archive(&p, made->file);
    }
    if (rc == 0)
        rc = describe(made);
    free(p.copy.dir); /* it stays there */
    free(p.copy.platform);
    strv_free(&p.libraries);
    if (rc < 0)
        bundle_made_free(made);
    return rc;
}

void bundle_made_free(struct bundle_made *m)
{
    free(m->file);
    free(m->sha256);
    free(m->manifest);
    *m = (struct bundle_made){0};
}
