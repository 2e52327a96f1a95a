/* The training store on disk: lock, entries, limit. */
#include "core/training_store.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/lock.h"
#include "base/log.h"
#include "base/proc.h"
#include "core/cache.h"
#include "core/text_json.h"

enum { TEXT_LIMIT = 16 << 20 };
static const char aside[] = ".removed", unfinished[] = ".new.";

/* ---- The store ---- */

/* Only who holds it alone may: what has such a name then belongs to nobody. */
static void sweep(const struct training_store *s)
{
    autostrv names = {0};
    int rc = fs_list(s->dir, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        if (str_starts(names.v[i], unfinished) || str_ends(names.v[i], aside)) {
            autofree char *path = path_join(s->dir, names.v[i]);
            rc = fs_remove_tree(path);
        }
    if (rc < 0)
        err_clear(); /* whoever needs the room will hear of it */
}

static bool is_current(int fd, const char *path)
{
    struct stat mine, there; /* not lock_is_current: it may be the caller's symbolic link */
    return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev &&
           mine.st_ino == there.st_ino;
}

int training_open(const char *cache, int how, bool make, struct training_store *s)
{
    s->dir = path_join(cache, "training");
    autofree char *waiting =
        xasprintf("another ungil is at work on the training data in %s; waiting", s->dir);
    for (;;) {
        int rc = make ? fs_mkdirs(s->dir, 0755) : 0;
        if (rc == 0)
            rc = cache_check_directory(s->dir, cache);
        if (rc < 0)
            return rc;
        s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (s->fd < 0 && errno == ENOENT && !make)
            return E_NOTFOUND;
        if (s->fd < 0 && errno != ENOENT)
            return fail_errno(E_FAILED, "cannot read %s", s->dir);
        rc = s->fd < 0 ? 0 : lock_wait(s->fd, how, s->dir, waiting, "XDG_CACHE_HOME");
        if (rc < 0)
            return rc;
        if (s->fd >= 0 && is_current(s->fd, s->dir))
            break;
        close_at(&s->fd); /* "clean" took it away meanwhile */
        s->fd = -1;
    }
    if (how == LOCK_EX)
        sweep(s);
    return 0;
}

void training_close(struct training_store *s)
{
    close_at(&s->fd);
    free(s->dir);
    *s = (struct training_store)TRAINING_STORE_INIT;
}

/* ---- What may be in it ---- */

static bool is_hex(const char *text)
{
    return strlen(text) == SHA256_HEX - 1 && strspn(text, "0123456789abcdef") == SHA256_HEX - 1;
}

bool training_is_key(const char *name)
{
    return is_hex(name);
}

bool training_is_data(const char *name)
{
    static const char *const ends[] = {".gcda", ".profclangd"};
    const char *base = path_base(name);
    for (size_t i = 0; i < lengthof(ends); i++)
        if (str_ends(base, ends[i]) && strlen(base) > strlen(ends[i]))
            return true;
    return false;
}

/* It can be shown on a terminal: no control characters, of which UTF-8 has some beyond ASCII. */
static bool is_text(const char *text)
{
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if ((iscntrl(*c) && *c != '\t') || (c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0))
            return false;
    return true;
}

/* A path below something, written in the one way it can be. */
static bool is_plain_path(const char *path)
{
    for (const char *p = path;;) {
        size_t n = strcspn(p, "/");
        if (n == 0 || (n == 1 && *p == '.') || (n == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += n;
        if (!*p)
            return is_text(path) && strlen(path) < 1024;
        p++;
    }
}

/* ---- Reading an entry ---- */

static int damaged(const char *key, const char *what)
{
    return fail(E_INTEGRITY, "the training data %.12s is damaged: %s", key, what);
}

bool training_is_key_text(const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n"), name = strcspn(text, "=\n");
        autofree char *line = xstrndup(text, n);
        if (name == 0 || name == n || !text[n] || !is_text(line))
            return false;
        text += n + 1;
    }
    return true;
}

struct training_file training_file(json_t *json, size_t i)
{
    json_t *file = json_array_get(json_object_get(json, "files"), i);
    return (struct training_file){
        .path = json_text(file, "path"),
        .sha256 = json_text(file, "sha256"),
        .size = (unsigned long long)json_integer_value(json_object_get(file, "size"))};
}

/* NULL, or what is wrong with the list of files; counts them. */
static const char *check_files(json_t *json, struct training_facts *facts)
{
    size_t n = json_array_size(json_object_get(json, "files"));
    const char *before = "";
    for (size_t i = 0; i < n; i++) {
        struct training_file f = training_file(json, i);
        if (!is_plain_path(f.path) || !training_is_data(f.path))
            return "training.json names a file that is no training data";
        if (strcmp(before, f.path) >= 0 || !is_hex(f.sha256) || f.size > 1ull << 40)
            return "training.json has no sound list of files";
        before = f.path;
        facts->bytes += f.size;
    }
    facts->files = (long)n;
    return n ? NULL : "training.json names no file";
}

/* Not more than one reads into memory, and nobody else can have written it. */
static bool is_text_file(const char *path, struct stat *out)
{
    struct stat st;
    bool is =
        lstat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= TEXT_LIMIT && fs_is_own(&st);
    if (is && out)
        *out = st;
    return is;
}

static char *fact(json_t *json, const char *name)
{
    const char *text = json_text(json, name);
    return *text && is_text(text) ? xstrdup(text) : NULL;
}

static int read_facts(const char *dir, struct training_entry *e, json_t **json)
{
    autofree char *path = path_join(dir, "training.json"), *text = NULL;
    size_t size;
    if (!is_text_file(path, NULL))
        return damaged(e->key, "it has no training.json that only its owner can write");
    int rc = fs_read(path, &text, &size);
    if (rc < 0)
        return rc;
    *json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(*json))
        return damaged(e->key, "its training.json is no JSON object");
    if (json_number(*json, "format") != 1)
        return damaged(e->key, "its training.json is of another format");
    e->facts = (struct training_facts){.origin = fact(*json, "origin"),
                                       .missing = (long)json_number(*json, "missing"),
                                       .date = fact(*json, "date"),
                                       .tests = fact(*json, "tests")};
    const char *wrong = check_files(*json, &e->facts);
    return wrong ? damaged(e->key, wrong) : 0;
}

int training_read(const char *dir, const char *key, struct training_entry *e, json_t **json)
{
    autofree char *path = path_join(dir, "key.txt"), *is = NULL;
    size_t size = 0;
    struct stat st;
    *e = (struct training_entry){.key = xstrdup(key)};
    *json = NULL;
    if (lstat(dir, &st) < 0 || !S_ISDIR(st.st_mode) || !fs_is_own(&st))
        return damaged(key, "it is no directory that only its owner can write to");
    if (!is_text_file(path, &st))
        return damaged(key, "it has no key.txt that only its owner can write");
    e->used = st.st_mtim;
    int rc = fs_read(path, &e->key_text, &size);
    if (rc < 0)
        return rc;
    is = training_key(e->key_text);
    if (strcmp(is, key) != 0 || strlen(e->key_text) != size)
        return damaged(key, "its key.txt belongs to another key");
    if (!training_is_key_text(e->key_text))
        return damaged(key, "its key.txt has a line that is not NAME=VALUE");
    return read_facts(dir, e, json);
}

void training_facts_free(struct training_facts *f)
{
    free(f->origin);
    free(f->date);
    free(f->tests);
    *f = (struct training_facts){0};
}

void training_entry_free(struct training_entry *e)
{
    free(e->key);
    free(e->key_text);
    free(e->damage);
    training_facts_free(&e->facts);
    *e = (struct training_entry){0};
}

void training_list_free(struct training_entry *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        training_entry_free(&list[i]);
    free(list);
}

int training_verify(const char *dir, json_t *json)
{
    autofree char *data = path_join(dir, "data");
    size_t n = json_array_size(json_object_get(json, "files"));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct training_file f = training_file(json, i);
        autofree char *path = path_join(data, f.path), *what = NULL;
        char hex[SHA256_HEX];
        struct stat st;
        if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
            what = xasprintf("%s is not there", f.path);
        else if ((unsigned long long)st.st_size != f.size)
            what =
                xasprintf("%s has %lld bytes and not %llu", f.path, (long long)st.st_size, f.size);
        else if ((rc = digest_file(path, hex)) == 0 && strcmp(hex, f.sha256) != 0)
            what = xasprintf("%s is not what was stored: its SHA-256 differs", f.path);
        if (what)
            rc = damaged(path_base(dir), what);
        else if (rc == 0)
            rc = proc_check();
    }
    return rc;
}

