/* Digests by libcrypto. */
#ifndef UNGIL_IO_DIGEST_H
#define UNGIL_IO_DIGEST_H

#include <stddef.h>

#define SHA256_HEX 65 /* 64 digits and NUL */

struct digest; /* a running SHA-256 */
struct digest *digest_new(void);
void digest_add(struct digest *d, const void *data, size_t size);
void digest_hex(struct digest *d, char hex[SHA256_HEX]); /* ends it; only digest_free may follow */
void digest_free(struct digest *d);

void digest_text(const char *text, char hex[SHA256_HEX]);
int digest_file(const char *path, char hex[SHA256_HEX]); /* streams; 0 or an error */

#endif
