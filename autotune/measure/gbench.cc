/* The only C++ in tritmill: Google Benchmark behind the C interface of
   gbench.h. No exception leaves this file. */
#include "autotune/measure/gbench.h"

#include <benchmark/benchmark.h>

#include <sstream>
#include <string>
#include <vector>

extern "C" {
#include "runtime/base/file.h"
}

/* The JSON reporter writes a document's head for every run and its tail after
   every run; here the head comes once, and the tail when the log is closed. */
struct trit_gbench_log {
    std::ostringstream text;
    benchmark::JSONReporter json;
    bool begun = false;

    trit_gbench_log()
    {
        json.SetOutputStream(&text);
        json.SetErrorStream(&text);
    }
};

namespace
{

class reporter : public benchmark::BenchmarkReporter
{
  public:
    reporter(trit_gbench_result_fn *result, void *arg, trit_gbench_log *log)
        : result_(result), arg_(arg), log_(log)
    {
    }

    bool ReportContext(const Context &context) override
    {
        if (log_ && !log_->begun)
            log_->begun = log_->json.ReportContext(context);
        return true;
    }

    void ReportRuns(const std::vector<Run> &runs) override
    {
        for (const Run &run : runs)
            if (run.run_type == Run::RT_Iteration && !run.error_occurred && run.iterations > 0)
                result_(arg_, static_cast<size_t>(run.family_index),
                        run.real_accumulated_time / static_cast<double>(run.iterations));
        if (log_)
            log_->json.ReportRuns(runs);
    }

  private:
    trit_gbench_result_fn *result_;
    void *arg_;
    trit_gbench_log *log_;
};

void repetition(benchmark::State &state, const trit_gbench_case &c)
{
    for (auto _ : state) {
        const double seconds = c.fn(c.arg);
        if (seconds < 0) {
            state.SkipWithError("given up");
            break;
        }
        state.SetIterationTime(seconds);
    }
}

void initialize()
{
    static bool done = false;
    static char program[] = "tritmill"; // the library keeps it
    char interleave[] = "--benchmark_enable_random_interleaving=true";
    char *argv[] = { program, interleave, nullptr };
    int argc = 2;
    if (!done)
        benchmark::Initialize(&argc, argv);
    done = true;
}

void run(const trit_gbench_case *cases, size_t n, size_t repetitions, reporter *report)
{
    initialize();
    benchmark::ClearRegisteredBenchmarks();
    for (size_t i = 0; i < n; i++) {
        const trit_gbench_case c = cases[i];
        benchmark::RegisterBenchmark(c.name, [c](benchmark::State &state) { repetition(state, c); })
            ->UseManualTime()
            ->Iterations(static_cast<benchmark::IterationCount>(c.iterations))
            ->Repetitions(static_cast<int>(repetitions));
    }
    benchmark::RunSpecifiedBenchmarks(report, "all");
    benchmark::ClearRegisteredBenchmarks();
}

/* Its own log is known by the program's name, which stands in the context. */
bool is_log(const char *head, size_t bytes)
{
    const std::string text(head, bytes);
    return text.find_first_not_of(" \n{") == text.find("\"context\"") &&
           text.find("\"executable\": \"tritmill\"") != std::string::npos;
}

} // namespace

extern "C" const struct trit_file_kind trit_output_gbench = { "a log of tritmill's", is_log, 0666 };

enum trit_code trit_gbench_log_open(struct trit_gbench_log **log, struct trit_error *error)
{
    try {
        *log = new trit_gbench_log;
        return TRIT_OK;
    } catch (...) {
        return trit_fail(error, TRIT_EMEMORY, "no memory for a log");
    }
}

enum trit_code trit_gbench_log_close(struct trit_gbench_log *log, const char *path,
                                     struct trit_error *error)
{
    enum trit_code code = TRIT_OK;
    try {
        if (log && path) {
            if (log->begun)
                log->json.Finalize();
            const std::string text = log->text.str();
            struct trit_file *file;
            code = trit_file_create_as(&file, path, &trit_output_gbench, error);
            if (code == TRIT_OK) {
                trit_file_write(file, text.data(), text.size());
                code = trit_file_commit(file, error);
            }
        }
    } catch (...) {
        code = trit_fail(error, TRIT_EMEMORY, "%s: no memory for the log", path);
    }
    delete log;
    return code;
}

enum trit_code trit_gbench_run(const struct trit_gbench *what, struct trit_error *error)
{
    if (what->n == 0)
        return TRIT_OK;
    try {
        reporter report(what->result, what->arg, what->log);
        run(what->cases, what->n, what->repetitions, &report);
        return TRIT_OK;
    } catch (...) {
        return trit_fail(error, TRIT_EMEMORY, "no memory to run %zu benchmarks", what->n);
    }
}
