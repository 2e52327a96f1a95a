#include "core/oci.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "core/text_json.h"
#include "io/digest.h"

static const char scheme[] = "oci://";
enum {
    TAG_LIMIT = 128,
    REPOSITORY_LIMIT = 255
}; /* distribution-spec; docker's reference grammar */

/* ---- References ---- */

bool oci_is_ref(const char *spec)
{
    return str_starts(spec, scheme);
}

bool oci_is_digest(const char *text)
{
    if (!str_starts(text, "sha256:") || strlen(text) != OCI_DIGEST - 1)
        return false;
    return strspn(text + 7, "0123456789abcdef") == 64;
}

static bool is_lower(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+ ((. | _ | __ | -+) [a-z0-9]+)*, until the next '/'; what follows, NULL: it is none. */
static const char *skip_component(const char *s)
{
    for (;;) {
        if (!is_lower(*s))
            return NULL;
        while (is_lower(*s))
            s++;
        if (*s == '.')
            s++;
        else if (*s == '_')
            s += s[1] == '_' ? 2 : 1;
        else if (*s == '-')
            s += strspn(s, "-");
        else
            return s;
    }
}

static bool is_repository(const char *text)
{
    const char *s = text;
    while ((s = skip_component(s)) && *s == '/')
        s++;
    return s && !*s && strlen(text) <= REPOSITORY_LIMIT;
}

bool oci_is_tag(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n > TAG_LIMIT || *text == '.' || *text == '-')
        return false;
    for (const char *c = text; *c; c++)
        if (!isascii((unsigned char)*c) || !(isalnum((unsigned char)*c) || strchr("_.-", *c)))
            return false;
    return true;
}

static bool is_port(const char *text)
{
    size_t n = strspn(text, "0123456789");
    return n >= 1 && n <= 5 && !text[n] && atoi(text) >= 1 && atoi(text) <= 65535;
}

static bool is_name(const char *host, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool inner = i > 0 && i + 1 < n && host[i - 1] != '.' && host[i + 1] != '.';
        if (!isascii((unsigned char)host[i]) ||
            !(isalnum((unsigned char)host[i]) || (inner && strchr(".-_", host[i]))))
            return false;
    }
    return n > 0 && n <= 253;
}

/* NAME or [IPv6], with or without :PORT. */
static bool is_host(const char *host)
{
    size_t n;
    if (*host == '[') {
        n = strspn(host + 1, "0123456789abcdefABCDEF:.");
        if (n < 2 || host[n + 1] != ']')
            return false;
        n += 2;
    } else {
        n = strcspn(host, ":");
        if (!is_name(host, n))
            return false;
    }
    return !host[n] || (host[n] == ':' && is_port(host + n + 1));
}

static int wrong(const char *text, const char *what, const char *how)
{
    return err_hint(fail(E_USAGE, "\"%s\" is no reference to a registry: %s", text, what),
                    "%s, as in oci://localhost:5000/lab/python:3.14", how);
}

static int check_ref(const char *text, const struct oci_ref *r)
{
    if (!is_host(r->host))
        return wrong(text, "the host is wrong", "it is HOST, HOST:PORT or [IPv6]:PORT");
    if (!*r->repository)
        return wrong(text, "it names no repository", "HOST/REPOSITORY comes first");
    if (!is_repository(r->repository))
        return wrong(text, "the repository is wrong",
                     "it has small letters and digits, with one of . _ __ - between them, and /");
    if (r->tag && !oci_is_tag(r->tag))
        return wrong(text, "the tag is wrong",
                     "it has at most 128 letters, digits, _ . and -, and begins with none of . -");
    if (r->digest && !oci_is_digest(r->digest))
        return wrong(text, "the digest is wrong", "it is sha256: and 64 digits of 0-9 and a-f");
    return 0;
}

int oci_ref_parse(const char *text, struct oci_ref *out)
{
    struct oci_ref r = {0};
    const char *s = oci_is_ref(text) ? text + strlen(scheme) : text;
    size_t n = strcspn(s, "/");
    r.host = xstrndup(s, n);
    s += n + (s[n] == '/');
    const char *at = strchr(s, '@');
    if (at)
        r.digest = xstrdup(at + 1);
    r.repository = at ? xstrndup(s, (size_t)(at - s)) : xstrdup(s);
    char *colon = strchr(r.repository, ':');
    if (colon) {
        r.tag = xstrdup(colon + 1);
        *colon = '\0';
    }
    int rc = check_ref(text, &r);
    if (rc < 0)
        oci_ref_free(&r);
    *out = r;
    return rc;
}

