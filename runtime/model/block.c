/* The block that predicts the token after the next (FORMATS-2, section 3.6): a model of one layer
   with attention, whose inputs are made of an embedding and of the state before it. What it has not
   of its own, embedding, last norm or head, is its model's. */
#include "runtime/base/mem.h"
#include "runtime/format/group.h"
#include "runtime/model/loader.h"

/* Its head is its own, or its model's. */
static enum trit_code load_head(struct trit_loader *b, const struct trit_loader *l)
{
    struct trit_model *block = b->model;
    block->borrows = b->tensors.output == l->tensors.output || b->tensors.output == l->tensors.embd;
    block->config.packed_head = !block->borrows && trit_type_has_groups(b->tensors.output->type);
    block->config.hadamard.rows &= b->tensors.embd == l->tensors.embd;
    if (block->borrows) {
        block->head = l->model->head;
        block->head_turned = l->model->head_turned;
        return b->outline ? TRIT_OK : trit_loader_brief(b, l);
    }
    return b->outline ? TRIT_OK : trit_loader_head(b);
}

static enum trit_code load_joint(struct trit_loader *b)
{
    struct trit_model *block = b->model;
    enum trit_code code =
        trit_matrix_load(b, block->config.layers * block->nroles + block->config.packed_head);
    for (size_t i = 0; i < 2 && !code; i++) {
        block->joint_norm[i] = trit_alloc(block->config.hidden, sizeof(float));
        code = block->joint_norm[i]
                   ? trit_loader_vector(b, b->tensors.joint_norm[i], block->joint_norm[i])
                   : trit_fail(b->error, TRIT_EMEMORY, "%s: no memory", b->gguf->path);
    }
    return code;
}

static enum trit_code load(struct trit_loader *b, const struct trit_loader *l)
{
    enum trit_code code = trit_loader_open(b);
    if (code || (code = trit_signs_load(b->model->signs, &b->model->config, b->gguf, b->error)) ||
        (code = load_head(b, l)) || (code = trit_loader_plan(b)) || b->outline)
        return code;
    code = trit_loader_weights(b);
    return code ? code : load_joint(b);
}

enum trit_code trit_block_load(struct trit_loader *l)
{
    struct trit_model *trunk = l->model;
    struct trit_loader b = *l;
    if (!l->tensors.block || !l->options || !l->options->block)
        return TRIT_OK;
    trunk->block = b.model = trit_alloc(1, sizeof *b.model);
    if (!b.model)
        return trit_fail(l->error, TRIT_EMEMORY, "%s: no memory", l->gguf->path);
    b.model->pool = trunk->pool;
    b.model->threads = trunk->threads;
    b.model->kv = trunk->kv;
    b.tensors = *l->tensors.block;
    trit_config_block(&trunk->config, &b.model->config);
    const enum trit_code code = load(&b, l);
    l->done = b.done;
    trunk->cost.packed_bytes += b.model->cost.packed_bytes;
    trunk->cost.cached += b.model->cost.cached;
    trunk->cost.uncached += b.model->cost.uncached;
    return code;
}
