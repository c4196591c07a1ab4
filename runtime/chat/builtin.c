/* Templates that are built in: each in the shape that its family was trained on. */
#include "runtime/chat/builtin.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/chat/chat.h"

/* Assistant, with a blank after the colon, and nothing trimmed: as 2B4T was trained. */
static const char bitnet[] =
    "{{- bos_token }}\n"
    "{%- for m in messages %}\n"
    "    {{- m.role | capitalize + ': ' + m.content | trim + '<|eot_id|>' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- 'Assistant: ' }}\n"
    "{%- endif %}\n";

static const char plain[] = "{%- for m in messages %}\n"
                            "    {{- m.role | capitalize + ': ' + m.content | trim + '\\n' }}\n"
                            "{%- endfor %}\n"
                            "{%- if add_generation_prompt %}\n"
                            "    {{- 'Assistant:' }}\n"
                            "{%- endif %}\n";

static const char chatml[] =
    "{%- for m in messages %}\n"
    "    {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "{%- endif %}\n";

static const char falcon3[] = "{%- for m in messages %}\n"
                              "    {{- '<|' + m.role + '|>\\n' + m.content }}\n"
                              "    {{- eos_token if m.role == 'assistant' }}\n"
                              "    {{- '\\n' }}\n"
                              "{%- endfor %}\n"
                              "{%- if add_generation_prompt %}\n"
                              "    {{- '<|assistant|>\\n' }}\n"
                              "{%- endif %}\n";

/* What the system says stands at the beginning of the next turn. */
static const char gemma[] =
    "{{- bos_token }}\n"
    "{%- set said = namespace(system='') %}\n"
    "{%- for m in messages %}\n"
    "    {%- if m.role == 'system' %}\n"
    "        {%- set said.system = said.system + m.content | trim + '\\n\\n' %}\n"
    "    {%- else %}\n"
    "        {{- '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' }}\n"
    "        {{- said.system + m.content | trim + '<end_of_turn>\\n' }}\n"
    "        {%- set said.system = '' %}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if said.system %}\n"
    "    {{- '<start_of_turn>user\\n' + said.system | trim + '<end_of_turn>\\n' }}\n"
    "{%- endif %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<start_of_turn>model\\n' }}\n"
    "{%- endif %}\n";

static const char llama3[] =
    "{%- set head = '<|start_header_id|>' %}\n"
    "{%- set foot = '<|end_header_id|>\\n\\n' %}\n"
    "{{- bos_token }}\n"
    "{%- set system = '' %}\n"
    "{%- set rest = messages %}\n"
    "{%- if messages and messages[0].role == 'system' %}\n"
    "    {%- set system = messages[0].content | trim %}\n"
    "    {%- set rest = messages[1:] %}\n"
    "{%- endif %}\n"
    "{%- if tools %}\n"
    "    {%- set system %}\n"
    "        {{- system + '\\n\\n' if system }}\n"
    "        {{- 'You have access to these functions. To call one, answer with nothing but a '\n"
    "            'JSON object of the form {\"name\": function name, \"parameters\": dictionary of "
    "'\n"
    "            'argument name and its value}. Do not use variables.' }}\n"
    "        {%- for tool in tools %}\n"
    "            {{- '\\n\\n' + tool | tojson(indent=4) }}\n"
    "        {%- endfor %}\n"
    "    {%- endset %}\n"
    "{%- endif %}\n"
    "{%- if system %}\n"
    "    {{- head + 'system' + foot + system + '<|eot_id|>' }}\n"
    "{%- endif %}\n"
    "{%- for m in rest %}\n"
    "    {%- if m.role == 'tool' %}\n"
    "        {{- head + 'ipython' + foot + m.content + '<|eot_id|>' }}\n"
    "    {%- elif m.tool_calls %}\n"
    "        {{- raise_exception('one call an answer') if m.tool_calls | length > 1 }}\n"
    "        {%- set call = m.tool_calls[0].function %}\n"
    "        {{- head + 'assistant' + foot + '{\"name\": \"' + call.name + '\", ' }}\n"
    "        {{- '\"parameters\": ' }}\n"
    "        {{- call.arguments if call.arguments is string else call.arguments | tojson }}\n"
    "        {{- '}<|eot_id|>' }}\n"
    "    {%- else %}\n"
    "        {{- head + m.role + foot + m.content | trim + '<|eot_id|>' }}\n"
    "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- head + 'assistant' + foot }}\n"
    "{%- endif %}\n";

