/* A model that is being loaded: its tensors by their places, the kernels that were picked, and the
   steps of loading. */
#ifndef TRIT_LOADER_H
#define TRIT_LOADER_H

#include "runtime/model/internal.h"

/* The tensors of a file by their places in the model: checked once, then loaded from here. */
struct trit_tensors {
    const struct trit_gguf_tensor *embd, *output, *output_norm, *rope_freqs; /* NULL: absent */
    const struct trit_gguf_tensor *joint, *joint_norm[2];                    /* of a block */
    const struct trit_gguf_tensor **layer;  /* [layers][trit_family_tensors()] */
    bool *rotated;                          /* per tensor of the file: its columns are; */
    const struct trit_gguf_tensor **scales; /* its factor; NULL: it has none */
    struct trit_tensors *block;             /* of the prediction block; NULL: there is none */
};
/* Those of a layer, in the order of its kind. */
static inline const struct trit_gguf_tensor **trit_tensors_of(const struct trit_tensors *tensors,
                                                              const struct trit_config *config,
                                                              size_t layer)
{
    return tensors->layer + layer * trit_family_tensors(config->family);
}

/* Finds every tensor that the config's family wants, each of the right shape and of a type that its
   place takes. One that is missing is TRIT_EFORMAT, one without a place TRIT_EUNSUPPORTED: the file
   is of another graph than its architecture says. To be freed whatever is returned. */
enum trit_code trit_tensors_find(struct trit_tensors *tensors, const struct trit_config *config,
                                 const struct trit_gguf *gguf, struct trit_error *error);
void trit_tensors_free(struct trit_tensors *tensors);

/* Kernels that were picked: for a shape and form, and for the rows or columns that are skipped. */
struct trit_picked {
    size_t n, k;
    struct trit_form form;
    enum trit_op skips; /* TRIT_NOP: none */
    struct trit_pair pair;
    const struct trit_kernel *skip;
    uint64_t layout;
};
enum { TRIT_PICKED = 64 }; /* shapes and forms that one model has, about */

/* A model that is being loaded. */
struct trit_loader {
    struct trit_model *model;
    const struct trit_gguf *gguf;
    const struct trit_load_options *options;
    struct trit_profile *profile; /* NULL: none */
    struct trit_error *error;
    struct trit_tensors tensors;
    uint64_t done, total;                /* bytes of tensors, for progress */
    bool outline;                        /* no weight is read but those of a few rows */
    const struct trit_outline_of *shape; /* what is outlined without a file; NULL: the file */
    struct trit_picked picked[TRIT_PICKED];
    size_t npicked;
    size_t gates; /* rows of alpha and of beta, or of routers, that were moved */
};

/* Of the tensors that were found: the kernels of all operations but products, and the rows of
   embedding and head. */
enum trit_code trit_loader_open(struct trit_loader *loader);
/* Memory for the layers, and kernels and place of every matrix. */
enum trit_code trit_loader_plan(struct trit_loader *loader);
/* A checked vector, copied to out; all of it must be finite. */
enum trit_code trit_loader_vector(struct trit_loader *loader, const struct trit_gguf_tensor *tensor,
                                  float *out);
/* The embedding's rows checked, and a head of rows of floats made. */
enum trit_code trit_loader_head(struct trit_loader *loader);
/* For a block: a head of the first rows of its model's, where that is packed and has many more. */
enum trit_code trit_loader_brief(struct trit_loader *block, const struct trit_loader *loader);
/* The weights of the layers, a packed head, the rotations' frequencies. */
enum trit_code trit_loader_weights(struct trit_loader *loader);
/* The kernel of a head of rows of floats. */
enum trit_code trit_loader_pick_head(struct trit_loader *loader);
/* One more tensor is loaded; TRIT_ESTOPPED. */
enum trit_code trit_loader_step(struct trit_loader *loader, const struct trit_gguf_tensor *tensor);
/* The form of a tensor that has groups or may have: by all weights, of an outline by a few. */
enum trit_code trit_loader_form(const struct trit_loader *loader,
                                const struct trit_gguf_tensor *tensor, struct trit_form *form);
/* Which matrices a layer has. */
void trit_matrices_roles(struct trit_model *model);
/* Name, form, kernels and place of every matrix, in the packed cache or in the model's arena. */
enum trit_code trit_matrices_plan(struct trit_loader *loader);
/* Multiplies the row scales of a matrix, which is packed, by the factors of its n parts. */
enum trit_code trit_factors_apply(struct trit_loader *loader, struct trit_matrix *matrix,
                                  const struct trit_gguf_tensor *const *parts, size_t n);
/* Packs matrix i unless the cache has it. */
enum trit_code trit_matrix_load(struct trit_loader *loader, size_t i);

/* The config of a model's prediction block. */
void trit_config_block(const struct trit_config *config, struct trit_config *block);
/* Loads the prediction block, if there is one, or outlines it. */
enum trit_code trit_block_load(struct trit_loader *loader);

/* Dense matrices: form, rows and kernels of one of n tensors, of which nothing is read. */
enum trit_code trit_dense_plan(struct trit_matrix *matrix, const struct trit_gguf *gguf,
                               const struct trit_gguf_tensor *const *parts, size_t n,
                               struct trit_error *error);
/* Checks it, unless that was done, and unpacks what does not stay in the file. */
enum trit_code trit_dense_load(struct trit_matrix *matrix, struct trit_pool *pool, bool checked,
                               struct trit_error *error);

#endif
