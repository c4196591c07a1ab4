/* Models that are served: loaded when they are asked for, by a thread of their own, and unloaded
   when nobody has asked for a while, or when another needs the memory. */
#ifndef TRIT_SERVE_MODELS_H
#define TRIT_SERVE_MODELS_H

#include "runtime/chat/chat.h"
#include "runtime/engine/schedule.h"
#include "runtime/store/store.h"

struct trit_models;

struct trit_models_options {
    const char *file, *alias;  /* the one model, and what it is called; NULL: by its own name */
    struct trit_store *store;  /* else those in there */
    const char *chat_template; /* in place of all models' own; NULL: theirs */
    const char *profile;
    int threads, kv, draft, draft_n, i2s;
    size_t slots, context, chunk, queue; /* context 0: as the model and the memory have it */
    uint64_t kept_bytes;                 /* UINT64_MAX: a share of the memory */
    double keep_alive;                   /* seconds; negative: for ever */
    size_t loaded;                       /* models at a time */
    uint64_t memory;                     /* bytes of all of them; 0: what is free */
    bool quiet;
};

/* A model that is loaded. It stays so from a want's `ready` to trit_models_leave. */
struct trit_served {
    struct trit_served *next; /* all from here are of models.c */
    char key[TRIT_STORE_NAME];
    int state;
    size_t users;
    double expires, used; /* by trit_now; expires INFINITY: never */
    bool going;           /* it is to be unloaded as soon as nobody has it */
    struct trit_want *wants, **last_want;

    struct trit_store_model model; /* what the list says of it */
    struct trit_modelfile made_of; /* of a created one; else empty */
    struct trit_engine engine;
    struct trit_chat *chat;
    struct trit_scheduler *scheduler;
    size_t context, slots;
    uint64_t bytes; /* that it took to load */
    double load_seconds;
};

struct trit_want {
    struct trit_want *next;
    char name[TRIT_STORE_NAME]; /* "": the one model, where there is one */
    double keep_alive;          /* NAN: as the options have it */
    void *arg;
    /* With the model; or NULL, and error and the HTTP status say why. On any thread, quick. */
    void (*ready)(void *arg, struct trit_served *served, unsigned status,
                  const struct trit_error *error);
    double waited; /* seconds of loading; set before ready */
};

enum trit_code trit_models_start(struct trit_models **models,
                                 const struct trit_models_options *options,
                                 struct trit_error *error);
/* No model is loaded from now on; those that are used stay until they are left. */
void trit_models_end(struct trit_models *models);
/* Nobody has a model any more, or will have. NULL allowed. */
void trit_models_stop(struct trit_models *models);

/* Looks for the name, may read the folder. */
void trit_models_want(struct trit_models *models, struct trit_want *want);
void trit_models_leave(struct trit_models *models, struct trit_served *served, double keep_alive);
/* Loaded, and not used: unloaded soon. */
void trit_models_unload(struct trit_models *models, const char *name);
/* It was made anew, or is to go: who asks for it from now on gets it as it is then. */
void trit_models_forget(struct trit_models *models, const char *name);
/* Those whose files were replaced are loaded anew when next asked for. */
void trit_models_rescan(struct trit_models *models);
/* Its file is no longer what it was: nobody gets it any more. */
void trit_models_spoil(struct trit_models *models, struct trit_served *served);

/* What can be asked for; free() them. As trit_store_list. */
enum trit_code trit_models_list(struct trit_models *models, struct trit_store_model **list,
                                size_t *count, struct trit_error *error);
/* The one of that name. As trit_store_find. */
enum trit_code trit_models_find(struct trit_models *models, const char *name,
                                struct trit_store_model *model, struct trit_error *error);
struct trit_store *trit_models_store(struct trit_models *models); /* NULL: there is one model */

/* Those that are loaded, one after another: `each` under the lock, quick. */
void trit_models_each(struct trit_models *models,
                      void (*each)(void *arg, struct trit_served *served), void *arg);

#endif
