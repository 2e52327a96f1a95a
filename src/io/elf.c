/* See elf.h. libelf decodes class and byte order; what it hands out is checked here. */
#include "io/elf.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/dl.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/elf_file.h"

#define ELF_FUNCTIONS(X)                                                                           \
    X(begin)                                                                                       \
    X(end)                                                                                         \
    X(errmsg)                                                                                      \
    X(getdata_rawchunk)                                                                            \
    X(getphdrnum)                                                                                  \
    X(kind)                                                                                        \
    X(version)
#define GELF_FUNCTIONS(X)                                                                          \
    X(fsize)                                                                                       \
    X(getclass)                                                                                    \
    X(getdyn)                                                                                      \
    X(getehdr)                                                                                     \
    X(getphdr)                                                                                     \
    X(getrel)                                                                                      \
    X(getrela)                                                                                     \
    X(getsym)

DL_API(elf, elf_, ELF_FUNCTIONS)
DL_API(gelf, gelf_, GELF_FUNCTIONS)

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif
#ifndef DT_RELR
#define DT_RELRSZ 35
#define DT_RELR   36
#endif

enum { SEGMENT_LIMIT = 256 };

/* The numbers of the relocations that matter here, by machine. */
static const struct machine {
    unsigned id;
    const char *name;
    unsigned relative, absolute, glob_dat, jump_slot;
} machines[] = {
    {EM_X86_64, "x86_64", R_X86_64_RELATIVE, R_X86_64_64, R_X86_64_GLOB_DAT, R_X86_64_JUMP_SLOT},
    {EM_AARCH64, "aarch64", R_AARCH64_RELATIVE, R_AARCH64_ABS64, R_AARCH64_GLOB_DAT,
     R_AARCH64_JUMP_SLOT},
    {EM_386, "i386", R_386_RELATIVE, R_386_32, R_386_GLOB_DAT, R_386_JMP_SLOT},
    {EM_ARM, "arm", R_ARM_RELATIVE, R_ARM_ABS32, R_ARM_GLOB_DAT, R_ARM_JUMP_SLOT},
    {EM_PPC64, "ppc64", R_PPC64_RELATIVE, R_PPC64_ADDR64, R_PPC64_GLOB_DAT, R_PPC64_JMP_SLOT},
    {EM_S390, "s390x", R_390_RELATIVE, R_390_64, R_390_GLOB_DAT, R_390_JMP_SLOT},
    {EM_RISCV, "riscv64", R_RISCV_RELATIVE, R_RISCV_64, R_RISCV_64, R_RISCV_JUMP_SLOT},
    {EM_LOONGARCH, "loongarch64", 3, 2, 2, 5},
};

static const struct machine *machine_of(const struct elf_file *f)
{
    for (size_t i = 0; i < lengthof(machines); i++)
        if (machines[i].id == f->machine_id)
            return &machines[i];
    return NULL;
}

static int damaged(const struct elf_file *f, const char *what)
{
    int rc = fail(E_INTEGRITY, "%s is cut short or damaged: %s", f->path, what);
    return err_hint(rc, "get it again, or reinstall the package that it belongs to");
}

/* ---- Relocations ---- */

static int by_address(const void *a, const void *b)
{
    const struct elf_relocation *x = a, *y = b;
    return (x->at > y->at) - (x->at < y->at);
}

/* False when there are more than the file has words: damaged, or made to use up memory. */
static bool add_relocation(struct elf_file *f, uint64_t at, struct elf_word word)
{
    if (f->n_relocations > f->size / f->facts.word)
        return false;
    if (f->n_relocations == f->relocations_cap) {
        f->relocations_cap = f->relocations_cap ? f->relocations_cap * 2 : 256;
        f->relocations = xrealloc(f->relocations, f->relocations_cap * sizeof *f->relocations);
    }
    f->relocations[f->n_relocations++] = (struct elf_relocation){.at = at, .word = word};
    return true;
}

