/* The SHA256_ functions and not EVP: the latter first reads OpenSSL's configuration and sets up a
 * provider. They are called deprecated since 3.0, and compute the same with the same assembly. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "io/digest.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

#define SHA256_FUNCTIONS(X) X(Init) X(Update) X(Final)
DL_API(sha256, SHA256_, SHA256_FUNCTIONS)

struct digest {
    SHA256_CTX ctx;
};

/* ungil was built with it on this machine: without it there is nothing to be done, as without
 * memory. */
static void load(void)
{
    if (DL_LOAD(sha256, LIBCRYPTO_SONAME) == 0)
        return;
    fprintf(stderr, "ungil: %s\n", err_message());
    exit(EXIT_FAILURE);
}

struct digest *digest_new(void)
{
    load();
    struct digest *d = xcalloc(1, sizeof *d);
    sha256.Init(&d->ctx);
    return d;
}

void digest_add(struct digest *d, const void *data, size_t size)
{
    sha256.Update(&d->ctx, data, size);
}

void digest_hex(struct digest *d, char hex[SHA256_HEX])
{
    unsigned char raw[SHA256_DIGEST_LENGTH];
    sha256.Final(raw, &d->ctx);
    for (size_t i = 0; i < sizeof raw; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

void digest_free(struct digest *d)
{
    free(d);
}

void digest_text(const char *text, char hex[SHA256_HEX])
{
    struct digest *d = digest_new();
    digest_add(d, text, strlen(text));
    digest_hex(d, hex);
    digest_free(d);
}

int digest_file(const char *path, char hex[SHA256_HEX])
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return fail_errno(E_FAILED, "cannot read %s", path);
    struct digest *d = digest_new();
    char buf[65536];
    ssize_t n;
    while ((n = fs_read_fd(fd, buf, sizeof buf)) != 0) {
        if (n < 0)
            break;
        digest_add(d, buf, (size_t)n);
    }
    if (n == 0)
        digest_hex(d, hex);
    digest_free(d);
    return n == 0 ? 0 : fail_errno(E_FAILED, "cannot read %s", path);
}
