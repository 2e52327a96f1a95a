/* Where this machine gets Debian source packages from, by its own apt configuration. */
#ifndef UNGIL_IO_APT_SOURCES_H
#define UNGIL_IO_APT_SOURCES_H

struct str;

/* Adds a deb822 source list to `text`: the host's own suites as deb-src, and on Debian also trixie,
 * forky and sid on the host's own mirror with the host's own signing key. E_UNREACHABLE when the
 * machine's configuration names no mirror of its distribution. */
int apt_sources(struct str *text);

#endif
