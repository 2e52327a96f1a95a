/* Reading a lock file: strict, because people edit and merge it. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/lockfile.h"
#include "core/release.h"
#include "io/ini.h"

enum { SIZE_LIMIT = 1 << 20 }; /* that of a pair on five platforms has 12 KB */

/* ---- What may stand where ---- */

enum form { ANY, HEX40, HEX64, NUMBER, WORD };

struct key {
    const char *name;
    enum form form;
    bool required;
};

static const struct key release_keys[] = {
    {"commit", HEX40, false}, {"engine", NUMBER, true},        {"preset", WORD, true},
    {"tree", HEX40, false},   {"sha256-tar.xz", HEX64, false}, {"sha256-tgz", HEX64, false},
};
static const struct key interpreter_keys[] = {
    {"recipe", HEX64, true},
    {"variant", WORD, true},
};
static const struct key platform_keys[] = {
    {"libc", ANY, false}, /* besides sonames */
};
static const struct key bundle_keys[] = {
    {"as", ANY, false},          {"cc1", ANY, false},        {"compiler", ANY, true},
    {"environment", ANY, false}, {"inputs", HEX64, true},    {"ld", ANY, false},
    {"program", ANY, true},      {"manifest", HEX64, true},  {"sha256", HEX64, true},
    {"toolchain", HEX64, false}, {"training", HEX64, false},
};

const char *const lock_kind_names[] = {"release", "interpreter", "platform", "bundle", NULL};

static const struct {
    const struct key *keys;
    size_t n;
    bool on_platform;
} kinds[LOCK_KINDS] = {
    {release_keys, lengthof(release_keys), false},
    {interpreter_keys, lengthof(interpreter_keys), false},
    {platform_keys, lengthof(platform_keys), true},
    {bundle_keys, lengthof(bundle_keys), true},
};

static const struct key *find_key(enum lock_kind kind, const char *name)
{
    for (size_t i = 0; i < kinds[kind].n; i++)
        if (strcmp(kinds[kind].keys[i].name, name) == 0)
            return &kinds[kind].keys[i];
    return NULL;
}

static bool is_soname(const char *name)
{
    return str_starts(name, "lib") && strstr(name, ".so");
}

static bool has_form(enum form form, const char *value)
{
    size_t n = strlen(value);
    bool hex = strspn(value, "0123456789abcdef") == n;
    switch (form) {
    case HEX40:
        return hex && n == 40;
    case HEX64:
        return hex && n == 64;
    case NUMBER:
        return n > 0 && n < 10 && strspn(value, "0123456789") == n;
    case WORD:
        return n > 0 && !strpbrk(value, " \t");
    default:
        return n > 0;
    }
}

static const char *const form_names[] = {
    [ANY] = "a value",
    [HEX40] = "40 lower-case hexadecimal digits (a git object id)",
    [HEX64] = "64 lower-case hexadecimal digits (a SHA-256)",
    [NUMBER] = "a number",
    [WORD] = "one word",
};

/* ---- One line ---- */

struct loading {
    struct lockfile *lock;
    bool begun, format; /* [lock] came; its format came */
    int lock_line;
};

static int on_format(struct loading *l, const char *key, const char *value)
{
    if (strcmp(key, "format") != 0)
        return err_hint(fail(E_USAGE, "[lock] %s: no such key", key), "known here: format");
    if (l->format)
        return fail(E_USAGE, "[lock] format: given a second time");
    if (!has_form(NUMBER, value) || atol(value) < 1)
        return fail(E_USAGE, "[lock] format = %s: expected %d", value, LOCK_FORMAT);
    if (atol(value) > LOCK_FORMAT)
        return err_hint(fail(E_USAGE,
                             "it was written by a newer ungil: its format is %s, this "
                             "ungil knows %d",
                             value, LOCK_FORMAT),
                        "use that version, or write the lock anew with this one");
    l->format = true;
    return 0;
}

static int unknown_section(const char *name)
{
    const char *names[LOCK_KINDS + 1];
    autofree char *word = xstrndup(name, strcspn(name, " "));
    for (size_t i = 0; i < LOCK_KINDS; i++)
        names[i] = lock_kind_names[i];
    names[LOCK_KINDS] = "lock";
    const char *nearest = str_nearest(word, names, lengthof(names));
    return err_hint(fail(E_USAGE, "[%s]: no such section", name),
                    "%s%s%sknown: [lock] [release RELEASE] [interpreter NAME] "
                    "[platform RELEASE PLATFORM] [bundle NAME PLATFORM]",
                    nearest ? "did you mean [" : "", nearest ? nearest : "", nearest ? "]? " : "");
}

/* The kind that a section's name begins with; LOCK_KINDS: none. */
static enum lock_kind kind_of(const char *name)
{
    size_t n = strcspn(name, " ");
    int kind = 0;
    while (kind < LOCK_KINDS &&
           (strlen(lock_kind_names[kind]) != n || strncmp(lock_kind_names[kind], name, n) != 0))
        kind++;
    return (enum lock_kind)kind;
}