static struct elf_word resolve(const struct elf_file *f, const struct machine *m, unsigned type,
                               size_t symbol, uint64_t addend)
{
    struct elf_word word = {.kind = ELF_UNKNOWN};
    if (!m)
        return word;
    if (type == m->relative) {
        word.kind = ELF_LOCAL;
        word.value = addend;
    } else if ((type == m->absolute || type == m->glob_dat || type == m->jump_slot) &&
               symbol < f->n_symbols) {
        const struct elf_symbol *s = &f->symbols[symbol];
        word.kind = s->imported ? ELF_IMPORT : ELF_LOCAL;
        word.symbol = s->name;
        /* What is stored where a JUMP_SLOT will be is the lazy binding, not an addend. */
        word.value = s->address + (type == m->absolute ? addend : 0);
    }
    if (f->facts.bits == 32)
        word.value &= UINT32_MAX;
    return word;
}

/* The bytes of a table at `address` as libelf translates them; NULL when not all are there. */
static Elf_Data *table_at(const struct elf_file *f, uint64_t address, uint64_t size, Elf_Type type)
{
    const struct elf_segment *s = elf_segment_at(f, address);
    if (!s || address - s->address > s->in_file || size > s->in_file - (address - s->address))
        return NULL;
    return elf.getdata_rawchunk(f->elf, (int64_t)(s->offset + (address - s->address)), (size_t)size,
                                type);
}

static int read_table(struct elf_file *f, uint64_t address, uint64_t size, bool with_addend)
{
    const struct machine *m = machine_of(f);
    if (size == 0)
        return 0;
    Elf_Type type = with_addend ? ELF_T_RELA : ELF_T_REL;
    Elf_Data *data = table_at(f, address, size, type);
    size_t entry = gelf.fsize(f->elf, type, 1, EV_CURRENT);
    if (!data || entry == 0 || size / entry > INT32_MAX)
        return damaged(f, "its relocations are not all there");
    for (size_t i = 0, n = (size_t)size / entry; i < n; i++) {
        GElf_Rela r = {0};
        GElf_Rel short_r;
        if (with_addend && !gelf.getrela(data, (int)i, &r))
            return damaged(f, "a relocation cannot be read");
        if (!with_addend) {
            if (!gelf.getrel(data, (int)i, &short_r))
                return damaged(f, "a relocation cannot be read");
            uint64_t stored = 0;
            elf_number(f, short_r.r_offset, f->facts.word, &stored);
            r = (GElf_Rela){.r_offset = short_r.r_offset,
                            .r_info = short_r.r_info,
                            .r_addend = (GElf_Sxword)stored};
        }
        unsigned kind = (unsigned)GELF_R_TYPE(r.r_info);
        if (kind == 0)
            continue;
        struct elf_word word =
            resolve(f, m, kind, (size_t)GELF_R_SYM(r.r_info), (uint64_t)r.r_addend);
        if (!add_relocation(f, r.r_offset, word))
            return damaged(f, "it has more relocations than words");
    }
    return 0;
}

/* One relative relocation of the packed kind; its addend is in place. */
static bool add_packed(struct elf_file *f, uint64_t at)
{
    struct elf_word word = {.kind = ELF_LOCAL};
    return elf_number(f, at, f->facts.word, &word.value) && add_relocation(f, at, word);
}

static int read_packed(struct elf_file *f)
{
    unsigned size = f->facts.word;
    uint64_t at = 0;
    for (uint64_t i = 0; i + size <= f->dynamic.relrsz; i += size) {
        uint64_t entry;
        if (!elf_number(f, f->dynamic.relr + i, size, &entry))
            return damaged(f, "its relocations are not all there");
        if (!(entry & 1)) {
            if (!add_packed(f, entry))
                return damaged(f, "a relocation leads out of it");
            at = entry + size;
            continue;
        }
        for (uint64_t bits = entry >> 1, here = at; bits; bits >>= 1, here += size)
            if ((bits & 1) && !add_packed(f, here))
                return damaged(f, "a relocation leads out of it");
        at += (uint64_t)(8 * size - 1) * size;
    }
    return 0;
}

