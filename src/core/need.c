#include "core/need.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

/* Reads "19" or "3.11"; false when more follows. */
static bool read_version(const char *text, struct need *n)
{
    char *end;
    if (!isdigit((unsigned char)*text))
        return false;
    n->major = (int)strtol(text, &end, 10);
    if (*end == '.' && isdigit((unsigned char)end[1]))
        n->minor = (int)strtol(end + 1, &end, 10);
    return !*end && n->major < 10000 && n->minor < 10000;
}

bool need_parse(const char *word, struct need *need)
{
    size_t n = strcspn(word, "<>=");
    *need = (struct need){.program = xstrndup(word, n), .major = -1, .minor = -1};
    need->exact = word[n] == '=';
    if (n == 0 || strpbrk(need->program, " \t/"))
        return false;
    if (!word[n])
        return true;
    if (!need->exact && !str_starts(word + n, ">="))
        return false;
    return read_version(word + n + (need->exact ? 1 : 2), need);
}

void need_free(struct need *need)
{
    free(need->program);
    *need = (struct need){0};
}

char *need_text(const struct need *need)
{
    const char *more = need->exact ? "" : " or later";
    if (need->major < 0)
        return xstrdup(need->program);
    if (need->minor < 0)
        return xasprintf("%s %d%s", need->program, need->major, more);
    return xasprintf("%s %d.%d%s", need->program, need->major, need->minor, more);
}

/* So many later versions are looked for by their names. */
enum { LATER = 10 };

static void add_names(const struct need *n, struct strv *names)
{
    for (int i = 0; n->major >= 0 && i < (n->exact ? 1 : LATER); i++)
        if (n->minor >= 0) { /* python3.11, python3.12, … */
            strv_addf(names, "%s.%d", n->program, n->minor + i);
        } else {
            strv_addf(names, "%s-%d", n->program, n->major + i);
            strv_addf(names, "%s%d", n->program, n->major + i);
        }
    strv_add(names, n->program);
}

void need_find(const struct need *need, struct strv *paths)
{
    autostrv names = {0};
    add_names(need, &names);
    for (size_t i = 0; i < names.n; i++) {
        autofree char *path = fs_find_program(names.v[i]);
        if (path)
            strv_add(paths, path);
    }
}

int need_named_version(const struct need *need, const char *path)
{
    const char *base = path_base(path), *digits = base + strlen(need->program);
    if (!str_starts(base, need->program))
        return -1;
    digits += *digits == '-';
    return isdigit((unsigned char)*digits) ? atoi(digits) : -1;
}

/* Where the version begins: after "version", or what "gcc (Debian 12.2.0-14) 12.2.0" has after the
 * parenthesis, or the first number that begins a word. NULL: nowhere. */
static const char *find_version(const char *text)
{
    const char *at = strstr(text, "version ");
    if (!at)
        at = strstr(text, ") ");
    at = at ? strchr(at, ' ') : text;
    for (bool begins = at == text; *at; at++) {
        if (begins && isdigit((unsigned char)*at))
            return at;
        begins = isspace((unsigned char)*at);
    }
    return NULL;
}

/* A compiler may be called by any name ("cc"): what it prints tells which one it is. */
static bool is_such(const struct need *n, const char *printed)
{
    if (strcmp(n->program, "gcc") == 0)
        return strstr(printed, "Free Software Foundation") != NULL;
    return strcmp(n->program, "clang") != 0 || strstr(printed, "clang");
}

bool need_is_met(const struct need *need, const char *printed, char **seen)
{
    const char *at = find_version(printed);
    char *end;
    *seen = NULL;
    if (!is_such(need, printed))
        return false;
    if (!at)
        return need->major < 0;
    *seen = xstrndup(at, strspn(at, "0123456789."));
    int major = (int)strtol(at, &end, 10);
    int minor = *end == '.' ? (int)strtol(end + 1, NULL, 10) : 0;
    if (need->exact)
        return major == need->major && (need->minor < 0 || minor == need->minor);
    return major > need->major || (major == need->major && minor >= need->minor);
}
