/* Can any bytes, taken as a saved session, bring a sequence to where it reads or writes outside its
   memory, or change one that refuses them? Every other input has its checksum made good. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "runtime/model/snapshot.h"
#include "tests/lib_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTEXT = 8, HEADER = 72, HASH = 64 /* its last field */ };

static struct trit_session *session;
static float expected[TRIT_TOY_VOCAB];

static void step(int32_t token, float *logits)
{
    struct trit_error e;
    if (trit_session_eval(session, &token, 1, 0, logits, &e))
        __builtin_trap();
}

/* Two tokens, of which a refused snapshot must not change a bit. */
static void begin(void)
{
    float logits[TRIT_TOY_VOCAB];
    trit_session_rewind(session, 0);
    step(3, logits);
    step(5, expected);
    trit_session_rewind(session, 0);
    step(3, logits);
}

static void open_model(void)
{
    static const struct trit_toy_shape shape = { 32, 32, 2, 2, 1 };
    static const struct trit_toy_delta delta = { 1, 2, 16, 4, 2 };
    static struct trit_toy toy;
    struct trit_gguf *gguf;
    struct trit_pool *pool;
    struct trit_model *model;
    size_t bytes;
    trit_toy_hybrid(&toy, &shape, &delta);
    uint8_t *image = trit_toy_write(&toy, &bytes);
    if (trit_gguf_parse(&gguf, image, bytes, "toy.gguf", NULL) ||
        trit_pool_create(&pool, 1, NULL) || trit_model_load(&model, gguf, pool, NULL, NULL) ||
        trit_session_create(&session, model, CONTEXT, 4, NULL))
        __builtin_trap();
}

static void sign(uint8_t *bytes, size_t size)
{
    const uint64_t zero = 0;
    memcpy(bytes + HASH, &zero, sizeof zero);
    const uint64_t hash = XXH3_64bits(bytes, size) | 1;
    memcpy(bytes + HASH, &hash, sizeof hash);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct trit_error e = { 0 };
    float logits[TRIT_TOY_VOCAB];
    if (!session)
        open_model();
    begin();
    uint8_t *bytes = malloc(size + 1);
    memcpy(bytes, data, size);
    if (size >= HEADER && size % 2 == 0)
        sign(bytes, size);
    if (trit_snapshot_put(session, bytes, size, "fuzz", NULL, &e) == TRIT_OK) {
        const int32_t token = 7; /* states may be anything: an error is as good as logits */
        if (trit_session_position(session) < CONTEXT)
            trit_session_eval(session, &token, 1, 0, logits, &e);
        trit_session_rewind(session, 0);
    } else {
        if (!*e.text || trit_session_position(session) != 1)
            __builtin_trap();
        step(5, logits);
        if (memcmp(logits, expected, sizeof logits) != 0)
            __builtin_trap();
    }
    free(bytes);
    return 0;
}
