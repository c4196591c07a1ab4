/* labels: threads */
/* Is a packed cache read back as it was written, and is one that was cut off, changed anywhere or
   made elsewhere never taken for good? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "runtime/base/file.h"
#include "runtime/base/mem.h"
#include "runtime/cache/internal.h"

enum { SECTIONS = 5 };

static char folder[] = "/tmp/trit-cache-XXXXXX";
static struct trit_pool *pool;
static struct trit_section sections[SECTIONS];
static uint8_t *contents[SECTIONS];
static const struct trit_cache_source source = { .bytes = 123,
                                                 .file = { 1, 2, 123, 456, 789 },
                                                 .sample = { 7 } };

/* Empty, odd, exactly one piece, more than two pieces; the last one is lazy. */
static const size_t sizes[SECTIONS] = { 64, 0, 100, TRIT_CACHE_PIECE, 2 * TRIT_CACHE_PIECE + 5 };

static void make_sections(const size_t bytes[SECTIONS])
{
    uint32_t random = 1;
    for (size_t i = 0; i < SECTIONS; i++) {
        free(contents[i]);
        contents[i] = trit_alloc(bytes[i] + 1, 1);
        for (size_t at = 0; at < bytes[i]; at++) {
            random = random * 1664525 + 1013904223;
            contents[i][at] = (uint8_t)(random >> 24);
        }
        sections[i] = (struct trit_section){ .form = "t5",
                                             .n = i,
                                             .k = 10 + i,
                                             .nr = 16,
                                             .kr = 20,
                                             .layout = 99,
                                             .lazy = i == SECTIONS - 1,
                                             .bytes = bytes[i],
                                             .data = contents[i] };
        snprintf(sections[i].name, sizeof sections[i].name, "blk.%zu.attn_qkv", i);
    }
}

static void write_cache(const char *path)
{
    struct trit_error error = { .text = "" };
    if (trit_cache_write(path, &source, sections, SECTIONS, pool, &error))
        fail_msg("%s", error.text);
}

/* The file's bytes, at an address like a mapping's. */
static uint8_t *written(size_t *bytes)
{
    char *data;
    write_cache("small.pack");
    assert_int_equal(trit_file_read("small.pack", 1 << 24, &data, bytes, NULL), TRIT_OK);
    assert_int_equal(unlink("small.pack"), 0);
    uint8_t *copy = trit_alloc(*bytes, 1);
    memcpy(copy, data, *bytes);
    free(data);
    return copy;
}

static void reads_back_what_was_written(void **state)
{
    (void)state;
    struct trit_cache *cache;
    struct trit_error error = { .text = "" };
    make_sections(sizes);
    assert_int_equal(trit_cache_write("a/b/whole.pack", &source, sections, SECTIONS, pool, &error),
                     TRIT_EIO); /* folders that nobody asked for are not made */
    assert_int_equal(mkdir("a", 0700) + mkdir("a/b", 0700), 0);
    write_cache("a/b/whole.pack");
    if (trit_cache_open(&cache, "a/b/whole.pack", &error) || trit_cache_verify(cache, pool, &error))
        fail_msg("%s", error.text);
    assert_memory_equal(trit_cache_source(cache), &source, sizeof source);
    for (size_t i = 0; i < SECTIONS; i++) {
        const uint8_t *data = trit_cache_get(cache, &sections[i], pool);
        assert_non_null(data);
        assert_int_equal((uintptr_t)data % TRIT_ALIGN, 0);
        assert_memory_equal(data, contents[i], sizes[i]);
        assert_string_equal(trit_cache_section(cache, i)->name, sections[i].name);
    }
    assert_null(trit_cache_section(cache, SECTIONS));
    trit_cache_close(cache);
    trit_cache_close(NULL);
    assert_int_equal(unlink("a/b/whole.pack") + rmdir("a/b") + rmdir("a"), 0);
}

static void same_sections_make_the_same_file(void **state)
{
    (void)state;
    size_t n, m;
    make_sections(sizes);
    memset(sections[1].name, 'x', sizeof sections[1].name - 1);
    snprintf(sections[1].name, sizeof sections[1].name,
             "x"); /* what lies behind the end is not written */
    uint8_t *first = written(&n), *second = written(&m);
    assert_int_equal(n, m);
    assert_memory_equal(first, second, n);
    free(first);
    free(second);
}

