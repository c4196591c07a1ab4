/* Is the layout of tensors of type 42 found from the places of all tensors, and is a file that fits
   none or both refused with what would have fitted? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "runtime/format/gguf.h"

enum { MAX_TENSORS = 3, TABLES = 256, ROOM = 1 << 16 };

/* Tensors "a", "b", "c" of k x n at `offset`, and how many bytes of tensor data there are. */
struct file {
    struct {
        uint32_t type;
        uint64_t k, n, offset;
    } tensors[MAX_TENSORS];
    uint64_t bytes;
};

static size_t put(uint8_t *bytes, size_t at, const void *data, size_t n)
{
    memcpy(bytes + at, data, n);
    return at + n;
}

/* The file's tables and zeros; returns its size. The tables' end is at TABLES. */
static size_t make(const struct file *f, uint8_t *bytes)
{
    uint64_t n = 0;
    memset(bytes, 0, ROOM);
    while (n < MAX_TENSORS && f->tensors[n].k)
        n++;
    size_t at = put(bytes, 0, "GGUF\3\0\0", 8);
    at = put(bytes, at, &n, 8);
    at = put(bytes, at, &(uint64_t){ 1 }, 8);
    at = put(bytes, at, &(uint64_t){ 7 }, 8);
    at = put(bytes, at, "padding\10\0\0", 11); /* a string that fills the tables up to TABLES */
    const size_t text = TABLES - (at + 8 + n * (8 + 1 + 4 + 16 + 4 + 8));
    at = put(bytes, at, &(uint64_t){ text }, 8) + text;
    for (size_t i = 0; i < n; i++) {
        at = put(bytes, at, &(uint64_t){ 1 }, 8);
        at = put(bytes, at, &"abc"[i], 1);
        at = put(bytes, at, &(uint32_t){ 2 }, 4);
        at = put(bytes, at, &f->tensors[i].k, 8);
        at = put(bytes, at, &f->tensors[i].n, 8);
        at = put(bytes, at, &f->tensors[i].type, 4);
        at = put(bytes, at, &f->tensors[i].offset, 8);
    }
    assert_int_equal(at, TABLES);
    return TABLES + (size_t)f->bytes;
}

#define A42           \
    {                 \
        42, 256, 8, 0 \
    } /* 576 bytes in groups of 64, 544 in groups of 128 */

