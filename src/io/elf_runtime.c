/* What a program or a library needs of others, see elf.h. The tables of symbol versions are not in
 * libelf's API without section headers: they are read as the loader reads them. */
#include <elf.h>
#include <stdlib.h>

#include "base/err.h"
#include "io/elf_file.h"

enum { TABLE_LIMIT = 4096 }; /* entries; libc.so.6 has 40 */

/* A field of the structure at `at`; 0 where nothing is. */
static uint64_t field(const struct elf_file *f, uint64_t at, size_t offset, unsigned size)
{
    uint64_t value = 0;
    return elf_number(f, at + offset, size, &value) ? value : 0;
}

#define FIELD(f, at, type, member)                                                                 \
    field(f, at, offsetof(type, member), (unsigned)sizeof(((type *)0)->member))

/* The structures are the same in files of 32 and of 64 bits. */
static void read_needed_versions(const struct elf_file *f, struct elf_runtime *out)
{
    uint64_t at = f->dynamic.verneed, n = f->dynamic.verneednum;
    for (unsigned budget = TABLE_LIMIT; at && n-- > 0 && budget > 0; budget--) {
        const char *library = elf_name(f, FIELD(f, at, Elf64_Verneed, vn_file));
        uint64_t aux = at + FIELD(f, at, Elf64_Verneed, vn_aux);
        uint64_t count = FIELD(f, at, Elf64_Verneed, vn_cnt), next;
        for (; library && count-- > 0 && budget > 0; budget--) {
            const char *version = elf_name(f, FIELD(f, aux, Elf64_Vernaux, vna_name));
            bool weak = FIELD(f, aux, Elf64_Vernaux, vna_flags) & VER_FLG_WEAK;
            if (version && *version && !weak)
                strv_addf(&out->versions, "%s %s", library, version);
            next = FIELD(f, aux, Elf64_Vernaux, vna_next);
            if (next == 0)
                break;
            aux += next;
        }
        next = FIELD(f, at, Elf64_Verneed, vn_next);
        if (next == 0)
            break;
        at += next;
    }
}

static void read_own_versions(const struct elf_file *f, struct elf_runtime *out)
{
    uint64_t at = f->dynamic.verdef, n = f->dynamic.verdefnum;
    for (unsigned budget = TABLE_LIMIT; at && n-- > 0 && budget > 0; budget--) {
        uint64_t aux = at + FIELD(f, at, Elf64_Verdef, vd_aux);
        const char *version = elf_name(f, FIELD(f, aux, Elf64_Verdaux, vda_name));
        if (version && *version)
            strv_add(&out->provides, version);
        uint64_t next = FIELD(f, at, Elf64_Verdef, vd_next);
        if (next == 0)
            break;
        at += next;
    }
}

int elf_runtime_read(const char *path, struct elf_runtime *out)
{
    *out = (struct elf_runtime){0};
    struct elf_file *f;
    int rc = elf_file_open_program(path, &f);
    if (rc < 0)
        return rc;
    out->machine = xstrdup(elf_facts(f)->machine);
    out->interpreter = elf_interpreter(f);
    for (size_t i = 0; i < f->dynamic.n_needed; i++) {
        const char *name = elf_name(f, f->dynamic.needed[i]);
        if (name && *name)
            strv_add(&out->libraries, name);
    }
    read_needed_versions(f, out);
    read_own_versions(f, out);
    elf_file_free(f);
    return 0;
}

void elf_runtime_free(struct elf_runtime *r)
{
    free(r->machine);
    free(r->interpreter);
    strv_free(&r->libraries);
    strv_free(&r->versions);
    strv_free(&r->provides);
    *r = (struct elf_runtime){0};
}
