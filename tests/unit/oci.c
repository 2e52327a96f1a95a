/* References, descriptors and manifests of OCI: good ones are read and written, hostile ones are
 * refused. */
#include "core/oci.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/str.h"
#include "scratch.h"
#include "tap.h"

#define HEX "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static void good_ref(const char *text, const char *host, const char *repository, const char *tag,
                     const char *digest)
{
    struct oci_ref r;
    printf("# %s\n", text);
    is_int(oci_ref_parse(text, &r), 0, "it is a reference");
    is_str(r.host, host, "its host");
    is_str(r.repository, repository, "its repository");
    is_str(r.tag, tag, "its tag");
    is_str(r.digest, digest, "its digest");
    autofree char *again = oci_ref_text(&r);
    autofree char *expected = oci_is_ref(text) ? xstrdup(text) : xasprintf("oci://%s", text);
    is_str(again, expected, "as text it is the same");
    oci_ref_free(&r);
}

static void bad_ref(const char *text, const char *part)
{
    struct oci_ref r;
    printf("# %s\n", text);
    is_int(oci_ref_parse(text, &r), E_USAGE, "it is none");
    if (!ok(strstr(err_message(), part), "the message says which part"))
        printf("# %s\n", err_message());
    ok(err_hint_text(), "and how it should be");
    ok(!r.host && !r.repository, "nothing is left of it");
}

static void references(void)
{
    char tag[200] = "oci://host/name:";
    good_ref("oci://localhost:5000/lab/python:3.14", "localhost:5000", "lab/python", "3.14", NULL);
    good_ref("ghcr.io/a/b__c/d-e---f.g", "ghcr.io", "a/b__c/d-e---f.g", NULL, NULL);
    good_ref("oci://[::1]:5000/python", "[::1]:5000", "python", NULL, NULL);
    good_ref("oci://[fe80::1]/p:v", "[fe80::1]", "p", "v", NULL);
    good_ref("oci://h/p@sha256:" HEX, "h", "p", NULL, "sha256:" HEX);
    good_ref("oci://h/p:T_a.g-1@sha256:" HEX, "h", "p", "T_a.g-1", "sha256:" HEX);
    bad_ref("oci://", "host");
    bad_ref("oci:///p", "host");
    bad_ref("oci://h", "no repository");
    bad_ref("oci://h/", "no repository");
    bad_ref("oci://h/:tag", "no repository");
    bad_ref("oci://user@h/p", "host");
    bad_ref("oci://h:0/p", "host");
    bad_ref("oci://h:65536/p", "host");
    bad_ref("oci://h:/p", "host");
    bad_ref("oci://h:5000:1/p", "host");
    bad_ref("oci://[::1/p", "host");
    bad_ref("oci://[::1]x/p", "host");
    bad_ref("oci://::1/p", "host");
    bad_ref("oci://h..x/p", "host");
    bad_ref("oci://h%2f/p", "host");
    bad_ref("oci://h/Python", "repository");
    bad_ref("oci://h/a//b", "repository");
    bad_ref("oci://h/a/../b", "repository");
    bad_ref("oci://h/a/", "repository");
    bad_ref("oci://h/_a", "repository");
    bad_ref("oci://h/a___b", "repository");
    bad_ref("oci://h/a_-b", "repository");
    bad_ref("oci://h/a b", "repository");
    bad_ref("oci://h/a?b", "repository");
    bad_ref("oci://h/a\nb", "repository");
    bad_ref("oci://h/p:", "tag");
    bad_ref("oci://h/p:.a", "tag");
    bad_ref("oci://h/p:a:b", "tag");
    bad_ref("oci://h/p:a/b", "tag");
    bad_ref("oci://h/p:\xc3\xa4", "tag");
    bad_ref("oci://h/p@", "digest");
    bad_ref("oci://h/p@sha256:12", "digest");
    bad_ref("oci://h/p@sha512:" HEX HEX, "digest");
    bad_ref("oci://h/p@sha256:" HEX "0", "digest");
    bad_ref("oci://h/p@sha256:2CF24DBA5FB0A30E26E83B2AC5B9E29E1B161E5C1FA7425E73043362938B9824",
            "digest");
    size_t front = strlen(tag);
    memset(tag + front, 'a', 129);
    bad_ref(tag, "tag");
    tag[front + 128] = '\0';
    struct oci_ref r;
    is_int(oci_ref_parse(tag, &r), 0, "a tag may have 128 characters");
    oci_ref_free(&r);
    ok(oci_is_ref("oci://x") && !oci_is_ref("3.14") && !oci_is_ref("oci:x"),
       "what oci_is_ref means");
}

