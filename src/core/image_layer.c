#include "core/image_layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/archive_write.h"
#include "io/digest.h"

struct layering {
    const char *below;
    struct archive_writer *writer;
};

static mode_t mode_of(const char *name, mode_t mode)
{
    if (S_ISDIR(mode)) {
        bool common = strcmp(name, "tmp") == 0 || strcmp(name, "var/tmp") == 0;
        return S_IFDIR | (common ? 01777 : 0755);
    }
    return (mode & S_IFMT) | (S_ISLNK(mode) ? 0777 : mode & 0111 ? 0755 : 0644);
}

static int add_one(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct layering *l = arg;
    autofree char *name = *l->below ? path_join(l->below, relative) : xstrdup(relative);
    struct stat plain = *st;
    plain.st_mode = mode_of(name, st->st_mode);
    return archive_writer_add(l->writer, name, path, &plain, NULL);
}

/* The directories that lead to `below`. */
static int add_parents(struct layering *l)
{
    struct stat st = {.st_mode = S_IFDIR | 0755};
    int rc = 0;
    for (const char *at = l->below; rc == 0 && *at; at += *at == '/') {
        at += strcspn(at, "/");
        autofree char *name = xstrndup(l->below, (size_t)(at - l->below));
        rc = archive_writer_add(l->writer, name, "", &st, NULL);
    }
    return rc;
}

static int write_tar(const char *dir, const char *below, long mtime, const char *file)
{
    struct layering l = {.below = below};
    struct archive_writer_opts opts = {.mtime = mtime, .plain = true};
    int rc = archive_writer_open(file, &opts, &l.writer);
    if (rc < 0)
        return rc;
    rc = add_parents(&l);
    if (rc == 0)
        rc = fs_walk(dir, add_one, &l);
    int closed = archive_writer_close(l.writer, rc == 0);
    return rc < 0 ? rc : closed;
}

int image_layer_write(const char *dir, const char *below, long mtime, const char *work,
                      const char *what, struct image_layer *out)
{
    autofree char *tar = xasprintf("%s/layer.tar", work), *packed = xasprintf("%s.gz", tar);
    char hex[SHA256_HEX];
    struct stat st;
    *out = (struct image_layer){.what = xstrdup(what)};
    int rc = write_tar(dir, below, mtime, tar);
    if (rc == 0)
        rc = digest_file(tar, hex);
    if (rc == 0 && stat(tar, &st) < 0)
        rc = fail_errno(E_FAILED, "cannot read %s", tar);
    if (rc == 0)
        rc = archive_gzip(tar, packed);
    unlink(tar);
    if (rc == 0)
        rc = oci_describe_file(OCI_LAYER_GZIP_TYPE, packed, &out->d);
    if (rc < 0)
        return rc;
    snprintf(out->diff_id, sizeof out->diff_id, "sha256:%s", hex);
    out->unpacked = (unsigned long long)st.st_size;
    out->path = xasprintf("%s/%s.tar.gz", work, strchr(out->d.digest, ':') + 1);
    return rename(packed, out->path) < 0 ? fail_errno(E_FAILED, "cannot write %s", out->path) : 0;
}

void image_layer_free(struct image_layer *l)
{
    free(l->path);
    free(l->what);
    *l = (struct image_layer){0};
}
