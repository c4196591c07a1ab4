/* Rotated weights: hadamard_packing.json beside floats, hadamard.json beside MLX packs, and the
   keys that both become. What is not understood wholly is refused: the model would write nonsense.
   Source: FORMATS-2 3.5, 6. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime/base/mem.h"
#include "runtime/convert/hf.h"

#define PREFIX    "prism.hadamard."
#define TRANSFORM "normalized-sylvester-walsh-hadamard"
#define SIGNED    "normalized-signed-sylvester-walsh-hadamard"
#define AXIS      "input-last-dimension"

enum { MAX_WIDTHS = 8, MAX_BLOCK = 1 << 13 };

/* A manifest being read. */
struct manifest {
    struct trit_hf_folder *f;
    struct trit_json_in in;
};

static enum trit_code refuse(const struct manifest *m, const char *key, const char *why)
{
    return trit_json_refuse(&m->in, key, why);
}

/* --- names --- */

/* Whether a tensor of the files has that name, as people write them: with or without ".weight",
   with or without what the language model stands in. */
static bool is_named(const char *from, const char *name)
{
    static const char outer[] = "language_model.";
    const char *const starts[] = { from, !strncmp(from, outer, sizeof outer - 1)
                                             ? from + sizeof outer - 1
                                             : from };
    for (size_t i = 0; i < 2; i++) {
        const size_t n = strlen(name);
        if (!strncmp(starts[i], name, n) && (!starts[i][n] || !strcmp(starts[i] + n, ".weight")))
            return true;
    }
    return false;
}

/* *at: the folder's tensor of that name, GGUF's or the files'. */
static enum trit_code resolve(const struct manifest *m, const char *key, const json_t *value,
                              size_t *at)
{
    const char *name = json_string_value(value);
    const struct trit_hf_folder *f = m->f;
    for (*at = 0; name && *at < f->n; ++*at)
        if (!strcmp(f->tensors[*at].name, name) || is_named(f->tensors[*at].from, name))
            return TRIT_OK;
    return trit_fail(m->in.error, TRIT_EFORMAT, "%s: key '%s%s' has '%.255s': no such tensor",
                     m->in.path, m->in.name, key, name ? name : "(no text)");
}

static enum trit_code fold(const struct manifest *m, const char *key, const json_t *name,
                           bool inverse)
{
    struct trit_hf_rotation *r = &m->f->rotation;
    size_t at;
    enum trit_code code = resolve(m, key, name, &at);
    if (code)
        return code;
    const struct trit_source_tensor *t = &m->f->tensors[at];
    const bool embedding = !strcmp(t->name, "token_embd.weight");
    if (t->role == TRIT_SOURCE_FLOATS || embedding != inverse)
        return trit_fail(m->in.error, TRIT_EUNSUPPORTED,
                         "%s: key '%s%s' has '%s': such a tensor is not rotated so", m->in.path,
                         m->in.name, key, t->from);
    if (t->ne[0] % r->block)
        return trit_fail(m->in.error, TRIT_EUNSUPPORTED,
                         "%s: key '%s%s' has '%s': blocks of %zu do not divide its %llu columns",
                         m->in.path, m->in.name, key, t->from, r->block,
                         (unsigned long long)t->ne[0]);
    r->rows = r->rows || inverse;
    r->folded[at] = !inverse;
    return TRIT_OK;
}

/* --- what both have --- */

static enum trit_code take_block(const struct manifest *m, const struct trit_json_in *in)
{
    size_t *block = &m->f->rotation.block;
    const enum trit_code code = trit_json_size(in, "block_size", 2, MAX_BLOCK, SIZE_MAX, block);
    if (code)
        return code;
    return *block & (*block - 1) ? trit_json_refuse(in, "block_size", "must be a power of two")
                                 : TRIT_OK;
}

/* *explicit: there are signs. */
static enum trit_code take_mode(const struct trit_json_in *in, bool *explicit)
{
    const json_t *mode = trit_json_get(in, "sign_mode");
    *explicit = trit_json_is(mode, "explicit");
    return *explicit || trit_json_is(mode, "identity")
               ? TRIT_OK
               : trit_json_refuse(in, "sign_mode", "supported are 'explicit' and 'identity'");
}

static enum trit_code must_be(const struct trit_json_in *in, const char *key, const char *value)
{
    return trit_json_is(trit_json_get(in, key), value)
               ? TRIT_OK
               : trit_json_refuse(in, key, "supported is another alone");
}