void oci_ref_free(struct oci_ref *r)
{
    free(r->host);
    free(r->repository);
    free(r->tag);
    free(r->digest);
    *r = (struct oci_ref){0};
}

char *oci_ref_text(const struct oci_ref *r)
{
    return xasprintf("%s%s/%s%s%s%s%s", scheme, r->host, r->repository, r->tag ? ":" : "",
                     r->tag ? r->tag : "", r->digest ? "@" : "", r->digest ? r->digest : "");
}

/* ---- Descriptors ---- */

/* TYPE/SUBTYPE as RFC 6838 has it; these characters also fit into a header and a message. */
bool oci_is_media_type(const char *text)
{
    const char *slash = strchr(text, '/');
    if (!slash || slash == text || !slash[1] || strchr(slash + 1, '/'))
        return false;
    for (const char *c = text; *c; c++)
        if (!isascii((unsigned char)*c) ||
            !(isalnum((unsigned char)*c) || strchr("/!#$&-^_.+", *c)))
            return false;
    return true;
}

int oci_descriptor_parse(json_t *json, const char *where, struct oci_descriptor *out)
{
    const char *type = json_text(json, "mediaType"), *digest = json_text(json, "digest");
    json_t *size = json_object_get(json, "size");
    if (!json_is_object(json))
        return fail(E_INTEGRITY, "%s: a descriptor is no object", where);
    if (!oci_is_media_type(type) || strlen(type) >= sizeof out->media_type)
        return fail(E_INTEGRITY, "%s: a descriptor has no media type", where);
    if (!oci_is_digest(digest))
        return fail(E_INTEGRITY, "%s: a descriptor has no digest of the kind sha256:… (64 digits)",
                    where);
    if (!json_is_integer(size) || json_integer_value(size) < 0)
        return fail(E_INTEGRITY, "%s: the descriptor of %s has no size", where, digest);
    *out = (struct oci_descriptor){.size = (unsigned long long)json_integer_value(size)};
    strcpy(out->media_type, type);
    strcpy(out->digest, digest);
    return 0;
}

json_t *oci_descriptor_json(const struct oci_descriptor *d, json_t *annotations)
{
    json_t *json = json_object();
    json_object_set_new(json, "mediaType", json_string(d->media_type));
    json_object_set_new(json, "digest", json_string(d->digest));
    json_object_set_new(json, "size", json_integer((json_int_t)d->size));
    if (annotations)
        json_object_set(json, "annotations", annotations);
    return json;
}

static void describe(const char *media_type, const char hex[SHA256_HEX], unsigned long long size,
                     struct oci_descriptor *out)
{
    *out = (struct oci_descriptor){.size = size};
    strncpy(out->media_type, media_type, sizeof out->media_type - 1);
    strcpy(out->digest, "sha256:");
    strcat(out->digest, hex);
}

void oci_describe(const char *media_type, const void *data, size_t size, struct oci_descriptor *out)
{
    char hex[SHA256_HEX];
    struct digest *digest = digest_new();
    digest_add(digest, data, size);
    digest_hex(digest, hex);
    digest_free(digest);
    describe(media_type, hex, size, out);
}

