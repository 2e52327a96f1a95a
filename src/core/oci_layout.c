/* OCI image layouts, see oci_layout.h. Nothing appears under its name before it is complete, and
 * index.json, which names what there is, is written last. */
#include "core/oci_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/proc.h"
#include "core/text_json.h"
#include "io/archive_name.h"
#include "io/digest.h"

static const char version_text[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
static const char version_name[] = "oci-layout", index_name[] = "index.json";
static const char blobs_name[] = "blobs/sha256", half_end[] = ".tmp";
static const char ref_name[] = "org.opencontainers.image.ref.name";

enum { VERSION_LIMIT = 4096 }; /* bytes; it has 30 */
enum { STALE_SECONDS = 60 };   /* a half-written file that nobody has touched for so long */

/* ---- The directory ---- */

static int not_a_layout(const char *dir)
{
    return err_hint(fail(E_USAGE, "%s is not an image layout: it holds other things", dir),
                    "give a new or empty directory, or one that image layouts were written to");
}

/* E_NOTFOUND, silently, for what is not there or a symbolic link. Nobody is waited for at the other
 * end of a fifo. */
static int read_limited(const char *path, size_t limit, struct str *out)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ELOOP))
        return E_NOTFOUND;
    char buf[65536];
    ssize_t n = -1;
    while (fd >= 0 && (n = fs_read_fd(fd, buf, sizeof buf)) > 0 && out->len <= limit)
        str_addn(out, buf, (size_t)n);
    return n < 0 ? fail_errno(E_FAILED, "cannot read %s", path) : 0;
}

static int check_version(const char *dir)
{
    autofree char *path = path_join(dir, version_name);
    autostr text = {0};
    int rc = read_limited(path, VERSION_LIMIT, &text);
    if (rc < 0)
        return rc;
    json_t *json = json_loadb(text.s ? text.s : "", text.len, JSON_REJECT_DUPLICATES, NULL);
    bool known = strncmp(json_text(json, "imageLayoutVersion"), "1.", 2) == 0;
    json_decref(json);
    return known ? 0
                 : fail(E_INTEGRITY, "%s is not an image layout of a version that this ungil knows",
                        dir);
}

/* What a killed run left of a blob. */
static void sweep(const char *blobs)
{
    autostrv names = {0};
    if (fs_list(blobs, &names) < 0)
        err_clear();
    for (size_t i = 0; i < names.n; i++) {
        autofree char *path = path_join(blobs, names.v[i]);
        struct stat st;
        if (!str_ends(names.v[i], half_end) || lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
            continue;
        autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0 && st.st_mtime + STALE_SECONDS < time(NULL) && lock_try(fd, LOCK_EX))
            unlink(path);
    }
}

int layout_open(const char *dir)
{
    autofree char *blobs = path_join(dir, blobs_name), *version = path_join(dir, version_name);
    autostrv names = {0};
    int rc = check_version(dir);
    if (rc != 0 && rc != E_NOTFOUND)
        return rc;
    if (rc == E_NOTFOUND) {
        rc = fs_list(dir, &names);
        bool ours = names.n == 0 || (names.n == 1 && strcmp(names.v[0], "blobs") == 0);
        if (rc == 0 && !ours)
            return not_a_layout(dir);
        if (rc == 0)
            rc = fs_mkdirs(blobs, 0777);
        return rc == 0 ? fs_write_atomic(version, version_text, strlen(version_text), 0644) : rc;
    }
    rc = fs_mkdirs(blobs, 0777);
    if (rc == 0)
        sweep(blobs);
    return rc;
}

char *layout_blob(const char *dir, const char *digest)
{
    return xasprintf("%s/%s/%s", dir, blobs_name, digest + strlen("sha256:"));
}

/* ---- Blobs ---- */

/* A file in the blobs' directory that is locked while it is written; the descriptor or an error. */
static int open_half(const char *dir, char **path)
{
    *path = xasprintf("%s/%s/XXXXXX%s", dir, blobs_name, half_end);
    int fd = mkostemps(*path, (int)strlen(half_end), O_CLOEXEC);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot write in %s", dir);
    lock_try(fd, LOCK_EX);
    return fd;
}

