/* Training data out of one machine's store into another's. An archive holds entries as they are in
 * the store: KEY/key.txt, KEY/training.json, KEY/data/... */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/training_store.h"
#include "io/archive.h"
#include "io/archive_write.h"

/* A build has some 500 files. */
enum { ENTRY_LIMIT = 200000 };

/* ---- Export ---- */

/* Adds what the archive gets of one entry, after it was compared with its digests. */
static int add_entry(const struct training_store *s, const char *key, struct strv *names)
{
    autofree char *dir = path_join(s->dir, key);
    struct training_entry e = {0};
    json_t *json = NULL;
    int rc = training_read(dir, key, &e, &json);
    if (rc == 0)
        rc = training_verify(dir, json);
    if (rc == E_INTEGRITY)
        err_hint(rc, "\"ungil training remove %.12s\" removes it; the next build trains anew", key);
    if (rc == 0) {
        for (size_t i = 0; i < (size_t)e.facts.files; i++)
            strv_addf(names, "%s/data/%s", key, training_file(json, i).path);
        strv_addf(names, "%s/key.txt", key);
        strv_addf(names, "%s/training.json", key);
    }
    json_decref(json);
    training_entry_free(&e);
    return rc;
}

int training_export(const char *cache, const struct strv *keys, const char *file)
{
    autotraining s = TRAINING_STORE_INIT;
    autostrv names = {0};
    int rc = training_open(cache, LOCK_SH, false, &s);
    if (rc == E_NOTFOUND)
        return fail(E_FAILED, "there is no training data in %s", cache);
    for (size_t i = 0; rc == 0 && i < keys->n; i++)
        rc = add_entry(&s, keys->v[i], &names);
    return rc < 0 ? rc : archive_pack(file, s.dir, &names);
}

/* ---- Import ---- */

struct arrival {
    const char *file;
    const char *key; /* the entry that is looked at */
    json_t *json;    /* its training.json */
};

static int refuse(const char *file, const char *why)
{
    int rc = fail(E_INTEGRITY, "%s is refused: %s", path_base(file), why);
    return err_hint(rc, "\"ungil training export\" makes such archives: get it again");
}

static bool is_listed(json_t *json, const char *path)
{
    size_t n = json_array_size(json_object_get(json, "files"));
    for (size_t low = 0, high = n; low < high;) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(path, training_file(json, middle).path);
        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Nothing comes in that training.json does not name. */
static int check_listed(const char *relative, const char *path, const struct stat *st, void *arg)
{
    const struct arrival *a = arg;
    (void)path;
    bool good = S_ISDIR(st->st_mode)
                    ? strcmp(relative, "data") == 0 || str_starts(relative, "data/")
                    : S_ISREG(st->st_mode) && (strcmp(relative, "key.txt") == 0 ||
                                               strcmp(relative, "training.json") == 0 ||
                                               (str_starts(relative, "data/") &&
                                                is_listed(a->json, relative + strlen("data/"))));
    if (good)
        return 0;
    autofree char *why = xasprintf("%.12s/%s is no training data", a->key, relative);
    for (char *c = why; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    return refuse(a->file, why);
}

/* One entry of what was unpacked: whole, and nothing beside it. From here on it is imported. */
static int check_entry(const char *file, const char *dir, const char *key)
{
    struct training_entry e = {0};
    struct arrival a = {.file = file, .key = key};
    int rc = training_is_key(key) && fs_is_dir(dir) ? 0 : refuse(file, "it holds something else");
    if (rc == 0 && (rc = training_read(dir, key, &e, &a.json)) == 0)
        rc = fs_walk(dir, check_listed, &a);
    if (rc == 0)
        rc = training_verify(dir, a.json);
    if (rc == 0) {
        char now[32];
        str_set(&e.facts.origin, xstrdup("imported"));
        rc = training_write(dir, e.key_text, &e.facts, clock_rfc3339(now),
                            json_object_get(a.json, "files"));
    }
    if (rc == E_INTEGRITY && !err_hint_text()) {
        err_context(rc, "%s is refused", path_base(file));
        err_hint(rc, "get it again");
    }
    json_decref(a.json);
    training_entry_free(&e);
    return rc;
}

/* What is damaged makes way for what is not. */
static bool is_sound(const char *dir, const char *key)
{
    struct training_entry e = {0};
    json_t *json = NULL;
    bool sound = training_read(dir, key, &e, &json) == 0 && training_verify(dir, json) == 0;
    if (!sound)
        err_clear();
    json_decref(json);
    training_entry_free(&e);
    return sound;
}

/* All of it was found good. */
static int take_in(const struct training_store *s, const char *dir, const struct strv *keys,
                   struct strv *imported, struct strv *there)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < keys->n; i++) {
        autofree char *from = path_join(dir, keys->v[i]), *to = path_join(s->dir, keys->v[i]);
        if (fs_exists(to) && is_sound(to, keys->v[i])) {
            strv_add(there, keys->v[i]);
            continue;
        }
        rc = training_publish(s, from, keys->v[i]);
        if (rc == 0)
            strv_add(imported, keys->v[i]);
    }
    return rc;
}

static int unpack(const char *file, const char *dir, unsigned long long limit, struct strv *keys)
{
    struct archive_limits limits = {
        .bytes = limit, .entries = ENTRY_LIMIT, .kind = "an archive of training data"};
    char size[16];
    int rc = archive_unpack(file, dir, 0, &limits);
    if (rc == E_INTEGRITY)
        err_hint(rc,
                 "get it again from whoever exported it; more than %s is never taken in "
                 "(UNGIL_TRAINING_MAX)",
                 str_bytes(size, limit));
    if (rc == 0)
        rc = fs_list(dir, keys);
    for (size_t i = 0; rc == 0 && i < keys->n; i++) {
        autofree char *entry = path_join(dir, keys->v[i]);
        rc = check_entry(file, entry, keys->v[i]);
    }
    return rc;
}

int training_import(const char *cache, const char *file, struct strv *imported, struct strv *there)
{
    autotraining s = TRAINING_STORE_INIT;
    autofree char *dir = NULL;
    autostrv keys = {0};
    unsigned long long limit;
    int rc = training_limit(&limit);
    if (rc == 0 && access(file, R_OK) < 0)
        rc = fail_errno(E_FAILED, "cannot read %s", file);
    if (rc == 0 && fs_is_dir(file))
        rc = err_hint(fail(E_FAILED, "%s is a directory", file),
                      "import what \"ungil training export\" made");
    if (rc == 0)
        rc = training_open(cache, LOCK_EX, true, &s);
    if (rc == 0)
        rc = fs_mkdtemp(s.dir, ".new", &dir);
    if (rc < 0)
        return rc;
    rc = unpack(file, dir, limit, &keys);
    if (rc == 0)
        rc = take_in(&s, dir, &keys, imported, there);
    if (rc == 0)
        rc = fs_remove_tree(dir);
    else
        fs_remove_tree(dir);
    return rc < 0 ? rc : training_trim(&s, limit);
}

/* ---- List ---- */

int training_list(const char *cache, struct training_entry **list, size_t *n)
{
    autotraining s = TRAINING_STORE_INIT;
    *list = NULL;
    *n = 0;
    int rc = training_open(cache, LOCK_SH, false, &s);
    return rc == E_NOTFOUND ? 0 : rc < 0 ? rc : training_entries(&s, list, n);
}
