/* Answers about what a shared library is in memory, see elf.h. */
#include <string.h>

#include "io/elf_file.h"

/* ---- Bytes and numbers ---- */

/* The last one that covers it, as the loader maps them in this order. */
struct elf_segment *elf_segment_at(const struct elf_file *f, uint64_t address)
{
    for (size_t i = f->n_segments; i-- > 0;) {
        struct elf_segment *s = &f->segments[i];
        if (address >= s->address && address - s->address < s->in_memory)
            return s;
    }
    return NULL;
}

const unsigned char *elf_bytes(const struct elf_file *f, uint64_t address, size_t *size)
{
    struct elf_segment *s = elf_segment_at(f, address);
    if (!s || address - s->address >= s->in_file)
        return NULL;
    const unsigned char *bytes = elf_segment_bytes(f, s);
    *size = (size_t)(s->in_file - (address - s->address));
    return bytes ? bytes + (address - s->address) : NULL;
}

const unsigned char *elf_code(const struct elf_file *f, size_t n, uint64_t *address, size_t *size)
{
    for (size_t i = 0; i < f->n_segments; i++) {
        struct elf_segment *s = &f->segments[i];
        if (!s->executable || s->in_file == 0 || n-- > 0)
            continue;
        *address = s->address;
        *size = (size_t)s->in_file;
        return elf_segment_bytes(f, s);
    }
    return NULL;
}

static uint64_t number_from(const struct elf_file *f, const unsigned char *p, unsigned size)
{
    bool big = f->big_endian;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)p[i] << 8 * (big ? size - 1 - i : i);
    return value;
}

bool elf_number(const struct elf_file *f, uint64_t address, unsigned size, uint64_t *value)
{
    size_t there;
    const unsigned char *p = elf_bytes(f, address, &there);
    if (p) {
        if (there < size)
            return false;
        *value = number_from(f, p, size);
        return true;
    }
    const struct elf_segment *s = elf_segment_at(f, address);
    *value = 0;
    return s && s->in_memory - (address - s->address) >= size;
}

enum elf_place elf_place(const struct elf_file *f, uint64_t address)
{
    const struct elf_segment *s = elf_segment_at(f, address);
    if (!s)
        return ELF_NOWHERE;
    if (s->writable) {
        if (address >= f->relro && address < f->relro_end)
            return ELF_CONSTANT;
        return address - s->address < s->in_file ? ELF_VARIABLE : ELF_ZERO;
    }
    return s->executable ? ELF_CODE : ELF_CONSTANT;
}

const char *elf_text(const struct elf_file *f, uint64_t address)
{
    size_t size;
    const unsigned char *p = elf_bytes(f, address, &size);
    return p && memchr(p, '\0', size) ? (const char *)p : NULL;
}

bool elf_has_text(const struct elf_file *f, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i < f->n_segments; i++) {
        struct elf_segment *s = &f->segments[i];
        const unsigned char *p = elf_segment_bytes(f, s), *end = p ? p + s->in_file : p;
        while (p && p < end && (p = memmem(p, (size_t)(end - p), text, n))) {
            uint64_t at = s->address + (uint64_t)(p - s->bytes);
            if (at < f->dynamic.strtab || at - f->dynamic.strtab >= f->dynamic.strsz)
                return true;
            p++;
        }
    }
    return false;
}

/* ---- Relocations ---- */

/* The first relocation at or after `address`, as an index. */
static size_t relocation_from(const struct elf_file *f, uint64_t address)
{
    size_t low = 0, high = f->n_relocations;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (f->relocations[middle].at < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool elf_word(const struct elf_file *f, uint64_t address, struct elf_word *word)
{
    unsigned size = f->facts.word;
    *word = (struct elf_word){.kind = ELF_PLAIN};
    if (!elf_number(f, address, size, &word->value))
        return false;
    uint64_t low = address < size ? 0 : address - size + 1;
    for (size_t i = relocation_from(f, low); i < f->n_relocations; i++) {
        const struct elf_relocation *r = &f->relocations[i];
        if (r->at >= address + size)
            break;
        bool again = word->kind != ELF_PLAIN; /* two for one word: whatever that means */
        *word = r->word;
        if (r->at != address || again) {
            word->kind = ELF_UNKNOWN;
            break;
        }
    }
    return true;
}

void elf_each_local(const struct elf_file *f,
                    bool (*each)(uint64_t at, uint64_t address, void *arg), void *arg)
{
    for (size_t i = 0; i < f->n_relocations; i++) {
        const struct elf_relocation *r = &f->relocations[i];
        if (r->word.kind == ELF_LOCAL && !each(r->at, r->word.value, arg))
            return;
    }
}

/* ---- Symbols ---- */

/* Nothing says how many there are, but the hash table reaches each that is defined, and those that
 * are imported come before them. */
static uint64_t count_by_gnu_hash(const struct elf_file *f)
{
    uint64_t at = f->dynamic.gnu_hash, buckets, first, bloom, last = 0, entry;
    if (!elf_number(f, at, 4, &buckets) || !elf_number(f, at + 4, 4, &first) ||
        !elf_number(f, at + 8, 4, &bloom))
        return 0;
    if (buckets > f->size || bloom > f->size)
        return 0;
    at += 16 + bloom * f->facts.word;
    for (uint64_t i = 0; i < buckets; i++) {
        if (!elf_number(f, at + 4 * i, 4, &entry))
            return 0;
        last = entry > last ? entry : last;
    }
    if (last < first)
        return first;
    at += 4 * buckets;
    do {
        if (!elf_number(f, at + 4 * (last - first), 4, &entry))
            return 0;
        last++;
    } while (!(entry & 1) && last < f->size);
    return last;
}

uint64_t elf_count_symbols(const struct elf_file *f)
{
    const struct elf_dynamic *d = &f->dynamic;
    uint64_t n = 0;
    if (d->hash && elf_number(f, d->hash + 4, 4, &n))
        return n;
    return d->gnu_hash ? count_by_gnu_hash(f) : 0;
}

const struct elf_symbol *elf_symbols(const struct elf_file *f, size_t *count)
{
    *count = f->n_symbols;
    return f->symbols;
}

bool elf_imports(const struct elf_file *f, const char *name)
{
    for (size_t i = 0; i < f->n_symbols; i++)
        if (f->symbols[i].imported && strcmp(f->symbols[i].name, name) == 0)
            return true;
    return false;
}

/* ---- Facts ---- */

const struct elf_facts *elf_facts(const struct elf_file *f)
{
    return &f->facts;
}
