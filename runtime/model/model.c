/* What a loaded model tells about itself. */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

void trit_model_free(struct trit_model *model)
{
    if (!model)
        return;
    trit_head_free(model->head);
    trit_rows_free(&model->embd);
    trit_rows_free(&model->output);
    trit_unmap(model->arena, model->arena_bytes);
    free(model->rope);
    free(model->floats);
    free(model->layers);
    free(model);
}

const struct trit_config *trit_model_config(const struct trit_model *model)
{
    return &model->config;
}

const struct trit_model_cost *trit_model_cost(const struct trit_model *model)
{
    return &model->cost;
}

const struct trit_rows *trit_model_head(const struct trit_model *model)
{
    return model->config.tied ? &model->embd : &model->output;
}

bool trit_model_plan(const struct trit_model *model, size_t i, struct trit_plan *plan)
{
    const size_t roles = (size_t)model->nroles, matrices = model->config.layers * roles;
    if (i < matrices) {
        const struct trit_matrix *x = &model->layers[i / roles].m[i % roles];
        *plan =
            (struct trit_plan){ x->name, x->n, x->k, x->pair.decode, x->pair.prefill, x->pair.why };
        return true;
    }
    const struct trit_rows *head = trit_model_head(model);
    *plan = (struct trit_plan){ "head",          head->n,         head->k,
                                model->ops.head, model->ops.head, model->head_why };
    return i == matrices;
}

void trit_model_memory(const struct trit_model *model, const struct trit_session *session,
                       struct trit_model_memory *memory)
{
    const struct trit_gguf *gguf = model->embd.gguf;
    size_t huge;
    *memory = (struct trit_model_memory){ .weights = model->cost.packed_bytes,
                                          .head = trit_head_bytes(model->head),
                                          .resident = trit_resident_now(),
                                          .huge = trit_resident_huge() };
    trit_resident_at(gguf->base, gguf->size, &memory->file, &huge);
    if (session) {
        memory->kv = trit_session_kv_bytes(session);
        memory->work = session->work->bytes;
    }
}
