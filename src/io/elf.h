/* Shared libraries in ELF, by libelf: read, never loaded.
 *
 * Everything is taken from where the dynamic loader takes it (program headers and the dynamic
 * section); section headers, which may lie or lack, are not looked at. Every access is checked: a
 * damaged file gives an error or "not there", never a crash. Addresses are those of the file, as if
 * it were loaded at 0. */
#ifndef UNGIL_IO_ELF_H
#define UNGIL_IO_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct elf_file;

/* *out is owned by the caller. E_FAILED: cannot be read; E_INTEGRITY: not an ELF file, cut short
 * or damaged; E_NOTFOUND: sound, but not a shared library. A message is recorded. */
int elf_file_open(const char *path, struct elf_file **out);
void elf_file_free(struct elf_file *f);
/* Reads the rest, which may be large: all functions but elf_facts, elf_symbols and elf_imports need
 * it. 0 or E_INTEGRITY. */
int elf_file_load(struct elf_file *f);

struct elf_facts {
    const char *machine; /* "x86_64", "aarch64"; "machine 1234" for one without a name here */
    int bits;            /* 32 or 64 */
    unsigned word;       /* bytes of a pointer */
    bool is_x86_64, is_aarch64;
    size_t constructors; /* functions that run when it is loaded, one of them the compiler's own */
};
const struct elf_facts *elf_facts(const struct elf_file *f);

/* The dynamic symbols. Borrowed. */
struct elf_symbol {
    const char *name;
    uint64_t address; /* 0 when imported */
    bool imported;
};
const struct elf_symbol *elf_symbols(const struct elf_file *f, size_t *count);
bool elf_imports(const struct elf_file *f, const char *name);

/* What is at an address when it is loaded. */
enum elf_place {
    ELF_NOWHERE,
    ELF_CODE,
    ELF_CONSTANT, /* cannot be written to, at the latest once relocations are done */
    ELF_VARIABLE, /* can be written to; the file says how it begins */
    ELF_ZERO,     /* can be written to; the file says nothing: .bss */
};
enum elf_place elf_place(const struct elf_file *f, uint64_t address);

/* A number of 1, 2, 4 or 8 bytes, without a look at relocations; false where nothing is. */
bool elf_number(const struct elf_file *f, uint64_t address, unsigned size, uint64_t *value);

/* A word as relocations leave it. */
struct elf_word {
    enum {
        ELF_PLAIN,  /* the number `value` */
        ELF_LOCAL,  /* the address `value` in this file */
        ELF_IMPORT, /* the address of `symbol` in another file */
        ELF_UNKNOWN /* a relocation of another kind, or one that covers only a part */
    } kind;
    uint64_t value;
    const char *symbol; /* borrowed */
};
bool elf_word(const struct elf_file *f, uint64_t address, struct elf_word *word);

/* Calls back for each word that relocation makes an address in this file; stops when false. */
void elf_each_local(const struct elf_file *f,
                    bool (*each)(uint64_t at, uint64_t address, void *arg), void *arg);

/* A NUL-terminated text in what cannot move; NULL when there is none. Borrowed. */
const char *elf_text(const struct elf_file *f, uint64_t address);
/* Whether `text` is anywhere in what is loaded, the names of symbols apart. */
bool elf_has_text(const struct elf_file *f, const char *text);

/* The bytes from `address` to the end of its segment's part in the file; NULL where none are. */
const unsigned char *elf_bytes(const struct elf_file *f, uint64_t address, size_t *size);
/* The n-th executable segment: its bytes, NULL when there are no more. */
const unsigned char *elf_code(const struct elf_file *f, size_t n, uint64_t *address, size_t *size);

/* elf_runtime.c: what a program or library asks of the machine when it is loaded. */
struct elf_runtime {
    char *machine;         /* "x86_64" */
    char *interpreter;     /* the dynamic loader of a program; NULL: it names none */
    struct strv libraries; /* sonames, in the order of the file */
    struct strv versions;  /* "SONAME VERSION", as "libc.so.6 GLIBC_2.34" */
    struct strv provides;  /* symbol versions that a library itself has */
};
/* Errors as elf_file_open's. *out is the caller's to free, and empty on an error. */
int elf_runtime_read(const char *path, struct elf_runtime *out);
void elf_runtime_free(struct elf_runtime *r);

/* elf_id.c: the build id of a program or library of this machine's kind, in hex, owned: what it was
 * linked from, in a note that linkers write on request. NULL when there is none, or no such file.
 */
char *elf_build_id(const char *path);

#endif
