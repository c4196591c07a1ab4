/* `tritmill train`: a model from texts. */
#include "runtime/cli/commands.h"
#include "runtime/convert/convert.h"
#include "runtime/thread/pool.h"
#include "runtime/train/command.h"

#define AT(member) offsetof(struct trit_train_options, member)
#define TYPES      "auto|i2_s|ptq1_0|pq2_0|q2_0|q1_0|f16|q8_0|q6_k|f32"
static const uint32_t types[] = { TRIT_CONVERT_AUTO, TRIT_I2_S, TRIT_PTQ1_0, TRIT_PQ2_0, TRIT_Q2_0,
                                  TRIT_Q1_0,         TRIT_F16,  TRIT_Q8_0,   TRIT_Q6_K,  TRIT_F32 };
#define NOT       0, 0, NULL
#define STEPS_MAX UINT64_C(1000000000000)
static const struct trit_option options[] = {
    { "--tokenizer", TRIT_OPT_TEXT, AT(tokenizer), "FILE",
      "the vocabulary: a file of train-tokenizer, or any GGUF model", NOT },
    { "--arch", TRIT_OPT_CHOICE, AT(family), NULL,
      "squared ReLU and sub norms (default), or SiLU and norms of q and k", 0, 0,
      "bitnet-b1.58|qwen3" },
    { "--hidden", TRIT_OPT_INT, AT(hidden), "N", "hidden size (default 384)", 2, 1 << 16, NULL },
    { "--ffn", TRIT_OPT_INT, AT(ffn), "N", "feed-forward size (default 1024)", 1, 1 << 16, NULL },
    { "--layers", TRIT_OPT_INT, AT(layers), "N", "layers (default 6)", 1, 1024, NULL },
    { "--heads", TRIT_OPT_INT, AT(heads), "N", "heads of attention (default 6)", 1, 1 << 16, NULL },
    { "--kv-heads", TRIT_OPT_INT, AT(kv_heads), "N", "heads of k and v (default: as --heads)", 1,
      1 << 16, NULL },
    { "--head-dim", TRIT_OPT_INT, AT(head_dim), "N",
      "elements of a head (default: hidden size / heads)", 2, 1 << 16, NULL },
    { "-c,--ctx-size", TRIT_OPT_INT, AT(context), "N", "tokens of a sequence (default 512)", 2,
      1 << 17, NULL },
    { "--rope-base", TRIT_OPT_FLOAT, AT(rope_base), "X", "base of the rotations (default 10000)", 1,
      1e11, NULL },
    { "--binary", TRIT_OPT_FLAG, AT(binary), NULL, "weights of two values: signs", NOT },
    { "--dense", TRIT_OPT_FLAG, AT(dense), NULL, "nothing is quantised: for comparison", NOT },
    { "--groups", TRIT_OPT_CHOICE, AT(groups), NULL,
      "what has a scale for each 128 columns: nothing (default), inputs, or weights too", 0, 0,
      "none|inputs|all" },
    { "--activation-bits", TRIT_OPT_INT, AT(bits), "N",
      "bits of inputs: 8 (default), or 4 from the second stage on", 4, 8, NULL },
    { "--hadamard", TRIT_OPT_FLAG, AT(hadamard), NULL,
      "rotate the inputs of Wo and Wdown before they are quantised (BitNet v2)", NOT },
    { "--quantised-embedding", TRIT_OPT_FLAG, AT(low_rows), NULL,
      "quantise embedding and head like the matrices, by groups", NOT },
    { "--steps", TRIT_OPT_U64, AT(steps), "N", "updates (default 1000)", NOT },
    { "--batch", TRIT_OPT_INT, AT(batch), "N", "sequences of an update (default 16)", 1, 1 << 16,
      NULL },
    { "--pass", TRIT_OPT_INT, AT(pass), "N",
      "sequences of a pass, of which an update has several (default 8)", 1, 1 << 16, NULL },
    { "--lr", TRIT_OPT_FLOAT, AT(lr), "X",
      "learning rate, which falls linearly to 0 (default 0.002)", 1e-9, 10, NULL },
    { "--lr2", TRIT_OPT_FLOAT, AT(lr2), "X", "that of the second stage (default: two thirds)", 1e-9,
      10, NULL },
    { "--second-stage", TRIT_OPT_FLOAT, AT(second), "X",
      "the share of the steps after which it begins (default 0.5; 1: none)", 0, 1, NULL },
    { "--warmup", TRIT_OPT_INT, AT(warmup), "N",
      "steps of warm-up (default 100, but at most a tenth of all)", 0, 1 << 30, NULL },
    { "--weight-decay", TRIT_OPT_FLOAT, AT(decay), "X", "in the first stage (default 0.1)", 0, 10,
      NULL },
    { "--clip", TRIT_OPT_FLOAT, AT(clip), "X", "the gradients' largest norm (default 1; 0: any)", 0,
      1e9, NULL },
    { "--seed", TRIT_OPT_U64, AT(seed), "N", "of weights and of the order of texts (default 1)",
      NOT },
    { "--hold-out", TRIT_OPT_INT, AT(hold_out), "N",
      "train on no N-th document; validate on those of the first text (default 50; 0: none)", 0,
      1 << 30, NULL },
    { "--valid-every", TRIT_OPT_INT, AT(valid_steps), "N",
      "steps between validations (default 250)", 1, 1 << 30, NULL },
    { "--valid-sequences", TRIT_OPT_INT, AT(valid_sequences), "N",
      "sequences of each (default 64); all at the schedule's end", 1, 1 << 30, NULL },
    { "--patience", TRIT_OPT_INT, AT(patience), "N",
      "end where so many validations brought nothing better (default: never)", 1, 1 << 20, NULL },
    { "--hours", TRIT_OPT_FLOAT, AT(hours), "X", "hours after which to stop, to be resumed", 1e-6,
      1e6, NULL },
    { "--checkpoint", TRIT_OPT_TEXT, AT(checkpoint), "FILE", "where the run is kept", NOT },
    { "--save-every", TRIT_OPT_FLOAT, AT(save_minutes), "X",
      "minutes between checkpoints (default 10)", 1e-4, 1e6, NULL },
    { "--resume", TRIT_OPT_FLAG, AT(resume), NULL,
      "go on from the checkpoint, with the options that it began with", NOT },
    { "--log", TRIT_OPT_TEXT, AT(log), "FILE", "a row of CSV for each step", NOT },
    { "-o,--output", TRIT_OPT_TEXT, AT(output), "FILE", "the trained model, a GGUF", NOT },
    { "--type", TRIT_OPT_CHOICE, AT(type), NULL,
      "of its matrices (default: i2_s; with groups ptq1_0 or, of signs, q1_0; dense f16)", 0, 0,
      TYPES },
    { "--embedding-type", TRIT_OPT_CHOICE, AT(head), NULL,
      "of its embedding (default: f16, or that of groups)", 0, 0, TYPES },
    { "--name", TRIT_OPT_TEXT, AT(name), "TEXT", "general.name of the model", NOT },
    { "--meta", TRIT_OPT_TEXTS, AT(meta), "KEY=VALUE",
      "general.KEY of the model: license, description, sampling.temp, ...; repeatable", NOT },
    { "--masters", TRIT_OPT_TEXT, AT(masters), "DIR",
      "the masters as safetensors, with config.json and tokenizer.json", NOT },
    { "-t,--threads", TRIT_OPT_INT, AT(threads), "N", "threads (default: one per physical core)",
      -1, TRIT_MAX_THREADS, NULL },
    { "--log-disable", TRIT_OPT_FLAG, AT(quiet), NULL, "no table, no progress", NOT },
};