/* The turn of the last question, after which thinking is kept; what an assistant's message thinks
   and says, and how results of tools are written: the same in both of Qwen's. */
#define QWEN_QUERY                                                                  \
    "{%- set at = namespace(query=messages | length - 1) %}\n"                      \
    "{%- for m in messages %}\n"                                                    \
    "    {%- set text = m.content | trim %}\n"                                      \
    "    {%- if m.role == 'user' and not (text.startswith('<tool_response>') and\n" \
    "           text.endswith('</tool_response>')) %}\n"                            \
    "        {%- set at.query = loop.index0 %}\n"                                   \
    "    {%- endif %}\n"                                                            \
    "{%- endfor %}\n"
#define QWEN_THOUGHT                                                                          \
    "        {%- set text = m.content %}\n"                                                   \
    "        {%- set thought = m.reasoning_content if m.reasoning_content is string else '' " \
    "%}\n"                                                                                    \
    "        {%- if not thought and '</think>' in text %}\n"                                  \
    "            {%- set thought = text.split('</think>')[0].split('<think>')[-1] %}\n"       \
    "            {%- set text = text.split('</think>')[-1].lstrip('\\n') %}\n"                \
    "        {%- endif %}\n"
#define QWEN_RESULT                                                                \
    "    {%- elif m.role == 'tool' %}\n"                                           \
    "        {%- if loop.first or loop.previtem.role != 'tool' %}\n"               \
    "            {{- '<|im_start|>user' }}\n"                                      \
    "        {%- endif %}\n"                                                       \
    "        {{- '\\n<tool_response>\\n' + m.content + '\\n</tool_response>' }}\n" \
    "        {%- if loop.last or loop.nextitem.role != 'tool' %}\n"                \
    "            {{- '<|im_end|>\\n' }}\n"                                         \
    "        {%- endif %}\n"

static const char qwen3[] = QWEN_QUERY
    "{%- set system = messages[0].content if messages and messages[0].role == 'system' else '' %}\n"
    "{%- if tools %}\n"
    "    {{- '<|im_start|>system\\n' + (system + '\\n\\n' if system else '') }}\n"
    "    {{- '# Tools\\n\\nYou may call one or more functions to assist with the user "
    "query.\\n\\n'\n"
    "        'You are provided with function signatures within <tools></tools> XML tags:\\n'\n"
    "        '<tools>' }}\n"
    "    {%- for tool in tools %}\n"
    "        {{- '\\n' + tool | tojson }}\n"
    "    {%- endfor %}\n"
    "    {{- '\\n</tools>\\n\\nFor each function call, return a json object with function name and "
    "'\n"
    "        'arguments within <tool_call></tool_call> XML tags:\\n<tool_call>\\n{\"name\": '\n"
    "        '<function-name>, \"arguments\": <args-json-object>}\\n</tool_call><|im_end|>\\n' }}\n"
    "{%- elif system %}\n"
    "    {{- '<|im_start|>system\\n' + system + '<|im_end|>\\n' }}\n"
    "{%- endif %}\n"
    "{%- for m in messages %}\n"
    "    {%- if m.role == 'user' or (m.role == 'system' and not loop.first) %}\n"
    "        {{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}\n"
    "    {%- elif m.role == 'assistant' %}\n" QWEN_THOUGHT
    "        {{- '<|im_start|>assistant\\n' }}\n"
    "        {%- if loop.index0 > at.query and (loop.last or thought) %}\n"
    "            {{- '<think>\\n' + thought.strip('\\n') + '\\n</think>\\n\\n' }}\n"
    "            {%- set text = text.lstrip('\\n') %}\n"
    "        {%- endif %}\n"
    "        {{- text }}\n"
    "        {%- for call in m.tool_calls or [] %}\n"
    "            {{- '\\n' if text or not loop.first }}\n"
    "            {{- '<tool_call>\\n{\"name\": \"' + call.function.name + '\", \"arguments\": ' "
    "}}\n"
    "            {{- call.function.arguments if call.function.arguments is string\n"
    "                else call.function.arguments | tojson }}\n"
    "            {{- '}\\n</tool_call>' }}\n"
    "        {%- endfor %}\n"
    "        {{- '<|im_end|>\\n' }}\n" QWEN_RESULT "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n' }}\n"
    "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
    "        {{- '<think>\\n\\n</think>\\n\\n' }}\n"
    "    {%- endif %}\n"
    "{%- endif %}\n";