/* Under its name; what was there is the same, or was damaged. */
static int complete(int fd, const char *half, const char *dir, const struct oci_descriptor *d)
{
    autofree char *blob = layout_blob(dir, d->digest);
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(fd, 0666 & ~mask) < 0 || fsync(fd) < 0 || rename(half, blob) < 0)
        return fail_errno(E_FAILED, "cannot write %s", blob);
    return 0;
}

/* Whether it is there and what its name says. */
static bool is_there(const char *dir, const struct oci_descriptor *d)
{
    autofree char *blob = layout_blob(dir, d->digest);
    char hex[SHA256_HEX];
    struct stat st;
    if (lstat(blob, &st) < 0 || !S_ISREG(st.st_mode) || (unsigned long long)st.st_size != d->size)
        return false;
    if (digest_file(blob, hex) < 0) {
        err_clear();
        return false;
    }
    return strcmp(hex, d->digest + strlen("sha256:")) == 0;
}

int layout_write(const char *dir, const char *media_type, const void *data, size_t size,
                 struct oci_descriptor *d)
{
    autofree char *half = NULL;
    oci_describe(media_type, data, size, d);
    if (is_there(dir, d))
        return 0;
    autofd fd = open_half(dir, &half);
    if (fd < 0)
        return fd;
    int rc = fs_write_all(fd, data, size) < 0 ? fail_errno(E_FAILED, "cannot write %s", half) : 0;
    if (rc == 0)
        rc = complete(fd, half, dir, d);
    if (rc < 0)
        unlink(half);
    return rc;
}

/* A copy, compared with `d` while it is made: the file may change. */
static int copy_in(const char *dir, const char *path, const struct oci_descriptor *d)
{
    autofree char *half = NULL;
    char buf[65536], hex[SHA256_HEX];
    autofd from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    autofd fd = open_half(dir, &half);
    if (fd < 0)
        return fd;
    struct digest *digest = digest_new();
    ssize_t n = 0;
    int rc = 0;
    while (rc == 0 && (n = fs_read_fd(from, buf, sizeof buf)) > 0) {
        digest_add(digest, buf, (size_t)n);
        rc = proc_check();
        if (rc == 0 && fs_write_all(fd, buf, (size_t)n) < 0)
            rc = fail_errno(E_FAILED, "cannot write %s", half);
    }
    if (rc == 0 && n < 0)
        rc = fail_errno(E_FAILED, "cannot read %s", path);
    digest_hex(digest, hex);
    digest_free(digest);
    if (rc == 0 && strcmp(hex, d->digest + strlen("sha256:")) != 0)
        rc = fail(E_INTEGRITY, "%s changed while it was read", path);
    if (rc == 0)
        rc = complete(fd, half, dir, d);
    if (rc < 0)
        unlink(half);
    return rc;
}

int layout_take(const char *dir, const char *media_type, const char *path, struct oci_descriptor *d)
{
    int rc = oci_describe_file(media_type, path, d);
    if (rc < 0 || is_there(dir, d))
        return rc;
    return copy_in(dir, path, d);
}

int layout_read(const char *dir, const struct oci_descriptor *d, size_t limit, char **data)
{
    autofree char *path = layout_blob(dir, d->digest);
    struct oci_descriptor is;
    autostr text = {0};
    *data = NULL;
    if (d->size > limit)
        return fail(E_INTEGRITY, "%s: %s has %llu bytes, more than the %zu it may have", dir,
                    d->digest, d->size, limit);
    int rc = read_limited(path, limit, &text);
    if (rc == E_NOTFOUND)
        return fail(E_INTEGRITY, "%s lacks the blob %s", dir, d->digest);
    if (rc < 0)
        return rc;
    oci_describe(d->media_type, text.s ? text.s : "", text.len, &is);
    if (is.size != d->size)
        return fail(E_INTEGRITY, "%s has %zu bytes or more, and should have %llu", path, text.len,
                    d->size);
    if (strcmp(is.digest, d->digest) != 0)
        return fail(E_INTEGRITY, "%s has the digest %s", path, is.digest);
    *data = str_take(&text);
    return 0;
}

/* ---- The index ---- */

