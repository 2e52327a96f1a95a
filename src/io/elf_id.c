/* The identity of a program. Needs neither libelf nor the whole file: it is asked of compilers, of
 * which one has 30 MB. */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/str.h"
#include "io/elf.h"

#if UINTPTR_MAX > UINT32_MAX
#define OWN_CLASS ELFCLASS64
#else
#define OWN_CLASS ELFCLASS32
#endif

enum { HEADER_LIMIT = 64, NOTE_LIMIT = 64 << 10 };

static bool read_at(int fd, void *to, size_t size, off_t at)
{
    ssize_t got;
    do
        got = pread(fd, to, size, at);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)size;
}

static size_t padded(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

/* The build id among `size` bytes of notes; owned, or NULL. */
static char *find_id(const char *notes, size_t size)
{
    ElfW(Nhdr) h;
    for (size_t at = 0; size - at >= sizeof h;) {
        memcpy(&h, notes + at, sizeof h);
        at += sizeof h;
        if (h.n_namesz > NOTE_LIMIT || h.n_descsz > NOTE_LIMIT ||
            padded(h.n_namesz) + padded(h.n_descsz) > size - at)
            break;
        const char *name = notes + at, *id = name + padded(h.n_namesz);
        at += padded(h.n_namesz) + padded(h.n_descsz);
        if (h.n_type != NT_GNU_BUILD_ID || h.n_namesz != sizeof "GNU" ||
            memcmp(name, "GNU", sizeof "GNU") != 0)
            continue;
        autostr hex = {0};
        for (size_t i = 0; i < h.n_descsz; i++)
            str_addf(&hex, "%02x", (unsigned char)id[i]);
        return str_take(&hex);
    }
    return NULL;
}

static bool is_own_class(const ElfW(Ehdr) * e)
{
    const unsigned short one = 1;
    int order = *(const unsigned char *)&one ? ELFDATA2LSB : ELFDATA2MSB;
    return memcmp(e->e_ident, ELFMAG, SELFMAG) == 0 && e->e_ident[EI_CLASS] == OWN_CLASS &&
           e->e_ident[EI_DATA] == order && e->e_phentsize == sizeof(ElfW(Phdr)) &&
           e->e_phnum <= HEADER_LIMIT;
}

char *elf_build_id(const char *path)
{
    autofd fd = open(path, O_RDONLY | O_CLOEXEC);
    ElfW(Ehdr) e;
    ElfW(Phdr) p[HEADER_LIMIT];
    if (fd < 0 || !read_at(fd, &e, sizeof e, 0) || !is_own_class(&e) ||
        !read_at(fd, p, e.e_phnum * sizeof *p, (off_t)e.e_phoff))
        return NULL;
    for (size_t i = 0; i < e.e_phnum; i++) {
        if (p[i].p_type != PT_NOTE || p[i].p_filesz > NOTE_LIMIT)
            continue;
        size_t size = (size_t)p[i].p_filesz;
        autofree char *notes = xmalloc(size);
        char *id = read_at(fd, notes, size, (off_t)p[i].p_offset) ? find_id(notes, size) : NULL;
        if (id)
            return id;
    }
    return NULL;
}
