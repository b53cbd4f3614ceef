/* How calls end that would go on: by their task, their stream, a free, a close, a shutdown, from
 * wherever that is done; and what the error then knows. */
#include "support.h"

typedef struct call {
    latch begun, events, gate, ends;
    vtrix_status status;
    int32_t may_have_run;
    char operation[32], text[256];
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_stream *stream;
    vtrix_task *task;
} call;

static void call_init(call *it)
{
    const latch empty = LATCH;
    memset(it, 0, sizeof *it);
    it->begun = it->events = it->gate = it->ends = empty;
}

static void keep_text(char *copy, size_t size, vtrix_str text)
{
    snprintf(copy, size, "%.*s", (int)text.len, text.data);
}

static void on_done(void *user_data, vtrix_error *error)
{
    call *it = user_data;
    it->status = vtrix_error_status(error);
    it->may_have_run = vtrix_error_may_have_run(error);
    keep_text(it->operation, sizeof it->operation, vtrix_error_operation(error));
    keep_text(it->text, sizeof it->text, vtrix_error_text(error));
    vtrix_error_free(error);
    latch_add(&it->ends);
}

static void on_finished(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    vtrix_finished_free(finished);
    on_done(user_data, error);
}

static void on_exists(void *user_data, bool value, vtrix_error *error)
{
    CHECK(!(value && error != NULL));
    on_done(user_data, error);
}

static void on_sandbox(void *user_data, vtrix_sandbox *sandbox, vtrix_error *error)
{
    ((call *)user_data)->sandbox = sandbox;
    on_done(user_data, error);
}

static void on_info(void *user_data, vtrix_sandbox_info *info, vtrix_error *error)
{
    vtrix_sandbox_info_free(info);
    on_done(user_data, error);
}

static int goes_on(void *user_data, const vtrix_event *event)
{
    (void)event;
    latch_add(&((call *)user_data)->events);
    return VTRIX_CONTINUE;
}

static vtrix_stream *stream_of(const vtrix_sandbox *sandbox, const char *command)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = NULL;
    OK(vtrix_sandbox_stream(sandbox, vtrix_str_from(command), NULL, &stream, &error));
    return stream;
}

/* Cancelled as soon as begun: it ends once, as cancelled or because it was over; and the error says
 * which call it was and whether it can have begun. */
static void cancelled_at_once(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    int i;
    for (i = 0; i < 1000; i++) {
        call it;
        call_init(&it);
        OK(vtrix_sandbox_exists_async(sandbox, VTRIX_STR("/"), on_exists, &it, NULL, &it.task, &error));
        vtrix_task_cancel(it.task);
        latch_wait(&it.ends, 1);
        vtrix_task_free(it.task);
        CHECK(it.status == VTRIX_STATUS_OK || it.status == VTRIX_STATUS_CANCELLED);
        if (it.status == VTRIX_STATUS_CANCELLED) {
            CHECK(strcmp(it.operation, "exists") == 0 && strncmp(it.text, "exists: ", 8) == 0);
            CHECK(it.may_have_run == 0 || it.may_have_run == 1);
        }
        CHECK(latch_count(&it.ends) == 1);
    }
}

/* A create that is cancelled once the gateway has accepted it names the sandbox that is left. */
static void create_names_what_is_left(const vtrix_client *client)
{
    vtrix_error *error = NULL;
    vtrix_list_options options;
    int seen = 0;

    vtrix_list_options_init(&options, sizeof options);
    options.user_id = VTRIX_STR("c-cancelled");
    while (!seen) {
        call it;
        vtrix_sandbox_list *list = NULL;
        char id[64];
        call_init(&it);
        OK(vtrix_client_create_async(client, options.user_id, NULL, on_sandbox, &it, NULL, &it.task, &error));
        do {
            vtrix_sandbox_list_free(list);
            OK(vtrix_client_list(client, &options, &list, &error));
        } while (vtrix_sandbox_list_len(list) == 0);
        keep_text(id, sizeof id, vtrix_sandbox_info_id(vtrix_sandbox_list_get(list, 0)));
        vtrix_sandbox_list_free(list);
        vtrix_task_cancel(it.task);
        latch_wait(&it.ends, 1);
        vtrix_task_free(it.task);
        if (it.status == VTRIX_STATUS_CANCELLED) {
            CHECK(it.sandbox == NULL && it.may_have_run == 1 && strcmp(it.operation, "create") == 0);
            seen = strstr(it.text, id) != NULL;
        } else {
            /* What was there won. */
            CHECK(it.status == VTRIX_STATUS_OK && str_is(vtrix_sandbox_id(it.sandbox), id));
            vtrix_sandbox_free(it.sandbox);
        }
        OK(vtrix_client_delete(client, vtrix_str_from(id), &error));
    }
}