static const char qwen35[] = QWEN_QUERY
    "{%- set system = messages[0].content | trim if messages and messages[0].role == 'system' "
    "else '' %}\n"
    "{%- if tools %}\n"
    "    {{- '<|im_start|>system\\n# Tools\\n\\nYou have access to the following "
    "functions:\\n\\n'\n"
    "        '<tools>' }}\n"
    "    {%- for tool in tools %}\n"
    "        {{- '\\n' + tool | tojson }}\n"
    "    {%- endfor %}\n"
    "    {{- '\\n</tools>\\n\\nIf you choose to call a function ONLY reply in the following format "
    "'\n"
    "        'with NO suffix:\\n\\n<tool_call>\\n<function=example_function_name>\\n'\n"
    "        '<parameter=example_parameter_1>\\nvalue_1\\n</parameter>\\n'\n"
    "        '<parameter=example_parameter_2>\\nThis is the value of the second parameter,\\n'\n"
    "        'which may have\\nseveral lines\\n</parameter>\\n</function>\\n</tool_call>\\n\\n'\n"
    "        '<IMPORTANT>\\nReminder:\\n- A call is one <function=...></function> block inside of "
    "'\n"
    "        '<tool_call></tool_call> tags, exactly in this format\\n- Required parameters must be "
    "'\n"
    "        'given\\n- You may reason about a call in words before it, but not after it\\n- Where "
    "'\n"
    "        'no function helps, answer the question from what you know, and do not mention '\n"
    "        'functions\\n</IMPORTANT>' }}\n"
    "    {{- ('\\n\\n' + system if system else '') + '<|im_end|>\\n' }}\n"
    "{%- elif system %}\n"
    "    {{- '<|im_start|>system\\n' + system + '<|im_end|>\\n' }}\n"
    "{%- endif %}\n"
    "{%- for m in messages %}\n"
    "    {%- if m.role == 'system' and not loop.first %}\n"
    "        {{- raise_exception('a system message stands only at the beginning') }}\n"
    "    {%- elif m.role == 'user' %}\n"
    "        {{- '<|im_start|>user\\n' + m.content | trim + '<|im_end|>\\n' }}\n"
    "    {%- elif m.role == 'assistant' %}\n" QWEN_THOUGHT "        {%- set text = text | trim %}\n"
    "        {{- '<|im_start|>assistant\\n' }}\n"
    "        {%- if loop.index0 > at.query %}\n"
    "            {{- '<think>\\n' + thought | trim + '\\n</think>\\n\\n' }}\n"
    "        {%- endif %}\n"
    "        {{- text }}\n"
    "        {%- for call in m.tool_calls or [] %}\n"
    "            {{- '\\n' if not loop.first else '\\n\\n' if text }}\n"
    "            {{- '<tool_call>\\n<function=' + call.function.name + '>\\n' }}\n"
    "            {%- for name, value in call.function.arguments | items %}\n"
    "                {{- '<parameter=' + name + '>\\n' }}\n"
    "                {{- value if value is string else value | tojson }}\n"
    "                {{- '\\n</parameter>\\n' }}\n"
    "            {%- endfor %}\n"
    "            {{- '</function>\\n</tool_call>' }}\n"
    "        {%- endfor %}\n"
    "        {{- '<|im_end|>\\n' }}\n" QWEN_RESULT "    {%- endif %}\n"
    "{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n"
    "    {{- '<|im_start|>assistant\\n<think>\\n' }}\n"
    "    {%- if enable_thinking is defined and enable_thinking is false %}\n"
    "        {{- '\\n</think>\\n\\n' }}\n"
    "    {%- endif %}\n"
    "{%- endif %}\n";

