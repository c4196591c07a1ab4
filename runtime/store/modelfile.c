/* What a Modelfile may hold: keywords, parameters and their values, roles of messages. */
#include "runtime/store/modelfile.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "runtime/base/utf8.h"

enum { NAME_MOST = 64, PAIRS_MOST = 4096 };

enum kind { INT, REAL, TEXT };

/* Ollama's parameters. */
static const struct parameter {
    const char *name;
    enum kind kind;
    double min, max;
    enum trit_parameter_use use;
} parameters[] = {
    { "temperature", REAL, 0, 1e6, TRIT_PARAMETER_USED },
    { "top_k", INT, 0, INT32_MAX, TRIT_PARAMETER_USED },
    { "top_p", REAL, 0, 1, TRIT_PARAMETER_USED },
    { "min_p", REAL, 0, 1, TRIT_PARAMETER_USED },
    { "num_ctx", INT, 1, 1 << 24, TRIT_PARAMETER_USED },
    { "num_predict", INT, -2, INT32_MAX, TRIT_PARAMETER_USED },
    { "seed", INT, (double)INT64_MIN, 0x1p63, TRIT_PARAMETER_USED },
    { "stop", TEXT, 0, 0, TRIT_PARAMETER_USED },
    { "repeat_penalty", REAL, 0, 1e6, TRIT_PARAMETER_USED },
    { "repeat_last_n", INT, -1, INT32_MAX, TRIT_PARAMETER_USED },
    { "presence_penalty", REAL, -1e6, 1e6, TRIT_PARAMETER_USED },
    { "frequency_penalty", REAL, -1e6, 1e6, TRIT_PARAMETER_USED },
    { "num_keep", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "num_batch", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "num_thread", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "num_gpu", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "num_gqa", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "main_gpu", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "low_vram", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "f16_kv", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "logits_all", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "vocab_only", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "use_mmap", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "use_mlock", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "numa", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "mirostat", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "mirostat_eta", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "mirostat_tau", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "tfs_z", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "typical_p", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "penalize_newline", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "rope_frequency_base", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
    { "rope_frequency_scale", TEXT, 0, 0, TRIT_PARAMETER_IGNORED },
};

static const struct parameter *find_parameter(const char *name)
{
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (!strcasecmp(name, parameters[i].name))
            return &parameters[i];
    return NULL;
}

enum trit_parameter_use trit_parameter_use(const char *name)
{
    const struct parameter *p = find_parameter(name);
    return p ? p->use : TRIT_PARAMETER_UNKNOWN;
}

static bool fits(const struct parameter *p, const char *value)
{
    char *end;
    errno = 0;
    if (p->kind == TEXT)
        return true;
    const double x = p->kind == INT ? (double)strtoll(value, &end, 10) : strtod(value, &end);
    return end != value && !*end && !errno && isfinite(x) && x >= p->min && x <= p->max;
}

static enum trit_code check_value(const char *name, const char *value, struct trit_error *error)
{
    const struct parameter *p = find_parameter(name);
    if (!p || fits(p, value))
        return TRIT_OK;
    return trit_fail(error, TRIT_EARGUMENT, "parameter %s is %.64s: must be %s from %.6g to %.6g",
                     p->name, value, p->kind == INT ? "a whole number" : "a number", p->min,
                     p->max);
}

static enum trit_code check_text(const char *what, const char *text, struct trit_error *error)
{
    const size_t n = strnlen(text, TRIT_MODELFILE_MOST + 1);
    if (n > TRIT_MODELFILE_MOST)
        return trit_fail(error, TRIT_EARGUMENT, "%s is longer than %d bytes", what,
                         TRIT_MODELFILE_MOST);
    if (trit_utf8_valid(text, n) != n)
        return trit_fail(error, TRIT_EARGUMENT, "%s is not UTF-8", what);
    return TRIT_OK;
}

static enum trit_code no_memory(struct trit_error *error)
{
    return trit_fail(error, TRIT_EMEMORY, "no memory for a Modelfile");
}

static enum trit_code add(struct trit_modelfile_pairs *pairs, const char *name, const char *value,
                          struct trit_error *error)
{
    if (pairs->n >= PAIRS_MOST)
        return trit_fail(error, TRIT_EARGUMENT, "more than %d parameters or messages", PAIRS_MOST);
    struct trit_modelfile_pair *v = realloc(pairs->v, (pairs->n + 1) * sizeof *v);
    if (!v)
        return no_memory(error);
    pairs->v = v;
    v += pairs->n;
    v->name = strdup(name);
    v->value = strdup(value);
    if (!v->name || !v->value) {
        free(v->name);
        free(v->value);
        return no_memory(error);
    }
    for (char *c = v->name; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    pairs->n++;
    return TRIT_OK;
}

enum trit_code trit_modelfile_parameter(struct trit_modelfile *m, const char *name,
                                        const char *value, struct trit_error *error)
{
    const size_t n = strlen(name);
    for (const char *c = name; *c; c++)
        if (!isalnum((unsigned char)*c) && *c != '_')
            return trit_fail(error, TRIT_EARGUMENT, "parameter %.64s: is no name", name);
    if (!n || n > NAME_MOST)
        return trit_fail(error, TRIT_EARGUMENT, "parameter %.64s: is no name", name);
    enum trit_code code = check_text(name, value, error);
    if (!code)
        code = check_value(name, value, error);
    return code ? code : add(&m->parameters, name, value, error);
}

enum trit_code trit_modelfile_message(struct trit_modelfile *m, const char *role, const char *text,
                                      struct trit_error *error)
{
    if (strcasecmp(role, "system") && strcasecmp(role, "user") && strcasecmp(role, "assistant"))
        return trit_fail(error, TRIT_EARGUMENT,
                         "a message of %.64s: must be of system, user or assistant", role);
    const enum trit_code code = check_text("a message", text, error);
    return code ? code : add(&m->messages, role, text, error);
}

/* The texts that there is one of. */
static const struct text_keyword {
    const char *keyword;
    size_t at;
    bool joins;
} text_keywords[] = {
    { "FROM", offsetof(struct trit_modelfile, from), false },
    { "TEMPLATE", offsetof(struct trit_modelfile, chat_template), false },
    { "SYSTEM", offsetof(struct trit_modelfile, system), false },
    { "LICENSE", offsetof(struct trit_modelfile, license), true },
};
enum { TEXT_KEYWORDS = sizeof text_keywords / sizeof *text_keywords };

static char **text_of(struct trit_modelfile *m, const struct text_keyword *k)
{
    return (char **)((char *)m + k->at);
}

static char *joined(const char *old, const char *text)
{
    const size_t room = strlen(old) + strlen(text) + 3;
    char *both = malloc(room);
    if (both)
        snprintf(both, room, "%s\n\n%s", old, text);
    return both;
}

enum trit_code trit_modelfile_set(struct trit_modelfile *m, const char *keyword, const char *value,
                                  struct trit_error *error)
{
    size_t i = 0;
    while (i < TEXT_KEYWORDS && strcasecmp(keyword, text_keywords[i].keyword) != 0)
        i++;
    if (!strcasecmp(keyword, "ADAPTER"))
        return trit_fail(error, TRIT_EUNSUPPORTED, "ADAPTER: adapters are not supported");
    if (i == TEXT_KEYWORDS)
        return trit_fail(error, TRIT_EARGUMENT,
                         "unknown keyword '%.32s': FROM, PARAMETER, SYSTEM, TEMPLATE, MESSAGE and "
                         "LICENSE are known",
                         keyword);
    const struct text_keyword *k = &text_keywords[i];
    char **place = text_of(m, k);
    enum trit_code code = check_text(k->keyword, value, error);
    if (!code && !i && !*value)
        code = trit_fail(error, TRIT_EARGUMENT, "FROM names no model");
    if (code)
        return code;
    char *text = k->joins && *place ? joined(*place, value) : strdup(value);
    if (!text)
        return no_memory(error);
    free(*place);
    *place = text;
    return check_text(k->keyword, text, error);
}

static void free_pairs(struct trit_modelfile_pairs *pairs)
{
    for (size_t i = 0; i < pairs->n; i++) {
        free(pairs->v[i].name);
        free(pairs->v[i].value);
    }
    free(pairs->v);
}

void trit_modelfile_free(struct trit_modelfile *m)
{
    for (size_t i = 0; i < TEXT_KEYWORDS; i++)
        free(*text_of(m, &text_keywords[i]));
    free_pairs(&m->parameters);
    free_pairs(&m->messages);
    *m = (struct trit_modelfile){ 0 };
}

const char *trit_modelfile_value(const struct trit_modelfile *m, const char *name)
{
    for (size_t i = m->parameters.n; i--;)
        if (!strcmp(m->parameters.v[i].name, name))
            return m->parameters.v[i].value;
    return NULL;
}

bool trit_modelfile_template_serves(const struct trit_modelfile *m)
{
    const char *t = m->chat_template;
    return t && (strstr(t, "{%") || strstr(t, "messages"));
}

void trit_modelfile_notes(const struct trit_modelfile *m, char *out, size_t room)
{
    size_t at = 0;
    *out = 0;
    for (size_t i = 0; i < m->parameters.n && at < room; i++) {
        const char *name = m->parameters.v[i].name;
        const enum trit_parameter_use use = trit_parameter_use(name);
        if (use == TRIT_PARAMETER_USED)
            continue;
        at += (size_t)snprintf(out + at, room - at, "%sPARAMETER %s is kept and not used%s",
                               at ? "\n" : "", name,
                               use == TRIT_PARAMETER_UNKNOWN ? ": it is not known" : "");
    }
    if (m->chat_template && !trit_modelfile_template_serves(m) && at < room)
        snprintf(out + at, room - at,
                 "%sTEMPLATE is one of Go, and is not used: the model's own template is",
                 at ? "\n" : "");
}
