#include "core/build_log.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"

enum { LINE_MAX_SHOWN = 240, READ_AT_MOST = 1 << 20, CONTEXT = 6 };

enum weight { PLAIN, MAKE, TROUBLE };

static enum weight weigh(const char *line)
{
    /* What tools write when they fail; warnings and gcc's source excerpts are not among it. */
    static const char *const trouble[] = {": error:",
                                          ": fatal error:",
                                          "configure: error:",
                                          "undefined reference to",
                                          "No space left on device",
                                          "Disk quota exceeded",
                                          "internal compiler error",
                                          "Killed signal",
                                          "virtual memory exhausted",
                                          "out of memory",
                                          "Out of memory",
                                          "Read-only file system",
                                          "Permission denied",
                                          "ld returned 1",
                                          "command not found",
                                          "Segmentation fault",
                                          "Bus error",
                                          ": not found"};
    /* What says only that something above went wrong. */
    if (strstr(line, "*** ") && strstr(line, "make"))
        return MAKE;
    if (strstr(line, "checking ") == line)
        return PLAIN; /* "checking for x... not found" is no failure */
    for (size_t i = 0; i < lengthof(trouble); i++)
        if (strstr(line, trouble[i]))
            return TROUBLE;
    return PLAIN;
}

static void add_line(struct str *out, struct strv *shown, const char *line)
{
    autofree char *cut = xstrndup(line, LINE_MAX_SHOWN);
    str_trim(cut);
    if (!*cut || strv_has(shown, cut))
        return;
    strv_add(shown, cut);
    str_addf(out, "%s\n", cut);
}

/* The `count` non-empty lines that end before line `end`. */
static void add_before(struct str *out, struct strv *shown, const struct strv *lines, size_t end,
                       size_t count)
{
    size_t from = end;
    for (size_t have = 0; from > 0 && have < count; from--)
        have += lines->v[from - 1][strspn(lines->v[from - 1], " \t\r")] != '\0';
    for (size_t i = from; i < end; i++)
        add_line(out, shown, lines->v[i]);
}

char *build_log_excerpt(const char *text, size_t limit)
{
    autostrv lines = {0}, shown = {0};
    size_t trouble = 0, first_make = (size_t)-1;
    for (const char *at = text; *at; at += *at == '\n') {
        size_t n = strcspn(at, "\n");
        strv_take(&lines, xstrndup(at, n));
        enum weight w = weigh(lines.v[lines.n - 1]);
        trouble += w == TROUBLE;
        if (w == MAKE && first_make == (size_t)-1)
            first_make = lines.n - 1;
        at += n;
    }
    struct str out = {0};
    if (trouble == 0) {
        /* Nobody said "error": what came just before make gave up, or simply the end. */
        bool gave_up = first_make != (size_t)-1;
        size_t context = gave_up && limit > 2 ? limit - 2 : limit;
        add_before(&out, &shown, &lines, gave_up ? first_make : lines.n,
                   context < CONTEXT || !gave_up ? context : CONTEXT);
        if (gave_up)
            add_line(&out, &shown, lines.v[first_make]);
        return str_take(&out);
    }
    for (size_t i = 0; i < lines.n && shown.n + 1 < limit; i++)
        if (weigh(lines.v[i]) == TROUBLE)
            add_line(&out, &shown, lines.v[i]);
    if (first_make != (size_t)-1 && shown.n < limit)
        add_line(&out, &shown, lines.v[first_make]);
    return str_take(&out);
}

char *build_log_read_excerpt(const char *path, off_t from, size_t limit)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return xstrdup("");
    off_t size = lseek(fd, 0, SEEK_END);
    if (size - from > READ_AT_MOST)
        from = size - READ_AT_MOST;
    autostr text = {0};
    char buf[8192];
    ssize_t n;
    for (; (n = pread(fd, buf, sizeof buf, from)) > 0; from += n)
        for (ssize_t i = 0; i < n; i++) /* a NUL must not hide what follows it */
            str_addn(&text, buf[i] ? buf + i : "?", 1);
    return build_log_excerpt(text.s ? text.s : "", limit);
}

void build_log_follow_open(struct build_log_follow *f, const char *path, long long from)
{
    build_log_follow_close(f);
    f->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (f->fd >= 0)
        lseek(f->fd, (off_t)from, SEEK_SET);
}

void build_log_follow_step(struct build_log_follow *f, const char *who, int all)
{
    char buf[8192];
    ssize_t n;
    while (f->fd >= 0 && (n = read(f->fd, buf, sizeof buf)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (buf[i] != '\n') {
                str_addn(&f->partial, buf + i, 1);
                continue;
            }
            detail("%s | %s", who, f->partial.len ? f->partial.s : "");
            str_free(&f->partial);
        }
    if (all && f->partial.len) {
        detail("%s | %s", who, f->partial.s);
        str_free(&f->partial);
    }
}

void build_log_follow_close(struct build_log_follow *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
    str_free(&f->partial);
}
