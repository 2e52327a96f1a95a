#include "io/sign.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"

#define CRYPTO_FUNCTIONS(X)                                                                        \
    X(BIO_new_mem_buf)                                                                             \
    X(BIO_free)                                                                                    \
    X(ERR_clear_error)                                                                             \
    X(EVP_DecodeBlock)                                                                             \
    X(EVP_DigestSign)                                                                              \
    X(EVP_DigestSignInit)                                                                          \
    X(EVP_DigestVerify)                                                                            \
    X(EVP_DigestVerifyInit)                                                                        \
    X(EVP_EncodeBlock)                                                                             \
    X(EVP_MD_CTX_free)                                                                             \
    X(EVP_MD_CTX_new)                                                                              \
    X(EVP_PKEY_free)                                                                               \
    X(EVP_PKEY_get_base_id)                                                                        \
    X(EVP_sha256)                                                                                  \
    X(PEM_read_bio_PUBKEY)                                                                         \
    X(PEM_read_bio_PrivateKey)
DL_API(crypto, , CRYPTO_FUNCTIONS)

enum { KEY_LIMIT = 1 << 20 };

static int password(char *buf, int size, int writing, void *arg)
{
    const char *text = getenv("COSIGN_PASSWORD");
    size_t n = text ? strlen(text) : 0;
    (void)writing;
    (void)arg;
    if (n == 0 || n > (size_t)size)
        return -1;
    memcpy(buf, text, n);
    return (int)n;
}

static int no_key(const char *path, const char *text)
{
    if (strstr(text, "ENCRYPTED SIGSTORE") || strstr(text, "ENCRYPTED COSIGN"))
        return err_hint(fail(E_USAGE, "%s is encrypted in cosign's own format", path),
                        "ungil reads PKCS #8: make a key with \"openssl genpkey -algorithm EC "
                        "-pkeyopt ec_paramgen_curve:P-256\", and give it to cosign with \"cosign "
                        "import-key-pair\"");
    if (strstr(text, "ENCRYPTED PRIVATE KEY"))
        return err_hint(fail(E_USAGE, "the key in %s does not open", path),
                        "it is encrypted: its password is taken from COSIGN_PASSWORD");
    return err_hint(fail(E_USAGE, "%s holds no %skey in PEM", path,
                         strstr(text, "PUBLIC KEY") ? "private " : ""),
                    "\"openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256\" makes a "
                    "private one, \"openssl pkey -pubout\" its public half");
}

enum wanted { ANY_KEY, PUBLIC_KEY, PRIVATE_KEY };

/* The key in a file. Freed with EVP_PKEY_free. */
static int read_key(const char *path, enum wanted wanted, EVP_PKEY **out)
{
    autofree char *text = NULL;
    size_t size = 0;
    int rc = DL_LOAD(crypto, LIBCRYPTO_SONAME);
    if (rc == 0)
        rc = fs_read(path, &text, &size);
    if (rc < 0)
        return rc == E_NOTFOUND ? fail(E_USAGE, "there is no key %s", path) : rc;
    if (size > KEY_LIMIT)
        return fail(E_USAGE, "%s is too large for a key", path);
    bool is_private = strstr(text, "PRIVATE KEY") != NULL;
    if (is_private && wanted == PUBLIC_KEY)
        return err_hint(
            fail(E_USAGE, "%s is a private key, which only who signs should have", path),
            "its public half is wanted: openssl pkey -in %s -pubout", path);
    BIO *bio = crypto.BIO_new_mem_buf(text, (int)size);
    *out = is_private              ? crypto.PEM_read_bio_PrivateKey(bio, NULL, password, NULL)
           : wanted == PRIVATE_KEY ? NULL
                                   : crypto.PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL);
    crypto.BIO_free(bio);
    crypto.ERR_clear_error();
    return *out ? 0 : no_key(path, text);
}

int sign_check_public(const char *path)
{
    EVP_PKEY *key = NULL;
    int rc = read_key(path, PUBLIC_KEY, &key);
    if (rc == 0)
        crypto.EVP_PKEY_free(key);
    return rc;
}

/* Ed25519 has a hash of its own. */
static const EVP_MD *hash_for(const EVP_PKEY *key)
{
    return crypto.EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : crypto.EVP_sha256();
}

int sign_data(const char *path, const void *data, size_t size, char **signature)
{
    EVP_PKEY *key = NULL;
    unsigned char raw[1024];
    size_t n = sizeof raw;
    int rc = read_key(path, PRIVATE_KEY, &key);
    if (rc < 0)
        return rc;
    EVP_MD_CTX *context = crypto.EVP_MD_CTX_new();
    int good = crypto.EVP_DigestSignInit(context, NULL, hash_for(key), NULL, key) == 1 &&
               crypto.EVP_DigestSign(context, raw, &n, data, size) == 1;
    crypto.EVP_MD_CTX_free(context);
    crypto.EVP_PKEY_free(key);
    crypto.ERR_clear_error();
    if (!good)
        return fail(E_USAGE, "the key in %s cannot sign", path);
    *signature = xcalloc(1, 4 * ((n + 2) / 3) + 1);
    crypto.EVP_EncodeBlock((unsigned char *)*signature, raw, (int)n);
    return 0;
}

/* What base64 stands for, its length in *n; owned, NULL: it is none. */
static unsigned char *decode(const char *text, size_t *n)
{
    size_t length = strlen(text);
    if (length == 0 || length % 4 || length > 4096)
        return NULL;
    unsigned char *raw = xmalloc(length);
    int bytes = crypto.EVP_DecodeBlock(raw, (const unsigned char *)text, (int)length);
    if (bytes < 2) {
        free(raw);
        return NULL;
    }
    *n = (size_t)bytes - (text[length - 1] == '=') - (text[length - 2] == '=');
    return raw;
}

int sign_check(const char *path, const void *data, size_t size, const char *signature)
{
    EVP_PKEY *key = NULL;
    size_t n = 0;
    int rc = read_key(path, ANY_KEY, &key);
    if (rc < 0)
        return rc;
    autofree unsigned char *raw = decode(signature, &n);
    EVP_MD_CTX *context = crypto.EVP_MD_CTX_new();
    int good = raw && crypto.EVP_DigestVerifyInit(context, NULL, hash_for(key), NULL, key) == 1 &&
               crypto.EVP_DigestVerify(context, raw, n, data, size) == 1;
    crypto.EVP_MD_CTX_free(context);
    crypto.EVP_PKEY_free(key);
    crypto.ERR_clear_error();
    return good ? 0 : E_INTEGRITY;
}
