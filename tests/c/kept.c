/* Event functions that keep what they are lent, and are told to go on once it is used: nothing is
 * lost, what waits is bounded, and no thread is held meanwhile. */
#include "support.h"

#define WINDOW (1024 * 1024)
#define TOTAL 4000000

typedef struct keeper {
    pthread_mutex_t mutex;
    latch kept;
    latch ends;
    size_t waiting;
    size_t most;
    size_t largest;
    size_t bytes;
    size_t events;
    vtrix_status status;
} keeper;

static void keeper_init(keeper *it)
{
    const latch empty = LATCH;
    const pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    memset(it, 0, sizeof *it);
    it->mutex = mutex;
    it->kept = it->ends = empty;
}

static int keeps(void *user_data, const vtrix_event *event)
{
    keeper *it = user_data;
    pthread_mutex_lock(&it->mutex);
    it->waiting += event->data.len;
    it->bytes += event->data.len;
    it->events++;
    if (it->waiting > it->most) {
        it->most = it->waiting;
    }
    if (event->data.len > it->largest) {
        it->largest = event->data.len;
    }
    pthread_mutex_unlock(&it->mutex);
    latch_add(&it->kept);
    return VTRIX_KEPT;
}

static void on_finished(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    keeper *it = user_data;
    it->status = vtrix_error_status(error);
    vtrix_error_free(error);
    vtrix_finished_free(finished);
    latch_add(&it->ends);
}

static void on_done(void *user_data, vtrix_error *error)
{
    on_finished(user_data, NULL, error);
}

/* Uses everything that is kept, over and over, until all has come. */
static void use_all(keeper *it, vtrix_task *task)
{
    size_t used = 0, events, bytes = 0;
    while (bytes < TOTAL) {
        latch_wait(&it->kept, (int)used + 1);
        pthread_mutex_lock(&it->mutex);
        events = it->events - used;
        bytes = it->bytes;
        it->waiting = 0;
        pthread_mutex_unlock(&it->mutex);
        vtrix_task_used(task, events);
        used += events;
    }
    latch_wait(&it->ends, 1);
    CHECK(it->status == VTRIX_STATUS_OK && it->bytes == TOTAL);
    CHECK(it->most <= WINDOW + it->largest);
}

static void nothing_is_lost(const vtrix_sandbox *sandbox)
{
    const vtrix_str command = VTRIX_STR("head -c 4000000 /dev/zero | tr '\\0' x");
    vtrix_error *error = NULL;
    vtrix_run_options options;
    vtrix_stream *stream = NULL;
    vtrix_task *task = NULL;
    keeper it;

    keeper_init(&it);
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = keeps;
    options.event_user_data = &it;
    OK(vtrix_sandbox_run_async(sandbox, command, &options, on_finished, &it, NULL, &task, &error));
    use_all(&it, task);
    vtrix_task_free(task);

    keeper_init(&it);
    OK(vtrix_sandbox_stream(sandbox, command, NULL, &stream, &error));
    OK(vtrix_stream_forward_async(stream, keeps, on_done, &it, NULL, &task, &error));
    use_all(&it, task);
    vtrix_task_free(task);
    vtrix_stream_free(stream);
}

/* A call whose program uses nothing waits without a thread, and can be cancelled. */
static void nothing_is_used(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_run_options options;
    vtrix_task *task = NULL;
    keeper it;

    keeper_init(&it);
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = keeps;
    options.event_user_data = &it;
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("yes"), &options, on_finished, &it, NULL, &task, &error));
    latch_wait(&it.kept, 2);
    free(test_run(sandbox, "echo on"));
    vtrix_task_cancel(task);
    latch_wait(&it.ends, 1);
    CHECK(it.status == VTRIX_STATUS_CANCELLED && it.most <= WINDOW + it.largest);
    vtrix_task_used(task, 1000000);
    vtrix_task_free(task);
}

/* Without a task there is nobody to say that it is used. */
static void nobody_could_tell(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_run_options options;
    vtrix_finished *finished = NULL;
    keeper it;

    keeper_init(&it);
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = keeps;
    options.event_user_data = &it;
    FAILS(VTRIX_STATUS_CALLBACK, vtrix_sandbox_run(sandbox, VTRIX_STR("yes"), &options, &finished, &error));
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("yes"), &options, on_finished, &it, NULL, NULL, &error));
    latch_wait(&it.ends, 1);
    CHECK(it.status == VTRIX_STATUS_CALLBACK);
}

int main(void)
{
    vtrix_client *client = test_client();
    vtrix_sandbox *sandbox = test_sandbox(client);
    vtrix_error *error = NULL;

    nothing_is_lost(sandbox);
    nothing_is_used(sandbox);
    nobody_could_tell(sandbox);
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
    puts("ok");
    return 0;
}
