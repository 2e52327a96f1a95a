#include "cli/remote.h"

void opt_add_plain_http(struct optset *set, bool *value)
{
    opt_add(set, (struct opt){"plain-http", 0, OPT_FLAG, value, NULL,
                              "Speak HTTP with a registry that is not on this machine; "
                              "passwords and bundles go in the clear."});
}

void opt_add_verify_key(struct optset *set, const char **value)
{
    opt_add(set, (struct opt){"verify", 0, OPT_STRING, value, "KEY",
                              "Take only bundles that are signed with the private half of the "
                              "public key in this PEM file (push --sign, cosign sign)."});
}
