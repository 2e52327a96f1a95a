#include "core/audit_rows.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/audit_static.h"
#include "core/text_json.h"
#include "core/wheel.h"

/* Worst first. */
static const char *const verdicts[] = {"on",      "crashed",    "hung",        "error", "missing",
                                       "foreign", "undeclared", "cannot tell", "none",  "off"};

static size_t rank(const char *verdict)
{
    size_t i = 0;
    while (i < lengthof(verdicts) && !str_eq(verdicts[i], verdict))
        i++;
    return i;
}

const char *audit_worse(const char *a, const char *b)
{
    return rank(b) < rank(a) ? b : a;
}

bool audit_is_broken(const char *verdict)
{
    return rank(verdict) >= 1 && rank(verdict) <= 5;
}

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

/* --- before ------------------------------------------------------------------------------------
 */

/* "cp314t", "abi3t", "pure", "no" from the tags of its WHEEL file; owned. */
static char *wheel_text(json_t *tags, const char *series)
{
    enum wheel_kind best = WHEEL_NOT_FREE_THREADED;
    bool local = false;
    size_t i;
    json_t *tag;
    json_array_foreach(tags, i, tag)
    {
        autofree char *file = xasprintf("x-1-%s.whl", json_string_value(tag));
        autowheel w = {0};
        if (wheel_parse_name(file, &w) < 0) {
            err_clear();
            continue;
        }
        enum wheel_kind kind = wheel_free_threaded(&w, series);
        best = kind > best ? kind : best;
        /* an index takes only manylinux and musllinux: such a wheel was made here, from sources */
        local = local || (w.platform.n && str_starts(w.platform.v[0], "linux_"));
    }
    autofree char *text = wheel_kind_text(best, series);
    return xasprintf("%s%s", text, local && best > WHEEL_NO_ABI ? ", local" : "");
}

/* The dynamic linker says of a file for another machine that it is not there. Owned; NULL: it is
 * for this one, or that cannot be told. */
static char *other_machine(json_t *answer)
{
    struct utsname host;
    const char *machine = text_at(answer, "machine");
    if (!machine || uname(&host) < 0 || str_eq(machine, host.machine) ||
        (!str_eq(host.machine, "x86_64") && !str_eq(host.machine, "aarch64")))
        return NULL;
    return xasprintf("built for %s, this machine is %s", machine, host.machine);
}

/* What the import system of this interpreter cannot load; owned, NULL: it can. */
static char *foreign(json_t *ext, json_t *answer, const char *ours)
{
    char *machine = other_machine(answer);
    if (machine)
        return machine;
    const char *abi = text_at(answer, "abi");
    /* "abi3" is in this interpreter's list of suffixes, though made for another layout of objects:
     * what comes of it is for the import to show */
    if (abi && !str_eq(abi, ours) && !str_starts(abi, "abi3"))
        return xasprintf("built for %s, this interpreter loads %s", abi, ours);
    if (json_is_false(json_object_get(ext, "ours")))
        return xasprintf("its name says that it is for another interpreter than %s", ours);
    return NULL;
}

/* Another file of the same module that can be loaded. */
static bool has_sibling(json_t *list, json_t *ext)
{
    size_t i;
    json_t *other;
    json_array_foreach(list, i, other)
    {
        if (other != ext && json_is_true(json_object_get(other, "ours")) &&
            str_eq(text_at(other, "module"), text_at(ext, "module")))
            return true;
    }
    return false;
}

/* The extension as a row has it, a new reference; NULL: no extension module, or a sibling is
 * loaded in its place. */
static json_t *make_extension(json_t *list, json_t *ext, const char *ours)
{
    json_t *answer = NULL;
    bool loadable = json_is_true(json_object_get(ext, "ours"));
    int rc = !loadable && has_sibling(list, ext) ? E_NOTFOUND
                                                 : audit_static_file(text_at(ext, "file"), &answer);
    if (rc == E_NOTFOUND) {
        err_clear();
        return NULL;
    }
    if (rc < 0)
        answer = json_pack("{s:n, s:o}", "answer", "error", text_json(err_message()));
    err_clear();
    autofree char *why = rc < 0 ? xstrdup(text_at(answer, "error")) : foreign(ext, answer, ours);
    json_t *verdict = !why ? json_null() : json_string(rc < 0 ? "error" : "foreign");
    json_t *made =
        json_pack("{s:O, s:O, s:o, s:o, s:n}", "module", json_object_get(ext, "module"), "file",
                  json_object_get(ext, "file"), "verdict", verdict, "why", text_json(why), "gil");
    json_object_set_new(made, "static", answer);
    return made;
}