static const struct trit_chat_builtin rows[] = {
    { "bitnet", "bitnet-b1.58 bitnet-25 2b4t", bitnet },
    { "qwen3", "qwen bonsai", qwen3 },
    { "qwen35", "qwen3.5 qwen3_5 bonsai2", qwen35 },
    { "llama3", "llama-3 llama3.1 llama-3.1", llama3 },
    { "falcon3", "falcon-3 falcon", falcon3 },
    { "gemma", "gemma2 gemma3", gemma },
    { "chatml", "chat-ml", chatml },
    { "plain", "none", plain },
};
enum { NROWS = sizeof rows / sizeof *rows };

const char *const *trit_chat_names(void)
{
    static const char *const names[NROWS + 1] = { "bitnet",  "qwen3", "qwen35", "llama3",
                                                  "falcon3", "gemma", "chatml", "plain" };
    return names;
}

static bool has_word(const char *words, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = words; n > 0 && (at = strstr(at, word)); at += n)
        if ((at == words || at[-1] == ' ') && (at[n] == ' ' || !at[n]))
            return true;
    return false;
}

const struct trit_chat_builtin *trit_chat_builtin(const char *name)
{
    for (size_t i = 0; i < NROWS; i++)
        if (!strcmp(rows[i].name, name) || has_word(rows[i].aliases, name))
            return &rows[i];
    return NULL;
}

/* By architecture, else by a token that only one form has. */
static const struct {
    const char *arch, *token, *name, *why;
} families[] = {
    { "bitnet-b1.58", "<|eot_id|>", "bitnet", "the architecture is BitNet's" },
    { "bitnet-25", "<|eot_id|>", "bitnet", "the architecture is BitNet's" },
    { "qwen35", "<|im_start|>", "qwen35", "the architecture is Qwen3.5's" },
    { "qwen3", "<|im_start|>", "qwen3", "the architecture is Qwen3's" },
    { NULL, "<|start_header_id|>", "llama3", "the vocabulary has <|start_header_id|>" },
    { NULL, "<|im_start|>", "chatml", "the vocabulary has <|im_start|>" },
    { NULL, "<start_of_turn>", "gemma", "the vocabulary has <start_of_turn>" },
    { NULL, "<|assistant|>", "falcon3", "the vocabulary has <|assistant|>" },
};
enum { NFAMILIES = sizeof families / sizeof *families };

const struct trit_chat_builtin *trit_chat_family(const struct trit_gguf *gguf, const char **why)
{
    struct trit_text arch = { "", 0 }, *tokens = NULL;
    size_t n = 0;
    bool has[NFAMILIES] = { false };
    trit_gguf_text(gguf, "general.architecture", &arch, NULL);
    if (trit_gguf_texts(gguf, "tokenizer.ggml.tokens", &tokens, &n, NULL))
        n = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; tokens[i].n > 0 && *tokens[i].s == '<' && j < NFAMILIES; j++)
            has[j] |= trit_text_is(tokens[i], families[j].token);
    free(tokens);
    for (size_t j = 0; j < NFAMILIES; j++)
        if (has[j] && (!families[j].arch || trit_text_is(arch, families[j].arch))) {
            *why = families[j].why;
            return trit_chat_builtin(families[j].name);
        }
    *why = "the vocabulary has no tokens of a chat";
    return trit_chat_builtin("plain");
}
