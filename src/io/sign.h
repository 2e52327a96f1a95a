/* Signatures by libcrypto, with keys in PEM files, as `openssl genpkey` and `cosign
 * import-key-pair` know them: ECDSA (cosign's own keys are P-256) and RSA over SHA-256, Ed25519. */
#ifndef UNGIL_IO_SIGN_H
#define UNGIL_IO_SIGN_H

#include <stddef.h>

/* Signs with the private key in the file `key`; the signature is base64, owned. A key that is
 * encrypted is opened with COSIGN_PASSWORD. E_USAGE when it is no such key or does not open. */
int sign_data(const char *key, const void *data, size_t size, char **signature);
/* 0 when the file has a public key. E_USAGE when it has none, or a private one: that is not for
 * those who only look at signatures. */
int sign_check_public(const char *key);
/* 0 when it is the signature of the private key that belongs to `key`, a file with that one or the
 * public one; E_INTEGRITY when it is not, silently; E_USAGE as above. */
int sign_check(const char *key, const void *data, size_t size, const char *signature);

#endif
