#include "core/audit_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/audit.h"
#include "core/audit_rows.h"
#include "core/audit_static.h"
#include "core/audit_target.h"
#include "core/text_json.h"
#include "core/wheel.h"

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static json_t *row_for(json_t *rows, const char *library, bool distribution, const char *version,
                       const char *wheel)
{
    size_t i;
    json_t *row;
    json_array_foreach(rows, i, row) if (str_eq(text_at(row, "library"), library)) return row;
    row =
        json_pack("{s:o, s:o, s:b, s:o, s:[], s:[], s:n, s:n, s:s}", "library", text_json(library),
                  "version", text_json(version), "distribution", distribution, "wheel",
                  text_json(wheel), "extensions", "culprits", "why", "seconds", "verdict", "off");
    json_object_set_new(row, "gil", json_string("unknown"));
    json_array_append_new(rows, row);
    return row;
}

static void take(json_t *row, json_t *answer)
{
    const char *said = text_at(answer, "answer"), *module = text_at(answer, "module");
    const char *error = text_at(answer, "error");
    const char *verdict = str_eq(said, "declares")           ? "off"
                          : str_eq(said, "does not declare") ? "undeclared"
                          : said                             ? "cannot tell"
                                                             : "error";
    json_t *file = json_object_get(answer, "file");
    json_t *why = json_object_get(answer, error ? "error" : "why");
    if (str_eq(verdict, "undeclared"))
        json_array_append_new(json_object_get(row, "culprits"),
                              json_pack("{s:o, s:O, s:O}", "module", text_json(module), "file",
                                        file, "distribution",
                                        json_is_true(json_object_get(row, "distribution"))
                                            ? json_object_get(row, "library")
                                            : json_null()));
    json_array_append_new(json_object_get(row, "extensions"),
                          json_pack("{s:o, s:O, s:s, s:O?, s:O}", "module", text_json(module),
                                    "file", file, "verdict", verdict, "why", why, "static",
                                    answer));
    if (audit_worse(text_at(row, "verdict"), verdict) != text_at(row, "verdict")) {
        json_object_set_new(row, "verdict", json_string(verdict));
        if (why && !str_eq(verdict, "off"))
            json_object_set(row, "why", why);
    }
}

/* "pkg/sub/name.cpython-314t-x86_64-linux-gnu.so" -> "pkg.sub.name"; owned. */
static char *dotted(const char *relative)
{
    const char *base = path_base(relative);
    char *name = xstrndup(relative, (size_t)(base - relative) + strcspn(base, "."));
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '.';
    return name;
}

/* A row for each distribution, and for each module that belongs to none. */
static void take_all(json_t *rows, json_t *answers)
{
    size_t i;
    json_t *answer;
    json_array_foreach(answers, i, answer)
    {
        const char *owner = text_at(answer, "distribution");
        const char *relative = text_at(answer, "relative");
        autofree char *module = dotted(relative ? relative : text_at(answer, "file"));
        json_object_set_new(answer, "module", text_json(module));
        take(row_for(rows, owner ? owner : module, owner != NULL, NULL, NULL), answer);
    }
}

static int read_tree(const char *dir, json_t *rows)
{
    json_t *answers = json_array();
    int rc = fs_exists(dir) ? audit_static_tree(dir, answers)
                            : err_hint(fail(E_USAGE, "there is no directory %s", dir),
                                       "name the directory with the packages");
    take_all(rows, answers);
    json_decref(answers);
    return rc;
}

/* PREFIX/lib/pythonX.Yt/site-packages for each such interpreter in PREFIX. */
static int read_sites(const char *prefix, json_t *rows)
{
    autofree char *lib = path_join(prefix, "lib");
    autostrv names = {0};
    int rc = fs_list(lib, &names);
    size_t found = 0;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        autofree char *site = xasprintf("%s/%s/site-packages", lib, names.v[i]);
        if (!str_starts(names.v[i], "python") || !fs_exists(site))
            continue;
        found++;
        rc = read_tree(site, rows);
    }
    if (rc == 0 && !found)
        rc = err_hint(fail(E_USAGE, "%s holds no site-packages", prefix),
                      "name the directory with the packages");
    return rc;
}

