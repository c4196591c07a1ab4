/* train_step FOLDER FAMILY WEIGHTS GROUPS BITS HADAMARD LOW_ROWS SEED: one step of training of a
   small random model, in the files that tests/oracle/train_step.py reads. The numbers are those of
   struct trit_train_shape; GROUPS: 0 none, 1 of inputs, 2 of weights too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/base/random.h"
#include "runtime/train/adamw.h"

enum { ROWS = 3 };

static const char *folder;

static FILE *create(const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "we");
    if (!f) {
        perror(path);
        exit(1);
    }
    return f;
}

static void dump(const char *name, const void *data, size_t bytes)
{
    FILE *f = create(name);
    if (fwrite(data, 1, bytes, f) != bytes || fclose(f))
        exit(1);
}

static struct trit_train_shape shape_of(char **v)
{
    const unsigned groups = (unsigned)atoi(v[2]), low = (unsigned)atoi(v[5]);
    const bool wide = groups || low;
    return (struct trit_train_shape){ .family = (uint32_t)atoi(v[0]),
                                      .weights = (uint32_t)atoi(v[1]),
                                      .weight_group = groups > 1 ? TRIT_TRAIN_GROUP : 0,
                                      .input_group = groups ? TRIT_TRAIN_GROUP : 0,
                                      .input_bits = (uint32_t)atoi(v[3]),
                                      .hadamard = (uint32_t)atoi(v[4]),
                                      .low_rows = low,
                                      .vocab = 83,
                                      .hidden = wide ? 128 : 48,
                                      .ffn = wide ? 256 : 80,
                                      .layers = 2,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .head_dim = wide ? 32 : 12,
                                      .context = 37,
                                      .eps = 1e-5f,
                                      .rope_base = 10000 };
}

static void dump_shape(const struct trit_train_shape *s)
{
    FILE *f = create("shape.json");
    fprintf(f,
            "{\"family\": %u, \"weights\": %u, \"weight_group\": %u, \"input_group\": %u, "
            "\"input_bits\": %u, \"hadamard\": %u, \"low_rows\": %u, \"vocab\": %u, "
            "\"hidden\": %u, \"ffn\": %u, \"layers\": %u, \"heads\": %u, \"kv_heads\": %u, "
            "\"head_dim\": %u, \"context\": %u, \"eps\": %.9g, \"rope_base\": %.9g}\n",
            s->family, s->weights, s->weight_group, s->input_group, s->input_bits, s->hadamard,
            s->low_rows, s->vocab, s->hidden, s->ffn, s->layers, s->heads, s->kv_heads, s->head_dim,
            s->context, (double)s->eps, (double)s->rope_base);
    fclose(f);
}

/* Norms that are not 1, and weights large enough for gradients in all of them. */
static void stir(struct trit_train_net *net, uint64_t seed)
{
    for (size_t i = 0; i < net->layout.ntensors; i++) {
        const struct trit_train_tensor *t = &net->layout.list[i];
        for (size_t j = 0; j < t->n * t->k; j++) {
            float *w = &net->w[t->at + j];
            *w = t->role == TRIT_TRAIN_NORM
                     ? 0.5f + (float)(trit_random_next(&seed) >> 40) * 0x1p-24f
                     : *w * 8;
        }
    }
}

int main(int argc, char **argv)
{
    const struct trit_train_rate rate = { 1e-3, 0.1, 1 };
    struct trit_error error;
    struct trit_train_net net;
    struct trit_pool *pool;
    if (argc != 9)
        return 2;
    folder = argv[1];
    uint64_t seed = strtoull(argv[8], NULL, 10);
    const struct trit_train_shape shape = shape_of(argv + 2);
    if (trit_train_shape_check(&shape, &error) || trit_pool_create(&pool, 2, &error) ||
        trit_train_net_create(&net, &shape, pool, ROWS, &error)) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    const size_t floats = net.layout.floats, bytes = floats * sizeof(float);
    int32_t tokens[ROWS * 38];
    float nll[ROWS * 37], *m = trit_alloc(floats, sizeof *m), *v = trit_alloc(floats, sizeof *v);
    for (size_t i = 0; i < ROWS * 38; i++)
        tokens[i] = (int32_t)(trit_random_next(&seed) % shape.vocab);
    trit_train_net_begin(&net, seed);
    stir(&net, seed);
    trit_train_net_quantise(&net);
    dump_shape(&shape);
    dump("tokens.i32", tokens, sizeof tokens);
    dump("w.f32", net.w, bytes);
    trit_train_net_learn(&net, tokens, ROWS, 1.0f / (ROWS * 37), nll);
    dump("g.f32", net.g, bytes);
    trit_train_update(&net, m, v, 1, &rate);
    dump("after.f32", net.w, bytes);
    double loss = 0;
    for (size_t i = 0; i < ROWS * 37; i++)
        loss += (double)nll[i] / (ROWS * 37);
    FILE *f = create("meta.json");
    fprintf(f,
            "{\"rows\": %d, \"loss\": %.9g, \"lr\": %g, \"weight_decay\": %g, \"clip_norm\": %g, "
            "\"b1\": %g, \"b2\": %g, \"adam_eps\": %g}\n",
            ROWS, loss, rate.lr, rate.decay, rate.clip, TRIT_TRAIN_B1, TRIT_TRAIN_B2,
            TRIT_TRAIN_EPS);
    fclose(f);
    free(m);
    free(v);
    trit_train_net_free(&net);
    trit_pool_destroy(pool);
    return 0;
}
