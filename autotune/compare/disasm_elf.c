/* A kernel's functions by the symbol table of the ELF file that holds them. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "autotune/compare/disasm.h"

typedef ElfW(Ehdr) header;
typedef ElfW(Shdr) section;
typedef ElfW(Sym) symbol;

enum { WORD = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32 };

struct image {
    const uint8_t *data;
    size_t bytes;
    const symbol *symbols;
    size_t nsymbols;
    const char *names;
    size_t names_bytes; /* the last byte is NUL */
};

/* Whether count things of a size lie in the file at an offset that suits them. */
static bool inside(const struct image *im, uint64_t offset, uint64_t count, uint64_t size)
{
    return offset <= im->bytes && count <= (im->bytes - offset) / size &&
           offset % _Alignof(symbol) == 0;
}

/* The table of all symbols with its names, checked against the file's size. */
static bool find_symbols(struct image *im, const char **why)
{
    const header *h = (const void *)im->data;
    *why = "not an ELF file of this machine";
    if (im->bytes < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) ||
        h->e_ident[EI_CLASS] != WORD || h->e_shentsize != sizeof(section) ||
        !inside(im, h->e_shoff, h->e_shnum, sizeof(section)))
        return false;
    const section *all = (const void *)(im->data + h->e_shoff), *s = all;
    while (s < all + h->e_shnum && s->sh_type != SHT_SYMTAB)
        s++;
    *why = "no symbol table (stripped)";
    if (s == all + h->e_shnum || s->sh_link >= h->e_shnum)
        return false;
    const section *names = &all[s->sh_link];
    *why = "damaged symbol table";
    if (!inside(im, s->sh_offset, s->sh_size, 1) || names->sh_size == 0 ||
        names->sh_offset > im->bytes || names->sh_size > im->bytes - names->sh_offset)
        return false;
    im->symbols = (const void *)(im->data + s->sh_offset);
    im->nsymbols = s->sh_size / sizeof *im->symbols;
    im->names = (const char *)im->data + names->sh_offset;
    im->names_bytes = names->sh_size;
    return im->names[im->names_bytes - 1] == 0;
}

static const char *name_of(const struct image *im, const symbol *s)
{
    return s->st_name < im->names_bytes ? im->names + s->st_name : "";
}

/* All of it is in the file's own code. */
static void take(struct trit_functions *f, const symbol *s)
{
    uint64_t end = s->st_value + s->st_size;
    f->begin = f->count == 0 || s->st_value < f->begin ? s->st_value : f->begin;
    f->end = end > f->end ? end : f->end;
    f->bytes += s->st_size;
    f->count++;
}

/* A source's local symbols follow its file symbol; those with a name of their own follow all of
 * them. */
static bool collect(const struct image *im, const char *name, struct trit_functions *f)
{
    char source[NAME_MAX + 1];
    snprintf(source, sizeof source, "%s.c", name);
    bool ours = false, found = false;
    *f = (struct trit_functions){ 0 };
    for (size_t i = 0; i < im->nsymbols; i++) {
        const symbol *s = &im->symbols[i];
        int type = s->st_info & 0xf, bind = s->st_info >> 4;
        if (type == STT_FILE)
            ours = !strcmp(name_of(im, s), source);
        if (type != STT_FUNC || s->st_size == 0 || s->st_shndx == SHN_UNDEF)
            continue;
        bool itself = !strcmp(name_of(im, s), name);
        if (itself || (ours && bind == STB_LOCAL))
            take(f, s);
        found = found || itself;
    }
    return found;
}

bool trit_elf_functions(const char *path, const char *name, struct trit_functions *functions,
                        const char **why)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *why = "its file cannot be read";
    if (fd < 0)
        return false;
    struct image im = { 0 };
    void *map = fstat(fd, &s) || s.st_size <= 0
                    ? MAP_FAILED
                    : mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (map == MAP_FAILED)
        return false;
    im.data = map;
    im.bytes = (size_t)s.st_size;
    bool found = find_symbols(&im, why);
    if (found) {
        found = collect(&im, name, functions);
        *why = found ? "" : "no symbol of its name";
    }
    munmap(map, im.bytes);
    return found;
}
