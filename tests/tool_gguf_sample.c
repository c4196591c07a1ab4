/* gguf_sample FILE: a file from the writer with every kind of key and tensors of several types, for
 * other readers to read. */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/format/gguf_write.h"

static const struct {
    const char *name;
    uint32_t type, ndims;
    uint64_t ne[4];
} tensors[] = {
    { "token_embd.weight", TRIT_F16, 2, { 64, 10 } },
    { "a.f32", TRIT_F32, 1, { 3 } },
    { "b.bf16", TRIT_BF16, 3, { 5, 3, 2 } },
    { "c.q8_0", TRIT_Q8_0, 2, { 96, 3 } },
    { "d.q6_K", TRIT_Q6_K, 2, { 256, 3 } },
    { "e.tq1_0", TRIT_TQ1_0, 2, { 512, 3 } },
    { "f.tq2_0", TRIT_TQ2_0, 4, { 256, 2, 2, 2 } },
    { "g.i2_s", TRIT_I2_S, 2, { 160, 4 } },
    { "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x81", TRIT_F32, 1, { 1 } },
};
enum { NTENSORS = sizeof tensors / sizeof *tensors };

static void put_keys(struct trit_gguf_writer *w)
{
    static const struct trit_text texts[] = { { "\"quoted\"\n", 9 },
                                              { "", 0 },
                                              { "\xf0\x9f\x98\x81", 4 } };
    static const float floats[] = { 0.1f, -0.0f, 3e38f, 1e-45f };
    static const int32_t ints[] = { INT32_MIN, -1, 0, INT32_MAX };
    trit_gguf_put_text(w, "general.architecture", "bitnet-b1.58");
    trit_gguf_put_u32(w, "general.alignment", 32);
    trit_gguf_put_u32(w, "u32", UINT32_MAX);
    trit_gguf_put_f32(w, "f32", 1e-5f);
    trit_gguf_put_bool(w, "true", true);
    trit_gguf_put_bool(w, "false", false);
    trit_gguf_put_text(w, "empty", "");
    trit_gguf_put_texts(w, "texts", texts, 3);
    trit_gguf_put_texts(w, "no texts", NULL, 0);
    trit_gguf_put_i32s(w, "i32s", ints, 4);
    trit_gguf_put_f32s(w, "f32s", floats, 4);
}

static void write_tensor(struct trit_gguf_writer *w, uint32_t type, const uint64_t *ne)
{
    uint64_t shape[4] = { 1, 1, 1, 1 }, bytes;
    for (int i = 0; i < 4; i++)
        shape[i] = ne[i] ? ne[i] : 1;
    trit_type_bytes(type, shape, &bytes);
    uint8_t *data = calloc(1, (size_t)bytes);
    if (data)
        trit_gguf_write(w, data, (size_t)bytes);
    free(data);
}

int main(int argc, char **argv)
{
    struct trit_gguf_writer *w;
    struct trit_error error = { 0 };
    if (argc != 2 || trit_gguf_writer_create(&w, argv[1], &error) != TRIT_OK) {
        fprintf(stderr, "gguf_sample FILE: %s\n", error.text);
        return 2;
    }
    put_keys(w);
    for (size_t i = 0; i < NTENSORS; i++)
        trit_gguf_put_tensor(w, tensors[i].name, tensors[i].type, tensors[i].ndims, tensors[i].ne);
    trit_gguf_write_begin(w, NULL);
    for (size_t i = 0; i < NTENSORS; i++)
        write_tensor(w, tensors[i].type, tensors[i].ne);
    if (trit_gguf_writer_finish(w, &error) == TRIT_OK)
        return 0;
    fprintf(stderr, "%s\n", error.text);
    return 1;
}
