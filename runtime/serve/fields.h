/* Parameters of requests, read by tables: what they are called, where they go, what they may be. */
#ifndef TRIT_SERVE_FIELDS_H
#define TRIT_SERVE_FIELDS_H

#include "runtime/serve/generate.h"

enum trit_field_kind { TRIT_FIELD_FLOAT, TRIT_FIELD_INT, TRIT_FIELD_SIZE, TRIT_FIELD_BOOL };
struct trit_field {
    const char *name;
    enum trit_field_kind kind;
    size_t offset;  /* in struct trit_ask */
    unsigned given; /* is set in ask->given; 0: nothing */
    double least, most;
};
/* null is as if it were not there. TRIT_EARGUMENT, and *param its name, where one is of another
   type or out of its range. */
enum trit_code trit_fields_read(const json_t *object, const struct trit_field *fields, size_t n,
                                struct trit_ask *ask, const char **param, struct trit_error *error);
/* Ollama's options of sampling, which Modelfiles call parameters. */
extern const struct trit_parameters {
    const struct trit_field *v;
    size_t n;
} trit_parameters;
/* Names that are known and not served, where they are there and neither null nor false: *param. */
enum trit_code trit_fields_refuse(const json_t *object, const char *const *names, size_t n,
                                  const char **param, struct trit_error *error);

/* What all APIs have in common; each is NULL, or null, where it is not there. */
enum trit_code trit_ask_model(struct trit_ask *ask, const json_t *model, struct trit_error *error);
enum trit_code trit_ask_stop(struct trit_ask *ask, const json_t *stop, struct trit_error *error);
enum trit_code trit_ask_seed(struct trit_ask *ask, const json_t *seed, struct trit_error *error);
enum trit_code trit_ask_tools(struct trit_ask *ask, json_t *tools, struct trit_error *error);
enum trit_code trit_ask_messages(struct trit_ask *ask, json_t *messages, struct trit_error *error);
/* A schema, which is an object. */
enum trit_code trit_ask_schema(struct trit_ask *ask, json_t *schema, struct trit_error *error);
/* -1, or 0 where zero is one: as the context allows. */
enum trit_code trit_ask_predict(struct trit_ask *ask, const json_t *tokens, const char *name,
                                struct trit_error *error);

#endif