static char *prefix_of(const char *python)
{
    autofree char *real = realpath(python, NULL);
    autofree char *bin = path_dir(real ? real : python);
    return path_dir(bin);
}

static int read_wheel(const char *file, const char *series, json_t *rows)
{
    json_t *answer = NULL, *ext;
    size_t i;
    int rc = audit_static_wheel(file, &answer);
    if (rc == E_SIGNAL)
        return rc;
    if (rc < 0) {
        json_t *row = row_for(rows, path_base(file), false, NULL, "no");
        json_object_set_new(row, "verdict", json_string("error"));
        json_object_set_new(row, "why", text_json(err_message()));
        err_clear();
        return 0;
    }
    autowheel w = {0};
    autofree char *kind = NULL;
    if (wheel_parse_name(file, &w) == 0 && series)
        kind = wheel_kind_text(wheel_free_threaded(&w, series), series);
    err_clear();
    json_t *row = row_for(rows, path_base(file), true, text_at(answer, "version"), kind);
    json_object_set(row, "library", json_object_get(answer, "distribution"));
    json_object_set(row, "contradictions", json_object_get(answer, "notes"));
    json_array_foreach(json_object_get(answer, "extensions"), i, ext)
    {
        autofree char *module = dotted(text_at(ext, "file"));
        json_object_set_new(ext, "module", text_json(module));
        take(row, ext);
    }
    if (i == 0)
        json_object_set_new(row, "verdict", json_string("none"));
    json_object_set_new(row, "file", text_json(file));
    json_decref(answer);
    return 0;
}

static int read_place(struct audit_place *p, const struct audit_opts *opts, json_t *rows)
{
    json_t *answer = NULL;
    autofree char *prefix = NULL;
    int rc = 0;
    switch (p->kind) {
    case AUDIT_REQUIREMENTS:
        return err_hint(
            fail(E_USAGE, "%s: only pip can tell what it asks for, and pip runs programs",
                 p->label),
            "\"pip download --only-binary :all: -d DIR -r %s\", then \"ungil audit --static NAME "
            "DIR\"",
            p->label);
    case AUDIT_INSTALLED:
        prefix = prefix_of(opts->python);
        return read_sites(prefix, rows);
    case AUDIT_VENV:
        return read_sites(p->label, rows);
    case AUDIT_WHEELS:
        for (size_t i = 0; rc == 0 && i < p->wheels.n; i++)
            rc = read_wheel(p->wheels.v[i], opts->series, rows);
        return rc;
    case AUDIT_DIRECTORY:
        return read_tree(p->label, rows);
    case AUDIT_EXTENSION:
        rc = audit_static_file(p->file, &answer);
        if (rc < 0)
            answer = json_pack("{s:o, s:o, s:o}", "module", text_json(p->module), "file",
                               text_json(p->file), "error", text_json(err_message()));
        err_clear();
        take(row_for(rows, p->module, false, NULL, NULL), answer);
        json_decref(answer);
    }
    return 0;
}

int audit_files(const struct audit_opts *opts, struct audit_place *places, size_t n,
                json_t *audited)
{
    for (size_t i = 0; i < n; i++) {
        double began = clock_now();
        json_t *rows = json_array();
        int rc = read_place(&places[i], opts, rows);
        audit_rows_sort(rows);
        json_array_append_new(audited, json_pack("{s:o, s:s, s:n, s:o, s:n, s:n, s:f}", "target",
                                                 text_json(places[i].label), "kind",
                                                 audit_kind_name(places[i].kind), "at_start",
                                                 "libraries", rows, "together", "skipped",
                                                 "seconds", clock_now() - began));
        if (rc < 0)
            return rc;
    }
    return 0;
}
