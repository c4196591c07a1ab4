/* Does a GGUF come back as it was written, and does each getter give its value or name the key? */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/format/gguf_write.h"
#include "tests/lib_gguf.h"

static char folder[] = "/tmp/trit-gguf-XXXXXX";

static int enter_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static int leave_folder(void **state)
{
    (void)state;
    unlink("t.gguf");
    return rmdir(folder); /* fails where a temporary was left behind */
}

static const uint64_t shape_a[] = { 5 }, shape_b[] = { 128, 3 }, shape_c[] = { 256, 2, 2, 2 };
static const float data_a[5] = { 1, -2, 3.5f, 0, 1e-30f };

static void put_everything(struct trit_gguf_writer *w)
{
    static const struct trit_text texts[] = { { "one", 3 }, { "", 0 }, { "a\0b", 3 } };
    trit_gguf_put_text(w, "general.architecture", "test");
    trit_gguf_put_u32(w, "u", 4000000000u);
    trit_gguf_put_f32(w, "f", 1e-5f);
    trit_gguf_put_bool(w, "yes", true);
    trit_gguf_put_bool(w, "no", false);
    trit_gguf_put_texts(w, "texts", texts, 3);
    trit_gguf_put_texts(w, "none", NULL, 0);
    trit_gguf_put_i32s(w, "i32s", (int32_t[]){ -1, 0, 7 }, 3);
    trit_gguf_put_f32s(w, "f32s", (float[]){ 0.5f, -0.0f }, 2);
    trit_gguf_put_tensor(w, "a", TRIT_F32, 1, shape_a);
    trit_gguf_put_tensor(w, "b", TRIT_I2_S, 2, shape_b);
    trit_gguf_put_tensor(w, "c", TRIT_TQ1_0, 4, shape_c);
}

static uint8_t pattern(size_t i)
{
    return (uint8_t)(i * 7 + 1);
}

/* Writes n bytes of the pattern in pieces of odd sizes. */
static void write_pattern(struct trit_gguf_writer *w, size_t n)
{
    uint8_t piece[37];
    for (size_t done = 0; done < n;) {
        size_t k = n - done < sizeof piece ? n - done : sizeof piece;
        for (size_t i = 0; i < k; i++)
            piece[i] = pattern(done + i);
        trit_gguf_write(w, piece, k);
        done += k;
    }
}

static enum trit_code write_file(struct trit_error *error)
{
    struct trit_gguf_writer *w;
    assert_int_equal(trit_gguf_writer_create(&w, "t.gguf", error), TRIT_OK);
    put_everything(w);
    assert_int_equal(trit_gguf_write_begin(w, error), TRIT_OK);
    trit_gguf_write(w, data_a, sizeof data_a);
    write_pattern(w, 128 * 3 / 4 + 32);
    write_pattern(w, 256 * 8 / 256 * 54);
    return trit_gguf_writer_finish(w, error);
}

static struct trit_gguf *open_written(void)
{
    struct trit_error error;
    struct trit_gguf *g = NULL;
    if (write_file(&error) != TRIT_OK || trit_gguf_open(&g, "t.gguf", &error) != TRIT_OK)
        fail_msg("%s", error.text);
    return g;
}

static void tensors_come_back(void **state)
{
    (void)state;
    struct trit_gguf *g = open_written();
    assert_int_equal(g->version, 3);
    assert_int_equal(g->ntensors, 3);
    const struct trit_gguf_tensor *a = trit_gguf_tensor(g, "a"), *b = trit_gguf_tensor(g, "b"),
                                  *c = trit_gguf_tensor(g, "c");
    assert_true(a == &g->tensors[0] && b == &g->tensors[1] && c == &g->tensors[2]);
    assert_null(trit_gguf_tensor(g, "d"));
    assert_null(trit_gguf_tensor(g, ""));
    assert_int_equal(a->bytes, sizeof data_a);
    assert_memory_equal(a->data, data_a, sizeof data_a);
    assert_int_equal(b->ne[0], 128);
    assert_int_equal(b->ne[1], 3);
    assert_int_equal(b->ne[2], 1);
    assert_int_equal(b->bytes, 128);
    assert_int_equal(c->ndims, 4);
    assert_int_equal(c->bytes, 432);
    for (size_t i = 0; i < c->bytes; i++)
        assert_int_equal(c->data[i], pattern(i));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(g->tensors[i].offset % 32, 0);
    assert_true(g->size % 32 == 0 && c->offset + c->bytes + 32 > g->size);
    trit_gguf_walk(g); /* drops every tensor's pages ... */
    assert_memory_equal(a->data, data_a,
                        sizeof data_a); /* ... which come back when they are read */
    trit_gguf_close(g);
}

