/* The file names of wheels, see wheel.h; what is in them is in wheel_unpack.c. */
#include "core/wheel.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"

char *wheel_normalise(const char *name)
{
    autostr out = {0};
    for (const char *p = name; *p; p++) {
        if (!strchr("-_.", *p))
            str_addf(&out, "%c", tolower((unsigned char)*p));
        else if (p == name || !strchr("-_.", p[-1]))
            str_add(&out, "-");
    }
    return str_take(&out);
}

void wheel_free(struct wheel *w)
{
    free(w->distribution);
    free(w->version);
    free(w->build);
    strv_free(&w->python);
    strv_free(&w->abi);
    strv_free(&w->platform);
    *w = (struct wheel){0};
}

static bool all_in(const char *text, const char *more)
{
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr(more, *p) && !((unsigned char)*p & 0x80))
            return false;
    return *text;
}

static int bad_name(const char *file, const char *why)
{
    int rc = fail(E_USAGE, "%s is not the name of a wheel: %s", path_base(file), why);
    return err_hint(rc, "wheels are called DISTRIBUTION-VERSION[-BUILD]-PYTHON-ABI-PLATFORM.whl; "
                        "get it again under the name that it was published with");
}

/* The members of a compressed tag set; false when one is empty. */
static bool split_set(const char *set, struct strv *tags)
{
    for (const char *p = set;; p++) {
        size_t n = strcspn(p, ".");
        if (n == 0)
            return false;
        strv_take(tags, xstrndup(p, n));
        p += n;
        if (!*p)
            return true;
    }
}

int wheel_parse_name(const char *file, struct wheel *w)
{
    *w = (struct wheel){0};
    const char *base = path_base(file);
    if (!str_ends(base, ".whl"))
        return bad_name(file, "it does not end in .whl");
    autofree char *stem = xstrndup(base, strlen(base) - strlen(".whl"));
    char *part[6];
    size_t n = 0;
    for (char *p = stem; p; n++) {
        char *dash = strchr(p, '-');
        if (n == lengthof(part))
            return bad_name(file, "it has more than six parts between dashes");
        part[n] = p;
        if (dash)
            *dash = '\0';
        p = dash ? dash + 1 : NULL;
    }
    if (n < 5)
        return bad_name(file, "it has fewer than five parts between dashes");
    if (!all_in(part[0], "._") || strstr(part[0], "__") || !isalnum((unsigned char)part[0][0]))
        return bad_name(file, "its first part is not the name of a distribution");
    const char *version = part[1] + (part[1][0] == 'v');
    if (!all_in(part[1], "._+!") || !isdigit((unsigned char)*version))
        return bad_name(file, "its second part is not a version");
    if (n == 6 && (!isdigit((unsigned char)part[2][0]) || !all_in(part[2], "._")))
        return bad_name(file, "its build tag does not begin with a digit");
    w->distribution = wheel_normalise(part[0]);
    w->version = xstrdup(part[1]);
    w->build = n == 6 ? xstrdup(part[2]) : NULL;
    struct strv *sets[] = {&w->python, &w->abi, &w->platform};
    for (size_t i = 0; i < lengthof(sets); i++)
        if (!all_in(part[n - 3 + i], "._") || !split_set(part[n - 3 + i], sets[i]))
            return bad_name(file, "one of its tags is empty or has characters that no tag has");
    return 0;
}

void wheel_tags(const struct wheel *w, struct strv *tags)
{
    for (size_t i = 0; i < w->python.n; i++)
        for (size_t j = 0; j < w->abi.n; j++)
            for (size_t k = 0; k < w->platform.n; k++)
                strv_addf(tags, "%s-%s-%s", w->python.v[i], w->abi.v[j], w->platform.v[k]);
}

/* The N of "cp3N" or "py3N" (`prefix` with the 3); -1 when it is something else. */
static int minor_of(const char *tag, const char *prefix)
{
    if (!str_starts(tag, prefix))
        return -1;
    const char *digits = tag + strlen(prefix);
    size_t n = strspn(digits, "0123456789");
    return n == 0 || n > 3 || digits[n] ? -1 : atoi(digits);
}

static enum wheel_kind kind_of(const char *python, const char *abi, bool any, int minor)
{
    autofree char *own = xasprintf("cp3%dt", minor);
    int cp = minor_of(python, "cp3"), py = minor_of(python, "py3");
    if (str_eq(abi, own) && cp == minor)
        return WHEEL_SERIES_T;
    /* There is no such ABI before 3.15, and a wheel names the oldest release it is for. */
    if (str_eq(abi, "abi3t") && cp >= 15 && cp <= minor)
        return WHEEL_ABI3T;
    bool takes = str_eq(python, "py3") || (py >= 0 && py <= minor) || cp == minor;
    if (str_eq(abi, "none") && takes)
        return any ? WHEEL_PURE : WHEEL_NO_ABI;
    return WHEEL_NOT_FREE_THREADED;
}

enum wheel_kind wheel_free_threaded(const struct wheel *w, const char *series)
{
    enum wheel_kind best = WHEEL_NOT_FREE_THREADED;
    int minor = minor_of(series, "3.");
    for (size_t i = 0; i < w->python.n; i++)
        for (size_t j = 0; j < w->abi.n; j++) {
            enum wheel_kind kind =
                kind_of(w->python.v[i], w->abi.v[j], strv_has(&w->platform, "any"), minor);
            if (kind > best)
                best = kind;
        }
    return best;
}

char *wheel_kind_text(enum wheel_kind kind, const char *series)
{
    switch (kind) {
    case WHEEL_PURE:
        return xstrdup("pure");
    case WHEEL_NO_ABI:
        return xstrdup("no ABI");
    case WHEEL_ABI3T:
        return xstrdup("abi3t");
    case WHEEL_SERIES_T:
        return xasprintf("cp3%dt", minor_of(series, "3."));
    case WHEEL_NOT_FREE_THREADED:
        break;
    }
    return xstrdup("no");
}