/* Signs of one more width. */
static enum trit_code add_signs(const struct manifest *m, const char *key, size_t width,
                                const json_t *list, size_t from)
{
    struct trit_hf_rotation *r = &m->f->rotation;
    if (r->nwidths == MAX_WIDTHS || width < 1 || width > 1 << 20)
        return refuse(m, key, "too many widths, or one that is none");
    for (size_t i = 0; i < r->nwidths; i++)
        if (r->widths[i] == (int32_t)width)
            return refuse(m, key, "has a width twice");
    int32_t *values = realloc(r->values, (r->nvalues + width) * sizeof *values);
    if (!values)
        return trit_fail(m->in.error, TRIT_EMEMORY, "%s: out of memory", m->in.path);
    r->values = values;
    for (size_t i = 0; i < width; i++) {
        const double sign = json_number_value(json_array_get(list, from + i));
        if (sign != 1 && sign != -1)
            return refuse(m, key, "has a sign that is neither 1 nor -1");
        values[r->nvalues + i] = (int32_t)sign;
    }
    r->widths[r->nwidths++] = (int32_t)width;
    r->nvalues += width;
    return TRIT_OK;
}

/* --- hadamard_packing.json --- */

static enum trit_code packing_signs(const struct manifest *m)
{
    json_t *signs = trit_json_get(&m->in, "signs"), *list;
    const char *width;
    if (!json_is_object(signs))
        return refuse(m, "signs", "must have the signs of each width");
    json_object_foreach(signs, width, list)
    {
        char *end;
        const unsigned long k = strtoul(width, &end, 10);
        if (*end || json_array_size(list) != k)
            return refuse(m, "signs", "has a list that is not as long as its name says");
        const enum trit_code code = add_signs(m, "signs", k, list, 0);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code packing_tensors(const struct manifest *m)
{
    const json_t *list = trit_json_get(&m->in, "tensors");
    const size_t n = json_array_size(list);
    if (!n || n > m->f->n)
        return refuse(m, "tensors", "must have each rotated tensor once");
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i), *role = json_object_get(one, "role");
        const bool inverse = trit_json_is(role, "inverse-after-lookup");
        if (!inverse && !trit_json_is(role, "fold-before-matmul"))
            return refuse(m, "tensors", "has one of another role");
        if (!trit_json_is(json_object_get(one, "axis"), "-1"))
            return refuse(m, "tensors", "has one of another axis");
        const enum trit_code code = fold(m, "tensors", json_object_get(one, "name"), inverse);
        if (code)
            return code;
    }
    return TRIT_OK;
}

/* --- hadamard.json --- */

/* Its keys may have the prefix that GGUF's have. */
static enum trit_code strip(const struct manifest *m, json_t *plain)
{
    static const char *const known[] = { "version",     "block_size",   "transform",
                                         "axis",        "sign_mode",    "sign_widths",
                                         "sign_values", "weight_names", "inverse_weight_names",
                                         "tied_output", "gdn_v_grouped" };
    const size_t prefix = sizeof PREFIX - 1;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)m->in.object, key, value)
    {
        const char *name = strncmp(key, PREFIX, prefix) ? key : key + prefix;
        size_t i = 0;
        while (i < sizeof known / sizeof *known && strcmp(known[i], name))
            i++;
        if (i == sizeof known / sizeof *known)
            return refuse(m, key, "is not known: the rotation might be another");
        if (json_object_get(plain, name))
            return refuse(m, key, "is there twice");
        if (json_object_set(plain, name, value))
            return trit_fail(m->in.error, TRIT_EMEMORY, "%s: out of memory", m->in.path);
    }
    return TRIT_OK;
}

static enum trit_code key_signs(const struct manifest *m)
{
    const json_t *widths = trit_json_get(&m->in, "sign_widths"),
                 *values = trit_json_get(&m->in, "sign_values");
    size_t from = 0;
    for (size_t i = 0; i < json_array_size(widths); i++) {
        const json_int_t width = json_integer_value(json_array_get(widths, i));
        if (width < 1 || (size_t)width > json_array_size(values) - from)
            return refuse(m, "sign_widths", "do not make as many as 'sign_values' has");
        const enum trit_code code = add_signs(m, "sign_values", (size_t)width, values, from);
        if (code)
            return code;
        from += (size_t)width;
    }
    return from && from == json_array_size(values)
               ? TRIT_OK
               : refuse(m, "sign_values", "has not as many as 'sign_widths' make");
}

static enum trit_code key_names(const struct manifest *m, const char *key, bool inverse)
{
    const json_t *list = trit_json_get(&m->in, key);
    if (list && (!json_is_array(list) || json_array_size(list) > m->f->n))
        return refuse(m, key, "must have each rotated tensor once");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const enum trit_code code = fold(m, key, json_array_get(list, i), inverse);
        if (code)
            return code;
    }
    return TRIT_OK;
}

