/* Signatures of what is in a registry, as cosign makes and looks for them: the "simple signing"
 * payload as the layer of an image at the tag sha256-HEX.sig, with the signature as its annotation
 * (cosign's specs/SIGNATURE_SPEC.md). `cosign verify --key` takes them, and ungil cosign's. The
 * same image refers to what it signs (OCI 1.1), so that it is found where tags were not copied. */
#ifndef UNGIL_CORE_BUNDLE_SIGN_H
#define UNGIL_CORE_BUNDLE_SIGN_H

#include "core/oci.h"
#include "core/registry.h"

/* E_USAGE when the file holds no key: before anything is sent or fetched. */
int bundle_sign_check_key(const char *key, bool is_private);
/* Signs a manifest or an index, beside other signatures; once is enough. */
int bundle_sign(struct registry *r, const struct oci_descriptor *d, const char *key);
/* E_INTEGRITY when it is not signed with this key. */
int bundle_sign_verify(struct registry *r, const struct oci_descriptor *d, const char *key);

#endif