static void values_come_back(void **state)
{
    (void)state;
    struct trit_gguf *g = open_written();
    uint32_t u;
    float f;
    bool b;
    struct trit_text t, *texts;
    size_t n;
    assert_int_equal(g->nkv, 9);
    assert_int_equal(trit_gguf_u32(g, "u", &u, NULL), TRIT_OK);
    assert_true(u == 4000000000u);
    assert_int_equal(trit_gguf_f32(g, "f", &f, NULL), TRIT_OK);
    assert_true(f == 1e-5f);
    assert_int_equal(trit_gguf_bool(g, "yes", &b, NULL), TRIT_OK);
    assert_true(b);
    assert_int_equal(trit_gguf_bool(g, "no", &b, NULL), TRIT_OK);
    assert_false(b);
    assert_int_equal(trit_gguf_text(g, "general.architecture", &t, NULL), TRIT_OK);
    assert_true(trit_text_is(t, "test"));
    assert_false(trit_text_is(t, "tes") || trit_text_is(t, "tests") || trit_text_is(t, "Test"));
    assert_int_equal(trit_gguf_texts(g, "texts", &texts, &n, NULL), TRIT_OK);
    assert_int_equal(n, 3);
    assert_true(trit_text_is(texts[0], "one") && texts[1].n == 0 && texts[2].n == 3);
    assert_memory_equal(texts[2].s, "a\0b", 3);
    free(texts);
    assert_int_equal(trit_gguf_texts(g, "none", &texts, &n, NULL), TRIT_OK);
    assert_int_equal(n, 0);
    free(texts);
    const struct trit_gguf_kv *kv = trit_gguf_find(g, "i32s");
    assert_true(kv && kv->type == TRIT_GGUF_ARRAY && kv->item == TRIT_GGUF_I32 && kv->count == 3);
    assert_memory_equal(kv->data, ((int32_t[]){ -1, 0, 7 }), 12);
    kv = trit_gguf_find(g, "f32s");
    assert_memory_equal(kv->data, ((float[]){ 0.5f, -0.0f }), 8);
    trit_gguf_close(g);
}

static void getters_name_the_key(void **state)
{
    (void)state;
    struct trit_gguf *g = open_written();
    struct trit_error e;
    uint32_t u = 5;
    float f = 5;
    bool b = true;
    struct trit_text t, *texts;
    size_t n;
    assert_int_equal(trit_gguf_u32(g, "missing", &u, &e), TRIT_EFORMAT);
    assert_string_equal(
        e.text, "t.gguf: key 'missing': is missing, must be an integer from 0 to 4294967295");
    assert_int_equal(trit_gguf_u32(g, "f", &u, &e), TRIT_EFORMAT);
    assert_non_null(strstr(e.text, "key 'f': is f32, must be an integer"));
    assert_int_equal(trit_gguf_u32(g, "i32s", &u, &e), TRIT_EFORMAT);
    assert_non_null(strstr(e.text, "key 'i32s': is an array of i32, must be"));
    assert_int_equal(trit_gguf_u32(g, "yes", &u, &e), TRIT_EFORMAT);
    assert_int_equal(trit_gguf_f32(g, "u", &f, &e), TRIT_EFORMAT);
    assert_non_null(strstr(e.text, "key 'u': is u32, must be f32 or f64"));
    assert_int_equal(trit_gguf_bool(g, "u", &b, &e), TRIT_EFORMAT);
    assert_int_equal(trit_gguf_text(g, "texts", &t, &e), TRIT_EFORMAT);
    assert_non_null(strstr(e.text, "key 'texts': is an array of string, must be string"));
    assert_int_equal(trit_gguf_texts(g, "general.architecture", &texts, &n, &e), TRIT_EFORMAT);
    assert_int_equal(trit_gguf_texts(g, "i32s", &texts, &n, &e), TRIT_EFORMAT);
    assert_null(texts);
    assert_true(u == 5 && f == 5 && b);
    trit_gguf_close(g);
}

/* One key "k" of a scalar type. */
static struct trit_gguf *scalar_file(uint8_t bytes[64], uint32_t type, const void *value, size_t n)
{
    memset(bytes, 0, 64);
    memcpy(bytes, "GGUF\3", 5);
    bytes[16] = 1;
    bytes[24] = 1;
    bytes[32] = 'k';
    memcpy(bytes + 33, &type, 4);
    memcpy(bytes + 37, value, n);
    struct trit_gguf *g;
    struct trit_error error;
    if (trit_gguf_parse(&g, bytes, 37 + n, "scalar", &error) != TRIT_OK)
        fail_msg("%s", error.text);
    return g;
}