int oci_describe_file(const char *media_type, const char *path, struct oci_descriptor *out)
{
    struct stat before, after;
    char hex[SHA256_HEX];
    if (stat(path, &before) < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    int rc = digest_file(path, hex);
    if (rc < 0)
        return rc;
    if (stat(path, &after) < 0 || !fs_is_unchanged(&before, &after))
        return fail(E_FAILED, "%s has changed while it was read", path);
    describe(media_type, hex, (unsigned long long)before.st_size, out);
    return 0;
}

/* ---- Manifests ---- */

static bool is_index_type(const char *type)
{
    return str_eq(type, OCI_INDEX_TYPE) ||
           str_eq(type, "application/vnd.docker.distribution.manifest.list.v2+json");
}

static int check_manifest(json_t *json, const struct oci_descriptor *d, const char *where)
{
    const char *type = json_text(json, "mediaType");
    json_t *layers = json_object_get(json, "layers"), *list = json_object_get(json, "manifests");
    if (json_integer_value(json_object_get(json, "schemaVersion")) != 2)
        return fail(E_INTEGRITY, "%s: it has no schemaVersion 2", where);
    if (json_object_get(json, "mediaType") && !str_eq(type, d->media_type))
        return fail(E_INTEGRITY, "%s: it says that it is %s, but it was announced as %s", where,
                    oci_is_media_type(type) ? type : "something else", d->media_type);
    if (is_index_type(d->media_type)) {
        if (!json_is_array(list) || layers)
            return fail(E_INTEGRITY, "%s: an index must have \"manifests\", and no \"layers\"",
                        where);
        return 0;
    }
    if (!json_is_object(json_object_get(json, "config")) || !json_is_array(layers) || list)
        return fail(E_INTEGRITY,
                    "%s: a manifest must have \"config\" and \"layers\", and no \"manifests\"",
                    where);
    return 0;
}

int oci_manifest_parse(const char *text, size_t size, const struct oci_descriptor *d,
                       const char *where, json_t **json)
{
    json_error_t error;
    *json = NULL;
    if (size > OCI_MANIFEST_LIMIT)
        return fail(E_INTEGRITY, "%s: a manifest has at most %d MiB", where,
                    OCI_MANIFEST_LIMIT >> 20);
    if (size != d->size)
        return fail(E_INTEGRITY, "%s: it has %zu bytes, but should have %llu", where, size,
                    d->size);
    json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return fail(E_INTEGRITY, "%s: it is no JSON (line %d)", where, error.line);
    int rc = json_is_object(root) ? check_manifest(root, d, where)
                                  : fail(E_INTEGRITY, "%s: it is no JSON object", where);
    if (rc < 0)
        json_decref(root);
    else
        *json = root;
    return rc;
}

char *oci_text(json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS), *own = xstrdup(text);
    free(text);
    return own;
}

/* ---- Platforms ---- */

void oci_platform(const char **os, const char **architecture, const char **variant)
{
    /* uname's names and Go's (GOARCH, and the variants of image-spec) */
    static const struct {
        const char *machine, *architecture, *variant;
    } known[] = {
        {"x86_64", "amd64", ""},
        {"aarch64", "arm64", ""},
        {"armv7l", "arm", "v7"},
        {"armv6l", "arm", "v6"},
        {"i686", "386", ""},
        {"i586", "386", ""},
        {"i386", "386", ""},
        {"ppc64le", "ppc64le", ""},
        {"s390x", "s390x", ""},
        {"riscv64", "riscv64", ""},
        {"loongarch64", "loong64", ""},
    };
    static struct utsname u;
    uname(&u);
    *os = "linux";
    *architecture = u.machine;
    *variant = "";
    for (size_t i = 0; i < lengthof(known); i++) {
        if (strcmp(known[i].machine, u.machine) != 0)
            continue;
        *architecture = known[i].architecture;
        *variant = known[i].variant;
    }
    if (sizeof(void *) == 4 && strcmp(*architecture, "amd64") == 0)
        *architecture = "386"; /* a 32-bit system on a 64-bit kernel */
    if (sizeof(void *) == 4 && strcmp(*architecture, "arm64") == 0) {
        *architecture = "arm";
        *variant = "v7";
    }
}

bool oci_platform_fits(json_t *entry)
{
    const char *os, *architecture, *variant;
    json_t *platform = json_object_get(entry, "platform");
    if (!platform)
        return true;
    oci_platform(&os, &architecture, &variant);
    if (!str_eq(json_text(platform, "os"), os) ||
        !str_eq(json_text(platform, "architecture"), architecture))
        return false;
    /* arm64 is v8, said or not; an arm machine also runs what is for an older one. */
    const char *wanted = json_text(platform, "variant");
    if (str_eq(architecture, "arm"))
        return strcmp(wanted, variant) <= 0;
    return !*wanted || str_eq(wanted, variant) ||
           (str_eq(architecture, "arm64") && str_eq(wanted, "v8"));
}
