/* ungil image SPEC...: an OCI image of installed interpreters. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "cli/cmd.h"
#include "cli/progress.h"
#include "cli/remote.h"
#include "cli/root.h"
#include "cli/table.h"
#include "core/dirs.h"
#include "core/image.h"
#include "core/text_json.h"

static const char *output, *push, *base; /* --output, --push, --base */
static bool plain_http;                  /* --plain-http */

static void options(struct optset *set)
{
    opt_add(set, (struct opt){"output", 'o', OPT_STRING, &output, "oci:DIR[:TAG]",
                              "Add it to the image layout in the directory DIR, which is made "
                              "where there is none, under TAG (else the release, and of one "
                              "interpreter alone its name, 3.14.7t)."});
    opt_add(set, (struct opt){"push", 0, OPT_STRING, &push, "oci://HOST/REPOSITORY[:TAG]",
                              "Send it to a registry. What is there already is not sent again."});
    opt_add(set, (struct opt){"base", 0, OPT_STRING, &base, "IMAGE",
                              "Add the interpreters to this image, oci:DIR[:TAG] or "
                              "oci://HOST/REPOSITORY[:TAG], instead of to the libraries of this "
                              "machine."});
    opt_add_plain_http(set, &plain_http);
    opt_add_root(set);
    opt_add_json(set);
}

static int check_options(const struct strv *operands)
{
    if (operands->n == 0)
        return err_hint(fail(E_USAGE, "image: which SPEC?"), "\"ungil list\" shows what is "
                                                             "installed");
    if (!output && !push)
        return err_hint(fail(E_USAGE, "image: where to?"),
                        "-o oci:DIR writes an image layout, --push oci://HOST/REPOSITORY sends it "
                        "to a registry");
    if (output &&
        (strncmp(output, "oci:", 4) != 0 || !output[4] || strncmp(output, "oci://", 6) == 0))
        return err_hint(fail(E_USAGE, "image --output: \"%s\" is no image layout", output),
                        "write oci:DIR or oci:DIR:TAG%s",
                        strncmp(output, "oci://", 6) == 0 ? "; to send it: --push" : "");
    if (push && strncmp(push, "oci://", 6) != 0)
        return err_hint(fail(E_USAGE, "image --push: \"%s\" is no place in a registry", push),
                        "write oci://HOST/REPOSITORY or oci://HOST/REPOSITORY:TAG");
    if (base && strncmp(base, "oci:", 4) != 0)
        return err_hint(fail(E_USAGE, "image --base: \"%s\" is no image", base),
                        "write oci:DIR[:TAG] or oci://HOST/REPOSITORY[:TAG]");
    return 0;
}

static void print_layers(json_t *report)
{
    struct table *t = table_new("LAYER|DIGEST|>PACKED|>UNPACKED");
    json_t *layer;
    size_t i;
    json_array_foreach(json_object_get(report, "layers"), i, layer)
    {
        char packed[16], unpacked[16];
        double size = json_number(layer, "unpacked");
        const char *cells[] = {json_text(layer, "what"), json_text(layer, "digest"),
                               str_bytes(packed, (unsigned long long)json_number(layer, "bytes")),
                               size > 0 ? str_bytes(unpacked, (unsigned long long)size) : ""};
        table_row(t, cells);
    }
    table_print(t);
    table_free(t);
}

static void print_files(json_t *report)
{
    json_t *files = json_object_get(report, "files"), *file;
    size_t i;
    if (json_array_size(files) == 0)
        return;
    printf("\n");
    struct table *t = table_new("FILE OF THIS SYSTEM|PACKAGE");
    json_array_foreach(files, i, file)
    {
        const char *package = json_text(file, "package");
        const char *cells[] = {json_text(file, "path"), *package ? package : "-"};
        table_row(t, cells);
    }
    table_print(t);
    table_free(t);
}

