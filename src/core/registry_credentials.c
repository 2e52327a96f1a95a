#include "core/registry_credentials.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/text_json.h"

enum { HELPER_SECONDS = 60, HELPER_OUTPUT = 64 << 10 };

void credentials_free(struct credentials *c)
{
    free(c->user);
    free(c->password);
    free(c->identity);
    free(c->from);
    free(c->looked_in);
    *c = (struct credentials){0};
}

static bool found(const struct credentials *c)
{
    return c->user || c->identity;
}

/* ---- Base 64 (RFC 4648) ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const char *text)
{
    struct str out = {0};
    const unsigned char *p = (const unsigned char *)text;
    for (size_t n = strlen(text); n > 0; n -= n < 3 ? n : 3, p += 3) {
        unsigned v = (unsigned)p[0] << 16 | (n > 1 ? (unsigned)p[1] << 8 : 0) | (n > 2 ? p[2] : 0);
        char four[4] = {digits[v >> 18], digits[v >> 12 & 63], digits[v >> 6 & 63], digits[v & 63]};
        if (n < 3)
            four[3] = '=';
        if (n < 2)
            four[2] = '=';
        str_addn(&out, four, sizeof four);
    }
    return str_take(&out);
}

/* NULL: it is none, or holds a NUL. */
static char *base64_decode(const char *text)
{
    struct str out = {0};
    unsigned v = 0;
    int bits = 0;
    for (const char *c = text; *c && *c != '='; c++) {
        const char *digit = strchr(digits, *c);
        if (!digit) {
            str_free(&out);
            return NULL;
        }
        v = v << 6 | (unsigned)(digit - digits);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            char byte = (char)(v >> bits);
            v &= (1u << bits) - 1;
            str_addn(&out, &byte, 1);
        }
    }
    size_t n = out.len;
    char *decoded = str_take(&out);
    if (strlen(decoded) == n)
        return decoded;
    free(decoded);
    return NULL;
}

/* ---- Helpers ---- */

/* Runs docker-credential-NAME get; 0 also when it knows nobody. */
static int ask_helper(const char *name, const char *server, const char *file,
                      struct credentials *out)
{
    if (strchr(name, '/'))
        return fail(E_FAILED, "%s names a credential helper \"%s\": no path is allowed", file,
                    name);
    autofree char *program = xasprintf("docker-credential-%s", name);
    autofree char *text = NULL;
    autostrv argv = {0};
    strv_add(&argv, program);
    strv_add(&argv, "get");
    autofd in = memfd_create("server", MFD_CLOEXEC);
    if (in < 0 || fs_write_all(in, server, strlen(server)) < 0 || lseek(in, 0, SEEK_SET) < 0)
        return fail_errno(E_FAILED, "cannot make a file in memory");
    struct proc_opts o = PROC_OPTS_INIT;
    o.in = in;
    o.err = STDERR_FILENO;
    int status, rc = proc_capture(&argv, &o, HELPER_SECONDS, HELPER_OUTPUT, &text, &status);
    if (rc < 0)
        return err_hint(
            err_context(rc == E_NOTFOUND ? E_FAILED : rc, "the credential helper in %s", file),
            "install %s, or correct %s", program, file);
    if (!proc_ok(status)) {
        /* What it prints when it knows nobody; that is no reason not to go on without. */
        detail("%s knows no login for %s: %s", program, server, str_trim(text));
        return 0;
    }
    json_t *json = json_loads(text, 0, NULL);
    const char *user = json_text(json, "Username"), *secret = json_text(json, "Secret");
    if (str_eq(user, "<token>")) {
        out->identity = xstrdup(secret);
    } else if (*user) {
        out->user = xstrdup(user);
        out->password = xstrdup(secret);
    }
    if (found(out))
        out->from = xstrdup(program);
    json_decref(json);
    return 0;
}

/* ---- Files ---- */

/* The host that a key of "auths" means: "https://HOST/v1/" and "HOST" are one; "HOST/PATH" is a
 * part of the registry. */