enum how { TASK_CANCEL, STREAM_CANCEL, STREAM_FREE, SHUTDOWN };

/* A producer without an end, and a function that always wants more. */
static void endless_push(const vtrix_sandbox *sandbox, enum how how)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = stream_of(sandbox, "yes");
    call it;

    call_init(&it);
    OK(vtrix_stream_forward_async(stream, goes_on, on_done, &it, NULL, &it.task, &error));
    latch_wait(&it.events, 3);
    switch (how) {
    case TASK_CANCEL:
        vtrix_task_cancel(it.task);
        break;
    case STREAM_CANCEL:
        vtrix_stream_cancel(stream);
        break;
    case STREAM_FREE:
        vtrix_stream_free(stream);
        break;
    default:
        OK(vtrix_shutdown(&error));
        CHECK(latch_count(&it.ends) == 1);
        break;
    }
    latch_wait(&it.ends, 1);
    CHECK(it.status == (how == SHUTDOWN ? VTRIX_STATUS_SHUT_DOWN : VTRIX_STATUS_CANCELLED));
    if (how != STREAM_FREE) {
        vtrix_stream_free(stream);
    }
    vtrix_task_free(it.task);
}

static void endless_run(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_run_options options;
    call it;

    call_init(&it);
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = goes_on;
    options.event_user_data = &it;
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("yes"), &options, on_finished, &it, NULL, &it.task, &error));
    latch_wait(&it.events, 3);
    vtrix_task_cancel(it.task);
    latch_wait(&it.ends, 1);
    vtrix_task_free(it.task);
    CHECK(it.status == VTRIX_STATUS_CANCELLED && it.may_have_run == 1);
    CHECK(strcmp(it.operation, "run") == 0);
}

/* Ended from inside of a function of the call's own. */
static int cancels_stream(void *user_data, const vtrix_event *event)
{
    call *it = user_data;
    vtrix_stream_cancel(it->stream);
    return goes_on(user_data, event);
}

static int frees_stream(void *user_data, const vtrix_event *event)
{
    call *it = user_data;
    vtrix_stream_free(it->stream);
    it->stream = NULL;
    return goes_on(user_data, event);
}

static int cancels_task(void *user_data, const vtrix_event *event)
{
    call *it = user_data;
    latch_wait(&it->begun, 1);
    vtrix_task_cancel(it->task);
    vtrix_task_free(it->task);
    it->task = NULL;
    return goes_on(user_data, event);
}

static void from_inside(const vtrix_sandbox *sandbox)
{
    static const vtrix_event_fn functions[] = {cancels_stream, frees_stream, cancels_task};
    vtrix_error *error = NULL;
    size_t i;

    for (i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        call it;
        call_init(&it);
        it.stream = stream_of(sandbox, "yes");
        OK(vtrix_stream_forward_async(it.stream, functions[i], on_done, &it, NULL, &it.task, &error));
        latch_add(&it.begun);
        latch_wait(&it.ends, 1);
        CHECK(it.status == VTRIX_STATUS_CANCELLED);
        vtrix_stream_free(it.stream);
        vtrix_task_free(it.task);
    }
}

static void closes_client(void *user_data, vtrix_error *error)
{
    call *it = user_data;
    vtrix_client_close(it->client);
    vtrix_task_cancel(it->task);
    vtrix_task_free(it->task);
    vtrix_client_free(it->client);
    on_done(user_data, error);
}

static void client_closed_from_inside(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *attached = NULL;
    call it, other;

    call_init(&it);
    call_init(&other);
    it.client = test_client();
    OK(vtrix_client_attach(it.client, vtrix_sandbox_id(sandbox), NULL, &attached, &error));
    OK(vtrix_sandbox_run_async(attached, VTRIX_STR("sleep 600"), NULL, on_finished, &other, NULL, NULL, &error));
    OK(vtrix_sandbox_mkdir_async(attached, VTRIX_STR("c"), closes_client, &it, NULL, &it.task, &error));
    latch_wait(&it.ends, 1);
    FAILS(VTRIX_STATUS_CLOSED, vtrix_sandbox_refresh(attached, &error));
    vtrix_sandbox_close(attached);
    latch_wait(&other.ends, 1);
    CHECK(other.status == VTRIX_STATUS_CLOSED);
    vtrix_sandbox_free(attached);
}

/* Functions of each kind that block; nothing else waits. */
static void blocks_done(void *user_data, vtrix_error *error)
{
    call *it = user_data;
    latch_add(&it->begun);
    latch_wait(&it->gate, 1);
    on_done(user_data, error);
}