static int parse_descriptor(const char *text, struct oci_descriptor *d)
{
    json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    int rc = oci_descriptor_parse(json, "the index", d);
    json_decref(json);
    return rc;
}

static void bad_descriptor(const char *text, const char *why)
{
    struct oci_descriptor d;
    printf("# %s\n", text);
    is_int(parse_descriptor(text, &d), E_INTEGRITY, "it is no descriptor");
    if (!ok(strstr(err_message(), why) && str_starts(err_message(), "the index: "),
            "the message says why and where"))
        printf("# %s\n", err_message());
}

static void descriptors(void)
{
    struct oci_descriptor d, e;
    is_int(parse_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"sha256:" HEX "\", \"size\": 5,"
                            "\"annotations\": {\"x\": \"y\"}, \"more\": 1}",
                            &d),
           0, "a descriptor is read");
    is_str(d.media_type, "a/b", "its media type");
    is_str(d.digest, "sha256:" HEX, "its digest");
    is_int((long long)d.size, 5, "its size");
    json_t *annotations = json_pack("{s:s}", "x", "y"),
           *json = oci_descriptor_json(&d, annotations);
    autofree char *text = oci_text(json);
    is_str(text,
           "{\"annotations\":{\"x\":\"y\"},\"digest\":\"sha256:" HEX
           "\",\"mediaType\":\"a/b\",\"size\":5}",
           "it is written, keys in order");
    json_decref(json);
    json_decref(annotations);
    oci_describe("a/b", "hello", 5, &e);
    is_str(e.digest, "sha256:" HEX, "the digest of a text");
    scratch_file("hello", "hello", 0644);
    is_int(oci_describe_file("a/b", "hello", &e), 0, "a file is described");
    ok(strcmp(e.digest, d.digest) == 0 && e.size == 5, "with the same digest and size");
    is_int(oci_describe_file("a/b", "nothing", &e), E_FAILED, "a file that is not there is not");
    bad_descriptor("[]", "no object");
    bad_descriptor("{\"digest\": \"sha256:" HEX "\", \"size\": 5}", "no media type");
    bad_descriptor("{\"mediaType\": \"x\", \"digest\": \"sha256:" HEX "\", \"size\": 5}",
                   "no media type");
    bad_descriptor("{\"mediaType\": \"a/b\\r\\nX: y\", \"digest\": \"sha256:" HEX
                   "\", \"size\": 5}",
                   "no media type");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"sha256:../../etc/passwd\", \"size\": 5}",
                   "no digest");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": 7, \"size\": 5}", "no digest");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"md5:" HEX "\", \"size\": 5}",
                   "no digest");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"sha256:" HEX "\"}", "no size");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"sha256:" HEX "\", \"size\": -1}",
                   "no size");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"sha256:" HEX "\", \"size\": 1.5}",
                   "no size");
    bad_descriptor("{\"mediaType\": \"a/b\", \"digest\": \"sha256:" HEX "\", \"size\": \"5\"}",
                   "no size");
    struct str longest = {0};
    str_add(&longest, "{\"digest\": \"sha256:" HEX "\", \"size\": 5, \"mediaType\": \"a/");
    for (int i = 0; i < 200; i++)
        str_add(&longest, "x");
    str_add(&longest, "\"}");
    bad_descriptor(longest.s, "no media type");
    str_free(&longest);
}

static int parse_manifest(const char *text, const char *type)
{
    struct oci_descriptor d;
    json_t *json;
    oci_describe(type, text, strlen(text), &d);
    int rc = oci_manifest_parse(text, strlen(text), &d, "h/p", &json);
    ok((rc == 0) == (json != NULL), "there is JSON where it is good");
    json_decref(json);
    return rc;
}

static void bad_manifest(const char *text, const char *type, const char *why)
{
    printf("# %s\n", text);
    is_int(parse_manifest(text, type), E_INTEGRITY, "it is no manifest");
    if (!ok(strstr(err_message(), why), "the message says why"))
        printf("# %s\n", err_message());
}

