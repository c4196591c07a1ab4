/* `tritmill serve`: models for other programs, over HTTP. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "autotune/measure/limits.h"
#include "runtime/cli/commands.h"
#include "runtime/cli/default.h"
#include "runtime/cli/open.h"
#include "runtime/cpu/cpu.h"
#include "runtime/serve/serve.h"

enum { MAX_CONTEXT = 1 << 24 };

struct options {
    const char *model, *models, *alias, *host, *keys, *keep_alive, *template, *profile;
    struct trit_texts origins, hosts;
    int port, slots, context, threads, kv, draft, draft_n, i2s, queue, cache_mb, memory_mb, chunk,
        loaded;
    int connections, per_address, workers;
    double timeout, drain;
    bool log_requests, log_prompts, quiet, measure;
};

#define AT(member) offsetof(struct options, member)
static const struct trit_option options[] = {
    { "-m,--model", TRIT_OPT_TEXT, AT(model), "MODEL",
      "serve this model alone: a GGUF file, or the name of one in the models folder", 0, 0, NULL },
    { "--models", TRIT_OPT_TEXT, AT(models), "DIR",
      "serve those of the folder by their names (default: $TRITMILL_MODELS, else "
      "~/.local/share/tritmill/models; if that is empty, the bundled model)",
      0, 0, NULL },
    { "-a,--alias", TRIT_OPT_TEXT, AT(alias), "NAME", "what -m's model is called", 0, 0, NULL },
    { "--host", TRIT_OPT_TEXT, AT(host), "NAME",
      "the address to listen at (default 127.0.0.1: this machine alone)", 0, 0, NULL },
    { "--port", TRIT_OPT_INT, AT(port), "N", "the port (default 11434; 0: any)", 0, 65535, NULL },
    { "-np,--parallel", TRIT_OPT_INT, AT(slots), "N", "answers made at once (default 4)", 1, 256,
      NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N",
      "context of each in tokens (default: the model's, at most 32768, as far as it fits the free "
      "memory)",
      0, MAX_CONTEXT, NULL },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--kv-type;-ctk", TRIT_OPT_CHOICE, AT(kv), NULL,
      "how caches hold keys and values: f16 (default), or i8, half as large, lossy", 0, 0,
      "f16|i8" },
    TRIT_LAYOUT_OPTION(AT(i2s)),
    { "--draft", TRIT_OPT_CHOICE, AT(draft), NULL,
      "tokens tried several at a time, with the same text (default auto)", 0, 0,
      "auto|mtp|lookup|none" },
    { "--draft-n", TRIT_OPT_INT, AT(draft_n), "N", "at most so many (default 0: as they pay)", 0,
      TRIT_LOOKUP_MAX, NULL },
    { "--chunk", TRIT_OPT_INT, AT(chunk), "N", "prompt tokens evaluated together (default 256)", 1,
      65536, NULL },
    { "--queue", TRIT_OPT_INT, AT(queue), "N",
      "answers that may wait for a slot, others get 503 (default 64)", 0, 65536, NULL },
    { "--keep-alive", TRIT_OPT_TEXT, AT(keep_alive), "TIME",
      "how long a model stays loaded unasked: 5m (default), 30s, 2h, -1 (for ever)", 0, 0, NULL },
    { "--max-loaded", TRIT_OPT_INT, AT(loaded), "N",
      "models in memory at a time (default 3, as far as they fit)", 1, 64, NULL },
    { "--memory-mb", TRIT_OPT_INT, AT(memory_mb), "N",
      "memory for them and the answers they make, in MB (default 0: what is free)", 0, 1 << 24,
      NULL },
    { "--cache-mb", TRIT_OPT_INT, AT(cache_mb), "N",
      "memory for texts that were evaluated, in MB (default: an eighth of the free memory)", -1,
      1 << 24, NULL },
    { "--chat-template", TRIT_OPT_TEXT, AT(template), "TEMPLATE",
      "in place of the models' own chat template", 0, 0, NULL },
    { "--profile", TRIT_OPT_TEXT, AT(profile), "FILE", "the profile (none: no profile)", 0, 0,
      NULL },
    { "--api-key-file", TRIT_OPT_TEXT, AT(keys), "FILE",
      "requests need one of its keys, a line each: Authorization: Bearer KEY", 0, 0, NULL },
    { "--cors-origin", TRIT_OPT_TEXTS, AT(origins), "ORIGIN",
      "pages of there may ask (https://example.org, or *); repeatable", 0, 0, NULL },
    { "--allowed-host", TRIT_OPT_TEXTS, AT(hosts), "NAME",
      "a further name that this server is called by; repeatable", 0, 0, NULL },
    { "--connections", TRIT_OPT_INT, AT(connections), "N", "at most (default 1024)", 4, 65536,
      NULL },
    { "--connections-per-address", TRIT_OPT_INT, AT(per_address), "N",
      "of one client's address (default 0: as many)", 0, 65536, NULL },
    { "--timeout", TRIT_OPT_FLOAT, AT(timeout), "SECONDS",
      "how long a request may take to come in; more by its size (default 20)", 0.1, 86400, NULL },
    { "--drain", TRIT_OPT_FLOAT, AT(drain), "SECONDS",
      "how long answers may go on after SIGTERM (default 30)", 0, 86400, NULL },
    { "--measure", TRIT_OPT_FLAG, AT(measure), NULL,
      "measure at start what the machine can read, so that /metrics tells the share of it", 0, 0,
      NULL },
    { "--log-requests", TRIT_OPT_FLAG, AT(log_requests), NULL,
      "a line on stderr for each request, without its text", 0, 0, NULL },
    { "--log-prompts", TRIT_OPT_FLAG, AT(log_prompts), NULL, "the texts of prompts as well", 0, 0,
      NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "nothing on stderr but errors", 0, 0, NULL },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_AGAINST, "-m,--models" },
    { TRIT_RULE_NEEDS, "-a,-m" },
};

static const char detail[] =
    "OpenAI's interface is at /v1, Ollama's at /api; /health, /metrics (Prometheus); / is a page "
    "to\n"
    "chat with. SIGTERM and SIGINT let answers end (--drain); SIGHUP looks at models and keys "
    "again.\n";

static const struct options defaults = {
    .host = "127.0.0.1",
    .port = 11434,
    .slots = 4,
    .queue = 64,
    .cache_mb = -1,
    .chunk = 256,
    .loaded = 3,
    .connections = 1024,
    .timeout = 20,
    .drain = 30,
};

/* "5m", "30s", "2h", "90", "-1". */
static bool read_time(const char *text, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "ms", 1e-3 } };
    char *end;
    const double value = strtod(text, &end);
    for (size_t i = 0; end != text && i < sizeof units / sizeof *units; i++)
        if (!strcmp(end, units[i].unit) && isfinite(value)) {
            *seconds = value * units[i].seconds;
            return true;
        }
    return false;
}

