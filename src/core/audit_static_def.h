/* The parts of audit_static.c: what a module's entry point does with which definition, and what is
 * declared there. Private to audit_static*.c. */
#ifndef UNGIL_CORE_AUDIT_STATIC_DEF_H
#define UNGIL_CORE_AUDIT_STATIC_DEF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "io/elf.h"

/* ---- audit_static_code.c: straight-line machine code ---- */

/* What a function does that only loads an address and then returns it, or hands it to one imported
 * function and returns what that does. Anything else is CODE_OTHER. */
struct code {
    enum { CODE_OTHER, CODE_RETURNS, CODE_CALLS } does;
    uint64_t address;   /* what it returns, or its first argument to `callee` */
    const char *callee; /* borrowed from the file */
};
struct code code_of(const struct elf_file *f, uint64_t function);

/* Whether instructions may refer to something in [from, to): 1 yes, 0 no, -1 not known for this
 * machine. */
int code_refers_to(const struct elf_file *f, uint64_t from, uint64_t to);

/* ---- audit_static_def.c: definitions and slots ---- */

struct definition {
    uint64_t address;
    bool free_threaded;                /* the layout of its head */
    uint64_t slots_field, slots_array; /* addresses; no array: 0 */
    bool slots_elsewhere;              /* in another file, or a relocation of unknown kind */
    const char *name;                  /* borrowed; NULL when it is not in the file */
};
/* A PyModuleDef that is at this address; false when nothing there has the shape of one. */
bool definition_at(const struct elf_file *f, uint64_t address, struct definition *d);
/* The definitions of that shape whose name is `module`, or ends in ".module": how many, *d the
 * first. */
size_t definition_find(const struct elf_file *f, const char *module, struct definition *d);

enum gil_slot { GIL_ABSENT, GIL_USED, GIL_NOT_USED, GIL_UNREADABLE };
struct slots {
    enum gil_slot gil;
    const char *why; /* of GIL_UNREADABLE; static */
    size_t n;        /* arrays that were read: one, and what is nested in it */
    struct slot_array {
        uint64_t from, to; /* addresses */
        uint64_t by;       /* of the word that points to it; 0: none that is known here */
    } arrays[8];
};
/* Reads an array of slots: of PyModuleDef_Slot, or of 3.15's PySlot. */
struct slots slots_read(const struct elf_file *f, uint64_t address, bool pyslot);

#endif
