/* Bundles that are files, see bundle.h. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/err.h"
#include "base/fs.h"
#include "core/bundle_install.h"
#include "core/install.h"

bool bundle_is_file(const char *spec)
{
    return str_ends(spec, ".tar.zst") || str_ends(spec, ".tar.gz");
}

int bundle_check_file(const char *file)
{
    struct stat st;
    if (access(file, R_OK) < 0 || stat(file, &st) < 0)
        return fail_errno(E_USAGE, "cannot read the bundle %s", file);
    return S_ISREG(st.st_mode) ? 0 : fail(E_USAGE, "the bundle %s is not a regular file", file);
}

static int read_receipt(struct arrival *a, const char *file)
{
    autofree char *text = NULL;
    int rc = archive_first(file, bundle_receipt_name, BUNDLE_RECEIPT_LIMIT, bundle_kind, &text);
    return rc == 0 ? arrival_take_receipt(a, text, strlen(text)) : rc;
}

int bundle_read_receipt(const char *file, struct receipt **out)
{
    struct arrival a = {.label = path_base(file)};
    int rc = read_receipt(&a, file);
    *out = rc == 0 ? steal(&a.receipt) : NULL;
    arrival_free(&a);
    return rc;
}

static int fetch(struct bundle_origin *o, struct arrival *a)
{
    (void)a;
    autofree char *real = realpath(o->location, NULL); /* no digest is made through a link */
    return digest_file(real ? real : o->location, o->sha256);
}

static int unpack(struct bundle_origin *o, struct arrival *a)
{
    const struct archive_limits limits = {.bytes = bundle_byte_limit,
                                          .entries = BUNDLE_ENTRY_LIMIT,
                                          .kind = bundle_kind,
                                          .each = arrival_take_entry,
                                          .arg = a,
                                          .threads = cpu_count(),
                                          .alone_bytes = BUNDLE_MANIFEST_LIMIT,
                                          .alone =
                                              3}; /* the directory, the receipt, the manifest */
    int rc = archive_unpack(o->location, a->prefix, 1, &limits);
    return rc == 0 ? arrival_check_complete(a) : rc;
}

int bundle_install(const char *file, const struct install_opts *opts, json_t *report)
{
    autofree char *location = path_absolute(file);
    struct arrival a = {.label = path_base(file)};
    struct bundle_origin from = {.label = a.label,
                                 .provider = "bundle",
                                 .location = location,
                                 .spec = a.label,
                                 .fetch = fetch,
                                 .unpack = unpack};
    int rc = read_receipt(&a, file);
    if (rc == 0)
        rc = bundle_bring(&from, &a, opts, report);
    arrival_free(&a);
    return rc;
}
