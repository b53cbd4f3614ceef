/* What `vtrix-bench beside` measures of the C interface: one measurement a run, one figure printed.
 *
 *     bench MEASUREMENT AMOUNT
 *
 * in the sandbox that VTRIX_BENCH_SANDBOX names. The Rust twin is in tests/bench/src/beside.rs. */
#include "support.h"

#include <inttypes.h>
#include <sys/resource.h>
#include <unistd.h>

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Seconds of processor that this process has used. */
static double used(void)
{
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double resident(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%*s %ld", &pages) == 1);
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static int by_size(const void *one, const void *other)
{
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

static vtrix_sandbox *attached(const vtrix_client *client)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox = NULL;
    OK(vtrix_client_attach(client, vtrix_str_from(getenv("VTRIX_BENCH_SANDBOX")), NULL, &sandbox, &error));
    return sandbox;
}

static void on_stat(void *user_data, vtrix_file_info *info, vtrix_error *error)
{
    vtrix_file_info_free(info);
    vtrix_error_free(error);
    latch_add((latch *)user_data);
}

static void stat_once(const vtrix_sandbox *sandbox, vtrix_status wanted)
{
    vtrix_file_info *info = NULL;
    CHECK(vtrix_sandbox_stat(sandbox, VTRIX_STR("/"), &info, NULL) == wanted);
    vtrix_file_info_free(info);
}

static void stat_in_the_background(const vtrix_sandbox *sandbox, latch *ends, int count)
{
    vtrix_error *error = NULL;
    OK(vtrix_sandbox_stat_async(sandbox, VTRIX_STR("/"), on_stat, ends, NULL, NULL, &error));
    latch_wait(ends, count);
}

/* A call: the median, and the processor's time of one, in microseconds. */
static void calls(const vtrix_sandbox *sandbox, size_t amount, int background)
{
    latch ends = LATCH;
    double *times = calloc(amount, sizeof *times), before = used();
    size_t i;
    CHECK(times != NULL && amount > 0);
    for (i = 0; i < amount; i++) {
        double begun = now();
        if (background) {
            stat_in_the_background(sandbox, &ends, (int)i + 1);
        } else {
            stat_once(sandbox, VTRIX_STATUS_OK);
        }
        times[i] = now() - begun;
    }
    before = used() - before;
    qsort(times, amount, sizeof *times, by_size);
    printf("%f %f\n", times[amount / 2] * 1e6, before / (double)amount * 1e6);
    free(times);
}

/* A call that is refused, since its handle is closed: what the way in and out costs. */
static void refused(vtrix_sandbox *sandbox, size_t amount)
{
    double begun;
    size_t i;
    vtrix_sandbox_close(sandbox);
    begun = now();
    for (i = 0; i < amount; i++) {
        stat_once(sandbox, VTRIX_STATUS_CLOSED);
    }
    printf("%f\n", (now() - begun) / (double)amount * 1e6);
}

static int count(void *user_data, const vtrix_event *event)
{
    *(size_t *)user_data += event->type == VTRIX_EVENT_STDOUT ? event->data.len : 0;
    return VTRIX_CONTINUE;
}

/* Standard output, in MB a second. */
static void output(const vtrix_sandbox *sandbox, size_t amount, int pushed)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = NULL;
    const vtrix_event *event = NULL;
    char command[96];
    size_t total = 0;
    double begun = now();

    snprintf(command, sizeof command, "head -c %zu /dev/zero | tr '\\0' x", amount);
    OK(vtrix_sandbox_stream(sandbox, vtrix_str_from(command), NULL, &stream, &error));
    if (pushed) {
        OK(vtrix_stream_forward(stream, count, &total, NULL, &error));
    } else {
        while (vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error) == VTRIX_STATUS_OK) {
            count(&total, event);
        }
    }
    CHECK(error == NULL && total == amount);
    vtrix_stream_free(stream);
    printf("%f\n", (double)amount / 1e6 / (now() - begun));
}

/* A call that goes on until it is cancelled. */
static void on_ended(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    (void)user_data;
    vtrix_finished_free(finished);
    vtrix_error_free(error);
}

static const vtrix_str sleeper = {"exec sleep 600", 14};

/* Memory of one handle, in KiB, of so many that are alive at once. */
static void handles(const vtrix_client *client, const vtrix_sandbox *sandbox, size_t amount, const char *kind)
{
    vtrix_error *error = NULL;
    void **all = calloc(amount, sizeof *all);
    double before = resident();
    size_t i;
    CHECK(all != NULL);
    for (i = 0; i < amount; i++) {
        if (strcmp(kind, "client") == 0) {
            all[i] = test_client();
        } else if (strcmp(kind, "sandbox") == 0) {
            all[i] = attached(client);
        } else if (strcmp(kind, "stream") == 0) {
            vtrix_stream *stream = NULL;
            OK(vtrix_sandbox_stream(sandbox, sleeper, NULL, &stream, &error));
            all[i] = stream;
        } else if (strcmp(kind, "task") == 0) {
            vtrix_task *task = NULL;
            OK(vtrix_sandbox_run_async(sandbox, sleeper, NULL, on_ended, NULL, NULL, &task, &error));
            all[i] = task;
        } else {
            vtrix_command *command = NULL;
            OK(vtrix_sandbox_command(sandbox, VTRIX_STR("0123456789abcdef"), 0, &command, &error));
            all[i] = command;
        }
    }
    printf("%f\n", (resident() - before) / (double)amount / 1024);
    for (i = 0; i < amount; i++) {
        if (strcmp(kind, "client") == 0) {
            vtrix_client_free(all[i]);
        } else if (strcmp(kind, "sandbox") == 0) {
            vtrix_sandbox_free(all[i]);
        } else if (strcmp(kind, "stream") == 0) {
            vtrix_stream_free(all[i]);
        } else if (strcmp(kind, "task") == 0) {
            vtrix_task_cancel(all[i]);
            vtrix_task_free(all[i]);
        } else {
            vtrix_command_free(all[i]);
        }
    }
    free(all);
}

int main(int argc, char **argv)
{
    const char *what = argc == 3 ? argv[1] : "";
    size_t amount = argc == 3 ? (size_t)strtoumax(argv[2], NULL, 10) : 0;
    vtrix_client *client = test_client();
    vtrix_sandbox *sandbox = attached(client);
    vtrix_error *error = NULL;

    stat_once(sandbox, VTRIX_STATUS_OK);
    if (strcmp(what, "call") == 0 || strcmp(what, "call-async") == 0) {
        calls(sandbox, amount, strcmp(what, "call-async") == 0);
    } else if (strcmp(what, "refused") == 0) {
        refused(sandbox, amount);
    } else if (strcmp(what, "pull") == 0 || strcmp(what, "push") == 0) {
        output(sandbox, amount, strcmp(what, "push") == 0);
    } else if (strncmp(what, "memory-", 7) == 0) {
        handles(client, sandbox, amount, what + 7);
    } else {
        fprintf(stderr, "usage: bench MEASUREMENT AMOUNT\n");
        return 2;
    }
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
    return 0;
}