static const struct trit_rule rules[] = {
    { TRIT_RULE_SOME, "--checkpoint,-o,--masters" },
    { TRIT_RULE_NEEDS, "--resume,--checkpoint" },
    { TRIT_RULE_AGAINST, "--dense,--binary" },
    { TRIT_RULE_AGAINST, "--dense,--groups=inputs" },
    { TRIT_RULE_AGAINST, "--dense,--groups=all" },
    { TRIT_RULE_AGAINST, "--dense,--hadamard" },
    { TRIT_RULE_AGAINST, "--dense,--activation-bits" },
    { TRIT_RULE_AGAINST, "--dense,--quantised-embedding" },
};

static const char detail[] =
    "TEXT is a UTF-8 file of documents, each ended by a line <|endoftext|>; TEXT:SHARE gives its "
    "share\nof the training (default: by its size). The same options, texts and seed give the same "
    "bits on one\nmachine, with any number of threads, also where a run was interrupted and "
    "resumed. Ctrl-C stops it\nwith a checkpoint. What a checkpoint does not hold (steps, rates, "
    "when to validate and to stop) may\nbe given anew with --resume, and then makes another run of "
    "it.";

/* What the rules cannot say. */
static bool hold_together(const struct trit_train_options *o)
{
    if (!o->ntexts)
        trit_cli_usage_error("train: give at least one text file");
    else if (!o->tokenizer)
        trit_cli_usage_error("train: give --tokenizer FILE, which train-tokenizer makes");
    else if (!o->steps || o->steps > STEPS_MAX)
        trit_cli_usage_error("train: --steps '%llu' is out of range: 1 to %llu",
                             (unsigned long long)o->steps, (unsigned long long)STEPS_MAX);
    else if (o->warmup > 0 && (uint64_t)o->warmup > o->steps)
        trit_cli_usage_error("train: --warmup %d is longer than all of --steps %llu", o->warmup,
                             (unsigned long long)o->steps);
    else if (o->bits != 4 && o->bits != 8)
        trit_cli_usage_error("train: --activation-bits '%d' is out of range: 8 or 4", o->bits);
    else if (o->bits == 4 && (double)o->steps * o->second > (double)o->steps - 1)
        trit_cli_usage_error("train: --activation-bits 4 needs a second stage (--second-stage)");
    else
        return true;
    return false;
}