static int blocks_progress(void *user_data, vtrix_str path, uint64_t transferred, uint64_t total)
{
    call *it = user_data;
    (void)path, (void)transferred, (void)total;
    latch_add(&it->begun);
    latch_wait(&it->gate, 1);
    return VTRIX_CONTINUE;
}

static void blocks_log(void *user_data, int32_t level, vtrix_str target, vtrix_str message)
{
    call *it = user_data;
    (void)level, (void)target, (void)message;
    latch_add(&it->begun);
    latch_wait(&it->gate, 1);
}

static void blocks_drop(void *user_data)
{
    call *it = user_data;
    latch_add(&it->begun);
    latch_wait(&it->gate, 1);
    latch_add(&it->ends);
}

static void not_at_all(void *user_data, vtrix_error *error)
{
    (void)user_data;
    CHECK(error == NULL);
}

static void while_functions_block(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_transfer_options options;
    call done, progress, log, drop, it;
    int i;

    call_init(&done), call_init(&progress), call_init(&log), call_init(&drop), call_init(&it);
    OK(vtrix_sandbox_mkdir_async(sandbox, VTRIX_STR("b"), blocks_done, &done, NULL, NULL, &error));
    vtrix_transfer_options_init(&options, sizeof options);
    options.on_progress = blocks_progress;
    options.progress_user_data = &progress;
    OK(vtrix_sandbox_upload_file_async(sandbox, VTRIX_STR("/etc/passwd"), VTRIX_STR("p"), &options, on_done,
                                       &progress, NULL, NULL, &error));
    OK(vtrix_set_log(blocks_log, &log, NULL, VTRIX_LOG_TRACE, &error));
    OK(vtrix_sandbox_mkdir_async(sandbox, VTRIX_STR("d"), not_at_all, &drop, blocks_drop, NULL, &error));
    latch_wait(&done.begun, 1);
    latch_wait(&progress.begun, 1);
    latch_wait(&drop.begun, 1);
    OK(vtrix_sandbox_exists_async(sandbox, VTRIX_STR("b"), on_exists, &it, NULL, NULL, &error));
    latch_wait(&it.ends, 1);
    CHECK(it.status == VTRIX_STATUS_OK);
    for (i = 0; i < 100; i++) {
        OK(vtrix_sandbox_mkdir(sandbox, VTRIX_STR("e"), &error));
    }
    CHECK(latch_count(&done.ends) + latch_count(&progress.ends) + latch_count(&drop.ends) == 0);
    latch_add(&done.gate), latch_add(&progress.gate), latch_add(&log.gate), latch_add(&drop.gate);
    latch_wait(&done.ends, 1);
    latch_wait(&progress.ends, 1);
    latch_wait(&drop.ends, 1);
    OK(vtrix_set_log(NULL, NULL, NULL, VTRIX_LOG_OFF, &error));
}

static latch reading = LATCH;

static void *read_on(void *stream)
{
    vtrix_status status;
    vtrix_error *error = NULL;
    const vtrix_event *event = NULL;
    OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    latch_add(&reading);
    /* Whoever looks whether this thread is inside may be in the way for a moment. */
    do {
        vtrix_error_free(error);
        error = NULL;
        status = vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error);
    } while (status == VTRIX_STATUS_BUSY_STREAM);
    CHECK(status == VTRIX_STATUS_CANCELLED && event == NULL);
    vtrix_error_free(error);
    return NULL;
}

static void freed_in_flight(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = stream_of(sandbox, "exec sleep 600");
    vtrix_command *command = NULL;
    vtrix_client *other = test_client();
    const vtrix_event *event = NULL;
    vtrix_status status;
    pthread_t reader;
    call wait, get;

    /* While another thread is inside of a pull: it is once it is what keeps others out. */
    CHECK(pthread_create(&reader, NULL, read_on, stream) == 0);
    latch_wait(&reading, 1);
    do {
        status = vtrix_stream_next(stream, 0, &event, &error);
        vtrix_error_free(error);
        error = NULL;
    } while (status == VTRIX_STATUS_PENDING);
    CHECK(status == VTRIX_STATUS_BUSY_STREAM);
    vtrix_stream_free(stream);
    CHECK(pthread_join(reader, NULL) == 0);

    call_init(&wait);
    free(test_run(sandbox, "mkfifo /tmp/go"));
    OK(vtrix_sandbox_spawn(sandbox, VTRIX_STR("read line < /tmp/go"), NULL, &command, &error));
    OK(vtrix_command_wait_async(command, on_finished, &wait, NULL, NULL, &error));
    vtrix_command_free(command);
    call_init(&get);
    OK(vtrix_client_get_async(other, vtrix_sandbox_id(sandbox), on_info, &get, NULL, NULL, &error));
    vtrix_client_free(other);
    latch_wait(&get.ends, 1);
    CHECK(get.status == VTRIX_STATUS_OK);
    free(test_run(sandbox, "echo x > /tmp/go"));
    latch_wait(&wait.ends, 1);
    CHECK(wait.status == VTRIX_STATUS_OK);
}

