#include "cli/audit_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "cli/table.h"

enum { CELLS = 6, WIDTH = 100 };
static const char *const heads[CELLS] = {"library",         "version", "free-threaded wheel?",
                                         "GIL re-enabled?", "culprit", "note"};
static const size_t most[CELLS] = {28, 14, 16, 12, 26, 60}; /* columns of a cell */

static const char *text_at(json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static size_t width_of(const char *s)
{
    size_t n = 0;
    for (; *s; s++)
        n += (*s & 0xc0) != 0x80;
    return n;
}

/* At most `columns` of it, with "..." for the rest; owned. */
static char *shortened(const char *s, size_t columns)
{
    if (width_of(s) <= columns)
        return xstrdup(s);
    size_t bytes = 0, n = 0;
    while (s[bytes] && (n < columns - 3 || (s[bytes] & 0xc0) == 0x80))
        n += (s[bytes++] & 0xc0) != 0x80;
    while (bytes && (s[bytes] & 0xc0) == 0x80)
        bytes--;
    return xasprintf("%.*s...", (int)bytes, s);
}

static const char *gil_word(json_t *row, bool is_static)
{
    const char *verdict = text_at(row, "verdict");
    if (str_eq(verdict, "on"))
        return "ON";
    if (str_eq(verdict, "off"))
        return is_static ? "declared" : "off";
    return str_eq(verdict, "none") ? "-" : verdict;
}

static char *culprit_cell(json_t *row)
{
    json_t *culprits = json_object_get(row, "culprits");
    const char *first = text_at(json_array_get(culprits, 0), "module");
    size_t n = json_array_size(culprits);
    if (!first)
        return xstrdup("");
    autofree char *name = shortened(first, n > 1 ? most[4] - 4 : most[4]);
    return n > 1 ? xasprintf("%s +%zu", name, n - 1) : steal(&name);
}

/* How many of the row's extensions switched it on themselves, and the rest that is worth a line. */
static char *note_cell(json_t *row)
{
    autostr note = {0};
    const char *why = text_at(row, "why"), *more = text_at(row, "note");
    if (str_eq(text_at(row, "counts"), "allowed"))
        str_add(&note, "allowed; ");
    if (json_array_size(json_object_get(row, "contradictions")))
        str_add(&note, "see below; ");
    const char *owner =
        text_at(json_array_get(json_object_get(row, "culprits"), 0), "distribution");
    if (owner && !str_eq(owner, text_at(row, "library")))
        str_addf(&note, "by way of %s; ", owner);
    if (why)
        str_addf(&note, "%s; ", why);
    if (more)
        str_addf(&note, "%s; ", more);
    if (str_eq(text_at(row, "verdict"), "none"))
        str_add(&note,
                json_object_get(row, "modules") ? "nothing to import; " : "no extension module; ");
    double seconds = json_number_value(json_object_get(row, "seconds"));
    if (seconds >= 0.0005)
        str_addf(&note, "import %.*f ms; ", seconds < 0.01 ? 1 : 0, seconds * 1000);
    char *text = str_take(&note);
    if (*text)
        text[strlen(text) - 2] = '\0';
    return text;
}

static void cells_of(json_t *row, bool is_static, struct strv *cells)
{
    const char *version = text_at(row, "version"), *wheel = text_at(row, "wheel");
    strv_add(cells, text_at(row, "library"));
    strv_add(cells, version ? version : "-");
    strv_add(cells, wheel ? wheel : "-");
    strv_add(cells, gil_word(row, is_static));
    strv_take(cells, culprit_cell(row));
    strv_take(cells, note_cell(row));
}

static void print_markdown(const struct strv *cells)
{
    for (size_t i = 0; i < CELLS; i++)
        printf("| %s ", heads[i]);
    printf("|\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < cells->n; i++) {
        fputs("| ", stdout);
        for (const char *c = cells->v[i]; *c; c++)
            printf(*c == '|' ? "\\|" : "%c", *c);
        fputs(i % CELLS == CELLS - 1 ? " |\n" : " ", stdout);
    }
}

static void print_table(const struct strv *cells)
{
    size_t width[CELLS] = {7, 7, 5, 3, 7, 4}, used = 0;
    autostrv fitted = {0};
    for (size_t i = 0; i < cells->n; i++) {
        size_t c = i % CELLS;
        char *text = shortened(cells->v[i], most[c]);
        width[c] = width_of(text) > width[c] ? width_of(text) : width[c];
        strv_take(&fitted, text);
    }
    for (size_t c = 0; c + 1 < CELLS; c++)
        used += width[c] + 2;
    struct table *t = table_new("LIBRARY|VERSION|WHEEL|GIL|CULPRIT|NOTE");
    for (size_t i = 0; i < fitted.n; i += CELLS) {
        char *note = shortened(fitted.v[i + 5], used + 10 < WIDTH ? WIDTH - used : 10);
        free(fitted.v[i + 5]);
        fitted.v[i + 5] = note;
        table_row(t, (const char *const *)&fitted.v[i]);
    }
    table_print(t);
    table_free(t);
}

static void print_culprits(json_t *culprits, const char *indent)
{
    size_t i;
    json_t *c;
    json_array_foreach(culprits, i, c)
    {
        const char *file = text_at(c, "file"), *owner = text_at(c, "distribution");
        printf("%s%s  %s%s%s%s\n", indent, text_at(c, "module"), file ? file : "(file not known)",
               owner ? "  (" : "", owner ? owner : "", owner ? ")" : "");
    }
}

/* Every extension that failed, and what contradicts itself. */
static void print_failures(json_t *row)
{
    size_t i;
    json_t *ext, *text;
    json_array_foreach(json_object_get(row, "extensions"), i, ext)
    {
        const char *verdict = text_at(ext, "verdict"), *why = text_at(ext, "why");
        if (why && !str_eq(verdict, "off") && !str_eq(verdict, "on"))
            printf("    %s: %s: %s\n", text_at(ext, "module"), verdict, why);
    }
    json_t *import = json_object_get(row, "import");
    if (!i && !import && text_at(row, "why"))
        printf("    %s\n", text_at(row, "why"));
    const char *at = text_at(import, "at"), *why = text_at(import, "why");
    if (at && why)
        printf("    import %s: %s: %s\n", at, text_at(import, "verdict"), why);
    json_array_foreach(json_object_get(row, "contradictions"), i, text)
        printf("    note: %s\n", json_string_value(text));
}

static void print_details(json_t *rows)
{
    size_t i;
    json_t *row;
    bool any = false;
    json_array_foreach(rows, i, row)
    {
        const char *verdict = text_at(row, "verdict");
        bool plain = str_eq(verdict, "off") || str_eq(verdict, "none");
        if (plain && !json_array_size(json_object_get(row, "contradictions")))
            continue;
        printf("%s  %s\n", any ? "" : "\n", text_at(row, "library"));
        any = true;
        print_culprits(json_object_get(row, "culprits"), "    ");
        print_failures(row);
    }
}

static void print_together(json_t *together)
{
    const char *verdict = text_at(together, "verdict"), *at = text_at(together, "at");
    const char *why = text_at(together, "why");
    if (!verdict)
        return;
    size_t imported = 0, i, all = json_array_size(json_object_get(together, "imports"));
    json_t *import;
    json_array_foreach(json_object_get(together, "imports"), i, import) imported +=
        json_is_null(json_object_get(import, "why"));
    printf("\nAll together in one process: %zu of %zu imported, GIL %s", imported, all,
           json_is_true(json_object_get(together, "gil"))    ? "ON"
           : json_is_false(json_object_get(together, "gil")) ? "off"
                                                             : "not known");
    if (at)
        printf("; %s at %s: %s", verdict, at, why ? why : "");
    putchar('\n');
    print_culprits(json_object_get(together, "culprits"), "    ");
    json_array_foreach(json_object_get(together, "left_out"), i, import)
        printf("    left out, because it did not survive alone: %s\n", json_string_value(import));
}

/* Whether anything follows the table. */
static bool has_more(json_t *place)
{
    size_t i;
    json_t *row;
    json_array_foreach(json_object_get(place, "libraries"), i, row)
    {
        const char *verdict = text_at(row, "verdict");
        if (!(str_eq(verdict, "off") || str_eq(verdict, "none")) ||
            json_array_size(json_object_get(row, "contradictions")))
            return true;
    }
    return json_is_object(json_object_get(place, "together")) ||
           json_array_size(json_object_get(place, "at_start"));
}

static void print_place(json_t *place, bool is_static, bool markdown)
{
    autostrv cells = {0};
    json_t *rows = json_object_get(place, "libraries"), *row;
    size_t i, skipped = 0;
    const char *release = text_at(place, "release");
    printf("%s%s (%s)%s%s%s, %zu %s, %.1f s\n", markdown ? "### " : "", text_at(place, "target"),
           text_at(place, "kind"), release ? ", imported by " : ", read and not executed",
           release ? release : "", release ? "t" : "", json_array_size(rows),
           json_array_size(rows) == 1 ? "line" : "lines",
           json_number_value(json_object_get(place, "seconds")));
    if (markdown)
        putchar('\n');
    json_array_foreach(rows, i, row) cells_of(row, is_static, &cells);
    if (cells.n == 0)
        printf("nothing to audit is there\n");
    else if (markdown)
        print_markdown(&cells);
    else
        print_table(&cells);
    json_array_foreach(json_object_get(place, "skipped"), i, row) skipped +=
        str_eq(text_at(row, "verdict"), "skipped");
    if (skipped)
        printf("\n%zu wheel%s left out: another of the same distribution fits better\n", skipped,
               skipped == 1 ? "" : "s");
    bool fenced = markdown && has_more(place);
    if (fenced)
        printf("\n```");
    if (json_array_size(json_object_get(place, "at_start"))) {
        printf("\nThe GIL is on before anything is imported:\n");
        print_culprits(json_object_get(place, "at_start"), "    ");
    }
    print_details(rows);
    print_together(json_object_get(place, "together"));
    if (fenced)
        printf("```\n");
}

void audit_print(json_t *report, bool markdown)
{
    json_t *place, *audited = json_object_get(report, "audited");
    size_t i;
    json_array_foreach(audited, i, place)
    {
        if (i)
            putchar('\n');
        print_place(place, json_is_true(json_object_get(report, "static")), markdown);
    }
}

/* Names of the rows that count for this in the verdict, "a, b, c"; owned. */
static char *names_with(json_t *report, const char *counts)
{
    autostrv names = {0};
    size_t i, k;
    json_t *place, *row;
    json_array_foreach(json_object_get(report, "audited"), i, place)
        json_array_foreach(json_object_get(place, "libraries"), k, row)
    {
        if (!str_eq(text_at(row, "counts"), counts))
            continue;
        if (names.n == 5)
            strv_add(&names, "...");
        if (names.n < 5)
            strv_add(&names, text_at(row, "library"));
    }
    return strv_join(&names, ", ");
}

char *audit_summary(json_t *report)
{
    bool is_static = json_is_true(json_object_get(report, "static"));
    autofree char *on = names_with(report, "on"), *failed = names_with(report, "failed");
    if (str_eq(text_at(report, "verdict"), "on"))
        return xasprintf("%s: %s",
                         is_static ? "not declared to run without the GIL"
                                   : "the GIL is switched back on",
                         *on ? on : "by all together, or at the start");
    return xasprintf("%s: %s", is_static ? "it cannot be told" : "not everything could be imported",
                     *failed ? failed : "all together did not come to its end");
}
