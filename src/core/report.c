#include "core/report.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "core/embedded.h"
#include "io/digest.h"

/* --- the page ----------------------------------------------------------------------------------
 */

char *report_data(json_t *data)
{
    /* ASCII: U+2028 and U+2029 end a line in some parsers. */
    char *plain = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ENCODE_ANY);
    if (!plain)
        return NULL;
    autostr out = {0};
    str_add(&out, "");
    for (const char *c = plain; *c; c++) {
        /* These are in strings only: </script> and <!-- cannot end what they stand in. */
        if (*c == '<' || *c == '>' || *c == '&')
            str_addf(&out, "\\u%04x", (unsigned)*c);
        else
            str_addn(&out, c, 1);
    }
    free(plain);
    return str_take(&out);
}

/* 'sha256-…' as a Content-Security-Policy wants it: the digest in base64. */
static void add_hash(struct str *out, const char *text, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char sum[33] = {0}; /* one more than there is, to make eleven groups of three */
    char hex[SHA256_HEX], two[3] = {0};
    struct digest *d = digest_new();
    digest_add(d, text, size);
    digest_hex(d, hex);
    digest_free(d);
    for (size_t i = 0; i < 32; i++) {
        memcpy(two, hex + 2 * i, 2);
        sum[i] = (unsigned char)strtoul(two, NULL, 16);
    }
    str_add(out, " 'sha256-");
    for (size_t i = 0; i < sizeof sum; i += 3) {
        unsigned v = (unsigned)sum[i] << 16 | (unsigned)sum[i + 1] << 8 | sum[i + 2];
        str_addf(out, "%c%c%c", digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63]);
        str_addf(out, "%c", i + 3 < sizeof sum ? digits[v & 63] : '=');
    }
    str_add(out, "'");
}

/* The hash of every element of that kind in the page. */
static void add_hashes(struct str *out, const char *page, const char *tag)
{
    autofree char *open = xasprintf("<%s>", tag), *close = xasprintf("</%s>", tag);
    const char *from = page, *to;
    while ((from = strstr(from, open)) && (to = strstr(from, close))) {
        from += strlen(open);
        add_hash(out, from, (size_t)(to - from));
        from = to;
    }
}

/* A style attribute runs nothing and, with no images allowed, reaches nothing; the chart library
 * sizes its pictures with one. */
static char *policy(const char *page)
{
    autostr out = {0};
    str_add(&out, "default-src 'none'; base-uri 'none'; form-action 'none'; style-src-attr "
                  "'unsafe-inline'; style-src-elem");
    add_hashes(&out, page, "style");
    str_add(&out, "; script-src");
    add_hashes(&out, page, "script");
    return str_take(&out);
}

static const struct embedded *part(const char *file)
{
    const struct embedded *e = embedded_find(file);
    if (!e)
        fail(E_FAILED, "this ungil carries no %s for reports", file);
    return e;
}

static int add_include(struct str *page, const char *name, size_t size)
{
    autofree char *file = xstrndup(name, size);
    const struct embedded *e = part(file);
    if (!e)
        return E_FAILED;
    str_addn(page, e->data, e->size);
    return 0;
}

/* Copies the template with what {{…}} stands for; the policy last, because it is about the rest. */
static int expand(const char *text, const char *data, size_t *policy_at, struct str *page)
{
    static const char include[] = "include ";
    const char *mark, *end;
    while ((mark = strstr(text, "{{")) && (end = strstr(mark, "}}"))) {
        size_t size = (size_t)(end - mark - 2);
        const char *word = mark + 2;
        int rc = 0;
        str_addn(page, text, (size_t)(mark - text));
        text = end + 2;
        if (size == 4 && strncmp(word, "data", size) == 0)
            str_add(page, data);
        else if (size == 6 && strncmp(word, "policy", size) == 0)
            *policy_at = page->len;
        else if (str_starts(word, include))
            rc = add_include(page, word + strlen(include), size - strlen(include));
        else
            rc = fail(E_FAILED, "a report template has {{%.*s}}, which means nothing", (int)size,
                      word);
        if (rc < 0)
            return rc;
    }
    str_add(page, text);
    return 0;
}

int report_page(const char *name, json_t *data, struct str *page)
{
    autofree char *file = xasprintf("%s.html", name), *json = report_data(data);
    const struct embedded *template = part(file);
    if (!template)
        return E_FAILED;
    if (!json)
        return fail(E_FAILED, "the result cannot be written as JSON");
    autofree char *text = xstrndup((const char *)template->data, template->size);
    autostr body = {0};
    size_t at = 0;
    int rc = expand(text, json, &at, &body);
    if (rc < 0)
        return rc;
    autofree char *allowed = policy(body.s);
    str_addn(page, body.s, at);
    if (at)
        str_add(page, allowed);
    str_add(page, body.s + at);
    return 0;
}

/* --- the file ----------------------------------------------------------------------------------
 */

static int write_through(int fd, const char *name, const struct str *page)
{
    if (fd < 0 || fs_write_all(fd, page->s, page->len) < 0)
        return fail_errno(E_FAILED, "cannot write the report to %s", name);
    return 0;
}

int report_check(const char *file)
{
    struct stat st;
    autofree char *dir = path_dir(file);
    if (!*file)
        return err_hint(fail(E_USAGE, "the name of the report is empty"), "--html FILE");
    if (strcmp(file, "-") == 0)
        return 0;
    if (stat(file, &st) == 0 && S_ISDIR(st.st_mode))
        return err_hint(fail(E_FAILED, "cannot write the report: %s is a directory", file),
                        "name a file in it");
    if (stat(dir, &st) < 0)
        return err_hint(fail_errno(E_FAILED, "cannot write the report to %s", file),
                        "make the directory first: mkdir -p '%s'", dir);
    if (!fs_exists(file) && access(dir, W_OK | X_OK) < 0)
        return err_hint(fail_errno(E_FAILED, "cannot write the report to %s", file),
                        "name a file in a directory that you may write to");
    return 0;
}

static int write_file(const char *file, const struct str *page)
{
    struct stat st;
    if (stat(file, &st) == 0 && !S_ISREG(st.st_mode)) { /* a pipe, /dev/null: nothing to replace */
        autofd fd = open(file, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        return write_through(fd, file, page);
    }
    /* Through a symbolic link, what it leads to is replaced and not the link. */
    autofree char *real = realpath(file, NULL);
    int rc = fs_write_atomic(real ? real : file, page->s, page->len, 0644);
    return rc < 0 ? err_hint(err_context(rc, "the report is not written"),
                             "name a file where there is room and you may write")
                  : 0;
}

int report_write(const char *name, json_t *data, const char *file)
{
    autostr page = {0};
    int rc = report_check(file);
    if (rc == 0)
        rc = report_page(name, data, &page);
    if (rc < 0)
        return rc;
    if (strcmp(file, "-") != 0)
        return write_file(file, &page);
    fflush(stdout);
    return write_through(STDOUT_FILENO, "standard output", &page);
}

int report_write_json(json_t *data, const char *file)
{
    char *text = json_dumps(data, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    if (!text)
        return fail(E_FAILED, "the result cannot be written as JSON");
    autostr page = {0};
    str_addf(&page, "%s\n", text);
    free(text);
    int rc = report_check(file);
    return rc < 0 ? rc : write_file(file, &page);
}
