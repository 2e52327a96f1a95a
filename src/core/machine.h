/* What of this machine goes into what is built here: its compiler and its libraries, in the words
 * of receipts and lock files. */
#ifndef UNGIL_CORE_MACHINE_H
#define UNGIL_CORE_MACHINE_H

#include <jansson.h>

struct preset;
struct strv;
struct variant;

/* toolchain_describe of the compiler that this variant is built with. Owned; E_BUILD, E_SIGNAL. */
int machine_toolchain(const struct variant *v, const struct preset *preset, char **text);
/* SHA-256 of such a text, but for how CC is written; owned. */
char *machine_toolchain_digest(const char *text);
/* The first value of `name` in it, "" when there is none; of a program, its identity
 * ("build-id:HEX") alone; owned. */
char *machine_toolchain_value(const char *text, const char *name);

/* "glibc 2.36", "musl 1.2.5"; owned. */
char *machine_libc(void);

/* The sonames of the libraries that a prefix asks of the machine, the C library's own apart. */
int machine_sonames(const char *prefix, struct strv *sonames);
/* For each soname the version that is here, appended: what pkg-config says of its headers, else
 * the distribution's database of packages; "none" when there is no such library, "unknown". */
int machine_versions(const struct strv *sonames, struct strv *versions);

/* For the receipt of what was built into `prefix` just now: {"toolchain": text, "libc",
 * "libraries": {soname: version}}, what cannot be had left out. NULL on E_SIGNAL alone. */
json_t *machine_json(const struct variant *v, const struct preset *preset, const char *prefix);

#endif