static void print_report(json_t *report)
{
    static const char *const places[] = {"output", "pushed"};
    char size[16];
    print_layers(report);
    print_files(report);
    printf("\n");
    for (size_t i = 0; i < lengthof(places); i++)
        if (*json_text(report, places[i]))
            printf("%s  %s  %s\n", json_text(report, "digest"), json_text(report, places[i]),
                   str_bytes(size, (unsigned long long)json_number(report, "bytes")));
}

static int run(const struct strv *operands)
{
    int rc = check_options(operands);
    if (rc < 0)
        return rc;
    autostore s;
    root_open(&s);
    autofree char *cache = dirs_cache(NULL);
    json_t *report = NULL;
    const struct image_opts opts = {.store = &s,
                                    .specs = operands,
                                    .base = base,
                                    .output = output,
                                    .push = push,
                                    .plain_http = plain_http,
                                    .cache = cache,
                                    .progress = progress_display_begin()};
    rc = image_make(&opts, &report);
    progress_display_end();
    if (rc == 0 && common.json)
        return print_json(report);
    if (rc == 0)
        print_report(report);
    json_decref(report);
    return rc;
}

const struct verb cmd_image = {
    .name = "image",
    .usage = "image [OPTION]... SPEC... -o oci:DIR[:TAG]\n"
             "image [OPTION]... SPEC... --push oci://HOST/REPOSITORY[:TAG]",
    .summary = "Make an OCI image of installed interpreters",
    .description =
        "An OCI image of installed interpreters, made without a container engine and without root, "
        "for containers of CI systems. SPEC is a series (3.14: its newest installed pair), a "
        "release (3.14.7: its pair), or one variant of them (3.14t, 3.14.7t). What is not "
        "installed is an error.\n\n"
        "Each interpreter is a layer, below /opt/ungil/versions/NAME wherever the root is here, as "
        "a bundle has it: without static library, debugging information and test suite, and "
        "without what was added with pip. \"ungil verify\" and \"ungil verify --files\" work in "
        "the image, too. One more layer has /opt/ungil/bin with the links that \"ungil link\" "
        "makes; it is first in PATH. What starts is python3, or the free-threaded interpreter "
        "when there is no other.\n\n"
        "Without --base a layer below has what the interpreters need of this machine and nothing "
        "else: the dynamic loader, the shared libraries of the modules and theirs, sh, env, "
        "dirname, realpath (pip and the programs in /opt/ungil/bin are scripts), certificates, "
        "the locale C.UTF-8, descriptions of common terminals, users, groups. It is listed, each "
        "file with the package that it came with, here and in /usr/share/ungil/rootfs.list. There "
        "is no package manager, no compiler (nor what python-config scripts need), and no time "
        "zones: use --base for these.\n\n"
        "With --base the layers are added to those of another image, which are copied as they "
        "are, and its settings (environment, entry point, user) stay; PATH gets /opt/ungil/bin in "
        "front. Of an index the image for this machine is taken. It must have the dynamic loader, "
        "a shell, and a C library as new as the interpreters want; other libraries that it lacks "
        "are named in a warning.\n\n"
        "Equal interpreters on equal libraries (or an equal base) make an image of equal digest, "
        "whenever, wherever and by whomever it is made. Times are those of the release; "
        "SOURCE_DATE_EPOCH, seconds since 1970, sets the one that the image says it was created "
        "at. Layers are packed with gzip, which every tool reads.\n\n"
        "Labels and annotations are those of org.opencontainers.image, and for each interpreter "
        "ungil.interpreter.NAME.manifest, the digest of its manifest.\n\n"
        "With --json: format (1), digest (of the image's manifest), output and pushed (where it "
        "is now, or null), os, architecture, variant, created, bytes (of all that a registry "
        "keeps), interpreters (name, manifest, verdict), layers (what, digest, diff_id, bytes, "
        "unpacked; the lowest first; unpacked is 0 for those of a base), files (path, sha256, "
        "package or null; of this machine).",
    .run = run,
    .options = options,
};
