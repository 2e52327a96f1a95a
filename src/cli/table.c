#include "cli/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"

enum { MAX_COLUMNS = 16 };

struct table {
    size_t columns, rows;
    bool right[MAX_COLUMNS];
    struct strv cells; /* row by row, the header first */
};

struct table *table_new(const char *columns)
{
    struct table *t = xcalloc(1, sizeof *t);
    autofree char *names = xstrdup(columns);
    for (char *save = NULL, *name = strtok_r(names, "|", &save); name && t->columns < MAX_COLUMNS;
         name = strtok_r(NULL, "|", &save)) {
        t->right[t->columns++] = *name == '>';
        strv_add(&t->cells, *name == '>' ? name + 1 : name);
    }
    t->rows = 1;
    return t;
}

void table_row(struct table *t, const char *const *cells)
{
    for (size_t i = 0; i < t->columns; i++)
        strv_add(&t->cells, cells[i] ? cells[i] : "");
    t->rows++;
}

/* Columns a UTF-8 string takes, taking every code point as one column. */
static int width_of(const char *s)
{
    int n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

void table_print(struct table *t)
{
    int width[MAX_COLUMNS] = {0};
    for (size_t i = 0; i < t->cells.n; i++) {
        int w = width_of(t->cells.v[i]);
        if (w > width[i % t->columns])
            width[i % t->columns] = w;
    }
    const char *no_color = getenv("NO_COLOR");
    bool bold = isatty(STDOUT_FILENO) && !(no_color && *no_color);
    for (size_t r = 0; r < t->rows; r++) {
        if (r == 0 && bold)
            fputs("\033[1m", stdout);
        int owed = 0; /* spaces that are printed only if something follows */
        for (size_t c = 0; c < t->columns; c++) {
            const char *cell = t->cells.v[r * t->columns + c];
            int pad = width[c] - width_of(cell);
            owed += (c ? 2 : 0) + (t->right[c] ? pad : 0);
            if (*cell) {
                printf("%*s%s", owed, "", cell);
                owed = 0;
            }
            owed += t->right[c] ? 0 : pad;
        }
        fputs(r == 0 && bold ? "\033[0m\n" : "\n", stdout);
    }
}

void table_free(struct table *t)
{
    if (!t)
        return;
    strv_free(&t->cells);
    free(t);
}

int print_json(json_t *json)
{
    if (!json)
        return err_hint(fail(E_FAILED, "no JSON can be made of this: a path in it is not UTF-8"),
                        "leave out --json, or choose another root with --root DIR or UNGIL_ROOT");
    int rc = json_dumpf(json, stdout, JSON_INDENT(2));
    json_decref(json);
    putchar('\n');
    return rc < 0 && !ferror(stdout) ? fail(E_FAILED, "the result cannot be written as JSON") : 0;
}
