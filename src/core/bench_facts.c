/* What a result of core/bench.h says of the machine and of the builds. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/bench_plan.h"
#include "core/receipt.h"
#include "core/text_json.h"

/* What follows `key` and `between` on the first such line of a file, without quotes; owned or NULL.
 */
static char *line_value(const char *path, const char *key, char between)
{
    autofree char *text = NULL;
    if (fs_read_text(path, &text) < 0) {
        err_clear();
        return NULL;
    }
    char *save = NULL;
    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *value = strchr(line, between);
        if (!value || !str_starts(line, key))
            continue;
        value = str_trim(value + 1);
        size_t n = strlen(value);
        return *value == '"' && n > 1 ? xstrndup(value + 1, n - 2) : xstrdup(value);
    }
    return NULL;
}

/* What share of a CPU one worker got, in the worst cell: 1 on a quiet machine. */
static double granted(const struct bench *b)
{
    double worst = 1;
    for (size_t i = 0; i < b->n_rows; i++) {
        const struct bench_row *r = &b->rows[i];
        for (size_t c = 0; c < r->n_cells && !r->skip && !r->plan->waits; c++)
            for (size_t k = 0; k < b->rounds && r->cells[c].workers == 1; k++)
                if (r->cells[c].cpu[k] < worst * r->cells[c].seconds[k])
                    worst = r->cells[c].cpu[k] / r->cells[c].seconds[k];
    }
    return worst;
}

json_t *bench_machine(const struct bench *b)
{
    struct utsname u;
    if (uname(&u) < 0)
        memset(&u, 0, sizeof u);
    autofree char *cpu = line_value("/proc/cpuinfo", "model name", ':');
    autofree char *system = line_value("/etc/os-release", "PRETTY_NAME", '=');
    autofree char *kernel = xasprintf("%s %s", u.sysname, u.release);
    double quota = cpu_quota();
    return json_pack("{s:o, s:i, s:i, s:o, s:f, s:o, s:o, s:s, s:f}", "cpu",
                     cpu ? text_json(cpu) : json_string("unknown"), "cpus", cpu_count(),
                     "cpus_online", (int)sysconf(_SC_NPROCESSORS_ONLN), "quota",
                     quota > 0 ? json_real(quota) : json_null(), "load", cpu_load(), "system",
                     text_json(system ? system : u.sysname), "kernel", text_json(kernel), "arch",
                     u.machine, "cpu_granted", granted(b));
}

/* What ungil knows of the prefix, when it installed it: its name and preset. */
static void add_receipt(json_t *build, const char *python)
{
    char resolved[PATH_MAX];
    struct receipt *r = NULL;
    if (realpath(python, resolved)) {
        autofree char *bin = path_dir(resolved), *prefix = path_dir(bin);
        if (receipt_read(prefix, &r) < 0)
            err_clear();
    }
    json_object_set_new(build, "name", r && *r->name ? json_string(r->name) : json_null());
    json_object_set_new(build, "preset", r && *r->preset ? json_string(r->preset) : json_null());
    receipt_free(r);
}

json_t *bench_builds(const struct bench *b)
{
    json_t *list = json_array();
    for (size_t i = 0; i < b->n_builds; i++) {
        const struct bench_build *k = &b->builds[i];
        json_t *build = json_pack("{s:s, s:o, s:s}", "id", k->id, "python", text_json(k->python),
                                  "variant", k->gil && !k->forced ? "gil" : "ft");
        static const char *const keys[] = {"release", "compiler", "configure", "version"};
        for (size_t f = 0; f < lengthof(keys); f++) {
            json_t *fact = json_object_get(k->facts, keys[f]);
            json_object_set(build, keys[f], fact ? fact : json_null());
        }
        add_receipt(build, k->python);
        json_array_append_new(list, build);
    }
    return list;
}