static void manifests(void)
{
    static const char index[] = "{\"schemaVersion\": 2, \"manifests\": []}";
    static const char image[] = "{\"schemaVersion\": 2, \"config\": {}, \"layers\": [],"
                                "\"mediaType\": \"" OCI_MANIFEST_TYPE "\"}";
    is_int(parse_manifest(index, OCI_INDEX_TYPE), 0, "an index");
    is_int(parse_manifest(image, OCI_MANIFEST_TYPE), 0, "a manifest");
    bad_manifest("", OCI_INDEX_TYPE, "no JSON");
    bad_manifest("<html>", OCI_INDEX_TYPE, "no JSON");
    bad_manifest("[]", OCI_INDEX_TYPE, "no JSON object");
    bad_manifest("{\"schemaVersion\": 2, \"schemaVersion\": 2, \"manifests\": []}", OCI_INDEX_TYPE,
                 "no JSON");
    bad_manifest("{\"schemaVersion\": 1, \"manifests\": []}", OCI_INDEX_TYPE, "schemaVersion 2");
    bad_manifest("{\"manifests\": []}", OCI_INDEX_TYPE, "schemaVersion 2");
    bad_manifest(index, OCI_MANIFEST_TYPE, "must have \"config\"");
    bad_manifest(image, OCI_INDEX_TYPE, "announced as");
    bad_manifest("{\"schemaVersion\": 2, \"manifests\": {}}", OCI_INDEX_TYPE,
                 "must have \"manifests\"");
    bad_manifest("{\"schemaVersion\": 2, \"manifests\": [], \"layers\": []}", OCI_INDEX_TYPE,
                 "no \"layers\"");
    bad_manifest("{\"schemaVersion\": 2, \"config\": {}, \"layers\": [], \"manifests\": []}",
                 OCI_MANIFEST_TYPE, "no \"manifests\"");
    bad_manifest("{\"schemaVersion\": 2, \"config\": {}}", OCI_MANIFEST_TYPE, "\"layers\"");
    bad_manifest("{\"schemaVersion\": 2, \"mediaType\": 7, \"manifests\": []}", OCI_INDEX_TYPE,
                 "something else");
    struct oci_descriptor d;
    json_t *json;
    oci_describe(OCI_INDEX_TYPE, index, strlen(index), &d);
    d.size++;
    is_int(oci_manifest_parse(index, strlen(index), &d, "h/p", &json), E_INTEGRITY,
           "a size that is not so");
    autofree char *large = xcalloc(1, OCI_MANIFEST_LIMIT + 2);
    memset(large, ' ', OCI_MANIFEST_LIMIT + 1);
    memcpy(large, index, strlen(index));
    is_int(parse_manifest(large, OCI_INDEX_TYPE), E_INTEGRITY, "more than 4 MiB");
    ok(strstr(err_message(), "at most 4 MiB"), "and it says so");
    large[OCI_MANIFEST_LIMIT] = '\0';
    is_int(parse_manifest(large, OCI_INDEX_TYPE), 0, "4 MiB");
}

static void platforms(void)
{
    const char *os, *architecture, *variant;
    oci_platform(&os, &architecture, &variant);
    is_str(os, "linux", "the system");
    ok(*architecture && strcmp(architecture, "x86_64") != 0 && strcmp(architecture, "aarch64") != 0,
       "the architecture has Go's name");
    json_t *mine = json_pack("{s:{s:s, s:s}}", "platform", "os", os, "architecture", architecture);
    json_t *other = json_pack("{s:{s:s, s:s}}", "platform", "os", os, "architecture", "mips");
    json_t *windows =
        json_pack("{s:{s:s, s:s}}", "platform", "os", "windows", "architecture", architecture);
    json_t *none = json_object();
    ok(oci_platform_fits(mine), "its own platform fits");
    ok(!oci_platform_fits(other), "another architecture does not");
    ok(!oci_platform_fits(windows), "another system does not");
    ok(oci_platform_fits(none), "no platform fits");
    json_decref(mine);
    json_decref(other);
    json_decref(windows);
    json_decref(none);
}

int main(void)
{
    scratch_enter();
    references();
    descriptors();
    manifests();
    platforms();
    return tap_done();
}