static void another_section_is_no_substitute(void **state)
{
    (void)state;
    size_t n;
    struct trit_cache *cache;
    make_sections(sizes);
    uint8_t *bytes = written(&n);
    assert_int_equal(trit_cache_parse(&cache, bytes, n, "cache", NULL), TRIT_OK);
    for (int change = 0; change < 9; change++) {
        struct trit_section s = sections[2];
        uint64_t *const numbers[] = { &s.n, &s.k, &s.nr, &s.kr, &s.layout, &s.lazy, &s.bytes };
        if (change < 7)
            *numbers[change] ^= 1;
        else
            (change == 7 ? s.name : s.form)[1] ^= 1;
        assert_null(trit_cache_get(cache, &s, pool));
    }
    assert_non_null(trit_cache_get(cache, &sections[2], NULL));
    trit_cache_close(cache);
    free(bytes);
}

/* Every section that the bytes give, if any, is as it was written. */
static bool all_given_are_right(const uint8_t *bytes, size_t n, size_t *given)
{
    struct trit_cache *cache;
    struct trit_error error = { .text = "" };
    if (trit_cache_parse(&cache, bytes, n, "cache", &error))
        return cache == NULL && *error.text && (*given = 0, true);
    bool right = true;
    *given = 0;
    for (size_t i = 0; i < SECTIONS; i++) {
        const void *data = trit_cache_get(cache, &sections[i], NULL);
        *given += data != NULL;
        right &= !data || !memcmp(data, contents[i], sections[i].bytes);
    }
    if (*given == SECTIONS)
        right &= trit_cache_verify(cache, NULL, NULL) == TRIT_OK;
    trit_cache_close(cache);
    return right;
}

static const size_t few[SECTIONS] = { 1, 0, 100, 64, 7 };

static void no_flipped_byte_gives_other_bytes(void **state)
{
    (void)state;
    size_t n, given, whole = 0;
    make_sections(few);
    uint8_t *bytes = written(&n);
    assert_true(all_given_are_right(bytes, n, &given));
    assert_int_equal(given, SECTIONS);
    for (size_t at = 0; at < n; at++) {
        bytes[at] ^= (uint8_t)(1 << at % 8);
        if (!all_given_are_right(bytes, n, &given))
            fail_msg("byte %zu of %zu: wrong bytes were given away", at, n);
        whole += given == SECTIONS; /* only padding may change unseen */
        bytes[at] ^= (uint8_t)(1 << at % 8);
    }
    assert_true(whole < SECTIONS * TRIT_ALIGN);
    free(bytes);
}

static void no_cut_off_file_is_read(void **state)
{
    (void)state;
    size_t n, given;
    make_sections(few);
    uint8_t *bytes = written(&n);
    for (size_t m = 0; m < n; m++) {
        uint8_t *part = malloc(m ? m : 1); /* of its own, so that a read past its end is seen */
        memcpy(part, bytes, m);
        assert_true(all_given_are_right(part, m, &given));
        assert_int_equal(given, 0);
        free(part);
    }
    free(bytes);
}

/* The checksum of a spoiled head made good, so that the checks behind it have their turn. */
static void sign(uint8_t *bytes, size_t n)
{
    struct trit_cache_header h;
    memcpy(&h, bytes, sizeof h);
    const size_t room = (n - sizeof h) / 8;
    if (h.sections > room / 16 || h.pieces > room - 16 * h.sections)
        return;
    h.hash = 0;
    memcpy(bytes, &h, sizeof h);
    h.hash = XXH3_64bits(bytes, sizeof h + 128 * h.sections + 8 * h.pieces);
    memcpy(bytes, &h, sizeof h);
}

/* n bytes whose end is the end of what may be read. */
static uint8_t *before_a_wall(size_t n)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), body = trit_round_up(n, page);
    uint8_t *all =
        mmap(NULL, body + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(all != MAP_FAILED && !mprotect(all + body, page, PROT_NONE));
    return all + body - n;
}

