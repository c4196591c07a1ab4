/* The tokenizer's tables: strings, their index, merges by pair, and the byte-level alphabet. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/base/mem.h"
#include "runtime/text/internal.h"

bool trit_strings_create(struct trit_strings *s, size_t count, size_t bytes)
{
    *s = (struct trit_strings){ 0 };
    if (count >= UINT32_MAX || bytes > UINT32_MAX)
        return false;
    s->at = trit_alloc(count + 1, sizeof *s->at);
    s->bytes = trit_alloc(bytes, 1);
    return s->at && s->bytes;
}

void trit_strings_add(struct trit_strings *s, struct trit_text text)
{
    memcpy(s->bytes + s->used, text.s, text.n);
    s->used += text.n;
    s->at[++s->n] = (uint32_t)s->used;
}

void trit_strings_free(struct trit_strings *s)
{
    free(s->bytes);
    free(s->at);
}

/* Where content begins to look for its slot. Seeded by the table's address, which the file's author
   does not know: nobody can make a vocabulary whose strings collide. */
static size_t first_slot(const void *content, size_t bytes, const uint32_t *slots, size_t mask)
{
    return XXH3_64bits_withSeed(content, bytes, (uintptr_t)slots) & mask;
}

/* Slots for count entries: a power of two, at least twice as many. NULL where there is no memory.
 */
static uint32_t *slots_create(size_t count, size_t *mask)
{
    size_t size = 16;
    while (size < 2 * count)
        size *= 2;
    *mask = size - 1;
    return trit_alloc(size, sizeof(uint32_t));
}

bool trit_index_create(struct trit_index *index, const struct trit_strings *strings, size_t count)
{
    index->strings = strings;
    index->slots = slots_create(count, &index->mask);
    return index->slots;
}

/* The slot that holds text, or the empty one where it belongs. */
static size_t index_slot(const struct trit_index *index, struct trit_text text)
{
    size_t at = first_slot(text.s, text.n, index->slots, index->mask);
    for (; index->slots[at]; at = (at + 1) & index->mask) {
        struct trit_text other = trit_string(index->strings, index->slots[at] - 1);
        if (other.n == text.n && !memcmp(other.s, text.s, text.n))
            break;
    }
    return at;
}

int32_t trit_index_add(struct trit_index *index, uint32_t i)
{
    size_t at = index_slot(index, trit_string(index->strings, i));
    if (index->slots[at])
        return (int32_t)(index->slots[at] - 1);
    index->slots[at] = i + 1;
    return -1;
}

int32_t trit_index_find(const struct trit_index *index, struct trit_text text)
{
    return (int32_t)index->slots[index_slot(index, text)] - 1;
}

void trit_index_free(struct trit_index *index)
{
    free(index->slots);
}

bool trit_merges_create(struct trit_merges *m, size_t count)
{
    *m = (struct trit_merges){ 0 };
    if (count >= TRIT_NO_MERGE)
        return false;
    m->list = trit_alloc(count, sizeof *m->list);
    m->slots = slots_create(count, &m->mask);
    return m->list && m->slots;
}

static size_t merges_slot(const struct trit_merges *m, uint32_t left, uint32_t right)
{
    uint64_t key = (uint64_t)left << 32 | right;
    size_t at = first_slot(&key, sizeof key, m->slots, m->mask);
    for (; m->slots[at]; at = (at + 1) & m->mask) {
        const struct trit_merge *other = &m->list[m->slots[at] - 1];
        if (other->left == left && other->right == right)
            break;
    }
    return at;
}

uint32_t trit_merges_add(struct trit_merges *m, struct trit_merge merge)
{
    size_t at = merges_slot(m, merge.left, merge.right);
    if (m->slots[at])
        return m->slots[at] - 1;
    m->list[m->n++] = merge;
    m->slots[at] = (uint32_t)m->n;
    return TRIT_NO_MERGE;
}

uint32_t trit_merges_find(const struct trit_merges *m, uint32_t left, uint32_t right)
{
    return m->slots[merges_slot(m, left, right)] - 1; /* an empty slot gives TRIT_NO_MERGE */
}

void trit_merges_free(struct trit_merges *m)
{
    free(m->list);
    free(m->slots);
}

/* The alphabet: code points first .. last stand for the bytes from byte on. What Latin-1 prints
   stands for itself, the rest follows from U+0100 in order. */
static const struct span {
    uint16_t first, last, byte;
} spans[] = {
    { 33, 126, 33 }, { 161, 172, 161 }, { 174, 255, 174 },
    { 256, 288, 0 }, { 289, 322, 127 }, { 323, 323, 173 },
};

size_t trit_alphabet_encode(unsigned char byte, char out[2])
{
    const struct span *s = spans;
    while (byte < s->byte || byte > s->byte + (s->last - s->first))
        s++;
    const unsigned point = (unsigned)(s->first + (byte - s->byte));
    if (point < 128) {
        out[0] = (char)point;
        return 1;
    }
    out[0] = (char)(0xc0 | point >> 6);
    out[1] = (char)(0x80 | (point & 63));
    return 2;
}

static int alphabet_byte(unsigned point)
{
    for (size_t i = 0; i < sizeof spans / sizeof *spans; i++)
        if (point >= spans[i].first && point <= spans[i].last)
            return (int)(point - spans[i].first + spans[i].byte);
    return -1;
}

struct trit_text trit_alphabet_decode(struct trit_text piece, char *out)
{
    const unsigned char *u = (const unsigned char *)piece.s;
    size_t n = 0;
    for (size_t i = 0; i < piece.n;) {
        int length = trit_utf8_at(piece.s + i, piece.n - i);
        /* The alphabet ends before U+0800: longer characters are outside. */
        int byte = length == 1   ? alphabet_byte(u[i])
                   : length == 2 ? alphabet_byte((u[i] & 0x1fu) << 6 | (u[i + 1] & 0x3fu))
                                 : -1;
        if (byte < 0)
            return (struct trit_text){ NULL, 0 };
        out[n++] = (char)byte;
        i += (size_t)length;
    }
    return (struct trit_text){ out, n };
}
