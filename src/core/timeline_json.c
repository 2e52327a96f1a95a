#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/str.h"
#include "core/report.h"
#include "core/text_json.h"
#include "core/timeline_spans.h"

static const char *const outcomes[] = {"open", "done", "failed", "interrupted"};

static json_t *rounded(double seconds)
{
    return json_real(round(seconds * 1000) / 1000);
}

/* ---- How busy it was from one moment to another ---- */

/* The share of the CPUs' time that was idle; false where nothing was sampled. *underused: the share
 * of this time in which half a CPU or more was idle. */
static bool idle_between(const struct timeline *t, double from, double to, double *idle,
                         double *underused)
{
    double seconds = 0, busy = 0, low = 0, before = 0;
    for (size_t i = 0; i < t->n_samples; i++) {
        const struct sample *s = &t->samples[i];
        double a = before > from ? before : from, b = s->at < to ? s->at : to;
        before = s->at;
        if (b <= a)
            continue;
        seconds += b - a;
        busy += (b - a) * s->busy;
        if ((1 - s->busy) * (double)t->n_cpus >= 0.5)
            low += b - a;
    }
    *idle = seconds > 0 ? 1 - busy / seconds : 0;
    *underused = seconds > 0 ? low / seconds : 0;
    return seconds > 0;
}

static json_t *share(bool known, double value)
{
    return known ? rounded(value) : json_null();
}

/* ---- What it comes after ---- */

/* Of what a span comes after, what ended last: without it, it could have begun earlier. */
static ptrdiff_t cause(const struct timeline *t, const struct span *s)
{
    ptrdiff_t last = -1;
    for (size_t i = 0; i < s->after.n; i++)
        if (last < 0 || t->spans[s->after.v[i]].end >= t->spans[last].end)
            last = (ptrdiff_t)s->after.v[i];
    return last;
}

/* From what ended last back to the beginning, in the order of time: an install gets no faster
 * unless one of these does. A new reference. */
static json_t *critical_path(const struct timeline *t, bool *critical)
{
    json_t *path = json_array();
    ptrdiff_t at = -1;
    for (size_t i = 0; i < t->n; i++)
        if (at < 0 || t->spans[i].end >= t->spans[at].end)
            at = (ptrdiff_t)i;
    for (; at >= 0; at = cause(t, &t->spans[at])) {
        critical[at] = true;
        json_array_insert_new(path, 0, json_integer(at));
    }
    return path;
}

static json_t *ids_json(const struct ids *ids)
{
    json_t *list = json_array();
    for (size_t i = 0; i < ids->n; i++)
        json_array_append_new(list, json_integer((json_int_t)ids->v[i]));
    return list;
}

static json_t *span_json(const struct timeline *t, size_t id, bool critical)
{
    const struct span *s = &t->spans[id];
    ptrdiff_t before = cause(t, s);
    double waited = before >= 0 ? s->start - t->spans[before].end : 0, idle, underused;
    bool known = idle_between(t, s->start, s->end, &idle, &underused);
    return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
                     "id", (int)id, "lane", text_json(s->lane), "stage", text_json(s->stage),
                     "detail", text_json(s->detail), "start", rounded(s->start), "end",
                     rounded(s->end), "outcome", outcomes[s->outcome], "resumed", s->resumed,
                     "after", ids_json(&s->after), "waited", rounded(waited), "waited_for",
                     text_json(s->waited_for), "paused", rounded(s->paused), "cpu_seconds",
                     rounded(s->cpu), "idle_share", share(known, idle), "critical", critical);
}

/* ---- All of it ---- */

/* Seconds and processor time of each kind of stage, all lanes together, in the order in which they
 * first began. */
static json_t *stages_json(const struct timeline *t)
{
    json_t *stages = json_object();
    for (size_t i = 0; i < t->n; i++) {
        const struct span *s = &t->spans[i];
        json_t *stage = json_object_get(stages, s->stage);
        if (!stage) {
            stage = json_pack("{s:f, s:f}", "seconds", 0.0, "cpu_seconds", 0.0);
            json_object_set_new(stages, s->stage, stage);
        }
        json_object_set_new(stage, "seconds",
                            rounded(json_number(stage, "seconds") + s->end - s->start));
        json_object_set_new(stage, "cpu_seconds",
                            rounded(json_number(stage, "cpu_seconds") + s->cpu));
    }
    return stages;
}

static json_t *summary_json(const struct timeline *t, json_t *critical)
{
    double idle, underused, on_it = 0;
    bool known = idle_between(t, 0, t->ended, &idle, &underused);
    double children = t->children_end - t->children, self = t->self_end - t->self;
    double all = t->ended * (double)(t->n_cpus ? (int)t->n_cpus : cpu_affinity());
    size_t i;
    json_t *id;
    json_array_foreach(critical, i, id)
    {
        const struct span *s = &t->spans[json_integer_value(id)];
        on_it += s->end - s->start;
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "wall", rounded(t->ended),
                     "cpu_seconds", rounded(children), "own_cpu_seconds", rounded(self),
                     "used_share", share(all > 0, (children + self) / all), "idle_share",
                     share(known, idle), "underused_share", share(known, underused), "critical",
                     critical, "critical_seconds", rounded(on_it), "stages", stages_json(t));
}

static json_t *busy_json(const struct timeline *t)
{
    if (t->n_samples == 0)
        return json_null();
    json_t *at = json_array(), *shares = json_array();
    for (size_t i = 0; i < t->n_samples; i++) {
        json_array_append_new(at, rounded(t->samples[i].at));
        json_array_append_new(shares, rounded(t->samples[i].busy));
    }
    return json_pack("{s:o, s:o}", "at", at, "share", shares);
}

json_t *timeline_json(const struct timeline *t)
{
    autofree bool *critical = xcalloc(t->n + 1, sizeof *critical);
    json_t *path = critical_path(t, critical), *spans = json_array();
    for (size_t i = 0; i < t->n; i++)
        json_array_append_new(spans, span_json(t, i, critical[i]));
    double quota = cpu_quota();
    const char *outcome = t->result == 0          ? "done"
                          : t->result == E_SIGNAL ? "interrupted"
                                                  : "failed";
    return json_pack("{s:i, s:s, s:s, s:s, s:i, s:o, s:o, s:o, s:o}", "format", 1, "ungil",
                     PACKAGE_VERSION, "started", t->started, "outcome", outcome, "cpus",
                     t->n_cpus ? (int)t->n_cpus : cpu_affinity(), "quota",
                     quota > 0 ? json_real(quota) : json_null(), "summary", summary_json(t, path),
                     "spans", spans, "busy", busy_json(t));
}

/* ---- The file ---- */

int timeline_check(const char *file)
{
    const char *dot = strrchr(file, '.');
    if (!str_ends(file, ".json") && !str_ends(file, ".html")) {
        int rc = fail(E_USAGE, "--timings %s: \"%s\" is no ending that says what to write", file,
                      dot ? dot : file);
        return err_hint(rc, "--timings FILE.json writes the figures, FILE.html a page to look at");
    }
    return report_check(file);
}

int timeline_write(const struct timeline *t, const char *file)
{
    json_t *json = timeline_json(t);
    if (!json)
        return fail(E_FAILED, "the timings cannot be written as JSON");
    int rc = str_ends(file, ".html") ? report_write("timings", json, file)
                                     : report_write_json(json, file);
    json_decref(json);
    return rc;
}
