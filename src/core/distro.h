/* This distribution: its family, and the packages that hold what a build needs. */
#ifndef UNGIL_CORE_DISTRO_H
#define UNGIL_CORE_DISTRO_H

/* "apt", "dnf", "apk", "pacman", "zypper", or NULL: by the program found (and os-release).
 * Borrowed. */
const char *distro_manager(void);
/* The package with the development files for a key: module names ("ssl", "ctypes", …) or tools
 * ("cc", "make"); borrowed, NULL when not known. */
const char *distro_package(const char *key);
/* "apt-get install libssl-dev libffi-dev" (with sudo for a user); owned; NULL when the manager is
 * not known. `keys` as above. */
struct strv;
char *distro_install_command(const struct strv *keys);

#endif
