/* Ollama's requests, read; and answers, written. Private to runtime/serve. */
#ifndef TRIT_OLLAMA_H
#define TRIT_OLLAMA_H

#include <time.h>

#include "runtime/serve/serve.h"

/* The version of Ollama's interface that this one is like: clients look whether it is new enough.
 */
#define TRIT_OLLAMA_VERSION "0.12.6"

/* What an answer carries besides its text; free() it. */
struct trit_ollama_own {
    char model[TRIT_STORE_NAME]; /* as it was asked for */
    bool chat;                   /* its text is in a message */
    size_t calls;                /* that were told */
};

/* What is asked by the body of /api/generate and /api/chat; neither has a prompt where the model is
   to be loaded or unloaded. *ask is freed by trit_ask_free, whatever happened. */
enum trit_code trit_ollama_read_generate(json_t *body, struct trit_ask **ask,
                                         struct trit_error *error);
enum trit_code trit_ollama_read_chat(json_t *body, struct trit_ask **ask, struct trit_error *error);

extern const struct trit_writer trit_ollama_whole, trit_ollama_stream;
/* The answer where there was no prompt: why is "load" or "unload". */
json_t *trit_ollama_nothing(const struct trit_ollama_own *own, const char *why);

/* "2026-11-29T19:04:05.123456789Z" */
enum { TRIT_OLLAMA_TIME = 40 };
void trit_ollama_time(struct timespec t, char out[TRIT_OLLAMA_TIME]);
/* Its name with a tag; what lists say of it. NULL: no memory. */
void trit_ollama_name(const struct trit_store_model *model, char name[TRIT_STORE_NAME + 8]);
json_t *trit_ollama_details(const struct trit_store_model *model);

/* The body, with the name of `model`, or `name`, in it. NULL: it has answered with an error. */
json_t *trit_ollama_body(struct trit_request *request, const char **name);
/* The folder. NULL: there is one model, and it has answered with an error. */
struct trit_store *trit_ollama_store(struct trit_request *request, struct trit_server *server);
/* The status of an error of the models folder. */
unsigned trit_ollama_status(enum trit_code code);

/* Handlers. */
void trit_ollama_show(struct trit_request *request, void *server);
void trit_ollama_create(struct trit_request *request, void *server);
void trit_ollama_copy(struct trit_request *request, void *server);
void trit_ollama_delete(struct trit_request *request, void *server);
void trit_ollama_blob_look(struct trit_request *request, void *server);
bool trit_ollama_blob_take(struct trit_request *request, void *server, const void *data,
                           size_t bytes);
void trit_ollama_blob_end(struct trit_request *request, void *server);

#endif