int elf_file_load(struct elf_file *f)
{
    const struct elf_dynamic *d = &f->dynamic;
    for (size_t i = 0; i < f->n_segments; i++)
        if (f->segments[i].in_file && !elf_segment_bytes(f, &f->segments[i]))
            return damaged(f, "a segment cannot be read");
    int rc = read_table(f, d->rela, d->relasz, true);
    if (rc == 0)
        rc = read_table(f, d->rel, d->relsz, false);
    if (rc == 0)
        rc = read_table(f, d->jmprel, d->pltrelsz, d->pltrel == DT_RELA);
    if (rc == 0)
        rc = read_packed(f);
    if (rc == 0 && f->n_relocations)
        qsort(f->relocations, f->n_relocations, sizeof *f->relocations, by_address);
    return rc;
}

/* ---- Symbols ---- */

static int read_names(struct elf_file *f)
{
    Elf_Data *names = table_at(f, f->dynamic.strtab, f->dynamic.strsz, ELF_T_BYTE);
    f->names = names && names->d_size == f->dynamic.strsz ? names->d_buf : NULL;
    if (!f->names || f->dynamic.strsz == 0 || f->names[f->dynamic.strsz - 1])
        return damaged(f, "the names of its symbols are not all there");
    return 0;
}

const char *elf_name(const struct elf_file *f, uint64_t at)
{
    return at < f->dynamic.strsz ? f->names + at : NULL;
}

static int read_symbols(struct elf_file *f)
{
    size_t entry = gelf.fsize(f->elf, ELF_T_SYM, 1, EV_CURRENT);
    uint64_t n = elf_count_symbols(f);
    if (n == 0 || entry == 0 || n > f->size / entry)
        return damaged(f, "its symbols cannot be counted");
    Elf_Data *data = table_at(f, f->dynamic.symtab, n * entry, ELF_T_SYM);
    if (!data)
        return damaged(f, "its symbols are not all there");
    f->symbols = xcalloc((size_t)n, sizeof *f->symbols);
    for (; f->n_symbols < n; f->n_symbols++) {
        GElf_Sym s;
        if (!gelf.getsym(data, (int)f->n_symbols, &s) || s.st_name >= f->dynamic.strsz)
            return damaged(f, "a symbol cannot be read");
        f->symbols[f->n_symbols] = (struct elf_symbol){.name = f->names + s.st_name,
                                                       .address = s.st_value,
                                                       .imported = s.st_shndx == SHN_UNDEF};
    }
    return 0;
}

/* ---- Headers ---- */

const unsigned char *elf_segment_bytes(const struct elf_file *f, struct elf_segment *s)
{
    if (!s->bytes && s->in_file) {
        Elf_Data *data =
            elf.getdata_rawchunk(f->elf, (int64_t)s->offset, (size_t)s->in_file, ELF_T_BYTE);
        if (data && data->d_buf && data->d_size >= s->in_file)
            s->bytes = data->d_buf;
    }
    return s->bytes;
}

static int add_segment(struct elf_file *f, const GElf_Phdr *p, uint64_t *total)
{
    struct elf_segment s = {.address = p->p_vaddr,
                            .in_file = p->p_filesz,
                            .in_memory = p->p_memsz,
                            .offset = p->p_offset,
                            .writable = p->p_flags & PF_W,
                            .executable = p->p_flags & PF_X};
    if (f->n_segments == SEGMENT_LIMIT)
        return damaged(f, "it has too many segments");
    if (s.in_memory < s.in_file || s.address + s.in_memory < s.address)
        return damaged(f, "a segment is larger than its place");
    /* Real ones share at most a page; many large ones on the same bytes would use up memory. */
    *total += s.in_file;
    if (p->p_offset > f->size || s.in_file > f->size - p->p_offset || *total > 2 * f->size)
        return damaged(f, "a segment is not all there");
    f->segments = xrealloc(f->segments, (f->n_segments + 1) * sizeof s);
    f->segments[f->n_segments++] = s;
    return 0;
}

