/* Debugging information out of the programs and libraries of a prefix, into a tree of its own. */
#ifndef UNGIL_CORE_DEBUG_INFO_H
#define UNGIL_CORE_DEBUG_INFO_H

/* Moves what is there to <prefix>/lib/debug/.build-id/XX/REST.debug, where debuggers find it by the
 * build id once they know <prefix>/lib/debug; of a file without one, to <prefix>/lib/debug/PATH.
 * What is left names it (.gnu_debuglink), and keeps mode and time. Static libraries stay as they
 * are. Needs objcopy. *files: how many. E_FAILED, E_SIGNAL. */
int debug_info_separate(const char *prefix, unsigned *files);

#endif
