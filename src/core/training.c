/* Training data comes out of the store into a build tree, and from there into it. */
#include "core/training.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/cache.h"
#include "core/training_store.h"

char *training_key(const char *key_text)
{
    char hex[SHA256_HEX];
    digest_text(key_text, hex);
    return xstrdup(hex);
}

/* ---- The limit ---- */

int training_limit(unsigned long long *bytes)
{
    static const char units[] = "KMG";
    const char *value = getenv("UNGIL_TRAINING_MAX");
    *bytes = 1ull << 30;
    if (!value || !*value)
        return 0;
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(value, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    int shift = unit ? 10 * (int)(unit - units + 1) : 0;
    bool good = *value >= '0' && *value <= '9' && errno == 0 && (!*end || (unit && !end[1]));
    if (!good || number > ~0ull >> shift >> 1)
        return err_hint(fail(E_USAGE, "UNGIL_TRAINING_MAX is \"%s\", which is no size", value),
                        "bytes, or with K, M or G behind: UNGIL_TRAINING_MAX=500M; 0 keeps none");
    *bytes = number << shift;
    return 0;
}

/* ---- Restore ---- */

/* Half of the data would be used without a word. */
static void take_back(const char *tree, json_t *json, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        autofree char *path = path_join(tree, training_file(json, i).path);
        unlink(path);
    }
}

static int place(const char *dir, json_t *json, const char *tree)
{
    size_t n = json_array_size(json_object_get(json, "files")), made = 0;
    struct fs_beneath *beneath = NULL;
    int rc = fs_beneath_open(tree, &beneath);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct training_file f = training_file(json, i);
        autofree char *from = path_join(dir, "data"), *path = path_join(from, f.path);
        autofree char *to = path_join(tree, f.path);
        char hex[SHA256_HEX];
        unsigned long long size;
        int fd = fs_beneath_create(beneath, f.path, 0644);
        made += fd >= 0;
        rc = fd < 0 ? fd : training_copy(path, fd, to, &size, hex);
        if (rc == 0 && strcmp(hex, f.sha256) != 0)
            rc = fail(E_FAILED, "%s changed while it was copied", path);
        if (rc == 0)
            rc = proc_check();
    }
    if (rc < 0)
        take_back(tree, json, made);
    fs_beneath_free(beneath);
    return rc;
}

/* It goes, so that the next build does not stumble over it again. */
static int give_up(const struct training_store *s, const char *key)
{
    warn("%s; it is removed", err_message());
    err_clear();
    return training_drop(s, key);
}

int training_restore(const char *cache, const char *key_text, const char *tree, bool *found,
                     struct training_facts *facts)
{
    autofree char *key = training_key(key_text);
    autotraining s = TRAINING_STORE_INIT;
    struct training_entry e = {0};
    unsigned long long limit;
    json_t *json = NULL;
    *found = false;
    *facts = (struct training_facts){0};
    int rc = training_limit(&limit);
    if (rc == 0)
        rc = training_open(cache, LOCK_EX, false, &s);
    if (rc < 0)
        return rc == E_NOTFOUND ? 0 : rc;
    autofree char *dir = path_join(s.dir, key);
    if (!fs_exists(dir)) {
        training_explain(&s, key_text);
        return 0;
    }
    rc = training_read(dir, key, &e, &json);
    if (rc == 0)
        rc = training_verify(dir, json);
    if (rc == E_INTEGRITY) {
        rc = give_up(&s, key);
    } else if (rc == 0) {
        rc = place(dir, json, tree);
        *found = rc == 0;
    }
    if (*found) {
        training_mark_used(&s, key);
        *facts = e.facts;
        e.facts = (struct training_facts){0};
    }
    json_decref(json);
    training_entry_free(&e);
    return rc;
}

/* ---- Save ---- */

struct collecting {
    const char *dir, *tree; /* the new entry's data/; where it comes from */
    struct fs_beneath *beneath;
    json_t *files;
    struct training_facts *facts;
};

