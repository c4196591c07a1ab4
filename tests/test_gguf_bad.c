/* Is every malformed GGUF refused in one line that says what is wrong, and read without a step
 * outside its bytes? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/file.h"
#include "tests/lib_gguf.h"

/* One field overwritten with the low `width` bytes of value; width 0: nothing. */
struct patch {
    enum trit_tiny_field field;
    size_t width;
    uint64_t value;
};

/* says: a piece of the error; NULL: the file is good. */
static const struct row {
    const char *name;
    struct patch patch[3];
    const char *says;
} rows[] = {
    { "nothing spoiled", { { 0 } }, NULL },
    { "version 2", { { TINY_VERSION, 4, 2 } }, NULL },
    { "bad magic", { { TINY_MAGIC, 4, 0x46554746 } }, "header (offset 0): not a GGUF file" },
    { "older format", { { TINY_MAGIC, 4, 0x67676a74 } }, "not a GGUF file" },
    { "big-endian", { { TINY_VERSION, 4, 0x03000000 } }, "a big-endian file" },
    { "version 0", { { TINY_VERSION, 4, 0 } }, "GGUF version 0, only versions 2 and 3" },
    { "version 1", { { TINY_VERSION, 4, 1 } }, "GGUF version 1, only versions 2 and 3" },
    { "version 4", { { TINY_VERSION, 4, 4 } }, "GGUF version 4, only versions 2 and 3" },
    { "version 2^32-1", { { TINY_VERSION, 4, UINT32_MAX } }, "GGUF version 4294967295" },
    { "negative tensors", { { TINY_NTENSORS, 8, UINT64_MAX } }, "header (offset 8)" },
    { "2^40 tensors", { { TINY_NTENSORS, 8, 1ull << 40 } }, "1099511627776 tensors" },
    { "one tensor too many", { { TINY_NTENSORS, 8, 4 } }, "tensor 4 of 4" },
    { "one tensor too few: its record becomes padding", { { TINY_NTENSORS, 8, 2 } }, NULL },
    { "negative keys", { { TINY_NKEYS, 8, UINT64_MAX } }, "header (offset 16)" },
    { "2^40 keys", { { TINY_NKEYS, 8, 1ull << 40 } }, "keys, the file has room for at most" },
    { "one key too many",
      { { TINY_NKEYS, 8, 6 } },
      "tensor 1 of 3 (offset 238): its name runs past" },
    { "one key too few", { { TINY_NKEYS, 8, 4 } }, "tensor 'tiny.c'" },

    { "empty key",
      { { TINY_KEY_LENGTH, 8, 0 } },
      "key 1 of 5 (offset 24): its name must have 1 to" },
    { "key of 2^63 bytes",
      { { TINY_KEY_LENGTH, 8, 1ull << 63 } },
      "runs past the end of the file" },
    { "key of 2^64-1 bytes", { { TINY_KEY_LENGTH, 8, UINT64_MAX } }, "runs past the end" },
    { "key with NUL", { { TINY_KEY, 1, 0 } }, "key 1 of 5 (offset 24): its name is not UTF-8" },
    { "key with a lone 0xff", { { TINY_KEY, 1, 0xff } }, "its name is not UTF-8" },
    { "key with an overlong slash", { { TINY_KEY, 2, 0xafc0 } }, "its name is not UTF-8" },
    { "key with a surrogate", { { TINY_KEY, 3, 0x80a0ed } }, "its name is not UTF-8" },
    { "key with a control, masked",
      { { TINY_KEY, 1, 0x1b }, { TINY_KEY_TYPE, 4, 77 } },
      "key '?ene" },
    { "key twice", { { TINY_TEXTS_KEY, 6, 0x622e796e6974 } }, "key 'tiny.b': duplicate name" },
    { "key type 13",
      { { TINY_KEY_TYPE, 4, 13 } },
      "key 'general.architecture' (offset 24): its type is 13" },
    { "key type 2^32-1",
      { { TINY_KEY_TYPE, 4, UINT32_MAX } },
      "its type is 4294967295, types are" },
    { "string of 2^64-1 bytes",
      { { TINY_STRING_LENGTH, 8, UINT64_MAX } },
      "string 1 of 1 runs past" },
    { "string that ends past the file",
      { { TINY_STRING_LENGTH, 8, 600 } },
      "string 1 of 1 runs past" },
    { "bool 2",
      { { TINY_BOOL, 1, 2 } },
      "key 'tiny.a' (offset 109): a bool that is neither 0 nor 1" },
    { "bool 255 in an array", { { TINY_BOOLS, 2, 0xff00 } }, "key 'tiny.b' (offset 128): a bool" },
    { "array of arrays", { { TINY_BOOLS_ITEM, 4, 9 } }, "an array of arrays" },
    { "array of type 13", { { TINY_BOOLS_ITEM, 4, 13 } }, "its type is 13" },
    { "array past the end",
      { { TINY_BOOLS_COUNT, 8, 1000 } },
      "1000 values of type bool run past" },
    { "array of 2^64-1", { { TINY_BOOLS_COUNT, 8, UINT64_MAX } }, "run past the end of the file" },
    { "array whose bytes wrap",
      { { TINY_BOOLS_ITEM, 4, 10 }, { TINY_BOOLS_COUNT, 8, (1ull << 61) + 1 } },
      "values of type u64 run past" },
    { "2^40 strings", { { TINY_TEXTS_COUNT, 8, 1ull << 40 } }, "of 1099511627776 runs past" },
    { "2^64-1 strings", { { TINY_TEXTS_COUNT, 8, UINT64_MAX } }, "of 18446744073709551615 runs" },
    { "long string in an array", { { TINY_TEXTS, 8, 1ull << 62 } }, "string 1 of 3 runs past" },
    { "empty array", { { TINY_BOOLS_COUNT, 8, 0 } }, "key" },

    { "alignment 0",
      { { TINY_ALIGNMENT, 4, 0 } },
      "key 'general.alignment': is 0, must be a power" },
    { "alignment 3",
      { { TINY_ALIGNMENT, 4, 3 } },
      "is 3, must be a power of two from 8 to 1048576" },
    { "alignment 4", { { TINY_ALIGNMENT, 4, 4 } }, "is 4, must be a power of two" },
    { "alignment 48", { { TINY_ALIGNMENT, 4, 48 } }, "is 48, must be a power of two" },
    { "alignment 2 MiB", { { TINY_ALIGNMENT, 4, 1 << 21 } }, "is 2097152, must be" },
    { "alignment 2^31", { { TINY_ALIGNMENT, 4, 1u << 31 } }, "is 2147483648, must be" },
    { "alignment 1 MiB, no room", { { TINY_ALIGNMENT, 4, 1 << 20 } }, "tensor 'a'" },
    { "alignment 64, tensor on 32", { { TINY_ALIGNMENT, 4, 64 } }, "must be a multiple of 64" },
    { "alignment i32",
      { { TINY_ALIGNMENT_TYPE, 4, 5 } },
      "key 'general.alignment': is i32, must be u32" },

    { "empty tensor name",
      { { TINY_NAME_LENGTH, 8, 0 } },
      "tensor 1 of 3 (offset 223): its name must" },
    { "tensor name of 64 bytes",
      { { TINY_NAME_LENGTH, 8, 64 } },
      "its name must have 1 to 63 bytes" },
    { "tensor name of 2^64-1", { { TINY_NAME_LENGTH, 8, UINT64_MAX } }, "runs past the end" },
    { "tensor name with NUL",
      { { TINY_NAME, 1, 0 } },
      "tensor 1 of 3 (offset 223): its name is not UTF-8" },
    { "tensor name not UTF-8", { { TINY_NAME, 1, 0x80 } }, "its name is not UTF-8" },
    { "tensor twice", { { TINY_NAME_C, 1, 'a' } }, "tensor 'a': duplicate name" },
    { "0 dimensions",
      { { TINY_NDIMS, 4, 0 } },
      "tensor 'a' (offset 223): 0 dimensions, must be 1 to 4" },
    { "5 dimensions", { { TINY_NDIMS, 4, 5 } }, "5 dimensions, must be 1 to 4" },
    { "2^32-1 dimensions", { { TINY_NDIMS, 4, UINT32_MAX } }, "4294967295 dimensions" },
    { "dimension 0",
      { { TINY_NE1, 8, 0 } },
      "tensor 'a' (offset 223): dimension 1 is 0, must be positive" },
    { "dimension -1", { { TINY_NE0, 8, UINT64_MAX } }, "dimension 0 is -1, must be positive" },
    { "elements wrap to 0",
      { { TINY_NE0, 8, 1ull << 32 }, { TINY_NE1, 8, 1ull << 32 } },
      "does not fit 64 bits" },
    { "elements wrap to 4",
      { { TINY_NE0, 8, (1ull << 62) + 1 }, { TINY_NE1, 8, 4 } },
      "does not fit 64 bits" },
    { "elements of an unknown type wrap",
      { { TINY_NE0, 8, 1ull << 62 }, { TINY_NE1, 8, 8 }, { TINY_TYPE, 4, 99 } },
      "does not fit 64 bits" },
    { "bytes wrap", { { TINY_NE0, 8, 1ull << 62 }, { TINY_NE1, 8, 1 } }, "does not fit 64 bits" },
    { "bytes wrap to a few",
      { { TINY_NE0, 8, (1ull << 62) + 4 }, { TINY_NE1, 8, 1 } },
      "does not fit 64" },
    { "I2_S bytes and scale wrap",
      { { TINY_NE0_B, 8, 1ull << 62 }, { TINY_TYPE_B, 4, 36 } },
      "past the end" },
    { "the end wraps", { { TINY_OFFSET, 8, UINT64_MAX - 63 } }, "past the end of the file" },
    { "F32 of 2^40", { { TINY_NE0, 8, 1ull << 40 } }, "run past the end of the file (" },
    { "I2_S of no whole block",
      { { TINY_NE0_B, 8, 96 } },
      "tensor 'b' (offset 264): its number of elements" },
    { "I2_S rows of 64 make whole blocks", { { TINY_NE0_B, 8, 64 } }, NULL },
    { "TQ2_0 of no whole block",
      { { TINY_NE0_C, 8, 128 } },
      "tensor 'c' (offset 305): its row length is not" },
    { "type changed to a larger one",
      { { TINY_TYPE, 4, 28 } },
      "tensor 'b' (offset 264): overlaps 'a'" },
    { "unknown type, no size", { { TINY_TYPE, 4, 99 } }, NULL },
    { "type -1", { { TINY_TYPE, 4, UINT32_MAX } }, NULL },
    { "removed type", { { TINY_TYPE, 4, 4 } }, NULL },
    { "TL1, no size", { { TINY_TYPE_B, 4, 38 } }, NULL },
    { "unknown type past the end",
      { { TINY_TYPE, 4, 99 }, { TINY_OFFSET, 8, 4096 } },
      "past the end" },
    { "offset not aligned", { { TINY_OFFSET_B, 8, 72 } }, "tensor 'b' (offset 264): starts at 72" },
    { "offset past the end", { { TINY_OFFSET_C, 8, 1 << 20 } }, "run past the end of the file" },
    { "offset 2^64-64", { { TINY_OFFSET_C, 8, UINT64_MAX - 63 } }, "run past the end of the file" },
    { "offset 2^63", { { TINY_OFFSET_C, 8, 1ull << 63 } }, "run past the end of the file" },
    { "last tensor ends past the file",
      { { TINY_OFFSET_C, 8, 192 } },
      "tensor 'c' (offset 305): its 66 bytes" },
    { "two tensors in one place", { { TINY_OFFSET_B, 8, 0 } }, "overlaps" },
    { "tensors overlap by a part",
      { { TINY_OFFSET_B, 8, 32 } },
      "tensor 'b' (offset 264): overlaps 'a'" },
    { "tensors in another order, a gap",
      { { TINY_OFFSET_B, 8, 0 }, { TINY_OFFSET, 8, 96 } },
      NULL },
};