static int on_section(struct loading *l, int line, const char *name)
{
    struct release parsed;
    autofree char *release = NULL, *suffix = NULL;
    autostrv words = {0};
    enum lock_kind kind = kind_of(name);
    if (kind == LOCK_KINDS)
        return unknown_section(name);
    strv_split(&words, name);
    bool named = kind == LOCK_INTERPRETER || kind == LOCK_BUNDLE;
    if (words.n != (kinds[kind].on_platform ? 3 : 2))
        return fail(E_USAGE, "[%s]: expected [%s %s%s]", name, lock_kind_names[kind],
                    named ? "NAME" : "RELEASE", kinds[kind].on_platform ? " PLATFORM" : "");
    const char *id = words.v[1], *platform = words.n > 2 ? words.v[2] : "";
    if (!named && !release_parse(id, &parsed))
        return fail(E_USAGE, "[%s]: \"%s\" is no release, as 3.14.7 is one", name, id);
    if (named && (!name_split(id, &release, &suffix) || !release_parse(release, &parsed)))
        return fail(E_USAGE, "[%s]: \"%s\" is no name, as 3.14.7t is one", name, id);
    if (words.n > 2 && (!strstr(platform, "-linux-") || strpbrk(platform, "/.")))
        return fail(E_USAGE, "[%s]: \"%s\" is no platform, as x86_64-linux-gnu is one", name,
                    platform);
    if (lockfile_find(l->lock, kind, id, platform))
        return fail(E_USAGE, "[%s]: this section is here a second time", name);
    lockfile_make(l->lock, kind, id, platform)->line = line;
    return 0;
}

static int unknown_key(enum lock_kind kind, const char *section, const char *key)
{
    const char *names[16];
    autostr known = {0};
    for (size_t i = 0; i < kinds[kind].n; i++) {
        names[i] = kinds[kind].keys[i].name;
        str_addf(&known, " %s", names[i]);
    }
    const char *nearest = str_nearest(key, names, kinds[kind].n);
    return err_hint(fail(E_USAGE, "[%s] %s: no such key", section, key), "%s%s%sknown here:%s%s",
                    nearest ? "did you mean \"" : "", nearest ? nearest : "", nearest ? "\"? " : "",
                    known.s, kind == LOCK_PLATFORM ? ", and libraries, as libz.so.1" : "");
}

static int on_value(struct loading *l, const char *section, const char *name, const char *value)
{
    autostrv words = {0};
    enum lock_kind kind = kind_of(section);
    strv_split(&words, section);
    struct lock_section *s =
        lockfile_find(l->lock, kind, words.v[1], words.n > 2 ? words.v[2] : "");
    const struct key *k = find_key(kind, name);
    if (!k && (kind != LOCK_PLATFORM || !is_soname(name)))
        return unknown_key(kind, section, name);
    if (lock_get(s, name))
        return fail(E_USAGE, "[%s] %s: given a second time", section, name);
    enum form form = k ? k->form : ANY;
    if (!has_form(form, value))
        return fail(E_USAGE, "[%s] %s = %s: expected %s", section, name, value, form_names[form]);
    lock_set(s, name, value);
    return 0;
}

static int on_key(void *arg, int line, const char *section, const char *key, const char *value)
{
    struct loading *l = arg;
    if (!*section)
        return fail(E_USAGE, "%s: it stands before the first [section]", key);
    bool head = strcmp(section, "lock") == 0;
    if (head && !key) {
        if (l->begun)
            return fail(E_USAGE, "[lock]: this section is here a second time");
        l->begun = true;
        l->lock_line = line;
        return 0;
    }
    if (head)
        return on_format(l, key, value);
    if (!l->format)
        return err_hint(fail(E_USAGE, "[%s]: no [lock] with a format comes before it", section),
                        "\"ungil lock\" writes such files");
    return key ? on_value(l, section, key, value) : on_section(l, line, section);
}

/* ---- The bytes ---- */

/* Length of the UTF-8 character at `c`; 0: it is none. */
static size_t character(const unsigned char *c)
{
    size_t n = *c < 0x80 ? 1 : *c >= 0xf0 && *c < 0xf5 ? 4 : *c >= 0xe0 ? 3 : *c >= 0xc2 ? 2 : 0;
    if (*c >= 0xf5)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    return n;
}

static bool is_conflict(const char *line)
{
    static const char *const marks[] = {"<<<<<<< ", "=======\n", ">>>>>>> ", "||||||| "};
    for (size_t i = 0; i < lengthof(marks); i++)
        if (str_starts(line, marks[i]))
            return true;
    return false;
}

static int check_character(const char *path, int line, const char *at)
{
    if (*at == '\r')
        return err_hint(
            fail(E_USAGE, "%s:%d: this line ends with a carriage return (CRLF)", path, line),
            "\"ungil.lock text eol=lf\" in .gitattributes keeps git from doing that; "
            "\"sed -i 's/\\r$//' %s\" mends it",
            path);
    if (((unsigned char)*at < ' ' && *at != '\n' && *at != '\t') || *at == 0x7f)
        return fail(E_USAGE, "%s:%d: there is a control character (0x%02x)", path, line,
                    (unsigned char)*at);
    if (!character((const unsigned char *)at))
        return fail(E_USAGE, "%s:%d: this is not UTF-8 (byte 0x%02x)", path, line,
                    (unsigned char)*at);
    return 0;
}

