#include "core/rewrite.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/str.h"

static char *escape(const char *path, const char *special, const char *with)
{
    autostr out = {0};
    for (; *path; path++) {
        if (strchr(special, *path))
            str_add(&out, with);
        str_addn(&out, path, 1);
    }
    return str_take(&out);
}

char *rewrite_escape_python(const char *path)
{
    return escape(path, "\\'\"", "\\");
}

char *rewrite_escape_json(const char *path)
{
    return escape(path, "\\\"", "\\");
}

char *rewrite_escape_make(const char *path)
{
    autofree char *dollars = escape(path, "$", "$");
    return escape(dollars, "#", "\\");
}

/* True when `path` stands at p and ends there as a path's component does. */
static bool stands_at(const char *p, const char *path, size_t n)
{
    if (strncmp(p, path, n) != 0)
        return false;
    char next = p[n];
    return !isalnum((unsigned char)next) && next != '.' && next != '_' && next != '-';
}

char *rewrite_path(const char *text, const char *from, const char *to)
{
    size_t n_from = strlen(from), n_to = strlen(to);
    autostr out = {0};
    while (*text) {
        size_t plain = strcspn(text, "/");
        str_addn(&out, text, plain);
        text += plain;
        if (!*text)
            break;
        if (stands_at(text, to, n_to)) {
            str_addn(&out, text, n_to);
            text += n_to;
        } else if (stands_at(text, from, n_from)) {
            str_addn(&out, to, n_to);
            text += n_from;
        } else {
            str_addn(&out, text++, 1);
        }
    }
    return str_take(&out);
}

char *rewrite_shebang(const char *text, const char *prefix)
{
    autofree char *head = xasprintf("#!%s/bin/", prefix);
    if (!str_starts(text, head))
        return NULL;
    const char *program = text + strlen(head);
    size_t n = strcspn(program, " \t\r\n");
    const char *rest = strchr(program, '\n');
    /* For sh: an empty string, then exec. For Python: one long string. */
    return xasprintf("#!/bin/sh\n"
                     "'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")\"/'%.*s' \"$0\" \"$@\"\n"
                     "' '''\n%s",
                     (int)n, program, rest ? rest + 1 : "");
}

/* Calls `line` for each line (without its end) and joins what it returns (owned; NULL: as it was).
 */
static char *each_line(const char *text, char *(*line)(const char *line, void *arg), void *arg)
{
    autostr out = {0};
    while (*text) {
        size_t n = strcspn(text, "\n");
        autofree char *old = xstrndup(text, n);
        autofree char *new = line(old, arg);
        str_add(&out, new ? new : old);
        str_addn(&out, text + n, text[n] ? 1 : 0);
        text += n + (text[n] ? 1 : 0);
    }
    return str_take(&out);
}

/* Of an archive the linker takes what the program asks for; what only an extension module will ask
 * for (_interpreters does) must be taken along too. */
#ifdef __APPLE__
#define WHOLE_BEGIN ""
#define WHOLE_END   ""
#else
#define WHOLE_BEGIN "-Wl,--whole-archive "
#define WHOLE_END   " -Wl,--no-whole-archive"
#endif

static char *pkgconfig_line(const char *line, void *arg)
{
    const char *with = arg;
    if (str_starts(line, "prefix="))
        return xstrdup("prefix=${pcfiledir}/../..");
    const char *library = str_starts(line, "Libs:") ? strstr(line, "-lpython") : NULL;
    if (!with || !library || str_ends(line, with))
        return NULL;
    int n = (int)strcspn(library, " ");
    autofree char *rest = xstrdup(library + n);
    const char *more = str_trim(rest);
    return xasprintf("%.*s" WHOLE_BEGIN "%.*s" WHOLE_END "%s%s %s", (int)(library - line), line, n,
                     library, *more ? " " : "", more, with);
}

char *rewrite_pkgconfig(const char *text, const char *with)
{
    return each_line(text, pkgconfig_line, (void *)with);
}

char *rewrite_link_flags(const char *makefile)
{
    static const char *const variables[] = {"\nLIBS=", "\nLIBM=", "\nLINKFORSHARED="};
    autostrv words = {0};
    for (size_t i = 0; i < lengthof(variables); i++) {
        const char *line = strstr(makefile, variables[i]);
        if (!line)
            continue;
        line += strlen(variables[i]);
        autofree char *value = xstrndup(line, strcspn(line, "\n"));
        strv_split(&words, value);
    }
    autostr flags = {0};
    for (size_t i = 0; i < words.n; i++) {
        /* In one word: pkg-config sorts words, and drops the second of two equal ones. */
        bool pair = strcmp(words.v[i], "-Xlinker") == 0 && i + 1 < words.n;
        str_addf(&flags, "%s%s%s", flags.len ? " " : "", pair ? "-Wl," : "",
                 words.v[pair ? i + 1 : i]);
        i += pair;
    }
    return str_take(&flags);
}

