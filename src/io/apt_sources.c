#include "io/apt_sources.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"

/* One place packages come from: a stanza of a .sources file, a line of a .list file. */
struct entry {
    char *uris, *suites, *signed_by; /* signed_by: NULL, paths, or a key over several lines */
};

struct scan {
    char *id, *codename; /* of /etc/os-release */
    struct entry *entries;
    size_t n;
    struct strv suites; /* every suite taken, to add none twice */
};

static void scan_free(struct scan *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->entries[i].uris);
        free(s->entries[i].suites);
        free(s->entries[i].signed_by);
    }
    free(s->entries);
    free(s->id);
    free(s->codename);
    strv_free(&s->suites);
}

/* Value of NAME=value or NAME='value' in a shell-like text; owned, "" when absent. */
static char *assignment(const char *text, const char *name)
{
    size_t n = strlen(name);
    for (const char *line = text; line && *line; line = strchr(line, '\n'), line += !!line) {
        if (strncmp(line, name, n) != 0 || line[n] != '=')
            continue;
        const char *value = line + n + 1;
        size_t length = strcspn(value, "\n");
        if (length >= 2 && (*value == '\'' || *value == '"'))
            return xstrndup(value + 1, length - 2);
        return xstrndup(value, length);
    }
    return xstrdup("");
}

/* A third party's repository is not the distribution: only suites of this release, by codename
 * or by role, are asked. */
static bool is_own_suite(const struct scan *s, const char *suite)
{
    static const char *const roles[] = {"stable", "oldstable", "testing", "unstable", "sid"};
    size_t stem = strcspn(suite, "-/");
    if (*s->codename && strlen(s->codename) == stem && strncmp(suite, s->codename, stem) == 0)
        return true;
    for (size_t i = 0; i < lengthof(roles); i++)
        if (strlen(roles[i]) == stem && strncmp(suite, roles[i], stem) == 0)
            return true;
    return false;
}

static void add_entry(struct scan *s, const char *uris, const char *suites, const char *components,
                      const char *signed_by)
{
    autostrv words = {0}, own = {0}, parts = {0};
    strv_split(&parts, components);
    strv_split(&words, suites);
    for (size_t i = 0; i < words.n; i++)
        if (is_own_suite(s, words.v[i]) && !strv_has(&s->suites, words.v[i])) {
            strv_add(&own, words.v[i]);
            strv_add(&s->suites, words.v[i]);
        }
    if (!*uris || own.n == 0 || !strv_has(&parts, "main"))
        return;
    s->entries = xrealloc(s->entries, (s->n + 1) * sizeof *s->entries);
    s->entries[s->n++] = (struct entry){xstrdup(uris), strv_join(&own, " "), xstrdup(signed_by)};
}

/* "deb [signed-by=FILE arch=amd64] URI SUITE COMPONENT..." */
static void read_line(struct scan *s, char *line)
{
    autofree char *signed_by = NULL;
    autostrv words = {0};
    line[strcspn(line, "#")] = '\0';
    char *open = strchr(line, '['), *close = open ? strchr(open, ']') : NULL;
    if (close) {
        autostrv options = {0};
        *close = '\0';
        strv_split(&options, open + 1);
        for (size_t i = 0; i < options.n; i++)
            if (str_starts(options.v[i], "signed-by="))
                str_set(&signed_by, xstrdup(options.v[i] + strlen("signed-by=")));
        memset(open, ' ', (size_t)(close - open) + 1);
    }
    for (char *p = signed_by; p && *p; p++)
        if (*p == ',')
            *p = ' ';
    strv_split(&words, line);
    if (words.n < 4 || (strcmp(words.v[0], "deb") != 0 && strcmp(words.v[0], "deb-src") != 0))
        return;
    autostrv components = {0};
    for (size_t i = 3; i < words.n; i++)
        strv_add(&components, words.v[i]);
    autofree char *joined = strv_join(&components, " ");
    add_entry(s, words.v[1], words.v[2], joined, signed_by);
}

static void read_list(struct scan *s, char *text)
{
    for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save))
        read_line(s, line);
}

struct stanza {
    char *uris, *suites, *components, *signed_by, *enabled;
};

static void stanza_end(struct scan *s, struct stanza *st)
{
    if (st->uris && st->suites && st->components && !str_eq(st->enabled, "no"))
        add_entry(s, st->uris, st->suites, st->components, st->signed_by);
    free(st->uris);
    free(st->suites);
    free(st->components);
    free(st->signed_by);
    free(st->enabled);
    *st = (struct stanza){0};
}

