/* The document that core/bench.h gives. */
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/bench_plan.h"
#include "core/text_json.h"

static json_t *cell_json(const struct bench *b, const struct bench_row *r,
                         const struct bench_cell *c)
{
    json_t *values = json_array();
    for (size_t i = 0; i < b->rounds; i++)
        json_array_append_new(values, json_real(c->seconds[i]));
    return json_pack("{s:s, s:s, s:i, s:f, s:f, s:f, s:o}", "build", b->builds[c->build].id, "mode",
                     r->plan->mode, "workers", c->workers, "seconds",
                     stats_median(c->seconds, b->rounds), "mad", stats_mad(c->seconds, b->rounds),
                     "cpu_seconds", stats_median(c->cpu, b->rounds), "values", values);
}

static json_t *row_json(const struct bench *b, const struct bench_row *r)
{
    const struct bench_plan *p = r->plan;
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?}", "kernel", p->kernel, "form", p->form, "mode",
                  p->mode, "kind", p->kind, "shows", p->shows, "resource", p->resource);
    if (!p->resource)
        json_object_set_new(row, "resource", json_null());
    if (r->skip) {
        json_object_set_new(row, "skip", text_json(r->skip));
        return row;
    }
    json_t *cells = json_array();
    for (size_t i = 0; i < r->n_cells; i++)
        json_array_append_new(cells, cell_json(b, r, &r->cells[i]));
    json_object_set_new(row, "scale", json_real(r->scale));
    json_object_set_new(row, "checksum", text_json(r->checksum));
    json_object_set_new(row, "cells", cells);
    json_object_set_new(row, "ratios", json_array());
    return row;
}

/* Whether more workers could show what they gain. */
static char *scaling_text(const struct bench *b)
{
    for (size_t i = 0; i < b->n_workers; i++) {
        int n = b->workers[i];
        if (n > 1 && n > b->cpus)
            return xasprintf("refused: %d threads need %d CPUs, and this process may use %g", n, n,
                             b->cpus);
    }
    return xstrdup("measured");
}

json_t *bench_result(const struct bench *b, double seconds)
{
    static const char *const lengths[] = {
        [BENCH_QUICK] = "quick", [BENCH_DEFAULT] = "default", [BENCH_THOROUGH] = "thorough"};
    autofree char *scaling = scaling_text(b);
    json_t *rows = json_array(), *workers = json_array();
    for (size_t i = 0; i < b->n_rows; i++)
        json_array_append_new(rows, row_json(b, &b->rows[i]));
    for (size_t i = 0; i < b->n_workers; i++)
        json_array_append_new(workers, json_integer(b->workers[i]));
    int differences = (int)bench_add_ratios(b, rows);
    json_t *result = json_pack(
        "{s:i, s:s, s:s, s:f, s:s, s:i, s:i, s:I, s:o, s:o, s:o, s:s, s:o}", "format", BENCH_FORMAT,
        "ungil", PACKAGE_VERSION, "started", b->started, "seconds", seconds, "length",
        lengths[b->o->length], "rounds", (int)b->rounds, "repeated", (int)b->repeated, "seed",
        (json_int_t)b->seed, "machine", bench_machine(b), "builds", bench_builds(b), "workers",
        workers, "scaling", scaling, "kernels", rows);
    if (b->o->self_check)
        json_object_set_new(result, "self_check", json_pack("{s:i}", "differences", differences));
    return result;
}

int bench_read(const char *path, json_t **result)
{
    autofree char *text = NULL;
    *result = NULL;
    int rc = fs_read_text(path, &text);
    if (rc == E_NOTFOUND)
        return fail(E_USAGE, "there is no file %s", path);
    if (rc < 0)
        return rc;
    json_error_t error;
    json_t *document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    json_t *bench =
        json_object_get(document, "kernels") ? document : json_object_get(document, "bench");
    json_int_t format = json_integer_value(json_object_get(bench, "format"));
    if (!document)
        rc = fail(E_USAGE, "%s is no JSON: line %d: %s", path, error.line, error.text);
    else if (!json_is_array(json_object_get(bench, "kernels")))
        rc = err_hint(fail(E_USAGE, "%s holds no result of a benchmark", path),
                      "give what \"ungil bench --json\" printed, or the ungil.json of a prefix "
                      "that was measured");
    else if (format != BENCH_FORMAT)
        rc =
            err_hint(fail(E_USAGE, "%s holds a result in format %d, and this ungil reads format %d",
                          path, format ? (int)format : 1, BENCH_FORMAT),
                     "measure again with this ungil");
    else
        *result = json_incref(bench);
    json_decref(document);
    return rc;
}

json_t *bench_cell_of(json_t *row, const char *build, int workers)
{
    size_t i;
    json_t *cell;
    json_array_foreach(json_object_get(row, "cells"), i,
                       cell) if (strcmp(json_text(cell, "build"), build) == 0 &&
                                 (int)json_number(cell, "workers") == workers) return cell;
    return NULL;
}