static bool key_fits(const char *key, const char *host, const char *repository, size_t *length)
{
    if (str_starts(key, "https://"))
        key += 8;
    else if (str_starts(key, "http://"))
        key += 7;
    size_t n = strlen(host);
    if (strncmp(key, host, n) != 0 || (key[n] && key[n] != '/'))
        return false;
    const char *path = key + n;
    *length = n;
    if (!*path || !path[1] || str_starts(path, "/v1") || str_starts(path, "/v2"))
        return true;
    size_t m = strlen(path + 1);
    *length += m;
    return strncmp(path + 1, repository, m) == 0 && (!repository[m] || repository[m] == '/');
}

/* The member with the longest key that fits; NULL. */
static json_t *best_fit(json_t *object, const char *host, const char *repository)
{
    const char *key;
    json_t *value, *best = NULL;
    size_t longest = 0, length;
    json_object_foreach(object, key, value)
    {
        if (!key_fits(key, host, repository, &length) || length < longest)
            continue;
        best = value;
        longest = length;
    }
    return best;
}

static int take_auth(json_t *entry, const char *file, struct credentials *out)
{
    const char *identity = json_text(entry, "identitytoken"), *auth = json_text(entry, "auth");
    if (*identity) {
        out->identity = xstrdup(identity);
    } else if (*auth) {
        char *pair = base64_decode(auth), *colon = pair ? strchr(pair, ':') : NULL;
        if (!colon) {
            free(pair);
            return err_hint(fail(E_FAILED, "%s: an \"auth\" is not USER:PASSWORD in base 64", file),
                            "log in again, with docker login or skopeo login");
        }
        *colon = '\0';
        out->password = xstrdup(colon + 1);
        out->user = pair;
    } else if (*json_text(entry, "username")) {
        out->user = xstrdup(json_text(entry, "username"));
        out->password = xstrdup(json_text(entry, "password"));
    }
    if (found(out))
        out->from = xstrdup(file);
    return 0;
}

static int look_into(json_t *json, const char *file, const char *host, const char *repository,
                     struct credentials *out)
{
    /* docker.io has kept the name that it had in 2013. */
    const char *server = str_eq(host, "docker.io") ? "https://index.docker.io/v1/" : host;
    const char *key_host = str_eq(host, "docker.io") ? "index.docker.io" : host;
    const char *helper =
        json_string_value(json_object_get(json_object_get(json, "credHelpers"), host));
    int rc = 0;
    if (helper && *helper)
        return ask_helper(helper, server, file, out);
    if (*json_text(json, "credsStore"))
        rc = ask_helper(json_text(json, "credsStore"), server, file, out);
    if (rc < 0 || found(out))
        return rc;
    json_t *entry = best_fit(json_object_get(json, "auths"), key_host, repository);
    return entry ? take_auth(entry, file, out) : 0;
}

static void add_file(struct strv *files, const char *variable, const char *below)
{
    const char *value = getenv(variable);
    if (value && *value)
        strv_take(files, below ? path_join(value, below) : xstrdup(value));
}

int credentials_find(const char *host, const char *repository, struct credentials *out)
{
    autostrv files = {0}, there = {0};
    *out = (struct credentials){0};
    add_file(&files, "DOCKER_CONFIG", "config.json");
    if (files.n == 0)
        add_file(&files, "HOME", ".docker/config.json");
    add_file(&files, "REGISTRY_AUTH_FILE", NULL);
    add_file(&files, "XDG_RUNTIME_DIR", "containers/auth.json");
    int rc = 0;
    for (size_t i = 0; i < files.n && rc == 0 && !found(out); i++) {
        autofree char *text = NULL;
        rc = fs_read_text(files.v[i], &text);
        if (rc == E_NOTFOUND) {
            rc = 0;
            continue;
        }
        if (rc < 0)
            break;
        strv_add(&there, files.v[i]);
        json_t *json = json_loads(text, 0, NULL);
        rc = json_is_object(json)
                 ? look_into(json, files.v[i], host, repository, out)
                 : err_hint(fail(E_FAILED, "%s is no JSON object", files.v[i]),
                            "it holds the logins of registries: correct or remove it");
        json_decref(json);
    }
    out->looked_in = strv_join(&there, ", ");
    if (rc < 0)
        credentials_free(out);
    return rc;
}