static enum trit_code read_keys(const struct manifest *m)
{
    struct trit_hf_rotation *r = &m->f->rotation;
    size_t version;
    bool explicit;
    enum trit_code code = trit_json_size(&m->in, "version", 1, 2, SIZE_MAX, &version);
    if (code || (code = must_be(&m->in, "transform", TRANSFORM)) ||
        (code = must_be(&m->in, "axis", AXIS)) || (code = take_block(m, &m->in)) ||
        (code = take_mode(&m->in, &explicit)) || (explicit && (code = key_signs(m))) ||
        (code = trit_json_bool(&m->in, "tied_output", false, &r->tied)) ||
        (code = trit_json_bool(&m->in, "gdn_v_grouped", false, &r->grouped)) ||
        (code = key_names(m, "weight_names", false)))
        return code;
    return key_names(m, "inverse_weight_names", true);
}

/* --- what must agree with the tensors --- */

/* The delta rule's output columns stay in the order of the files where they are rotated, since the
   rotation mixes them: in all layers or in none. */
static enum trit_code settle_groups(const struct manifest *m, bool told)
{
    struct trit_hf_rotation *r = &m->f->rotation;
    size_t turned = 0, outputs = 0;
    for (size_t i = 0; i < m->f->n; i++) {
        struct trit_hf_turn *columns = &m->f->recipes[i].columns;
        if (m->f->tensors[i].role == TRIT_SOURCE_FLOATS || !columns->block)
            continue;
        outputs++;
        turned += r->folded[i];
        if (r->folded[i])
            *columns = (struct trit_hf_turn){ 0 };
    }
    if (turned && turned != outputs)
        return refuse(m, told ? "weight_names" : "tensors",
                      "has some of the layers' linear_attn.out_proj, but not all");
    if (told && r->grouped != (turned > 0))
        return refuse(m, "gdn_v_grouped", "does not agree with the rotated linear_attn.out_proj");
    r->grouped = turned > 0;
    return TRIT_OK;
}

static enum trit_code settle_head(const struct manifest *m)
{
    const struct trit_hf_rotation *r = &m->f->rotation;
    if (r->tied != (m->f->config.tied && r->rows))
        return refuse(m, "tied_output",
                      "does not agree with config.json's tie_word_embeddings and the rotated "
                      "embedding");
    return TRIT_OK;
}

static const int32_t *signs_of(const struct trit_hf_rotation *r, size_t width)
{
    const int32_t *values = r->values;
    for (size_t i = 0; i < r->nwidths; values += r->widths[i++])
        if ((size_t)r->widths[i] == width)
            return values;
    return NULL;
}

/* Every rotated width has its signs, and signs beside a pack are the manifest's. */
static enum trit_code check_signs(const struct manifest *m, size_t i)
{
    const struct trit_hf_recipe *recipe = &m->f->recipes[i];
    const struct trit_hf_rotation *r = &m->f->rotation;
    const bool turned =
        r->folded[i] || (r->rows && !strcmp(m->f->tensors[i].name, "token_embd.weight"));
    const int32_t *signs = signs_of(r, recipe->k);
    if (turned && r->nwidths && !signs)
        return trit_fail(m->in.error, TRIT_EFORMAT,
                         "%s: there are no signs for the %zu columns of '%s'", m->in.path,
                         recipe->k, recipe->weight->name);
    if (!recipe->signs)
        return TRIT_OK;
    float *own = malloc(recipe->k * sizeof *own);
    enum trit_code code =
        own ? trit_safetensors_read(&m->f->st, recipe->signs, 0, recipe->k * sizeof *own, own,
                                    m->in.error)
            : trit_fail(m->in.error, TRIT_EMEMORY, "%s: out of memory", m->in.path);
    for (size_t j = 0; j < recipe->k && !code; j++)
        if (!turned || own[j] != (signs ? (float)signs[j] : 1.0f))
            code = trit_fail(
                m->in.error, TRIT_EFORMAT, "%s: tensor '%s' does not have the signs that %s says",
                trit_safetensors_path(&m->f->st, recipe->signs), recipe->signs->name, m->in.path);
    free(own);
    return code;
}

/* config.json may list the packed modules and their blocks. */
static enum trit_code check_modules(const struct manifest *m)
{
    const struct trit_hf_config *c = &m->f->config;
    struct manifest config = { m->f, { c->path, "", c->root, m->in.error } };
    const json_t *list = trit_json_get(&config.in, "modules");
    if (json_array_size(list) > m->f->n)
        return refuse(&config, "modules", "must have each module once");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *one = json_array_get(list, i);
        const struct trit_hf_rotation *r = &m->f->rotation;
        size_t at;
        const enum trit_code code = resolve(&config, "modules", json_object_get(one, "path"), &at);
        if (code)
            return code;
        const bool turned =
            r->folded[at] || (r->rows && !strcmp(m->f->tensors[at].name, "token_embd.weight"));
        if (json_integer_value(json_object_get(one, "block")) !=
            (json_int_t)(turned ? r->block : 0))
            return trit_fail(m->in.error, TRIT_EFORMAT,
                             "%s: key 'modules': '%s' has another block than %s says", c->path,
                             m->f->tensors[at].from, m->in.path);
    }
    return TRIT_OK;
}

