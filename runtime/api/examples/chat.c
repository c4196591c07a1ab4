/* chat MODEL QUESTION: one answer, without its thinking. */
#include <stdio.h>
#include <tritmill.h>

static void take(void *arg, enum trit_lm_part part, size_t call, const char *text, size_t bytes)
{
    (void)arg;
    (void)call;
    if (part == TRIT_LM_CONTENT)
        fwrite(text, 1, bytes, stdout);
}

int main(int argc, char **argv)
{
    struct trit_lm_error error = { .text = "usage: chat MODEL QUESTION" };
    const struct trit_lm_message messages[] = { { "system", "You are a helpful assistant." },
                                                { "user", argc == 3 ? argv[2] : "" } };
    const struct trit_lm_ask ask = { .size = sizeof ask, .messages = messages, .nmessages = 2 };
    const struct trit_lm_writing writing = { .size = sizeof writing, .most = 200 };
    struct trit_lm_prompt prompt = { .size = sizeof prompt };
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm *lm = NULL;
    struct trit_lm_chat *chat = NULL;
    struct trit_lm_context *context = NULL;
    struct trit_lm_writer *writer = NULL;
    struct trit_lm_answer *answer = NULL;

    int failed = argc != 3 || trit_lm_open(&lm, argv[1], NULL, &error) ||
                 trit_lm_chat_open(&chat, lm, NULL, &error) ||
                 trit_lm_chat_prompt(chat, &ask, &prompt, &error) ||
                 trit_lm_context_create(&context, lm, 0, &error) ||
                 trit_lm_writer_create(&writer, context, &writing, &error) ||
                 trit_lm_writer_feed(writer, prompt.tokens.ids, prompt.tokens.n, &error);
    const struct trit_lm_taking taking = { sizeof taking, prompt.thinking, NULL, take, NULL };
    failed = failed || trit_lm_answer_create(&answer, chat, &taking, &error);
    while (!failed && !piece.end)
        failed = trit_lm_writer_next(writer, &piece, &error) ||
                 trit_lm_answer_feed(answer, piece.text, piece.bytes, &error);
    failed = failed || trit_lm_answer_end(answer, &error);
    puts("");
    if (failed)
        fprintf(stderr, "chat: %s\n", error.text);
    trit_lm_answer_free(answer);
    trit_lm_writer_free(writer);
    trit_lm_context_free(context);
    trit_lm_prompt_free(&prompt);
    trit_lm_chat_close(chat);
    trit_lm_close(lm);
    return failed;
}
