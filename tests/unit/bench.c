/* Goal: a table of two equal builds calls no difference, however ill the machine behaves, and one
 * of unequal ones does. */
#include <math.h>
#include <stdlib.h>

#include "core/bench_plan.h"
#include "tap.h"

enum { TABLES = 1000, ROWS = 4 };

static unsigned long long state = 20261125; /* always the same tables */

static double uniform(void)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return ((double)(state >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

/* How one machine behaves: shares of a time, and how often. */
struct machine {
    const char *name;
    double noise;  /* of every value */
    double spikes; /* how often another process takes the CPU for a while */
    double drift;  /* of its pace, from value to value; it goes on where it was */
};

static double pace;

static double value(const struct machine *m, double seconds)
{
    pace = 0.97 * pace + m->drift * normal();
    double spike = uniform() < m->spikes ? 0.1 + uniform() : 0;
    return seconds * exp(m->noise * normal() + pace) * (1 + spike);
}

static const struct bench_plan plan = {.kernel = "primes", .form = "x", .mode = "threads"};

/* One table of A and B, by 1 and 2 workers; B takes `slower` times as long. How many it calls. */
static size_t table(const struct machine *m, size_t rounds, double slower)
{
    const struct bench_opts o = {.self_check = true};
    struct bench b = {.o = &o,
                      .workers = {1, 2},
                      .n_workers = 2,
                      .cpus = 2,
                      .n_builds = 2,
                      .n_rows = ROWS,
                      .rounds = rounds};
    static struct bench_cell cells[ROWS][4];
    json_t *rows = json_array();
    b.builds[0].id = "A";
    b.builds[1].id = "B";
    for (size_t r = 0; r < ROWS; r++) {
        b.rows[r] = (struct bench_row){.plan = &plan, .cells = cells[r], .n_cells = 4};
        for (size_t c = 0; c < 4; c++)
            cells[r][c] = (struct bench_cell){.build = c / 2, .workers = 1 + (int)(c % 2)};
        json_array_append_new(rows, json_pack("{s:[]}", "ratios"));
    }
    for (size_t k = 0; k < rounds; k++)
        for (size_t r = 0; r < ROWS; r++)
            for (size_t i = 0, first = (size_t)(uniform() * 4); i < 4; i++) {
                struct bench_cell *c = &cells[r][(first + i) % 4];
                c->seconds[k] = value(m, c->build == 1 ? 0.2 * slower : 0.2);
            }
    size_t called = bench_add_ratios(&b, rows);
    json_decref(rows);
    return called;
}

/* The share of tables that call anything. */
static double share(const struct machine *m, size_t rounds, double slower)
{
    int calling = 0;
    pace = 0;
    for (int i = 0; i < TABLES; i++)
        calling += table(m, rounds, slower) > 0;
    return (double)calling / TABLES;
}

int main(void)
{
    static const struct machine machines[] = {
        {"quiet", 0.01, 0, 0},
        {"drifting", 0.01, 0, 0.02},
        {"shared", 0.02, 0.1, 0.02},
        {"crowded", 0.05, 0.4, 0.1},
    };
    static const size_t rounds[] = {3, 4, 6, 9, 15};
    for (size_t m = 0; m < lengthof(machines); m++)
        for (size_t r = 0; r < lengthof(rounds); r++) {
            double found = share(&machines[m], rounds[r], 1);
            autofree char *what = xasprintf("equal builds on a %s machine, %zu rounds: %.1f %% of "
                                            "the tables call a difference",
                                            machines[m].name, rounds[r], found * 100);
            ok(found <= 0.015, what);
        }
    ok(share(&machines[0], 1, 2) == 0 && share(&machines[0], 2, 2) == 0,
       "two rounds never call one, whatever they saw");
    ok(share(&machines[0], 4, 1.2) > 0.95, "a fifth more on a quiet machine is seen in 4 rounds");
    ok(share(&machines[0], 9, 1.05) > 0.95, "a twentieth is in 9");
    ok(share(&machines[2], 9, 1.3) > 0.9, "on a shared machine, a third");
    ok(share(&machines[0], 15, 1.005) == 0, "what is too small to matter is not called");
    return tap_done();
}
