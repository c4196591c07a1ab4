/* generate MODEL TEXT: goes on with a text, 40 tokens. */
#include <stdio.h>
#include <string.h>
#include <tritmill.h>

int main(int argc, char **argv)
{
    struct trit_lm_error error = { .text = "usage: generate MODEL TEXT" };
    struct trit_lm_sampling sampling;
    struct trit_lm_piece piece = { .size = sizeof piece };
    struct trit_lm *lm = NULL;
    struct trit_lm_context *context = NULL;
    struct trit_lm_writer *writer = NULL;
    struct trit_lm_tokens tokens = { .n = 0 };

    trit_lm_sampling_default(&sampling, sizeof sampling);
    sampling.temperature = 0; /* always the likeliest token */
    const struct trit_lm_writing writing = { .size = sizeof writing,
                                             .sampling = &sampling,
                                             .most = 40 };
    int failed = argc != 3 || trit_lm_open(&lm, argv[1], NULL, &error) ||
                 trit_lm_tokenize(lm, argv[2], strlen(argv[2]), TRIT_LM_BOS, &tokens, &error) ||
                 trit_lm_context_create(&context, lm, 0, &error) ||
                 trit_lm_writer_create(&writer, context, &writing, &error) ||
                 trit_lm_writer_feed(writer, tokens.ids, tokens.n, &error);
    while (!failed && !piece.end) {
        failed = trit_lm_writer_next(writer, &piece, &error);
        if (!failed)
            fwrite(piece.text, 1, piece.bytes, stdout);
    }
    puts("");
    if (failed)
        fprintf(stderr, "generate: %s\n", error.text);
    trit_lm_writer_free(writer);
    trit_lm_context_free(context);
    trit_lm_free(tokens.ids);
    trit_lm_close(lm);
    return failed;
}