static void no_signed_nonsense_leads_outside(void **state)
{
    (void)state;
    static const uint64_t values[] = { 0,       1,          63,         64,         65,
                                       1 << 20, 1ull << 32, 1ull << 63, UINT64_MAX, ~63ull };
    size_t n, given;
    make_sections(few);
    uint8_t *good = written(&n), *bytes = before_a_wall(n);
    for (size_t at = 0; at + 8 <= sizeof(struct trit_cache_header) + SECTIONS * 128; at += 8)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            memcpy(bytes, good, n);
            memcpy(bytes + at, &values[v], 8);
            sign(bytes, n);
            assert_true(all_given_are_right(bytes, n, &given));
        }
    free(good);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        size_t at;
        uint8_t value;
        enum trit_code code;
        const char *says;
    } rows[] = {
        { 0, 'x', TRIT_EFORMAT, "cache: not a packed cache" },
        { offsetof(struct trit_cache_header, order), 1, TRIT_EUNSUPPORTED, "another byte order" },
        { offsetof(struct trit_cache_header, format), 9, TRIT_EUNSUPPORTED,
          "format 9, this program reads" },
        { offsetof(struct trit_cache_header, bytes), 1, TRIT_EFORMAT, "it has" },
        { offsetof(struct trit_cache_header, hash), 0, TRIT_EFORMAT, "checksum differs" },
        { offsetof(struct trit_cache_header, pieces) + 7, 1, TRIT_EFORMAT, "longer than the file" },
    };
    size_t n;
    make_sections(few);
    uint8_t *good = written(&n), *bytes = trit_alloc(n, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trit_cache *cache;
        struct trit_error error = { .text = "" };
        memcpy(bytes, good, n);
        bytes[rows[i].at] = rows[i].value;
        assert_int_equal(trit_cache_parse(&cache, bytes, n, "cache", &error), rows[i].code);
        if (!strstr(error.text, rows[i].says))
            fail_msg("'%s' does not say '%s'", error.text, rows[i].says);
    }
    memcpy(bytes, good, n);
    bytes[n - 2 * TRIT_ALIGN] ^= 1; /* the lazy section is the last */
    struct trit_cache *cache;
    struct trit_error error = { .text = "" };
    assert_int_equal(trit_cache_parse(&cache, bytes, n, "cache", &error), TRIT_OK);
    assert_int_equal(trit_cache_verify(cache, pool, &error), TRIT_EFORMAT);
    assert_non_null(strstr(error.text, "section 'blk.3.attn_qkv'"));
    trit_cache_close(cache);
    free(bytes);
    free(good);
}

/* Fields of the third section's record, with good checksums. */
static void a_section_lies_within_its_file(void **state)
{
    (void)state;
    enum { RECORD = sizeof(struct trit_cache_header) + 2 * sizeof(struct trit_cache_record) };
    static const struct {
        size_t at;
        uint64_t value;
        const char *says;
    } rows[] = {
        { offsetof(struct trit_cache_record, offset), 0, "outside the file" },
        { offsetof(struct trit_cache_record, offset), 1 << 20, "outside the file" },
        { offsetof(struct trit_cache_record, bytes), 1000, "outside the file" },
        { offsetof(struct trit_cache_record, bytes), 0, "too many checksums" },
        { offsetof(struct trit_cache_record, lazy), 2, "neither lazy nor not" },
    };
    size_t n;
    make_sections(few);
    uint8_t *good = written(&n), *bytes = before_a_wall(n);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trit_cache *cache;
        struct trit_error error = { .text = "" };
        memcpy(bytes, good, n);
        memcpy(bytes + RECORD + rows[i].at, &rows[i].value, 8);
        sign(bytes, n);
        assert_int_equal(trit_cache_parse(&cache, bytes, n, "cache", &error), TRIT_EFORMAT);
        if (!strstr(error.text, rows[i].says))
            fail_msg("'%s' does not say '%s'", error.text, rows[i].says);
    }
    free(good);
}

static void what_others_may_write_is_refused(void **state)
{
    (void)state;
    struct trit_cache *cache;
    struct trit_error error = { .text = "" };
    make_sections(few);
    write_cache("open.pack");
    for (mode_t mode = 0602; mode <= 0620; mode += 0620 - 0602) {
        assert_int_equal(chmod("open.pack", mode), 0);
        assert_int_equal(trit_cache_open(&cache, "open.pack", &error), TRIT_EUNSUPPORTED);
    }
    assert_int_equal(trit_cache_open(&cache, ".", &error), TRIT_EUNSUPPORTED);
    assert_int_equal(trit_cache_open(&cache, "absent", &error), TRIT_EIO);
    assert_int_equal(chmod("open.pack", 0600), 0);
    assert_int_equal(trit_cache_open(&cache, "open.pack", &error), TRIT_OK);
    trit_cache_close(cache);
    assert_int_equal(unlink("open.pack"), 0);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 && !trit_pool_create(&pool, 2, NULL) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    trit_pool_destroy(pool);
    for (size_t i = 0; i < SECTIONS; i++)
        free(contents[i]);
    return rmdir(folder);
}

int main(void)
{
    static const struct CMUnitTest all[] = {
        cmocka_unit_test(reads_back_what_was_written),
        cmocka_unit_test(same_sections_make_the_same_file),
        cmocka_unit_test(another_section_is_no_substitute),
        cmocka_unit_test(no_flipped_byte_gives_other_bytes),
        cmocka_unit_test(no_cut_off_file_is_read),
        cmocka_unit_test(no_signed_nonsense_leads_outside),
        cmocka_unit_test(says_what_is_wrong),
        cmocka_unit_test(a_section_lies_within_its_file),
        cmocka_unit_test(what_others_may_write_is_refused),
    };
    return cmocka_run_group_tests(all, enter, leave);
}
