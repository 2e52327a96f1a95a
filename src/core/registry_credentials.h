/* Who one is on a registry, from the files that docker, podman and skopeo write. */
#ifndef UNGIL_CORE_REGISTRY_CREDENTIALS_H
#define UNGIL_CORE_REGISTRY_CREDENTIALS_H

struct credentials { /* texts owned; all NULL but `looked_in`: there are none */
    char *user, *password;
    char *identity;  /* a refresh token, in place of both */
    char *from;      /* where they came from: a file, or a helper's name */
    char *looked_in; /* the files that were there, for messages; "" */
};

/* For this repository of this host; the order of the files is that of registry.h. That there are
 * none is no error. E_FAILED: a file or a helper is there and cannot be used. */
int credentials_find(const char *host, const char *repository, struct credentials *out);
void credentials_free(struct credentials *c);

char *base64_encode(const char *text); /* owned */

#endif
