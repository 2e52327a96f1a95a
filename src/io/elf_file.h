/* What elf.c read, for elf_image.c to answer from. Private to these two; no type of libelf in it.
 */
#ifndef UNGIL_IO_ELF_FILE_H
#define UNGIL_IO_ELF_FILE_H

#include "io/elf.h"

struct elf_segment {
    uint64_t address, in_file, in_memory; /* bytes */
    bool writable, executable;
    uint64_t offset;            /* of its part in the file */
    const unsigned char *bytes; /* in_file of them, read when first asked for: elf_segment_bytes */
};

struct elf_relocation {
    uint64_t at;
    struct elf_word word;
};

/* What the dynamic section says, zero where it says nothing. */
struct elf_dynamic {
    uint64_t symtab, strtab, strsz, hash, gnu_hash;
    uint64_t rela, relasz, rel, relsz, jmprel, pltrelsz, pltrel, relr, relrsz;
    uint64_t init_arraysz;
    uint64_t verneed, verneednum, verdef, verdefnum;
    uint64_t *needed; /* places in the names */
    size_t n_needed;
};

struct elf_file {
    char *path;
    int fd;
    void *elf; /* libelf's */
    uint64_t size;
    bool big_endian;
    struct elf_facts facts;
    unsigned machine_id; /* e_machine */
    int n_headers;       /* program headers */
    char machine[24];
    struct elf_segment *segments;
    size_t n_segments;
    uint64_t relro, relro_end;
    struct elf_dynamic dynamic;
    bool program;              /* or a program: its symbols are not read */
    uint64_t interp, interpsz; /* the loader's path: where in the file, bytes with the NUL */
    const char *names;
    struct elf_symbol *symbols;
    size_t n_symbols;
    struct elf_relocation *relocations;
    size_t n_relocations, relocations_cap;
};

/* The last segment that covers the address, NULL: none. */
struct elf_segment *elf_segment_at(const struct elf_file *f, uint64_t address);
/* Its bytes; NULL when it has none in the file, or they cannot be read. */
const unsigned char *elf_segment_bytes(const struct elf_file *f, struct elf_segment *s);
/* How many dynamic symbols there are; 0 when that cannot be found out. */
uint64_t elf_count_symbols(const struct elf_file *f);

/* As elf_file_open, and programs too, which may be loaded at one place only; without symbols. */
int elf_file_open_program(const char *path, struct elf_file **out);
/* The NUL-terminated text at a place in the names, NULL: it is not there. Borrowed. */
const char *elf_name(const struct elf_file *f, uint64_t at);
/* The loader that the program names; NULL: none, as in a library. Owned. */
char *elf_interpreter(const struct elf_file *f);

#endif