static char *build_details_line(const char *line, void *arg)
{
    const char *prefix = arg;
    autofree char *value = xasprintf(": \"%s", prefix);
    const char *at = strstr(line, value);
    if (!at)
        return NULL;
    const char *rest = at + strlen(value);
    if (*rest == '"') {
        bool base = strstr(line, "\"base_prefix\"") != NULL;
        return xasprintf("%.*s: \"%s%s", (int)(at - line), line, base ? "../.." : ".", rest);
    }
    return *rest == '/' ? xasprintf("%.*s: \".%s", (int)(at - line), line, rest) : NULL;
}

char *rewrite_build_details(const char *text, const char *prefix)
{
    return each_line(text, build_details_line, (void *)prefix);
}

static char *user_base_line(const char *line, void *arg)
{
    static const char key[] = "\"userbase\": \"";
    (void)arg;
    const char *at = strstr(line, key);
    if (!at)
        return NULL;
    const char *end = at + strlen(key);
    while (*end && *end != '"')
        end += *end == '\\' && end[1] ? 2 : 1;
    return xasprintf("%.*s%s~/.local%s", (int)(at - line), line, key, end);
}

char *rewrite_user_base(const char *text)
{
    return each_line(text, user_base_line, NULL);
}

/* In front of upstream's script: what its own functions get wrong. */
static const char config_functions[] =
    "# ungil: the prefix is two above this script's real path, whatever led here and whatever is "
    "in it.\n"
    "prefix_real=$(dirname -- \"$(dirname -- \"$(realpath -- \"$0\")\")\")\n"
    "# Paths inside flags are escaped for a shell (eval, make), as pkg-config does it.\n"
    "escaped ()\n"
    "{\n"
    "    printf '%s\\n' \"$1\" | sed 's/[][ \\\\\"'\\''$`&;()<>|*?#~{}!]/\\\\&/g'\n"
    "}\n";

/* NAME=$(echo "TEXT" | sed "s#$prefix#$prefix_real#") -> TEXT between its quotes, quotes
 * included; NULL for another line. */
static char *between_echo_and_sed(const char *line)
{
    const char *from = strstr(line, "$(echo \""), *to = strstr(line, " | sed \"s#$prefix#");
    if (!from || !to || to < from)
        return NULL;
    from += strlen("$(echo ");
    return xstrndup(from, (size_t)(to - from));
}

/* Upstream's --embed leaves out what extension modules need of a program with libpython in it. */
static const char config_embed[] =
    "PY_EMBED=0\n"
    "# ungil: extension modules take the interpreter's symbols from the program itself.\n"
    "if [ \"$PY_ENABLE_SHARED\" = \"0\" ] ; then\n"
    "    LIBS_EMBED=\"" WHOLE_BEGIN "${LIBS_EMBED%% *}" WHOLE_END
    " ${LIBS_EMBED#* } $(sed -n 's/^LINKFORSHARED=[[:space:]]*//p' "
    "\"$LIBPL/Makefile\")\"\n"
    "fi";

static char *config_line(const char *line, void *arg)
{
    (void)arg;
    if (strcmp(line, "PY_EMBED=0") == 0)
        return xstrdup(config_embed);
    if (strcmp(line, "prefix_real=$(installed_prefix \"$0\")") == 0)
        return xstrdup(config_functions);
    if (str_starts(line, "prefix=\""))
        return xstrdup("prefix=$prefix_real");
    if (strstr(line, "LIBPLUSED=\"-L$LIBPL\""))
        return xstrdup("                LIBPLUSED=\"-L$(escaped \"$LIBPL\")\"");
    autofree char *value = between_echo_and_sed(line);
    if (!value)
        return NULL;
    autofree char *name = xstrndup(line, strcspn(line, "="));
    bool in_flags = strcmp(name, "includedir") == 0 || strcmp(name, "libdir") == 0;
    return xasprintf(in_flags ? "%s=$(escaped %s)" : "%s=%s", name, value);
}

char *rewrite_config_script(const char *text)
{
    if (!strstr(text, "\nprefix_real=$(installed_prefix \"$0\")\n"))
        return NULL;
    return each_line(text, config_line, NULL);
}