static int check_bytes(const char *path, const char *text, size_t size)
{
    int line = 1, rc = 0;
    bool begin = true;
    for (size_t i = 0; rc == 0 && i < size;) {
        if (begin && is_conflict(text + i))
            return err_hint(
                fail(E_USAGE, "%s:%d: a merge conflict that nobody has resolved", path, line),
                "take the side that is wanted; \"ungil lock\" adds this machine's "
                "platform to it");
        rc = check_character(path, line, text + i);
        if (rc < 0)
            break;
        begin = text[i] == '\n';
        line += begin;
        i += character((const unsigned char *)text + i);
    }
    return rc;
}

/* ---- The whole ---- */

static int complain(const char *path, const struct lock_section *s, const char *what)
{
    autofree char *title = lock_title(s);
    return fail(E_USAGE, "%s:%d: %s %s", path, s->line, title, what);
}

static int check_section(const char *path, const struct lockfile *l, const struct lock_section *s)
{
    for (size_t i = 0; i < kinds[s->kind].n; i++) {
        const struct key *k = &kinds[s->kind].keys[i];
        autofree char *what = xasprintf("needs the key %s", k->name);
        if (k->required && !lock_get(s, k->name))
            return complain(path, s, what);
    }
    autofree char *release = xasprintf("needs a [release %s]", s->release);
    autofree char *interpreter = xasprintf("needs an [interpreter %s]", s->id);
    autofree char *platform = xasprintf("needs a [platform %s %s]", s->release, s->platform);
    if (s->kind == LOCK_RELEASE) {
        autostrv names = {0}, platforms = {0};
        lockfile_names(l, s->id, &names);
        lockfile_platforms(l, s->id, &platforms);
        if (names.n == 0)
            return complain(path, s, "has no [interpreter NAME]");
        return platforms.n ? 0 : complain(path, s, "has no [bundle NAME PLATFORM]");
    }
    if (!lockfile_find(l, LOCK_RELEASE, s->release, ""))
        return complain(path, s, release);
    if (s->kind == LOCK_BUNDLE && !lockfile_find(l, LOCK_INTERPRETER, s->id, ""))
        return complain(path, s, interpreter);
    if (s->kind == LOCK_BUNDLE && !lockfile_find(l, LOCK_PLATFORM, s->release, s->platform))
        return complain(path, s, platform);
    return 0;
}

/* A platform has all of a release's interpreters. */
static int check_bundles(const char *path, const struct lockfile *l, const struct lock_section *s)
{
    autostrv names = {0};
    if (s->kind != LOCK_PLATFORM)
        return 0;
    lockfile_names(l, s->release, &names);
    for (size_t i = 0; i < names.n; i++) {
        autofree char *what = xasprintf("needs a [bundle %s %s]", names.v[i], s->platform);
        if (!lockfile_find(l, LOCK_BUNDLE, names.v[i], s->platform))
            return complain(path, s, what);
    }
    return 0;
}

static int parse(const char *path, const char *text, struct lockfile *out)
{
    struct loading l = {.lock = out};
    int rc = ini_read_text(path, text, on_key, &l);
    if (rc == 0 && !l.format)
        rc = err_hint(fail(E_USAGE, "%s:%d: %s", path, l.begun ? l.lock_line : 1,
                           l.begun ? "[lock] needs the key format"
                                   : "it is no lock file: there "
                                     "is no [lock]"),
                      "\"ungil lock\" writes such files");
    if (rc == 0 && out->n == 0)
        rc = err_hint(fail(E_USAGE, "%s:%d: it locks nothing", path, l.lock_line),
                      "\"ungil lock\" writes such files");
    for (size_t i = 0; rc == 0 && i < out->n; i++)
        rc = check_section(path, out, &out->all[i]);
    for (size_t i = 0; rc == 0 && i < out->n; i++)
        rc = check_bundles(path, out, &out->all[i]);
    return rc;
}

int lockfile_read(const char *path, struct lockfile *out)
{
    autofree char *text = NULL;
    size_t size = 0;
    struct stat st;
    *out = (struct lockfile){0};
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
        return fail(E_USAGE, "%s is no file", path);
    if (stat(path, &st) == 0 && st.st_size > SIZE_LIMIT)
        return fail(E_USAGE, "%s is no lock file: it has %lld bytes, %d are allowed", path,
                    (long long)st.st_size, SIZE_LIMIT);
    int rc = fs_read(path, &text, &size);
    if (rc == E_NOTFOUND) {
        autofree char *full = path_absolute(path);
        return err_hint(fail(E_USAGE, "there is no lock file %s", full),
                        "name the file, or go to where it is; \"ungil lock\" writes a new one");
    }
    if (rc == 0)
        rc = check_bytes(path, text, size);
    if (rc == 0)
        rc = parse(path, text, out);
    if (rc < 0)
        lockfile_free(out);
    return rc;
}