static struct trit_serve_options made_of(const struct options *o)
{
    return (struct trit_serve_options){
        .http = { .host = o->host,
                  .port = o->port,
                  .connections = o->connections,
                  .per_address = o->per_address,
                  .timeout = o->timeout,
                  .hosts = o->hosts.v,
                  .nhosts = (size_t)o->hosts.n,
                  .origins = o->origins.v,
                  .norigins = (size_t)o->origins.n,
                  .key_file = o->keys,
                  .log = o->log_requests || o->log_prompts,
                  .threads = 4 },
        .models = { .file = o->model,
                    .alias = o->alias,
                    .profile = o->profile,
                    .threads = o->threads,
                    .kv = o->kv,
                    .i2s = o->i2s,
                    .draft = o->draft,
                    .draft_n = o->draft_n,
                    .slots = (size_t)o->slots,
                    .context = (size_t)o->context,
                    .chunk = (size_t)o->chunk,
                    .queue = (size_t)o->queue,
                    .kept_bytes = o->cache_mb < 0 ? UINT64_MAX : (uint64_t)o->cache_mb << 20,
                    .keep_alive = 300,
                    .loaded = (size_t)o->loaded,
                    .memory = (uint64_t)o->memory_mb << 20,
                    .quiet = o->quiet },
        .drain = o->drain,
        .log_prompts = o->log_prompts,
        .version = trit_version(),
    };
}

/* Bytes a second; before anything is loaded. */
static enum trit_code measure(const struct options *o, double *limit, struct trit_error *error)
{
    struct trit_pool *pool;
    struct trit_limits_summary summary;
    enum trit_code code =
        trit_pool_create(&pool, o->threads > 0 ? o->threads : trit_cpu_get()->threads, error);
    if (code)
        return code;
    code = trit_limits_measure(pool, &summary, error);
    trit_pool_destroy(pool);
    *limit = code ? 0 : 1e9 * summary.read_gbs;
    return code;
}

/* The folder, or, where nobody named one and it is empty, the bundled model: *file. */
static enum trit_code open_folder(const struct options *o, struct trit_store **store,
                                  const char **file, char *path, size_t room,
                                  struct trit_error *error)
{
    struct trit_store_model *list = NULL;
    size_t n = 0;
    enum trit_code code = trit_store_open(store, o->models, error);
    if (code || o->models || getenv("TRITMILL_MODELS"))
        return code;
    code = trit_store_list(*store, &list, &n, error);
    free(list);
    if (code || n || !trit_default_model(NULL, path, room))
        return code;
    if (!o->quiet)
        fprintf(stderr,
                "tritmill: no models in %s: the bundled one is served ('tritmill pull' gets one; "
                "start again then)\n",
                trit_store_folder(*store));
    trit_store_close(*store);
    *store = NULL;
    *file = path;
    return TRIT_OK;
}

static enum trit_code serve(const struct options *o, struct trit_error *error)
{
    struct trit_serve_options all = made_of(o);
    struct trit_store *store = NULL;
    char *text = NULL;
    char path[4096];
    if (o->keep_alive && !read_time(o->keep_alive, &all.models.keep_alive))
        return trit_fail(error, TRIT_EARGUMENT, "--keep-alive %s: not a time like 5m, 30s or -1",
                         o->keep_alive);
    enum trit_code code = trit_cli_read_template(o->template, &text, error);
    all.models.chat_template = text ? text : o->template;
    if (!code && o->model) {
        code = trit_cli_find_model(o->model, path, sizeof path, error);
        all.models.file = path;
    } else if (!code) {
        code = open_folder(o, &store, &all.models.file, path, sizeof path, error);
    }
    all.models.store = store;
    if (!code && o->measure)
        code = measure(o, &all.read_limit, error);
    if (!code)
        code = trit_serve(&all, error);
    trit_store_close(store);
    free(text);
    return code;
}

static int run(int argc, char **argv)
{
    struct options o = defaults;
    struct trit_error error;
    enum trit_parse parse = trit_cli_parse(&trit_cmd_serve, argc, argv, &o, NULL);
    if (parse)
        return parse == TRIT_PARSE_HELP ? 0 : 2;
    return serve(&o, &error) ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_serve = {
    .name = "serve",
    .summary = "answer other programs over HTTP: OpenAI's and Ollama's interfaces, a page",
    .usage = "[-m FILE | --models DIR] [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