static void spoil(struct trit_tiny *tiny, const struct row *row)
{
    trit_tiny_make(tiny);
    for (size_t i = 0; i < 3; i++)
        memcpy(tiny->bytes + tiny->at[row->patch[i].field], &row->patch[i].value,
               row->patch[i].width);
}

static bool judge(const char *name, const char *says, enum trit_code code,
                  const struct trit_error *error)
{
    if (!says && code == TRIT_OK)
        return true;
    if (says && code != TRIT_OK && code == error->code && strstr(error->text, says) &&
        !strncmp(error->text, "tiny.gguf: ", 11) && !strchr(error->text, '\n'))
        return true;
    print_error("%s: %s\n", name, code == TRIT_OK ? "was read" : error->text);
    return false;
}

/* Parses a copy that ends where the bytes do, so that a sanitizer sees any step past them. */
static enum trit_code parse_copy(const void *bytes, size_t size, struct trit_error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, size);
    struct trit_gguf *g = NULL;
    enum trit_code code = trit_gguf_parse(&g, copy, size, "tiny.gguf", error);
    assert_true((code == TRIT_OK) == (g != NULL));
    if (g)
        trit_gguf_walk(g);
    trit_gguf_close(g);
    free(copy);
    return code;
}

static void every_row_is_judged_rightly(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trit_tiny tiny;
        struct trit_error error = { 0 };
        spoil(&tiny, &rows[i]);
        enum trit_code code = parse_copy(tiny.bytes, tiny.size, &error);
        wrong += !judge(rows[i].name, rows[i].says, code, &error);
    }
    assert_int_equal(wrong, 0);
}