static char **stanza_field(struct stanza *st, const char *line)
{
    struct {
        const char *name;
        char **at;
    } fields[] = {{"uris:", &st->uris},
                  {"suites:", &st->suites},
                  {"components:", &st->components},
                  {"signed-by:", &st->signed_by},
                  {"enabled:", &st->enabled}};
    for (size_t i = 0; i < lengthof(fields); i++)
        if (strncasecmp(line, fields[i].name, strlen(fields[i].name)) == 0)
            return fields[i].at;
    return NULL;
}

static void read_deb822(struct scan *s, const char *text)
{
    struct stanza st = {0};
    char **field = NULL;
    for (const char *at = text; *at;) {
        size_t n = strcspn(at, "\n");
        autofree char *line = xstrndup(at, n);
        at += n + (at[n] == '\n');
        if (*line == '#')
            continue;
        if (line[strspn(line, " \t\r")] == '\0') {
            stanza_end(s, &st);
            field = NULL;
        } else if (*line == ' ' || *line == '\t') {
            if (field)
                str_set(field, xasprintf("%s\n%s", *field ? *field : "", line));
        } else if ((field = stanza_field(&st, line))) {
            str_set(field, xstrdup(str_trim(strchr(line, ':') + 1)));
        }
    }
    stanza_end(s, &st);
}

static int read_source_file(struct scan *s, const char *path)
{
    autofree char *text = NULL;
    int rc = fs_read_text(path, &text);
    if (rc == E_NOTFOUND)
        return 0;
    if (rc < 0)
        return rc;
    if (str_ends(path, ".sources"))
        read_deb822(s, text);
    else
        read_list(s, text);
    return 0;
}

/* apt itself says where its lists are: APT_CONFIG and a foreign Dir are respected. */
static int read_host(struct scan *s)
{
    autostrv argv = {0}, env = {0}, names = {0};
    autofree char *paths = NULL, *os = NULL;
    int status = 0;
    struct proc_opts opts = PROC_OPTS_INIT;
    strv_split(&argv, "apt-config shell LIST Dir::Etc::sourcelist/f PARTS Dir::Etc::sourceparts/d");
    proc_clean_environment(&env);
    opts.env = &env;
    int rc = proc_capture(&argv, &opts, 30, 65536, &paths, &status);
    if (rc < 0)
        return rc;
    if (fs_read_text("/etc/os-release", &os) < 0)
        os = xstrdup("");
    s->id = assignment(os, "ID");
    s->codename = assignment(os, "VERSION_CODENAME");
    autofree char *list = assignment(paths, "LIST"), *parts = assignment(paths, "PARTS");
    rc = read_source_file(s, list);
    if (rc == 0)
        rc = fs_list(parts, &names);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *path = path_join(parts, names.v[i]);
        if (str_ends(path, ".list") || str_ends(path, ".sources"))
            rc = read_source_file(s, path);
    }
    return rc;
}

static void write_stanza(struct str *text, const struct entry *e, const char *suites)
{
    str_addf(text, "Types: deb-src\nURIs: %s\nSuites: %s\nComponents: main\n", e->uris, suites);
    if (e->signed_by && *e->signed_by)
        str_addf(text, "Signed-By: %s\n", e->signed_by);
    str_add(text, "\n");
}

/* The entry whose suite is the release itself, not its updates or security fixes: the mirror that
 * carries the other releases as well. */
static const struct entry *main_mirror(const struct scan *s)
{
    for (size_t i = 0; i < s->n; i++) {
        autostrv words = {0};
        strv_split(&words, s->entries[i].suites);
        for (size_t j = 0; j < words.n; j++)
            if (!strpbrk(words.v[j], "-/"))
                return &s->entries[i];
    }
    return NULL;
}

int apt_sources(struct str *text)
{
    static const char *const later[] = {"trixie", "forky", "sid"};
    __attribute__((cleanup(scan_free))) struct scan s = {0};
    int rc = read_host(&s);
    if (rc < 0)
        return rc;
    if (s.n == 0)
        return fail(E_UNREACHABLE, "apt's source lists name no mirror of %s %s",
                    *s.id ? s.id : "this system", s.codename);
    for (size_t i = 0; i < s.n; i++)
        write_stanza(text, &s.entries[i], s.entries[i].suites);
    const struct entry *mirror = main_mirror(&s);
    for (size_t i = 0; mirror && strcmp(s.id, "debian") == 0 && i < lengthof(later); i++)
        if (!strv_has(&s.suites, later[i]))
            write_stanza(text, mirror, later[i]);
    return 0;
}