static void take_dynamic(struct elf_dynamic *d, const GElf_Dyn *entry)
{
    const struct {
        int64_t tag;
        uint64_t *to;
    } wanted[] = {
        {DT_SYMTAB, &d->symtab},
        {DT_STRTAB, &d->strtab},
        {DT_STRSZ, &d->strsz},
        {DT_HASH, &d->hash},
        {DT_RELA, &d->rela},
        {DT_RELASZ, &d->relasz},
        {DT_REL, &d->rel},
        {DT_RELSZ, &d->relsz},
        {DT_JMPREL, &d->jmprel},
        {DT_PLTRELSZ, &d->pltrelsz},
        {DT_RELR, &d->relr},
        {DT_RELRSZ, &d->relrsz},
        {DT_PLTREL, &d->pltrel},
        {DT_GNU_HASH, &d->gnu_hash},
        {DT_INIT_ARRAYSZ, &d->init_arraysz},
        {DT_VERNEED, &d->verneed},
        {DT_VERNEEDNUM, &d->verneednum},
        {DT_VERDEF, &d->verdef},
        {DT_VERDEFNUM, &d->verdefnum},
    };
    if (entry->d_tag == DT_NEEDED) {
        d->needed = xrealloc(d->needed, (d->n_needed + 1) * sizeof *d->needed);
        d->needed[d->n_needed++] = entry->d_un.d_val;
    }
    for (size_t i = 0; i < lengthof(wanted); i++)
        if (wanted[i].tag == entry->d_tag)
            *wanted[i].to = entry->d_un.d_val;
}

static int read_dynamic(struct elf_file *f, const GElf_Phdr *p)
{
    size_t entry = gelf.fsize(f->elf, ELF_T_DYN, 1, EV_CURRENT);
    if (p->p_offset > f->size || p->p_filesz > f->size - p->p_offset || entry == 0)
        return damaged(f, "its dynamic section is not all there");
    Elf_Data *data =
        elf.getdata_rawchunk(f->elf, (int64_t)p->p_offset, (size_t)p->p_filesz, ELF_T_DYN);
    if (!data)
        return damaged(f, "its dynamic section cannot be read");
    for (size_t i = 0; i < p->p_filesz / entry; i++) {
        GElf_Dyn d;
        if (!gelf.getdyn(data, (int)i, &d))
            return damaged(f, "its dynamic section cannot be read");
        if (d.d_tag == DT_NULL)
            break;
        take_dynamic(&f->dynamic, &d);
    }
    f->facts.constructors = (size_t)(f->dynamic.init_arraysz / f->facts.word);
    return 0;
}

static int read_segments(struct elf_file *f)
{
    size_t n = 0;
    uint64_t total = 0;
    GElf_Phdr p, dynamic = {0};
    if (elf.getphdrnum(f->elf, &n) != 0 || n != (size_t)f->n_headers)
        return damaged(f, "its program headers cannot be counted");
    for (size_t i = 0; i < n; i++) {
        if (!gelf.getphdr(f->elf, (int)i, &p))
            return damaged(f, "its program headers are not all there");
        int rc = 0;
        if (p.p_type == PT_LOAD)
            rc = add_segment(f, &p, &total);
        if (p.p_type == PT_DYNAMIC)
            dynamic = p;
        if (p.p_type == PT_INTERP) {
            f->interp = p.p_offset;
            f->interpsz = p.p_filesz;
        }
        if (p.p_type == PT_GNU_RELRO) {
            f->relro = p.p_vaddr;
            f->relro_end = p.p_vaddr + p.p_memsz;
        }
        if (rc < 0)
            return rc;
    }
    if (dynamic.p_type != PT_DYNAMIC || n == 0)
        return fail(E_NOTFOUND, "%s is not a shared library: it has no dynamic section", f->path);
    return read_dynamic(f, &dynamic);
}

