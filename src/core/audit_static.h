/* Whether an extension module declares that it runs without the GIL, read from its ELF file alone:
 * nothing of it is executed, so this is safe on wheels that nobody trusts.
 *
 * Three answers, and never a guess. "declares" and "does not declare" are given only where the file
 * leaves no other reading; whatever is decided at run time is "cannot tell", with why. This holds
 * for what compilers make: a file crafted to deceive can rewrite itself in ways that nobody reads.
 */
#ifndef UNGIL_CORE_AUDIT_STATIC_H
#define UNGIL_CORE_AUDIT_STATIC_H

#include <jansson.h>

/* One file. *result (owned) is set on 0:
 *   file      the path as given
 *   module    what PyInit_NAME or PyModExport_NAME calls it
 *   answer    "declares", "does not declare", "cannot tell"
 *   why       one line of evidence
 *   init      "single-phase", "multi-phase", "export" (3.15's PyModExport_), "unknown"
 *   abi       what it is built for: "cp314t", "cp314", "abi3", "abi3t"; null when nothing tells
 *   abi_note  null, or one line where the file's name and its contents disagree
 *   free_threaded_abi  true: compiled for a build without the GIL; false: for one with it; null
 *   machine   "x86_64", "aarch64" …; bits 32 or 64
 *   set_gil   whether it imports PyUnstable_Module_SetGIL
 *   others    names of further modules in the same file (an array, most often empty)
 * A file for another machine is read like any other.
 * E_INTEGRITY: not an ELF file, truncated or damaged. E_NOTFOUND: a sound ELF file that is not an
 * extension module. E_FAILED: it cannot be opened. A message is recorded each time. */
int audit_static_file(const char *path, json_t **result);

/* Every extension module below `dir` (symbolic links are not followed): appends to the array
 * `results` (borrowed) what audit_static_file says of each *.so that is an extension module, in
 * path order, with three more keys: relative      its path below dir distribution, version   of the
 * *.dist-info directory whose RECORD lists it, or null A *.so that cannot be read is in it too:
 * file, relative, distribution, version and error (the message), without an answer. Libraries that
 * are no extension modules are left out. Returns 0, or an error where dir itself cannot be read. */
int audit_static_tree(const char *dir, json_t *results);

/* One wheel, unpacked into a private directory that is removed again. *result (owned):
 *   file, distribution, version, build (or null), tags ("cp314-cp314t-linux_x86_64" …, from its
 * name) notes        lines about what does not fit together: name against METADATA and WHEEL, an
 * ABI tag against the extensions; empty when all is well extensions   as audit_static_tree says,
 * `file` being the path inside the wheel E_USAGE: not a wheel's file name. E_INTEGRITY: no zip
 * archive, damaged, or refused (see wheel.h). */
int audit_static_wheel(const char *path, json_t **result);

#endif