static json_t *make_extensions(json_t *list, const char *ours)
{
    json_t *made = json_array(), *ext;
    size_t i;
    json_array_foreach(list, i, ext)
    {
        json_t *one = make_extension(list, ext, ours);
        if (one)
            json_array_append_new(made, one);
    }
    return made;
}

static json_t *make_row(json_t *dist, const char *series, const char *ours)
{
    autofree char *wheel = json_is_true(json_object_get(dist, "wheel"))
                               ? wheel_text(json_object_get(dist, "tags"), series)
                               : xstrdup("no");
    json_t *row = json_pack(
        "{s:O, s:O, s:b, s:o, s:O, s:O}", "library", json_object_get(dist, "name"), "version",
        json_object_get(dist, "version"), "distribution", 1, "wheel", text_json(wheel), "tags",
        json_object_get(dist, "tags"), "modules", json_object_get(dist, "modules"));
    json_object_set_new(row, "extensions",
                        make_extensions(json_object_get(dist, "extensions"), ours));
    if (json_is_true(json_object_get(dist, "editable")))
        json_object_set_new(row, "note",
                            json_string("installed editable: what it imports cannot be listed"));
    return row;
}

static json_t *make_loose(json_t *list, json_t *ext, const char *ours)
{
    json_t *one = make_extension(list, ext, ours);
    if (!one)
        return NULL;
    return json_pack("{s:O, s:n, s:b, s:n, s:[], s:[], s:[o]}", "library",
                     json_object_get(ext, "module"), "version", "distribution", 0, "wheel", "tags",
                     "modules", "extensions", one);
}

static void add_loose(json_t *rows, json_t *loose, const char *ours)
{
    size_t i;
    json_t *ext;
    json_array_foreach(loose, i, ext)
    {
        json_t *row = make_loose(loose, ext, ours);
        if (row)
            json_array_append_new(rows, row);
    }
}

json_t *audit_rows(const struct audit_place *p, json_t *interpreter)
{
    const char *series = text_at(interpreter, "series"), *flags = text_at(interpreter, "flags");
    autofree char *ours = xasprintf("cp%c%s%s", *series, strchr(series, '.') + 1, flags);
    json_t *rows = json_array(), *loose = json_array(), *entry, *found;
    size_t i;
    if (p->kind == AUDIT_EXTENSION)
        json_array_append_new(loose, json_pack("{s:o, s:o, s:b}", "module", text_json(p->module),
                                               "file", text_json(p->file), "ours", 1));
    json_array_foreach(p->listing, i, entry)
    {
        if ((found = json_object_get(entry, "distribution")))
            json_array_append_new(rows, make_row(found, series, ours));
        else if ((found = json_object_get(entry, "loose")))
            json_array_append(loose, found);
    }
    add_loose(rows, loose, ours);
    json_decref(loose);
    return rows;
}

/* --- after -------------------------------------------------------------------------------------
 */

static bool same_file(const char *a, const char *b)
{
    if (!a || !b)
        return false;
    autofree char *one = realpath(a, NULL), *two = realpath(b, NULL);
    return one && two && str_eq(one, two);
}

/* The row that has this extension; *ext is set to it. */
static json_t *owner_of(json_t *culprit, json_t *rows, json_t **ext)
{
    const char *file = text_at(culprit, "file"), *module = text_at(culprit, "module");
    size_t i, k;
    json_t *row;
    json_array_foreach(rows, i, row) json_array_foreach(json_object_get(row, "extensions"), k, *ext)
    {
        if (file ? str_eq(path_base(file), path_base(text_at(*ext, "file"))) &&
                       same_file(file, text_at(*ext, "file"))
                 : str_eq(module, text_at(*ext, "module")))
            return row;
    }
    return NULL;
}

