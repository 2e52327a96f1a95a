#include "core/timings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

/* <cache>/timings: a line "SERIES VARIANT PRESET JOBS STAGE = SECONDS BYTES" each, oldest first. */
enum { FIELDS = 5, LINES_KEPT = 400 };

static void read_lines(const char *cache, struct strv *lines)
{
    autofree char *path = path_join(cache, "timings"), *text = NULL;
    if (fs_read_text(path, &text) < 0) {
        err_clear();
        return;
    }
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        strv_add(lines, line);
}

/* How well `line` answers `key`: 0 not at all, else more is better. Series aside, the preset and
 * the stage must be equal. */
static int likeness(const char *line, const char *key)
{
    static const int worth[FIELDS] = {8, 2, 0, 4, 0};
    int sum = 1;
    for (int i = 0; i < FIELDS; i++) {
        size_t a = strcspn(line, " "), b = strcspn(key, " ");
        if (a == b && strncmp(line, key, a) == 0)
            sum += worth[i];
        else if (worth[i] == 0)
            return 0;
        line += a + strspn(line + a, " ");
        key += b + strspn(key + b, " ");
    }
    return *line == '=' ? sum : 0;
}

struct timing timings_get(const char *cache, const char *key)
{
    autostrv lines = {0};
    read_lines(cache, &lines);
    struct timing found = {0};
    int best = 0;
    for (size_t i = 0; i < lines.n; i++) {
        int like = likeness(lines.v[i], key);
        const char *value = strstr(lines.v[i], "= ");
        struct timing t = {0};
        if (like < best || like == 0 || !value ||
            sscanf(value, "= %lf %lld", &t.seconds, &t.bytes) != 2 || t.seconds < 0 || t.bytes < 0)
            continue;
        best = like;
        found = t;
    }
    return found;
}

void timings_put(const char *cache, const char *key, struct timing t)
{
    autostrv lines = {0};
    read_lines(cache, &lines);
    autofree char *head = xasprintf("%s =", key);
    autostr text = {0};
    size_t first = lines.n > LINES_KEPT ? lines.n - LINES_KEPT : 0;
    for (size_t i = first; i < lines.n; i++)
        if (!str_starts(lines.v[i], head))
            str_addf(&text, "%s\n", lines.v[i]);
    str_addf(&text, "%s %.2f %lld\n", head, t.seconds, t.bytes);
    autofree char *path = path_join(cache, "timings");
    if (fs_write_atomic(path, text.s, text.len, 0644) < 0)
        err_clear();
}