/* ---- Writing one ---- */

int training_copy(const char *from, int fd, const char *to, unsigned long long *size,
                  char hex[SHA256_HEX])
{
    autofd in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), out = fd;
    if (in < 0)
        return fail_errno(E_FAILED, "cannot read %s", from);
    struct digest *d = digest_new();
    char buf[65536];
    ssize_t n;
    int rc = 0;
    *size = 0;
    while (rc == 0 && (n = fs_read_fd(in, buf, sizeof buf)) != 0) {
        if (n < 0) {
            rc = fail_errno(E_FAILED, "cannot read %s", from);
            break;
        }
        if (fs_write_all(out, buf, (size_t)n) < 0)
            rc = fail_errno(E_FAILED, "cannot write %s", to);
        digest_add(d, buf, (size_t)n);
        *size += (unsigned long long)n;
    }
    digest_hex(d, hex);
    digest_free(d);
    fd = out;
    out = -1;
    if (close(fd) < 0 && rc == 0)
        rc = fail_errno(E_FAILED, "cannot write %s", to);
    return rc;
}

int training_write(const char *dir, const char *key_text, const struct training_facts *facts,
                   const char *imported, json_t *files)
{
    autofree char *key_file = path_join(dir, "key.txt"), *file = path_join(dir, "training.json");
    char now[32];
    json_t *json = json_pack("{s:i, s:o, s:o, s:o, s:o, s:I, s:O}", "format", 1, "origin",
                             text_json(facts->origin ? facts->origin : "trained here"), "date",
                             text_json(facts->date ? facts->date : clock_rfc3339(now)), "imported",
                             text_json(imported), "tests", text_json(facts->tests), "missing",
                             (json_int_t)facts->missing, "files", files);
    autofree char *text = json_dumps(json, JSON_INDENT(1));
    json_decref(json);
    int rc = text ? fs_write_atomic(key_file, key_text, strlen(key_text), 0644)
                  : fail(E_FAILED, "cannot make %s", file);
    return rc < 0 ? rc : fs_write_atomic(file, text, strlen(text), 0644);
}

