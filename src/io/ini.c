#include "io/ini.h"

#include <ctype.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/str.h"

/* What distributions compile inih with: longer ones would be handed on truncated. */
enum { LINE_LIMIT = 199, SECTION_LIMIT = 49 };

struct reading {
    const char *path;
    ini_key *handle;
    void *arg;
    const char *at; /* what is not read yet */
    int line;       /* of the line read last, from 1 */
    int rc;         /* the first error; nothing is handed on after it */
};

/* inih's handler; the key is NULL for a section that begins. */
static int on_key(void *arg, const char *section, const char *key, const char *value)
{
    struct reading *r = arg;
    if (r->rc < 0)
        return 1;
    int rc = r->handle(r->arg, r->line, section, key, value);
    if (rc < 0)
        r->rc = err_context(rc, "%s:%d", r->path, r->line);
    return 1;
}

static void on_section(struct reading *r, const char *line)
{
    size_t n = strcspn(line + 1, "]\n");
    autofree char *name = xstrndup(line + 1, n);
    if (n > SECTION_LIMIT)
        r->rc = fail(E_USAGE, "%s:%d: this section's name is too long: %zu bytes, %d are allowed",
                     r->path, r->line, n, SECTION_LIMIT);
    else if (line[n + 1] == ']') /* else inih says that the line is malformed */
        on_key(r, name, NULL, NULL);
}

/* inih's fgets: one line a call. Refuses here what inih would mangle. */
static char *next_line(char *buf, int size, void *arg)
{
    struct reading *r = arg;
    if (!*r->at || r->rc < 0)
        return NULL;
    size_t n = strcspn(r->at, "\n");
    r->line++;
    bool blank = strspn(r->at, " \t\r") >= n;
    if (n > LINE_LIMIT || n + 2 > (size_t)size) {
        r->rc = fail(E_USAGE, "%s:%d: this line is too long: %zu bytes, %d are allowed", r->path,
                     r->line, n, LINE_LIMIT);
        return NULL;
    }
    if (!blank && isspace((unsigned char)*r->at)) {
        r->rc =
            fail(E_USAGE,
                 "%s:%d: a line must not begin with white space (there are no continuation lines)",
                 r->path, r->line);
        return NULL;
    }
    memcpy(buf, r->at, n);
    buf[n] = '\n';
    buf[n + 1] = '\0';
    r->at += n + (r->at[n] == '\n');
    if (buf[0] == '[')
        on_section(r, buf);
    return r->rc < 0 ? NULL : buf;
}

int ini_read_text(const char *name, const char *text, ini_key *handle, void *arg)
{
    struct reading r = {.path = name, .handle = handle, .arg = arg, .at = text};
    int bad_line = ini_parse_stream(next_line, &r, on_key, &r);
    if (r.rc < 0)
        return r.rc;
    if (bad_line > 0)
        return fail(E_USAGE, "%s:%d: neither a [section], a key = value nor a ; comment", name,
                    bad_line);
    return bad_line < 0 ? fail(E_FAILED, "cannot parse %s", name) : 0;
}
