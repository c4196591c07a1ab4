/* The keys of rotated weights. */
#include <stdlib.h>
#include <string.h>

#include "runtime/base/mem.h"
#include "runtime/convert/hf.h"

#define PREFIX "prism.hadamard."

enum trit_code trit_hf_rotation_put(const struct trit_hf_folder *f, struct trit_gguf_writer *w,
                                    struct trit_error *error)
{
    static const struct trit_text embedding = { "token_embd.weight", 17 };
    const struct trit_hf_rotation *r = &f->rotation;
    size_t n = 0;
    if (!r->block)
        return TRIT_OK;
    struct trit_text *names = trit_alloc(f->n, sizeof *names);
    if (!names)
        return trit_fail(error, TRIT_EMEMORY, "%s: out of memory", f->path);
    for (size_t i = 0; i < f->n; i++)
        if (r->folded[i])
            names[n++] = (struct trit_text){ f->tensors[i].name, strlen(f->tensors[i].name) };
    trit_gguf_put_u32(w, PREFIX "version", r->tied ? 2 : 1);
    trit_gguf_put_u32(w, PREFIX "block_size", (uint32_t)r->block);
    trit_gguf_put_text(w, PREFIX "transform", "normalized-sylvester-walsh-hadamard");
    trit_gguf_put_text(w, PREFIX "axis", "input-last-dimension");
    trit_gguf_put_text(w, PREFIX "sign_mode", r->nwidths ? "explicit" : "identity");
    if (r->nwidths) {
        trit_gguf_put_i32s(w, PREFIX "sign_widths", r->widths, r->nwidths);
        trit_gguf_put_i32s(w, PREFIX "sign_values", r->values, r->nvalues);
    }
    trit_gguf_put_texts(w, PREFIX "weight_names", names, n);
    trit_gguf_put_texts(w, PREFIX "inverse_weight_names", &embedding, r->rows);
    trit_gguf_put_bool(w, PREFIX "gdn_v_grouped", r->grouped);
    if (r->tied)
        trit_gguf_put_bool(w, PREFIX "tied_output", true);
    free(names);
    return TRIT_OK;
}