static int collect(const char *relative, const char *path, const struct stat *st, void *arg)
{
    struct collecting *c = arg;
    char hex[SHA256_HEX];
    unsigned long long size;
    if (!S_ISREG(st->st_mode) || !training_is_data(relative))
        return 0;
    int rc = proc_check();
    if (rc < 0)
        return rc;
    json_t *name = json_string(relative);
    if (!name)
        return fail(E_FAILED, "the path of %s is not UTF-8", path);
    autofree char *to = path_join(c->dir, relative);
    int fd = fs_beneath_create(c->beneath, relative, 0644);
    rc = fd < 0 ? fd : training_copy(path, fd, to, &size, hex);
    if (rc < 0) {
        json_decref(name);
        return rc;
    }
    c->facts->files++;
    c->facts->bytes += size;
    json_array_append_new(c->files, json_pack("{s:o, s:I, s:s}", "path", name, "size",
                                              (json_int_t)size, "sha256", hex));
    return 0;
}

/* fs_walk's order is by directory; that of an entry is by the whole path. */
static int compare_files(const void *a, const void *b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "path")),
                  json_string_value(json_object_get(*(json_t *const *)b, "path")));
}

static json_t *sorted(json_t *files)
{
    size_t n = json_array_size(files);
    json_t **list = xcalloc(n, sizeof *list), *out = json_array();
    for (size_t i = 0; i < n; i++)
        list[i] = json_array_get(files, i);
    if (n > 1)
        qsort(list, n, sizeof *list, compare_files);
    for (size_t i = 0; i < n; i++)
        json_array_append(out, list[i]);
    free(list);
    json_decref(files);
    return out;
}

/* Into the directory `dir`, which nobody else sees. */
static int fill(const char *dir, const char *key_text, const char *tree, unsigned long long limit,
                struct training_facts *facts)
{
    autofree char *data = path_join(dir, "data");
    struct collecting c = {.dir = data, .tree = tree, .files = json_array(), .facts = facts};
    char takes[16], allowed[16];
    int rc = fs_mkdirs(data, 0755);
    if (rc == 0)
        rc = fs_beneath_open(data, &c.beneath);
    if (rc == 0)
        rc = fs_walk(tree, collect, &c);
    fs_beneath_free(c.beneath);
    if (rc == 0 && facts->files == 0)
        rc = fail(E_FAILED, "there is none below %s", tree);
    if (rc == 0 && facts->bytes > limit)
        rc = fail(E_FAILED, "it takes %s, and the store may have %s (UNGIL_TRAINING_MAX)",
                  str_bytes(takes, facts->bytes), str_bytes(allowed, limit));
    c.files = sorted(c.files);
    if (rc == 0)
        rc = training_write(dir, key_text, facts, NULL, c.files);
    json_decref(c.files);
    return rc;
}

int training_save(const char *cache, const char *key_text, const char *tree,
                  const struct training_facts *facts)
{
    autofree char *key = training_key(key_text), *dir = NULL;
    autotraining s = TRAINING_STORE_INIT;
    unsigned long long limit;
    struct training_facts counted = *facts;
    counted.files = 0;
    counted.bytes = 0;
    int rc = training_limit(&limit);
    if (rc < 0 || limit == 0)
        return rc;
    if (!training_is_key_text(key_text))
        return fail(E_FAILED, "what it depends on has a line that is not NAME=VALUE");
    rc = training_open(cache, LOCK_EX, true, &s);
    if (rc == 0)
        rc = fs_mkdtemp(s.dir, ".new", &dir);
    if (rc < 0)
        return rc;
    rc = fill(dir, key_text, tree, limit, &counted);
    if (rc == 0)
        rc = training_publish(&s, dir, key);
    if (rc == 0)
        return training_trim(&s, limit);
    fs_remove_tree(dir);
    return rc;
}

/* ---- Out of it ---- */

int training_forget(const char *cache, const char *key_text)
{
    autostrv keys = {0};
    strv_take(&keys, training_key(key_text));
    return training_remove(cache, &keys);
}

int training_remove(const char *cache, const struct strv *keys)
{
    autotraining s = TRAINING_STORE_INIT;
    int rc = training_open(cache, LOCK_EX, false, &s);
    for (size_t i = 0; rc == 0 && i < keys->n; i++)
        rc = training_drop(&s, keys->v[i]);
    return rc == E_NOTFOUND ? 0 : rc;
}

int training_clean(const char *cache, bool dry_run, bool *held, unsigned long long *bytes)
{
    autofree char *dir = path_join(cache, "training");
    autofd fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *bytes = 0;
    *held = fd >= 0 && !lock_try(fd, LOCK_EX);
    if (*held)
        return 0;
    int rc = fs_usage(dir, bytes);
    return rc == 0 && !dry_run ? cache_remove(dir) : rc;
}