int training_drop(const struct training_store *s, const char *key)
{
    autofree char *path = path_join(s->dir, key);
    return cache_remove(path);
}

int training_publish(const struct training_store *s, const char *dir, const char *key)
{
    autofree char *to = path_join(s->dir, key);
    if (chmod(dir, 0755) < 0)
        return fail_errno(E_FAILED, "cannot make %s", to);
    if (fs_exists(to)) {
        int rc = fs_rename_exchange(dir, to);
        if (rc == 0)
            return fs_remove_tree(dir);
        if (rc == E_NOTFOUND) /* in two steps, then */
            rc = training_drop(s, key);
        if (rc < 0)
            return rc;
    }
    return rename(dir, to) < 0 ? fail_errno(E_FAILED, "cannot rename %s to %s", dir, to) : 0;
}

void training_mark_used(const struct training_store *s, const char *key)
{
    autofree char *dir = path_join(s->dir, key), *path = path_join(dir, "key.txt");
    struct timespec now[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_NOW}};
    (void)!utimensat(AT_FDCWD, path, now, AT_SYMLINK_NOFOLLOW);
}

/* ---- All of them ---- */

static int compare_used(const void *a, const void *b)
{
    const struct training_entry *x = a, *y = b;
    if (x->used.tv_sec != y->used.tv_sec)
        return x->used.tv_sec < y->used.tv_sec ? 1 : -1;
    if (x->used.tv_nsec != y->used.tv_nsec)
        return x->used.tv_nsec < y->used.tv_nsec ? 1 : -1;
    return strcmp(x->key, y->key);
}

int training_entries(const struct training_store *s, struct training_entry **list, size_t *n)
{
    autostrv names = {0};
    *list = NULL;
    *n = 0;
    int rc = fs_list(s->dir, &names);
    if (rc < 0)
        return rc;
    struct training_entry *all = xcalloc(names.n, sizeof *all);
    for (size_t i = 0; i < names.n; i++) {
        autofree char *dir = path_join(s->dir, names.v[i]);
        json_t *json = NULL;
        if (!training_is_key(names.v[i]) || !fs_is_dir(dir))
            continue;
        struct training_entry *e = &all[(*n)++];
        if (training_read(dir, names.v[i], e, &json) < 0) {
            e->damage = xstrdup(err_message());
            err_clear();
        }
        json_decref(json);
    }
    if (*n > 1)
        qsort(all, *n, sizeof *all, compare_used);
    *list = all;
    return 0;
}

int training_trim(const struct training_store *s, unsigned long long limit)
{
    struct training_entry *list;
    size_t n;
    unsigned long long sum = 0;
    int rc = training_entries(s, &list, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        sum += list[i].facts.bytes;
        if (list[i].damage)
            warn("%s; it is removed", list[i].damage);
        if (sum > limit || list[i].damage)
            rc = training_drop(s, list[i].key);
    }
    training_list_free(list, n);
    return rc;
}