void audit_locate(json_t *culprit, json_t *rows, json_t *stdlib)
{
    json_t *ext = NULL, *row = owner_of(culprit, rows, &ext), *dir;
    const char *file = text_at(culprit, "file");
    size_t i;
    json_object_set_new(culprit, "distribution", json_null());
    if (row) {
        json_object_set(culprit, "file", json_object_get(ext, "file"));
        if (json_is_true(json_object_get(row, "distribution")))
            json_object_set(culprit, "distribution", json_object_get(row, "library"));
        return;
    }
    json_array_foreach(stdlib, i, dir) if (file && str_starts(file, json_string_value(dir)) &&
                                           !strstr(file, "/site-packages/"))
        json_object_set_new(culprit, "distribution", json_string("(standard library)"));
}

static bool has_culprit(json_t *list, const char *module)
{
    size_t i;
    json_t *c;
    json_array_foreach(list, i, c) if (str_eq(text_at(c, "module"), module)) return true;
    return false;
}

static void merge(json_t *into, json_t *from, json_t *rows, json_t *stdlib)
{
    size_t i;
    json_t *c;
    json_array_foreach(from, i, c)
    {
        audit_locate(c, rows, stdlib);
        if (!has_culprit(into, text_at(c, "module")))
            json_array_append(into, c);
    }
}

/* What the file says against what was seen; owned, NULL: no contradiction. */
static char *contradiction(json_t *ext)
{
    const char *said = text_at(json_object_get(ext, "static"), "answer");
    const char *module = text_at(ext, "module");
    bool culprit = has_culprit(json_object_get(ext, "culprits"), module);
    if (str_eq(said, "declares") && culprit)
        return xasprintf(
            "%s: its file declares that it runs without the GIL, yet it switched it on", module);
    if (str_eq(said, "does not declare") && str_eq(text_at(ext, "verdict"), "off"))
        return xasprintf("%s: its file does not declare that it runs without the GIL, yet the GIL "
                         "stayed off",
                         module);
    return NULL;
}

/* Takes one more verdict into the row's. */
static void worsen(json_t *row, const char *verdict, json_t *why)
{
    if (!verdict || rank(verdict) >= rank(text_at(row, "verdict")))
        return;
    json_object_set_new(row, "verdict", json_string(verdict));
    json_object_set(row, "why", why ? why : json_null());
}

static void take_gil(json_t *row, json_t *gil)
{
    const char *now = text_at(row, "gil");
    if (json_is_true(gil) || str_eq(now, "on"))
        now = "on";
    else if (!gil || json_is_null(gil))
        now = "unknown";
    json_object_set_new(row, "gil", json_string(now));
}

/* Objects have another layout there: what is compiled for it may crash at any point. */
static void explain_crash(json_t *ext)
{
    json_t *fits = json_object_get(json_object_get(ext, "static"), "free_threaded_abi");
    const char *why = text_at(ext, "why");
    if (!str_eq(text_at(ext, "verdict"), "crashed") || !json_is_false(fits))
        return;
    autofree char *more = xasprintf("%s; it is compiled for a build with the GIL", why);
    json_object_set_new(ext, "why", text_json(more));
}

static void take_extension(json_t *row, json_t *ext, json_t *rows, json_t *stdlib)
{
    explain_crash(ext);
    json_t *gil = json_object_get(ext, "gil");
    merge(json_object_get(row, "culprits"), json_object_get(ext, "culprits"), rows, stdlib);
    take_gil(row, gil);
    worsen(row, json_is_true(gil) ? "on" : text_at(ext, "verdict"), json_object_get(ext, "why"));
    autofree char *note = contradiction(ext);
    if (note)
        json_array_append_new(json_object_get(row, "contradictions"), text_json(note));
}

void audit_row_conclude(json_t *row, json_t *rows, json_t *stdlib)
{
    json_t *import = json_object_get(row, "import"), *extensions, *ext;
    size_t i;
    extensions = json_object_get(row, "extensions");
    bool nothing = !import && json_array_size(extensions) == 0;
    json_object_set_new(row, "verdict", json_string(nothing ? "none" : "off"));
    json_object_set_new(row, "gil", json_string("off"));
    json_object_set_new(row, "why", json_null());
    json_object_set_new(row, "culprits", json_array());
    json_object_set_new(row, "contradictions", json_array());
    json_object_set_new(row, "seconds", json_null());
    if (import) {
        json_t *gil = json_object_get(import, "gil");
        merge(json_object_get(row, "culprits"), json_object_get(import, "culprits"), rows, stdlib);
        take_gil(row, gil);
        worsen(row, json_is_true(gil) ? "on" : text_at(import, "verdict"),
               json_object_get(import, "why"));
        json_object_set(row, "seconds", json_object_get(import, "seconds"));
    }
    json_array_foreach(extensions, i, ext)
    {
        take_extension(row, ext, rows, stdlib);
        if (!import && json_array_size(extensions) == 1)
            json_object_set(row, "seconds", json_object_get(ext, "seconds"));
    }
}

