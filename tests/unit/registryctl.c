/* The registry client for the command line of tests/82-registry.bats: no test itself.
 *
 *     registryctl [--plain-http] [--from REPOSITORY] REF put FILE...       prints the digests,
 * "sent N" registryctl REF get DIGEST SIZE FILE [DIGEST SIZE FILE]... registryctl REF write TEXT |
 * read DIGEST SIZE registryctl REF manifest-put FILE MEDIATYPE | manifest-get | manifest-head
 *     registryctl REF manifest-fetch DIGEST SIZE MEDIATYPE
 *     registryctl REF referrers DIGEST [TYPE] | tags | traffic
 *
 * The exit status is ungil's; messages go to stderr as main.c prints them. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/proc.h"
#include "base/str.h"
#include "core/registry.h"

#define BLOB_TYPE "application/octet-stream"

static struct registry *r;
static struct oci_ref ref;
static const char *from;

static const char *reference(void)
{
    return ref.digest ? ref.digest : ref.tag ? ref.tag : "latest";
}

static int show(int rc, const char *text, const struct oci_descriptor *d)
{
    if (rc == 0)
        fprintf(stderr, "%s %llu %s\n", d->digest, d->size, d->media_type);
    if (rc == 0 && text)
        fputs(text, stdout);
    return rc;
}

static void describe(struct oci_descriptor *d, const char *digest, const char *size,
                     const char *type)
{
    *d = (struct oci_descriptor){.size = strtoull(size, NULL, 10)};
    snprintf(d->digest, sizeof d->digest, "%s", digest);
    snprintf(d->media_type, sizeof d->media_type, "%s", type);
}

static int put(char **v, int n)
{
    struct registry_blob *blobs = xcalloc((size_t)n + 1, sizeof *blobs);
    size_t sent = 0;
    int rc = 0;
    for (int i = 0; i < n && rc == 0; i++) {
        blobs[i].path = v[i];
        rc = oci_describe_file(BLOB_TYPE, v[i], &blobs[i].d);
    }
    if (rc == 0)
        rc = registry_blobs_put(r, blobs, (size_t)n, from, &sent);
    for (int i = 0; i < n && rc == 0; i++)
        printf("%s %llu\n", blobs[i].d.digest, blobs[i].d.size);
    if (rc == 0)
        printf("sent %zu\n", sent);
    free(blobs);
    return rc;
}

static int get(char **v, int n)
{
    struct registry_blob *blobs = xcalloc((size_t)n / 3 + 1, sizeof *blobs);
    for (int i = 0; i + 2 < n; i += 3) {
        describe(&blobs[i / 3].d, v[i], v[i + 1], BLOB_TYPE);
        blobs[i / 3].path = v[i + 2];
    }
    int rc = registry_blobs_get(r, blobs, (size_t)n / 3);
    free(blobs);
    return rc;
}

static int manifest_put(const char *file, const char *type)
{
    struct oci_descriptor d;
    autofree char *text = NULL;
    int rc = fs_read_text(file, &text);
    if (rc < 0)
        return rc == E_NOTFOUND ? fail(rc, "no %s", file) : rc;
    oci_describe(type, text, strlen(text), &d);
    rc = registry_manifest_put(r, ref.tag ? ref.tag : d.digest, text, &d);
    return show(rc, NULL, &d);
}

static int print_json(int rc, json_t *json)
{
    if (rc < 0)
        return rc;
    autofree char *text = oci_text(json);
    puts(text);
    json_decref(json);
    return 0;
}

static int act(const char *verb, char **v, int n)
{
    struct oci_descriptor d;
    autofree char *text = NULL;
    json_t *json = NULL;
    int rc;
    if (str_eq(verb, "put"))
        return put(v, n);
    if (str_eq(verb, "get"))
        return get(v, n);
    if (str_eq(verb, "write") && n == 1) {
        oci_describe(BLOB_TYPE, v[0], strlen(v[0]), &d);
        return show(registry_blob_write(r, &d, v[0]), NULL, &d);
    }
    if (str_eq(verb, "read") && n == 2) {
        describe(&d, v[0], v[1], BLOB_TYPE);
        rc = registry_blob_read(r, &d, &text);
        return show(rc, text, &d);
    }
    if (str_eq(verb, "manifest-put") && n == 2)
        return manifest_put(v[0], v[1]);
    if (str_eq(verb, "manifest-get")) {
        rc = registry_manifest_get(r, reference(), &text, &d);
        return show(rc, text, &d);
    }
    if (str_eq(verb, "manifest-head"))
        return show(registry_manifest_head(r, reference(), &d), NULL, &d);
    if (str_eq(verb, "manifest-fetch") && n == 3) {
        describe(&d, v[0], v[1], v[2]);
        rc = registry_manifest_fetch(r, &d, &text);
        return show(rc, text, &d);
    }
    if (str_eq(verb, "referrers") && n >= 1) {
        rc = registry_referrers(r, v[0], n > 1 ? v[1] : NULL, &json);
        return print_json(rc, json);
    }
    if (str_eq(verb, "tags")) {
        rc = registry_tags(r, &json);
        return print_json(rc, json);
    }
    return fail(E_USAGE, "no verb %s with %d arguments", verb, n);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"plain-http", no_argument, NULL, 'p'},
        {"from", required_argument, NULL, 'f'},
        {"traffic", no_argument, NULL, 't'},
        {0},
    };
    struct registry_opts opts = {0};
    bool traffic = false;
    for (int c; (c = getopt_long(argc, argv, "+", options, NULL)) != -1;) {
        opts.plain_http |= c == 'p';
        traffic |= c == 't';
        if (c == 'f')
            from = optarg;
    }
    log_init(LOG_VERBOSE);
    int rc = proc_init();
    if (rc == 0 && argc - optind < 2)
        rc = fail(E_USAGE, "registryctl [OPTION...] REF VERB [ARGUMENT...]");
    if (rc == 0)
        rc = oci_ref_parse(argv[optind], &ref);
    if (rc == 0)
        rc = registry_open(&ref, &opts, &r);
    if (rc == 0)
        rc = act(argv[optind + 1], argv + optind + 2, argc - optind - 2);
    if (r && traffic) {
        unsigned long long received, sent;
        registry_traffic(r, &received, &sent);
        fprintf(stderr, "received %llu, sent %llu\n", received, sent);
    }
    if (rc < 0 && *err_message())
        fprintf(stderr, "registryctl: %s\n", err_message());
    if (rc < 0 && err_hint_text())
        fprintf(stderr, "  %s\n", err_hint_text());
    registry_close(r);
    oci_ref_free(&ref);
    return err_exit_status(rc);
}