/* The same bytes in a file, which is mapped. */
static void files_are_judged_alike(void **state)
{
    (void)state;
    char folder[] = "/tmp/trit-gguf-XXXXXX";
    assert_non_null(mkdtemp(folder));
    assert_return_code(chdir(folder), 0);
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trit_tiny tiny;
        struct trit_error error = { 0 };
        struct trit_gguf *g;
        spoil(&tiny, &rows[i]);
        FILE *f = fopen("tiny.gguf", "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(tiny.bytes, 1, tiny.size, f), tiny.size);
        fclose(f);
        enum trit_code code = trit_gguf_open(&g, "tiny.gguf", &error);
        wrong += !judge(rows[i].name, rows[i].says, code, &error);
        if (g)
            trit_gguf_walk(g);
        trit_gguf_close(g);
    }
    unlink("tiny.gguf");
    rmdir(folder);
    assert_int_equal(wrong, 0);
}

static void every_truncation_is_refused(void **state)
{
    (void)state;
    struct trit_tiny tiny;
    trit_tiny_make(&tiny);
    for (size_t n = 0; n < tiny.size; n++) {
        struct trit_error error = { 0 };
        if (parse_copy(tiny.bytes, n, &error) == TRIT_OK)
            fail_msg("cut to %zu of %zu bytes it was read", n, tiny.size);
        assert_true(error.text[0]);
    }
    struct trit_error error;
    assert_int_equal(parse_copy(tiny.bytes, 0, &error), TRIT_EFORMAT);
    assert_string_equal(error.text, "tiny.gguf: header (offset 0): not a GGUF file, it is empty");
    assert_int_equal(parse_copy(tiny.bytes, 4, &error), TRIT_EFORMAT);
    assert_non_null(strstr(error.text, "4 bytes, a GGUF file has at least 24"));
}

