/* A model's sizes and numbers as GGUF's keys. */
#include <stdio.h>
#include <string.h>

#include "runtime/convert/hf.h"

struct put {
    struct trit_gguf_writer *w;
    const char *arch;
};

static const char *key_of(const struct put *p, const char *name, char key[96])
{
    snprintf(key, 96, "%s.%s", p->arch, name);
    return key;
}

static void put_size(const struct put *p, const char *name, size_t value)
{
    char key[96];
    trit_gguf_put_u32(p->w, key_of(p, name, key), (uint32_t)value);
}

static void put_float(const struct put *p, const char *name, float value)
{
    char key[96];
    trit_gguf_put_f32(p->w, key_of(p, name, key), value);
}

static void put_yarn(const struct put *p, const struct trit_hf_config *c)
{
    char key[96];
    trit_gguf_put_text(p->w, key_of(p, "rope.scaling.type", key), "yarn");
    put_float(p, "rope.scaling.factor", c->yarn.factor);
    put_size(p, "rope.scaling.original_context_length", c->yarn.original);
    if (c->yarn.beta_fast != 32 || c->yarn.beta_slow != 1) {
        put_float(p, "rope.scaling.yarn_beta_fast", c->yarn.beta_fast);
        put_float(p, "rope.scaling.yarn_beta_slow", c->yarn.beta_slow);
    }
}

static void put_delta(const struct put *p, const struct trit_hf_config *c)
{
    char key[96];
    const int32_t *sections = c->delta.sections;
    if (sections[0] + sections[1] + sections[2] > 0)
        trit_gguf_put_i32s(p->w, key_of(p, "rope.dimension_sections", key), sections, 4);
    put_size(p, "ssm.conv_kernel", c->dim[TRIT_HF_TAPS]);
    put_size(p, "ssm.state_size", c->dim[TRIT_HF_STATE]);
    put_size(p, "ssm.group_count", c->delta.k_heads);
    put_size(p, "ssm.time_step_rank", c->delta.v_heads);
    put_size(p, "ssm.inner_size", c->dim[TRIT_HF_INNER]);
    put_size(p, "full_attention_interval", c->delta.interval);
}

static void put_windows(const struct put *p, const struct trit_hf_config *c)
{
    char key[96];
    put_size(p, "attention.sliding_window", c->windows.length);
    if (c->windows.period != 6)
        put_size(p, "attention.sliding_window_pattern", c->windows.period);
    put_float(p, "rope.freq_base_swa", c->windows.base);
    if (c->linear > 0) {
        trit_gguf_put_text(p->w, key_of(p, "rope.scaling.type", key), "linear");
        put_float(p, "rope.scaling.factor", c->linear);
    }
}

/* What the model calls itself: the last part of a path or of OWNER/REPO; else its architecture, so
   that the output does not depend on where the folder lies. */
static const char *name_of(const struct trit_hf_config *c)
{
    const char *name = json_string_value(json_object_get(c->root, "_name_or_path"));
    const char *slash = name ? strrchr(name, '/') : NULL;
    name = slash ? slash + 1 : name;
    return name && *name && strlen(name) < 128 ? name : c->family->arch;
}

void trit_hf_put_config(const struct trit_hf_config *c, struct trit_gguf_writer *w)
{
    trit_gguf_put_text(w, "general.architecture", c->family->arch);
    trit_gguf_put_text(w, "general.name", name_of(c));
    trit_hf_put_sizes(c, w);
}

void trit_hf_put_sizes(const struct trit_hf_config *c, struct trit_gguf_writer *w)
{
    const struct put p = { w, c->family->arch };
    put_size(&p, "vocab_size", c->dim[TRIT_HF_VOCAB]);
    put_size(&p, "context_length", c->context);
    put_size(&p, "embedding_length", c->dim[TRIT_HF_HIDDEN]);
    put_size(&p, "block_count", c->layers);
    put_size(&p, "feed_forward_length", c->dim[TRIT_HF_FFN]);
    put_size(&p, "attention.head_count", c->heads);
    put_size(&p, "attention.head_count_kv", c->kv_heads);
    put_size(&p, "attention.key_length", c->dim[TRIT_HF_HEAD]);
    put_size(&p, "attention.value_length", c->dim[TRIT_HF_HEAD]);
    put_float(&p, "attention.layer_norm_rms_epsilon", c->eps);
    put_float(&p, "rope.freq_base", c->rope_base);
    if (c->family->rope_dims)
        put_size(&p, "rope.dimension_count", c->rope_dims);
    if (c->yarn.factor > 0)
        put_yarn(&p, c);
    if (c->family->windows)
        put_windows(&p, c);
    if (c->family->delta)
        put_delta(&p, c);
}
