#include "io/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

struct digest {
    EVP_MD_CTX *ctx;
};

/* libcrypto's SHA-256 fails only without memory or when it was built without the algorithm. */
static void must(int ok)
{
    if (ok != 1) {
        fputs("ungil: libcrypto cannot compute SHA-256\n", stderr);
        abort();
    }
}

struct digest *digest_new(void)
{
    struct digest *d = xcalloc(1, sizeof *d);
    d->ctx = EVP_MD_CTX_new();
    must(d->ctx && EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL) == 1);
    return d;
}

void digest_add(struct digest *d, const void *data, size_t size)
{
    must(EVP_DigestUpdate(d->ctx, data, size));
}

void digest_hex(struct digest *d, char hex[SHA256_HEX])
{
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    must(EVP_DigestFinal_ex(d->ctx, raw, &size));
    for (unsigned i = 0; i < size && i < 32; i++)
        snprintf(hex + 2 * i, 3, "%02x", raw[i]);
}

void digest_free(struct digest *d)
{
    if (!d)
        return;
    EVP_MD_CTX_free(d->ctx);
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
    while ((n = read(fd, buf, sizeof buf)) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        digest_add(d, buf, (size_t)n);
    }
    if (n == 0)
        digest_hex(d, hex);
    digest_free(d);
    return n == 0 ? 0 : fail_errno(E_FAILED, "cannot read %s", path);
}