static int run(int argc, char **argv)
{
    struct trit_train_options o = {
        .hidden = 384,
        .ffn = 1024,
        .layers = 6,
        .heads = 6,
        .context = 512,
        .rope_base = 10000,
        .bits = 8,
        .steps = 1000,
        .batch = 16,
        .pass = 8,
        .lr = 0.002,
        .second = 0.5,
        .warmup = -1,
        .decay = 0.1,
        .clip = 1,
        .seed = 1,
        .hold_out = 50,
        .valid_steps = 250,
        .valid_sequences = 64,
        .save_minutes = 10,
        .threads = -1,
    };
    struct trit_rest rest = { o.texts, TRIT_TRAIN_FILES_MAX, 0 };
    struct trit_error error = { 0 };
    const enum trit_parse parsed = trit_cli_parse(&trit_cmd_train, argc, argv, &o, &rest);
    if (parsed != TRIT_PARSE_OK)
        return parsed == TRIT_PARSE_HELP ? 0 : 2;
    o.ntexts = rest.n;
    if (!hold_together(&o))
        return 2;
    o.matrices = types[o.type];
    o.rows = types[o.head];
    return trit_train_command(&o, &error) ? trit_cli_error(&error) : 0;
}

const struct trit_command trit_cmd_train = {
    .name = "train",
    .summary = "train a model on texts, with the weights that it will have",
    .usage = "TEXT[:SHARE]... --tokenizer FILE [-o FILE] [--checkpoint FILE] [options]",
    .detail = detail,
    .options = options,
    .noptions = sizeof options / sizeof *options,
    .rules = rules,
    .nrules = sizeof rules / sizeof *rules,
    .run = run,
};