/* xorshift64*: the sequence is the seed's. */
static uint64_t next_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return *state * 0x2545f4914f6cdd1d;
}

static void flipped_bytes_do_no_harm(void **state)
{
    (void)state;
    const char *given = getenv("TRIT_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) | 1 : 20250401, random = seed;
    size_t read = 0, refused = 0;
    for (size_t round = 0; round < 40000; round++) {
        struct trit_tiny tiny;
        struct trit_error error = { 0 };
        trit_tiny_make(&tiny);
        size_t at = round / 8 % tiny.at[TINY_DATA]; /* first every bit of every byte, then any */
        tiny.bytes[at] ^= (uint8_t)(1 << round % 8);
        for (uint64_t n = round / 8 / tiny.at[TINY_DATA]; n > 0; n--)
            tiny.bytes[next_random(&random) % tiny.at[TINY_DATA]] = (uint8_t)next_random(&random);
        if (parse_copy(tiny.bytes, tiny.size, &error) == TRIT_OK)
            read++;
        else
            refused += error.code != TRIT_OK && error.text[0];
    }
    print_message("seed %llu: %zu read, %zu refused\n", (unsigned long long)seed, read, refused);
    assert_int_equal(read + refused, 40000);
}

/* A key that is longer than 65535 bytes, in a file that has them. */
static void a_key_has_a_limit(void **state)
{
    (void)state;
    size_t size = 24 + 8 + 70000;
    uint8_t *bytes = calloc(1, size);
    assert_non_null(bytes);
    struct trit_tiny tiny;
    trit_tiny_make(&tiny);
    memset(bytes, 'k', size);
    memcpy(bytes, tiny.bytes, tiny.at[TINY_KEY]);
    struct trit_error error = { 0 };
    memcpy(bytes + tiny.at[TINY_KEY_LENGTH], &(uint64_t){ 65536 }, 8);
    assert_int_equal(parse_copy(bytes, size, &error), TRIT_EFORMAT);
    assert_non_null(strstr(error.text, "its name must have 1 to 65535 bytes"));
    memcpy(bytes + tiny.at[TINY_KEY_LENGTH], &(uint64_t){ 65535 }, 8);
    assert_int_equal(parse_copy(bytes, size, &error), TRIT_EFORMAT);
    assert_non_null(strstr(error.text, "kkk...' (offset 24): its type is "));
    free(bytes);
}

/* n keys "k0000000" ..., u8; the last one named like the first where twice. */
static uint8_t *many_keys(uint64_t n, bool twice, size_t *size)
{
    *size = 24 + n * 21;
    uint8_t *bytes = calloc(1, *size), *p = bytes + 24;
    assert_non_null(bytes);
    memcpy(bytes, "GGUF\3", 5);
    memcpy(bytes + 16, &n, 8);
    for (uint64_t i = 0; i < n; i++, p += 21) {
        char key[16];
        snprintf(key, sizeof key, "k%07llu", (unsigned long long)(twice && i == n - 1 ? 0 : i));
        p[0] = 8;
        memcpy(p + 8, key, 8);
    }
    return bytes;
}

/* A search of each among all would take hours here. */
static void a_million_keys_are_no_trouble(void **state)
{
    (void)state;
    for (int twice = 0; twice < 2; twice++) {
        size_t size;
        uint8_t *bytes = many_keys(1000000, twice, &size);
        struct trit_error error = { 0 };
        struct trit_gguf *g;
        enum trit_code code = trit_gguf_parse(&g, bytes, size, "tiny.gguf", &error);
        assert_true(
            judge("a million keys", twice ? "key 'k0000000': duplicate name" : NULL, code, &error));
        trit_gguf_close(g);
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_judged_rightly),
        cmocka_unit_test(files_are_judged_alike),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(flipped_bytes_do_no_harm),
        cmocka_unit_test(a_key_has_a_limit),
        cmocka_unit_test(a_million_keys_are_no_trouble),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
