/* What a loaded model tells about itself. */
#include <stdlib.h>

#include "runtime/base/mem.h"
#include "runtime/model/internal.h"

void trit_model_free(struct trit_model *model)
{
    if (!model)
        return;
    trit_model_free(model->block);
    if (!model->borrows)
        trit_head_free(model->head);
    trit_head_free(model->brief);
    trit_rows_free(&model->embd);
    trit_rows_free(&model->output);
    for (size_t i = 0; model->layers && i < model->config.layers * TRIT_GATE_ROWS; i++)
        trit_rows_free(&model->layers[i / TRIT_GATE_ROWS].rows[i % TRIT_GATE_ROWS]);
    for (size_t i = 0; model->layers && trit_model_matrix(model, i); i++)
        trit_dense_free((struct trit_matrix *)(uintptr_t)trit_model_matrix(model, i));
    trit_unmap(model->gate_rows, model->gate_bytes);
    trit_signs_free(model->signs);
    free(model->joint_norm[0]);
    free(model->joint_norm[1]);
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

struct trit_model *trit_model_block(const struct trit_model *model)
{
    return model->block;
}

const struct trit_rows *trit_model_head(const struct trit_model *model)
{
    return model->config.tied ? &model->embd : &model->output;
}

const struct trit_matrix *trit_model_matrix(const struct trit_model *model, size_t i)
{
    const size_t roles = model->nroles, layers = model->config.layers * roles;
    const bool head = model->config.packed_head;
    if (i < layers)
        return &model->layers[i / roles].m[model->roles[i % roles]];
    if (head && i == layers)
        return &model->out;
    return model->config.joint && i == layers + head ? &model->joint : NULL;
}

static struct trit_plan plan_of(const struct trit_matrix *x, const char *name)
{
    return (struct trit_plan){ name, x->n, x->k, x->pair.decode, x->pair.prefill, x->pair.why };
}

/* The kernels of the head's planes, if there are any, and last that of full passes. */
static bool head_plan(const struct trit_model *model, size_t i, struct trit_plan *plan)
{
    static const char *const whys[] = {
        "the k best (greedy, top-k): 4 bits of every row; several vectors by gemm",
        "the k best: 2 bits more, where many rows are left",
    };
    static const enum trit_part parts[] = { TRIT_PART_HEAD_PLANE1, TRIT_PART_HEAD_PLANE2 };
    const struct trit_rows *rows = trit_model_head(model);
    const struct trit_kernel *gemv, *gemm;
    if (trit_head_plane_kernels(model->head, i, &gemv, &gemm)) {
        *plan =
            (struct trit_plan){ trit_part_name(parts[i]), rows->n, rows->k, gemv, gemm, whys[i] };
        return true;
    }
    if (model->config.packed_head) {
        *plan = plan_of(&model->out, trit_part_name(TRIT_PART_HEAD_FULL));
        return i == 0;
    }
    const struct trit_kernel *full = model->ops.head;
    *plan = (struct trit_plan){
        trit_part_name(TRIT_PART_HEAD_FULL), rows->n, rows->k, full, full, model->head_why
    };
    return i == 0 || trit_head_plane_kernels(model->head, i - 1, &gemv, &gemm);
}

bool trit_model_plan(const struct trit_model *model, size_t i, struct trit_plan *plan)
{
    const size_t matrices = model->config.layers * model->nroles;
    if (i >= matrices)
        return head_plan(model, i - matrices, plan);
    const struct trit_matrix *x = trit_model_matrix(model, i);
    *plan = plan_of(x, x->name);
    return true;
}

void trit_model_memory(const struct trit_model *model, const struct trit_session *session,
                       struct trit_model_memory *memory)
{
    const struct trit_gguf *gguf = model->embd.gguf, *part;
    size_t huge, file;
    *memory = (struct trit_model_memory){ .weights = model->cost.packed_bytes + model->dense_bytes,
                                          .head = trit_head_bytes(model->head),
                                          .resident = trit_resident_now(),
                                          .huge = trit_resident_huge() };
    for (size_t i = 0; (part = trit_gguf_part(gguf, i)); i++) {
        trit_resident_at(part->base, part->size, &file, &huge);
        memory->file += file;
    }
    if (session) {
        memory->kv = trit_session_kv_bytes(session);
        memory->states = session->states.bytes + session->states.log_bytes;
        memory->work = session->work->bytes + trit_session_parts(session->model, session->context);
    }
}