static const char *name_of(json_t *entry)
{
    return json_text(json_object_get(entry, "annotations"), ref_name);
}

/* The array of entries of index.json, in *index (owned; a new one where there is none). */
static int read_index(const char *dir, json_t **index)
{
    autofree char *path = path_join(dir, index_name);
    autostr text = {0};
    int rc = read_limited(path, OCI_MANIFEST_LIMIT, &text);
    if (rc == E_NOTFOUND) {
        *index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", OCI_INDEX_TYPE,
                           "manifests");
        return 0;
    }
    if (rc < 0)
        return rc;
    if (text.len > OCI_MANIFEST_LIMIT)
        return fail(E_INTEGRITY, "%s is larger than it may be", path);
    *index = json_loadb(text.s ? text.s : "", text.len, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_array(json_object_get(*index, "manifests")))
        return 0;
    json_decref(*index);
    *index = NULL;
    return fail(E_INTEGRITY, "%s is not the index of an image layout", path);
}

static json_t *entry_of(const char *name, const struct oci_descriptor *d, json_t *platform)
{
    json_t *annotations = json_pack("{s:o}", ref_name, text_json(name));
    json_t *entry = oci_descriptor_json(d, annotations);
    json_decref(annotations);
    if (platform)
        json_object_set(entry, "platform", platform);
    return entry;
}

int layout_name(const char *dir, const char *name, const struct oci_descriptor *d, json_t *platform)
{
    autofree char *path = path_join(dir, index_name), *version = path_join(dir, version_name);
    autofree char *blobs = path_join(dir, blobs_name);
    json_t *index = NULL;
    autofd lock = open(version, O_RDONLY | O_CLOEXEC);
    if (lock < 0)
        return fail_errno(E_FAILED, "cannot open %s", version);
    int rc = lock_wait(lock, LOCK_EX, version, "another program writes to this image layout", NULL);
    if (rc == 0)
        rc = fs_sync_dir(blobs);
    if (rc == 0)
        rc = read_index(dir, &index);
    if (rc < 0)
        return rc;
    json_t *list = json_object_get(index, "manifests");
    for (size_t i = json_array_size(list); i-- > 0;)
        if (strcmp(name_of(json_array_get(list, i)), name) == 0)
            json_array_remove(list, i);
    json_array_append_new(list, entry_of(name, d, platform));
    autofree char *text = oci_text(index);
    json_decref(index);
    return fs_write_atomic(path, text, strlen(text), 0644);
}

static int no_such_name(const char *dir, const char *name, json_t *list)
{
    enum { NAMED = 10 };
    autostrv names = {0};
    for (size_t i = 0; i < json_array_size(list) && names.n < NAMED; i++)
        if (*name_of(json_array_get(list, i)))
            strv_add(&names, name_of(json_array_get(list, i)));
    autofree char *all = strv_join(&names, ", "), *text = archive_printable(all);
    int rc = name ? fail(E_NOTFOUND, "%s has no image \"%s\"", dir, name)
                  : fail(E_NOTFOUND,
                         json_array_size(list) ? "%s has several images" : "%s has no image", dir);
    return names.n ? err_hint(rc, "it has: %s; choose with oci:%s:TAG", text, dir) : rc;
}

int layout_find(const char *dir, const char *name, struct oci_descriptor *d)
{
    json_t *index = NULL, *found = NULL;
    int rc = fs_is_dir(dir) || fs_exists(dir) ? check_version(dir) : E_NOTFOUND;
    if (rc == E_NOTFOUND)
        return err_hint(fail(E_NOTFOUND, "%s is not an image layout", dir), "it has no file %s",
                        version_name);
    if (rc == 0)
        rc = read_index(dir, &index);
    if (rc < 0)
        return rc;
    json_t *list = json_object_get(index, "manifests"), *entry;
    size_t i;
    if (!name && json_array_size(list) == 1)
        found = json_array_get(list, 0);
    json_array_foreach(list, i, entry) if (name && strcmp(name_of(entry), name) == 0) found = entry;
    autofree char *where = path_join(dir, index_name);
    rc = found ? oci_descriptor_parse(found, where, d) : no_such_name(dir, name, list);
    json_decref(index);
    return rc;
}
