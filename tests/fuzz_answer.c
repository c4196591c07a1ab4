/* Answers: a byte that chooses the form and where the text is cut, then the text. Whole and cut it
   gives the same. */
#include <stdlib.h>
#include <string.h>

#include "runtime/chat/parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that was told, with a byte before each change of part or call. */
struct told {
    char *s;
    size_t n, call;
    int part;
};

static void put(struct told *t, const char *s, size_t n)
{
    t->s = realloc(t->s, t->n + n + 1);
    memcpy(t->s + t->n, s, n);
    t->n += n;
}

static void take(void *arg, const struct trit_answer_piece *piece)
{
    struct told *t = arg;
    if ((int)piece->part != t->part || piece->part == TRIT_ANSWER_CALL || piece->call != t->call)
        put(t, &"CTFA"[piece->part], 1);
    t->part = (int)piece->part;
    t->call = piece->call;
    put(t, piece->text, piece->bytes);
}

static struct told run(const struct trit_chat *chat, bool thinking, const json_t *tools,
                       const char *text, size_t n, size_t step)
{
    struct told told = { .part = -1 };
    struct trit_answer *answer;
    if (trit_answer_create(&answer, chat, thinking, tools,
                           &(struct trit_answer_sink){ take, &told }, NULL))
        abort();
    for (size_t at = 0; at < n; at += step)
        trit_answer_feed(answer, text + at, n - at < step ? n - at : step, NULL);
    trit_answer_end(answer, NULL);
    trit_answer_free(answer);
    return told;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static json_t *tools;
    if (!tools)
        tools = json_loads("[{\"function\":{\"name\":\"f\",\"parameters\":{\"properties\":{\"s\":{"
                           "\"type\":\"string\"}}}}},{\"function\":{\"name\":\"g\"}}]",
                           0, NULL);
    if (size < 1)
        return 0;
    struct trit_chat chat = { .traits = { .calls = (enum trit_call_form)(data[0] % TRIT_NCALLS) } };
    if (data[0] & 4) {
        chat.traits.think = "<think>";
        chat.traits.thought = "</think>";
    }
    bool thinking = (data[0] & 12) == 12;
    const char *text = (const char *)data + 1;
    struct told whole = run(&chat, thinking, tools, text, size - 1, size),
                cut = run(&chat, thinking, tools, text, size - 1, 1 + (data[0] >> 4));
    if (whole.n != cut.n || (whole.n && memcmp(whole.s, cut.s, whole.n)))
        abort();
    free(whole.s);
    free(cut.s);
    return 0;
}