static void any_integer_that_fits_is_taken(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        size_t bytes;
        int64_t value;
        bool fits;
    } rows[] = {
        { TRIT_GGUF_U8, 1, 255, true },         { TRIT_GGUF_I8, 1, 127, true },
        { TRIT_GGUF_I8, 1, -1, false },         { TRIT_GGUF_U16, 2, 65535, true },
        { TRIT_GGUF_I16, 2, 32767, true },      { TRIT_GGUF_I16, 2, -32768, false },
        { TRIT_GGUF_U32, 4, UINT32_MAX, true }, { TRIT_GGUF_I32, 4, INT32_MAX, true },
        { TRIT_GGUF_I32, 4, INT32_MIN, false }, { TRIT_GGUF_U64, 8, UINT32_MAX, true },
        { TRIT_GGUF_U64, 8, 1ll << 32, false }, { TRIT_GGUF_U64, 8, -1, false },
        { TRIT_GGUF_I64, 8, UINT32_MAX, true }, { TRIT_GGUF_I64, 8, -1, false },
        { TRIT_GGUF_I64, 8, INT64_MIN, false },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t bytes[64];
        uint32_t u = 0;
        struct trit_error e;
        struct trit_gguf *g = scalar_file(bytes, rows[i].type, &rows[i].value, rows[i].bytes);
        assert_int_equal(trit_gguf_u32(g, "k", &u, &e), rows[i].fits ? TRIT_OK : TRIT_EFORMAT);
        if (rows[i].fits)
            assert_true(u == rows[i].value);
        else
            assert_non_null(strstr(e.text, "scalar: key 'k': is out of range"));
        trit_gguf_close(g);
    }
    uint8_t bytes[64];
    float f;
    struct trit_gguf *g = scalar_file(bytes, TRIT_GGUF_F64, &(double){ 0.1 }, 8);
    assert_int_equal(trit_gguf_f32(g, "k", &f, NULL), TRIT_OK);
    assert_true(f == 0.1f);
    trit_gguf_close(g);
}

static void sizes_of_types(void **state)
{
    (void)state;
    static const struct {
        uint32_t type;
        const char *name;
        uint64_t ne0, ne1, bytes;
    } rows[] = {
        { TRIT_F32, "F32", 3, 5, 60 },
        { TRIT_F16, "F16", 2560, 128256, 656670720 },
        { TRIT_BF16, "BF16", 3, 1, 6 },
        { TRIT_Q8_0, "Q8_0", 64, 2, 136 },
        { TRIT_Q6_K, "Q6_K", 512, 1, 420 },
        { TRIT_TQ1_0, "TQ1_0", 2560, 2560, 2560 * 2560 / 256 * 54 },
        { TRIT_TQ2_0, "TQ2_0", 6912, 2560, 6912 * 2560 / 256 * 66 },
        { TRIT_I2_S, "I2_S", 2560, 2560, 2560 * 2560 / 4 + 32 },
        { TRIT_I2_S, "I2_S", 8640, 3200, 8640 * 3200 / 4 + 32 }, /* rows straddle blocks */
        { TRIT_TL1, "TL1", 2560, 2560, 0 },
        { TRIT_Q1_0, "Q1_0", 256, 3, 3 * 2 * 18 },
        { TRIT_Q2_0, "Q2_0", 192, 3, 3 * 3 * 18 },
        { TRIT_PQ2_0, "PQ2_0", 256, 3, 3 * 2 * 34 },
        { TRIT_PTQ1_0, "PTQ1_0", 256, 3, 3 * 2 * 28 },
        { 134, "IQ1_BN", 128, 3, 3 * (2 + 26) },
        { 135, "IQ2_BN", 128, 3, 3 * (4 + 32) },
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t bytes = 1, ne[4] = { rows[i].ne0, rows[i].ne1, 1, 1 };
        assert_null(trit_type_bytes(rows[i].type, ne, &bytes));
        assert_true(bytes == rows[i].bytes);
        assert_string_equal(trit_type_find(rows[i].type)->name, rows[i].name);
    }
    assert_null(trit_type_find(99));
    assert_string_equal(trit_gguf_type_name(TRIT_GGUF_STRING), "string");
    assert_string_equal(trit_gguf_type_name(13), "unknown");
}

static void only_regular_files_are_opened(void **state)
{
    (void)state;
    struct trit_gguf *g;
    struct trit_error e;
    assert_int_equal(trit_gguf_open(&g, "absent", &e), TRIT_EIO);
    assert_string_equal(e.text, "absent: cannot read: No such file or directory");
    assert_int_equal(trit_gguf_open(&g, ".", &e), TRIT_EIO);
    assert_string_equal(e.text, ".: is a folder, must be a regular file");
    assert_return_code(mkfifo("pipe", 0600), 0);
    assert_int_equal(trit_gguf_open(&g, "pipe", &e), TRIT_EIO);
    assert_string_equal(e.text, "pipe: is a device or a pipe, must be a regular file");
    unlink("pipe");
    assert_int_equal(trit_gguf_open(&g, "/dev/zero", &e), TRIT_EIO);
    fclose(fopen("empty", "w"));
    assert_int_equal(trit_gguf_open(&g, "empty", &e), TRIT_EFORMAT);
    assert_string_equal(e.text, "empty: header (offset 0): not a GGUF file, it is empty");
    unlink("empty");
    assert_null(g);
}