static void files_of_one_layout(void **state)
{
    (void)state;
    static uint8_t bytes[ROOM];
    static const struct {
        struct file file;
        uint32_t type;
        uint64_t bytes; /* of "a" */
    } cases[] = {
        { { { A42 }, 576 }, TRIT_Q2_0, 576 },
        { { { A42 }, 544 }, TRIT_PQ2_0, 544 },
        { { { A42, { 0, 32, 1, 576 } }, 704 }, TRIT_Q2_0, 576 },
        { { { A42, { 0, 32, 1, 544 } }, 672 }, TRIT_PQ2_0, 544 },
        { { { A42, { 42, 256, 8, 544 }, { 0, 3, 1, 1088 } }, 1100 }, TRIT_PQ2_0, 544 },
        { { { A42, { 42, 256, 8, 576 }, { 0, 3, 1, 1152 } }, 1184 }, TRIT_Q2_0, 576 },
        /* as they stand in the file, which is not their order */
        { { { { 42, 256, 8, 160 }, { 0, 32, 1, 0 }, { 1, 16, 1, 128 } }, 704 }, TRIT_PQ2_0, 544 },
        /* only groups of 64 divide the row */
        { { { { 42, 64, 1, 0 } }, 18 }, TRIT_Q2_0, 18 },
        { { { { 42, 192, 3, 0 } }, 192 }, TRIT_Q2_0, 162 },
        /* the end without padding */
        { { { { 42, 128, 1, 0 } }, 36 }, TRIT_Q2_0, 36 },
        { { { { 42, 128, 1, 0 } }, 34 }, TRIT_PQ2_0, 34 },
        /* types without a known size fill what is between */
        { { { A42, { 38, 7, 7, 576 }, { 42, 256, 8, 2048 } }, 2624 }, TRIT_Q2_0, 576 },
        { { { A42, { 38, 7, 7, 544 } }, 4096 }, TRIT_PQ2_0, 544 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_gguf *g;
        struct trit_error e = { 0 };
        const size_t size = make(&cases[i].file, bytes);
        if (trit_gguf_parse(&g, bytes, size, "q2.gguf", &e))
            fail_msg("case %zu: %s", i, e.text);
        const struct trit_gguf_tensor *t = trit_gguf_tensor(g, "a");
        assert_int_equal(t->type, cases[i].type);
        assert_int_equal(t->bytes, cases[i].bytes);
        trit_gguf_close(g);
    }
}

static void files_that_are_refused(void **state)
{
    (void)state;
    static uint8_t bytes[ROOM];
    static const char both[] = "tensors of type Q2_0 (42): groups of 64 and of 128 columns fit";
    static const struct {
        struct file file;
        const char *says;
    } cases[] = {
        /* sizes that padding makes equal */
        { { { { 42, 128, 1, 0 } }, 64 }, both },
        { { { { 42, 256, 4, 0 }, { 0, 8, 1, 288 } }, 320 }, both },
        /* cut, or with more behind */
        { { { A42, { 42, 256, 8, 544 } }, 1000 }, "tensor 'b' (offset 215): its 544 bytes at 544" },
        { { { A42, { 42, 256, 8, 576 } }, 1100 }, "tensor 'b' (offset 215): its 576 bytes at 576" },
        { { { A42 }, 500 },
          "neither with groups of 64 columns (the file would have 832 bytes, not 756) nor with "
          "groups of 128 (the file would have 800 bytes, not 756)" },
        { { { A42, { 42, 256, 8, 544 } }, 1120 },
          "(tensor 'b' would start at 576 of the tensor data, not at 544) nor with groups of 128 "
          "(the file would have 1344 bytes, not 1376)" },
        /* a pair of each layout */
        { { { A42, { 42, 256, 8, 576 }, { 0, 8, 1, 1120 } }, 1152 },
          "(tensor 'c' would start at 1152 of the tensor data, not at 1120) nor with groups of 128 "
          "(tensor 'b' would start at 544 of the tensor data, not at 576)" },
        { { { { 42, 192, 8, 0 }, { 0, 8, 1, 480 } }, 512 },
          "groups of 128 (tensor 'a' cannot have rows of 192 columns)" },
        { { { { 42, 96, 1, 0 } }, 27 }, "its row length is not a multiple of its type's block" },
        /* overlaps, gaps, places past the end */
        { { { A42, { 42, 256, 8, 32 } }, 1152 },
          "would start at 576 of the tensor data, not at 32" },
        { { { A42, A42 }, 576 }, "would start at 576 of the tensor data, not at 0" },
        { { { A42, { 0, 8, 1, 1024 } }, 1056 },
          "would start at 544 of the tensor data, not at 1024" },
        { { { { 42, 256, 8, 32 } }, 608 }, "would start at 0 of the tensor data, not at 32" },
        { { { A42, { 0, 8, 1, UINT64_MAX - 31 } }, 608 }, "not at 18446744073709551584" },
        { { { { 42, 1 << 20, 1 << 30, 0 } }, 608 }, "neither with groups of 64 columns" },
        { { { { 42, 1 << 30, 1ull << 35, 0 } }, 608 }, "does not fit 64 bits" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct trit_gguf *g;
        struct trit_error e = { 0 };
        const size_t size = make(&cases[i].file, bytes);
        assert_int_not_equal(trit_gguf_parse(&g, bytes, size, "q2.gguf", &e), TRIT_OK);
        if (!strstr(e.text, cases[i].says) || strncmp(e.text, "q2.gguf: tensor", 15))
            fail_msg("case %zu: '%s' is not in '%s'", i, cases[i].says, e.text);
    }
}

/* A file of groups of 128 is refused wherever it is cut, but in the padding at its end. */
static void every_truncation(void **state)
{
    (void)state;
    static uint8_t bytes[ROOM];
    static const struct file f = { { A42, { 42, 256, 8, 544 }, { 0, 3, 1, 1088 } }, 1120 };
    const size_t size = make(&f, bytes);
    for (size_t n = 0; n < size - 20; n++) {
        struct trit_gguf *g;
        struct trit_error e = { 0 };
        if (!trit_gguf_parse(&g, bytes, n, "q2.gguf", &e))
            fail_msg("cut to %zu of %zu bytes it was read", n, size);
        assert_true(e.text[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_one_layout),
        cmocka_unit_test(files_that_are_refused),
        cmocka_unit_test(every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