/* --- what is allowed ---------------------------------------------------------------------------
 */

/* `name` (of a distribution or a module) is what one of `allow` names: equal as names of
 * distributions are, or a package that the module is in. */
static bool named(const char *name, const struct strv *allow, struct strv *used)
{
    if (!name)
        return false;
    autofree char *normal = wheel_normalise(name);
    for (size_t i = 0; i < allow->n; i++) {
        autofree char *wanted = wheel_normalise(allow->v[i]);
        size_t n = strlen(allow->v[i]);
        if (!str_eq(normal, wanted) && !(strncmp(name, allow->v[i], n) == 0 && name[n] == '.'))
            continue;
        if (!strv_has(used, allow->v[i]))
            strv_add(used, allow->v[i]);
        return true;
    }
    return false;
}

bool audit_culprits_allowed(json_t *culprits, const struct strv *allow, struct strv *used)
{
    size_t i, good = 0;
    json_t *c;
    json_array_foreach(culprits, i, c)
    {
        bool by_module = named(text_at(c, "module"), allow, used);
        bool by_name = named(text_at(c, "distribution"), allow, used);
        good += by_module || by_name;
    }
    return json_array_size(culprits) && good == json_array_size(culprits);
}

static bool fails(const char *verdict)
{
    return audit_is_broken(verdict) || str_eq(verdict, "cannot tell");
}

/* Whether something in it failed; *allowed: and every extension that did is named. */
static bool has_failures(json_t *row, const struct strv *allow, struct strv *used, bool *allowed)
{
    json_t *import = json_object_get(row, "import"),
           *extensions = json_object_get(row, "extensions");
    json_t *ext;
    size_t i, failed = 0, good = 0;
    json_array_foreach(extensions, i, ext)
    {
        if (!fails(text_at(ext, "verdict")))
            continue;
        failed++;
        good += named(text_at(ext, "module"), allow, used);
    }
    /* of the whole: the names of extensions cannot answer for it */
    bool whole =
        import ? fails(text_at(import, "verdict")) : i == 0 && fails(text_at(row, "verdict"));
    *allowed = good == failed && !whole;
    return failed || whole;
}

const char *audit_row_counts(json_t *row, const struct strv *allow, struct strv *used)
{
    bool by_name = named(text_at(row, "library"), allow, used), rest = false;
    bool on = str_eq(text_at(row, "gil"), "on") || str_eq(text_at(row, "verdict"), "undeclared");
    bool culprits = on && audit_culprits_allowed(json_object_get(row, "culprits"), allow, used);
    bool failed = has_failures(row, allow, used, &rest);
    if (!on && !failed)
        return NULL;
    if (by_name || ((!on || culprits) && (!failed || rest)))
        return "allowed";
    return on && !culprits ? "on" : "failed";
}

static int compare_rows(const void *a, const void *b)
{
    json_t *one = *(json_t *const *)a, *two = *(json_t *const *)b;
    size_t x = rank(text_at(one, "verdict")), y = rank(text_at(two, "verdict"));
    if (x != y)
        return x < y ? -1 : 1;
    return strcmp(text_at(one, "library"), text_at(two, "library"));
}

void audit_rows_sort(json_t *rows)
{
    size_t n = json_array_size(rows);
    autofree json_t **list = xcalloc(n + 1, sizeof(json_t *));
    for (size_t i = 0; i < n; i++)
        list[i] = json_incref(json_array_get(rows, i));
    qsort(list, n, sizeof(json_t *), compare_rows);
    json_array_clear(rows);
    for (size_t i = 0; i < n; i++)
        json_array_append_new(rows, list[i]);
}