/* What the writer is told wrongly it says, and the old file stays. */
static void expect_refusal(void (*spoil)(struct trit_gguf_writer *), const char *says)
{
    struct trit_gguf_writer *w;
    struct trit_error error = { 0 };
    struct stat before, after;
    assert_return_code(stat("t.gguf", &before), 0);
    assert_int_equal(trit_gguf_writer_create(&w, "t.gguf", &error), TRIT_OK);
    spoil(w);
    assert_int_not_equal(trit_gguf_writer_finish(w, &error), TRIT_OK);
    if (!strstr(error.text, says))
        fail_msg("expected '%s', got '%s'", says, error.text);
    assert_return_code(stat("t.gguf", &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

static void never_begun(struct trit_gguf_writer *w)
{
    trit_gguf_put_u32(w, "u", 1);
}

static void incomplete(struct trit_gguf_writer *w)
{
    trit_gguf_put_tensor(w, "a", TRIT_F32, 1, shape_a);
    trit_gguf_write_begin(w, NULL);
    trit_gguf_write(w, data_a, 19);
}

static void too_much(struct trit_gguf_writer *w)
{
    trit_gguf_put_tensor(w, "a", TRIT_F32, 1, shape_a);
    trit_gguf_write_begin(w, NULL);
    trit_gguf_write(w, data_a, 20);
    trit_gguf_write(w, data_a, 1);
}

static void no_dimensions(struct trit_gguf_writer *w)
{
    trit_gguf_put_tensor(w, "a", TRIT_F32, 0, shape_a);
    trit_gguf_write_begin(w, NULL);
}

static void half_a_block(struct trit_gguf_writer *w)
{
    trit_gguf_put_tensor(w, "a", TRIT_TQ1_0, 1, shape_a);
    trit_gguf_write_begin(w, NULL);
}

static void no_size(struct trit_gguf_writer *w)
{
    trit_gguf_put_tensor(w, "a", TRIT_TL1, 1, shape_a);
    trit_gguf_write_begin(w, NULL);
}

static void long_name(struct trit_gguf_writer *w)
{
    char name[65] = { 0 };
    memset(name, 'n', 64);
    trit_gguf_put_tensor(w, name, TRIT_F32, 1, shape_a);
    trit_gguf_write_begin(w, NULL);
}

static void late_key(struct trit_gguf_writer *w)
{
    trit_gguf_write_begin(w, NULL);
    trit_gguf_put_u32(w, "late", 1);
}

static void empty_key(struct trit_gguf_writer *w)
{
    trit_gguf_put_u32(w, "", 1);
    trit_gguf_write_begin(w, NULL);
}

static void the_writer_refuses_what_is_wrong(void **state)
{
    (void)state;
    struct trit_error error;
    assert_int_equal(write_file(&error), TRIT_OK);
    expect_refusal(never_begun, "t.gguf: finished before it was begun");
    expect_refusal(incomplete, "t.gguf: tensor 0 of 1 is incomplete");
    expect_refusal(too_much, "t.gguf: 1 bytes are more than tensor 1 has left");
    expect_refusal(no_dimensions, "'a': a tensor has 1 to 4 dimensions");
    expect_refusal(half_a_block, "'a': its row length is not a multiple");
    expect_refusal(no_size, "'a': a tensor of a type whose size is not known");
    expect_refusal(long_name, "': a tensor's name has 1 to 63 bytes");
    expect_refusal(late_key, "'late': a key after the tables were written");
    expect_refusal(empty_key, "'': a key has 1 to 65535 bytes");
    struct trit_gguf_writer *w;
    assert_int_equal(trit_gguf_writer_create(&w, "t.gguf", &error), TRIT_OK);
    trit_gguf_writer_abandon(w);
    trit_gguf_writer_abandon(NULL);
    assert_int_equal(trit_gguf_writer_create(&w, "absent/t.gguf", &error), TRIT_EIO);
    assert_string_equal(
        error.text, "absent/t.gguf: cannot write: the folder absent: No such file or directory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensors_come_back),
        cmocka_unit_test(values_come_back),
        cmocka_unit_test(getters_name_the_key),
        cmocka_unit_test(any_integer_that_fits_is_taken),
        cmocka_unit_test(sizes_of_types),
        cmocka_unit_test(only_regular_files_are_opened),
        cmocka_unit_test(the_writer_refuses_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}