#define THREADS 64

typedef struct crowd {
    const vtrix_client *client;
    const vtrix_sandbox *sandbox, *shared;
} crowd;

/* The call works, or was refused because somebody closed the handle. */
static void works_or_closed(vtrix_status status, vtrix_error **error)
{
    CHECK(status == VTRIX_STATUS_OK || status == VTRIX_STATUS_CLOSED);
    vtrix_error_free(*error);
    *error = NULL;
}

static void *one_of_many(void *argument)
{
    const crowd *all = argument;
    vtrix_error *error = NULL;
    vtrix_client *client = vtrix_client_ref(all->client);
    vtrix_sandbox *shared = vtrix_sandbox_ref(all->shared), *own = NULL;
    vtrix_sandbox_info *info = NULL;
    bool there = false;

    OK(vtrix_client_get(client, vtrix_sandbox_id(all->sandbox), &info, &error));
    vtrix_sandbox_info_free(info);
    works_or_closed(vtrix_sandbox_exists(shared, VTRIX_STR("/"), &there, &error), &error);
    OK(vtrix_client_attach(client, vtrix_sandbox_id(all->sandbox), NULL, &own, &error));
    vtrix_client_free(client);
    OK(vtrix_sandbox_exists(own, VTRIX_STR("/"), &there, &error));
    vtrix_sandbox_close(shared);
    works_or_closed(vtrix_sandbox_mkdir(shared, VTRIX_STR("m"), &error), &error);
    vtrix_sandbox_free(shared);
    vtrix_sandbox_close(own);
    vtrix_sandbox_free(own);
    return NULL;
}

static void closed_by_many(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *shared = NULL;
    pthread_t threads[THREADS];
    crowd all;
    int i;

    OK(vtrix_client_attach(client, vtrix_sandbox_id(sandbox), NULL, &shared, &error));
    all.client = client;
    all.sandbox = sandbox;
    all.shared = shared;
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, one_of_many, &all) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    FAILS(VTRIX_STATUS_CLOSED, vtrix_sandbox_refresh(shared, &error));
    vtrix_sandbox_free(shared);
}

/* Handles of every kind outlive the library's threads, and are freed after them. */
static void freed_after_shutdown(vtrix_client *client, vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_command *command = NULL;
    vtrix_stream *stream = stream_of(sandbox, "yes");
    const vtrix_event *event = NULL;
    vtrix_finished *finished = NULL;
    char id[64];
    call it;

    keep_text(id, sizeof id, vtrix_sandbox_id(sandbox));
    OK(vtrix_sandbox_spawn(sandbox, VTRIX_STR("sleep 600"), NULL, &command, &error));
    OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    call_init(&it);
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("sleep 600"), NULL, on_finished, &it, NULL, &it.task, &error));
    endless_push(sandbox, SHUTDOWN);
    CHECK(it.status == VTRIX_STATUS_SHUT_DOWN && strcmp(it.operation, "run") == 0 && it.may_have_run == 1);
    FAILS(VTRIX_STATUS_SHUT_DOWN, vtrix_stream_next(stream, 0, &event, &error));
    FAILS(VTRIX_STATUS_SHUT_DOWN, vtrix_command_wait(command, &finished, &error));
    vtrix_task_cancel(it.task);
    vtrix_task_free(it.task);
    vtrix_stream_free(stream);
    vtrix_command_free(command);
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    client = test_client();
    OK(vtrix_client_delete(client, vtrix_str_from(id), &error));
    vtrix_client_free(client);
}

int main(void)
{
    vtrix_error *error = NULL;
    vtrix_client *client = test_client();
    vtrix_sandbox *sandbox = test_sandbox(client);
    int how;

    cancelled_at_once(sandbox);
    create_names_what_is_left(client);
    for (how = 0; how < SHUTDOWN; how++) {
        endless_push(sandbox, (enum how)how);
    }
    endless_run(sandbox);
    from_inside(sandbox);
    client_closed_from_inside(sandbox);
    while_functions_block(sandbox);
    freed_in_flight(sandbox);
    closed_by_many(client, sandbox);
    freed_after_shutdown(client, sandbox);
    OK(vtrix_shutdown(&error));
    puts("ok");
    return 0;
}