static enum trit_code settle(const struct manifest *m, bool told)
{
    enum trit_code code = settle_groups(m, told);
    if (!code)
        code = settle_head(m);
    for (size_t i = 0; i < m->f->n && !code; i++)
        code = check_signs(m, i);
    return code ? code : check_modules(m);
}

/* --- the files --- */

static enum trit_code read_packing(const struct manifest *m)
{
    const json_t *object = trit_json_get(&m->in, "transform");
    const struct trit_json_in in = { m->in.path, "transform.", object, m->in.error };
    size_t schema;
    bool explicit;
    enum trit_code code = must_be(&m->in, "kind", "hadamard-weight-fold");
    if (code || (code = must_be(&m->in, "status", "requires-matching-runtime")) ||
        (code = trit_json_size(&m->in, "schema_version", 1, 3, SIZE_MAX, &schema)) ||
        (code = trit_json_bool(&m->in, "tied_output", false, &m->f->rotation.tied)))
        return code;
    if (!json_is_object(object))
        return refuse(m, "transform", "must say the transform's name, block_size and sign_mode");
    if ((code = must_be(&in, "name", SIGNED)) || (code = take_block(m, &in)) ||
        (code = take_mode(&in, &explicit)) || (explicit && (code = packing_signs(m))))
        return code;
    code = packing_tensors(m);
    return code ? code : settle(m, false);
}

static enum trit_code read_plain(const struct manifest *m)
{
    json_t *plain = json_object();
    struct manifest stripped = *m;
    stripped.in.object = plain;
    enum trit_code code =
        plain ? strip(m, plain)
              : trit_fail(m->in.error, TRIT_EMEMORY, "%s: out of memory", m->in.path);
    if (!code)
        code = read_keys(&stripped);
    if (!code)
        code = settle(&stripped, true);
    json_decref(plain);
    return code;
}

static enum trit_code read_manifest(struct trit_hf_folder *f, json_t *json, const char *path,
                                    bool plain, struct trit_error *error)
{
    const struct manifest m = { f, { path, "", json, error } };
    struct trit_hf_rotation *r = &f->rotation;
    if (!f->config.family->delta)
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: says that weights are rotated (Hadamard), which this architecture "
                         "does not know",
                         path);
    r->folded = trit_alloc(f->n, sizeof *r->folded);
    r->widths = trit_alloc(MAX_WIDTHS, sizeof *r->widths);
    if (!r->folded || !r->widths)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", path);
    return plain ? read_plain(&m) : read_packing(&m);
}

/* Packs with signs, or a config that names a manifest, are nothing without it. */
static enum trit_code check_none(const struct trit_hf_folder *f, struct trit_error *error)
{
    bool wanted =
        trit_json_is(json_object_get(f->config.root, "model_type"), "prism_hadamard_qwen35") ||
        json_object_get(f->config.root, "hadamard_config");
    for (size_t i = 0; i < f->n; i++)
        wanted = wanted || f->recipes[i].signs;
    return wanted ? trit_fail(error, TRIT_EUNSUPPORTED,
                              "%s: the weights are rotated (Hadamard), but there is no "
                              "hadamard.json that says how",
                              f->path)
                  : TRIT_OK;
}

enum trit_code trit_hf_rotation_read(struct trit_hf_folder *f, struct trit_error *error)
{
    static const char *const names[] = { "hadamard.json", "hadamard_packing.json" };
    const json_t *told = json_object_get(f->config.root, "hadamard_config");
    enum trit_code code = TRIT_OK;
    bool found = false;
    if (told && !json_is_null(told) && !trit_json_is(told, names[0]))
        return trit_fail(error, TRIT_EUNSUPPORTED,
                         "%s: key 'hadamard_config' must be 'hadamard.json'", f->config.path);
    for (size_t i = 0; i < 2 && !code; i++) {
        json_t *json;
        char *path;
        code = trit_json_optional(&json, &path, f->path, names[i], &trit_json_small, error);
        if (!code && json && found)
            code = trit_fail(error, TRIT_EUNSUPPORTED,
                             "%s: there is %s as well: which of them says how weights are rotated?",
                             path, names[0]);
        else if (!code && json)
            code = read_manifest(f, json, path, i == 0, error);
        found = found || json;
        json_decref(json);
        free(path);
    }
    return code || found ? code : check_none(f, error);
}

void trit_hf_rotation_free(struct trit_hf_rotation *r)
{
    free(r->folded);
    free(r->widths);
    free(r->values);
    *r = (struct trit_hf_rotation){ 0 };
}