static int read_header(struct elf_file *f)
{
    if (elf.kind(f->elf) != ELF_K_ELF) {
        int rc = fail(E_INTEGRITY, "%s is not an ELF file", f->path);
        return err_hint(rc,
                        "extension modules for Linux are ELF files; this one may be for another "
                        "system, or no extension module at all");
    }
    GElf_Ehdr header;
    if (!gelf.getehdr(f->elf, &header))
        return damaged(f, "its header is not all there");
    f->machine_id = header.e_machine;
    f->n_headers = header.e_phnum;
    f->big_endian = header.e_ident[EI_DATA] == ELFDATA2MSB;
    if (header.e_type != ET_DYN && !(f->program && header.e_type == ET_EXEC))
        return fail(E_NOTFOUND, "%s is an ELF file, but not a shared library", f->path);
    const struct machine *m = machine_of(f);
    if (!m)
        snprintf(f->machine, sizeof f->machine, "machine %u", f->machine_id);
    bool wide = gelf.getclass(f->elf) == ELFCLASS64;
    f->facts = (struct elf_facts){.machine = m ? m->name : f->machine,
                                  .bits = wide ? 64 : 32,
                                  .word = wide ? 8 : 4,
                                  .is_x86_64 = m && m->id == EM_X86_64 && wide,
                                  .is_aarch64 = m && m->id == EM_AARCH64 && wide};
    if (m && (m->id == EM_386 || m->id == EM_ARM ? wide : !wide))
        return damaged(f, "its word size is not one of its machine");
    return 0;
}

void elf_file_free(struct elf_file *f)
{
    if (!f)
        return;
    if (f->elf)
        elf.end(f->elf);
    close_at(&f->fd);
    free(f->path);
    free(f->segments);
    free(f->symbols);
    free(f->relocations);
    free(f->dynamic.needed);
    free(f);
}

char *elf_interpreter(const struct elf_file *f)
{
    enum { LONGEST = 4096 };
    if (f->interpsz == 0 || f->interpsz > LONGEST)
        return NULL;
    Elf_Data *data =
        elf.getdata_rawchunk(f->elf, (int64_t)f->interp, (size_t)f->interpsz, ELF_T_BYTE);
    return data && data->d_size == f->interpsz ? xstrndup(data->d_buf, data->d_size) : NULL;
}

static int read_all(struct elf_file *f)
{
    struct stat st;
    f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (f->fd < 0 || fstat(f->fd, &st) < 0)
        return fail_errno(E_FAILED, "cannot read %s", f->path);
    if (!S_ISREG(st.st_mode))
        return fail(E_INTEGRITY, "%s is not a regular file", f->path);
    f->size = (uint64_t)st.st_size;
    if (elf.version(EV_CURRENT) == EV_NONE)
        return fail(E_FAILED, "cannot read %s: libelf is too old", f->path);
    f->elf = elf.begin(f->fd, ELF_C_READ, NULL);
    if (!f->elf)
        return damaged(f, elf.errmsg(-1));
    int rc = read_header(f);
    if (rc == 0)
        rc = read_segments(f);
    if (rc == 0)
        rc = read_names(f);
    return rc == 0 && !f->program ? read_symbols(f) : rc;
}

static int open_file(const char *path, bool program, struct elf_file **out)
{
    *out = NULL;
    int rc = DL_LOAD(elf, LIBELF_SONAME);
    if (rc == 0)
        rc = DL_LOAD(gelf, LIBELF_SONAME);
    if (rc < 0)
        return rc;
    struct elf_file *f = xcalloc(1, sizeof *f);
    f->path = xstrdup(path);
    f->fd = -1;
    f->program = program;
    rc = read_all(f);
    if (rc < 0)
        elf_file_free(f);
    else
        *out = f;
    return rc;
}

int elf_file_open(const char *path, struct elf_file **out)
{
    return open_file(path, false, out);
}

int elf_file_open_program(const char *path, struct elf_file **out)
{
    return open_file(path, true, out);
}
