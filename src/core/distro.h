/* This distribution: its package manager, and the packages that hold what a build needs. */
#ifndef UNGIL_CORE_DISTRO_H
#define UNGIL_CORE_DISTRO_H

struct strv;

/* The package with the development files for a key: importable module names ("ssl",
 * "compression.zstd", …) or tools ("cc", "make"). `manager`: "apt", "dnf", "apk",
 * "pacman" or "zypper". Borrowed; NULL when not known. */
const char *distro_package(const char *manager, const char *key);

/* The header that the module's build looks for first ("openssl/ssl.h"); NULL: it needs none, or
 * not known. */
const char *distro_header(const char *key);

/* "sudo apt-get install libssl-dev libffi-dev" (without sudo for root), each package once; owned;
 * NULL when the manager or every key is unknown. */
char *distro_install_command(const struct strv *keys);

/* The same for packages that are named, "apt:clang-19,llvm-19": those of this machine's manager. */
char *distro_install_packages(const struct strv *packages);

/* The same for shared libraries, by the names that programs ask for ("libssl.so.3"): those whose
 * package is known. */
char *distro_install_libraries(const struct strv *sonames);

/* Which installed package each file came with, "libc6:amd64 2.36-9+deb12u10" or "" where none is
 * known, as dpkg or rpm say; `paths` are absolute, appended to `packages` in their order. 0 or
 * E_SIGNAL: a package manager that is not there or fails only means that nothing is known. */
int distro_owners(const struct strv *paths, struct strv *packages);

#endif
