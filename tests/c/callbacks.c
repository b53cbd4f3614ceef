/* The caller's functions: where they run, in what order, what they may do, and how they end. */
#include "support.h"

#include <signal.h>

static pthread_t main_thread;

typedef struct seen {
    latch events;
    latch ends;
    latch drops;
    latch gate;
    int inside;
    int stdout_bytes;
    int first_type;
    int last_type;
    int stop_after;
    vtrix_status status;
    const vtrix_sandbox *sandbox;
} seen;

static void seen_init(seen *it)
{
    const latch empty = LATCH;
    memset(it, 0, sizeof *it);
    it->events = it->ends = it->drops = it->gate = empty;
}

static int on_event(void *user_data, const vtrix_event *event)
{
    seen *it = user_data;
    CHECK(!pthread_equal(pthread_self(), main_thread));
    CHECK(__atomic_add_fetch(&it->inside, 1, __ATOMIC_SEQ_CST) == 1);
    CHECK(event->struct_size >= sizeof *event);
    if (it->first_type == 0) {
        it->first_type = event->type;
    }
    it->last_type = event->type;
    if (event->type == VTRIX_EVENT_STDOUT || event->type == VTRIX_EVENT_DATA) {
        it->stdout_bytes += (int)event->data.len;
    }
    __atomic_sub_fetch(&it->inside, 1, __ATOMIC_SEQ_CST);
    latch_add(&it->events);
    return it->stop_after > 0 && it->stdout_bytes >= it->stop_after ? VTRIX_STOP : VTRIX_CONTINUE;
}

static void on_drop(void *user_data)
{
    latch_add(&((seen *)user_data)->drops);
}

static void on_done(void *user_data, vtrix_error *error)
{
    seen *it = user_data;
    CHECK(!pthread_equal(pthread_self(), main_thread));
    CHECK(__atomic_load_n(&it->inside, __ATOMIC_SEQ_CST) == 0);
    it->status = vtrix_error_status(error);
    vtrix_error_free(error);
    latch_add(&it->ends);
}

static void on_finished(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    seen *it = user_data;
    it->status = vtrix_error_status(error);
    vtrix_error_free(error);
    vtrix_finished_free(finished);
    latch_add(&it->ends);
}

static vtrix_stream *stream_of(const vtrix_sandbox *sandbox, const char *command)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = NULL;
    OK(vtrix_sandbox_stream(sandbox, vtrix_str_from(command), NULL, &stream, &error));
    return stream;
}

static void pushed(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    vtrix_stream *stream;
    vtrix_run_options options;
    seen it;

    /* From a stream, waiting. */
    seen_init(&it);
    stream = stream_of(sandbox, "seq 100000");
    OK(vtrix_stream_forward(stream, on_event, &it, on_drop, &error));
    CHECK(it.stdout_bytes == 588895 && it.last_type == VTRIX_EVENT_DONE);
    CHECK(it.first_type == VTRIX_EVENT_START && latch_count(&it.drops) == 1);
    vtrix_stream_free(stream);

    /* From a stream, in the background; freeing it then ends it. */
    seen_init(&it);
    stream = stream_of(sandbox, "seq 100000");
    OK(vtrix_stream_forward_async(stream, on_event, on_done, &it, on_drop, NULL, &error));
    latch_wait(&it.drops, 1);
    CHECK(it.status == VTRIX_STATUS_OK && it.stdout_bytes == 588895 && latch_count(&it.ends) == 1);
    vtrix_stream_free(stream);
    seen_init(&it);
    stream = stream_of(sandbox, "echo x; sleep 600");
    OK(vtrix_stream_forward_async(stream, on_event, on_done, &it, on_drop, NULL, &error));
    latch_wait(&it.events, 2);
    vtrix_stream_free(stream);
    latch_wait(&it.drops, 1);
    CHECK(it.status == VTRIX_STATUS_CANCELLED);

    /* While a run goes on. */
    seen_init(&it);
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = on_event;
    options.event_user_data = &it;
    options.event_drop = on_drop;
    OK(vtrix_sandbox_run(sandbox, VTRIX_STR("seq 100000"), &options, &finished, &error));
    CHECK(it.stdout_bytes == 588895 && vtrix_finished_output(finished).len == 588895);
    CHECK(it.last_type == VTRIX_EVENT_DONE && latch_count(&it.drops) == 1);
    vtrix_finished_free(finished);

    /* STOP ends the call, and the command, which would go on for ever. */
    seen_init(&it);
    it.stop_after = 1;
    options.event_user_data = &it;
    FAILS(VTRIX_STATUS_CALLBACK, vtrix_sandbox_run(sandbox, VTRIX_STR("echo x; sleep 600"), &options, &finished, &error));
    CHECK(latch_count(&it.drops) == 1);
    seen_init(&it);
    it.stop_after = 1;
    stream = stream_of(sandbox, "yes");
    FAILS(VTRIX_STATUS_CALLBACK, vtrix_stream_forward(stream, on_event, &it, on_drop, &error));
    vtrix_stream_free(stream);

    /* A function for events has no use where there are none. */
    seen_init(&it);
    options.event_user_data = &it;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_stream(sandbox, VTRIX_STR("true"), &options, &stream, &error));
    CHECK(latch_count(&it.drops) == 1);
}

static int blocks(void *user_data, const vtrix_event *event)
{
    seen *it = user_data;
    (void)event;
    latch_add(&it->events);
    latch_wait(&it->gate, 1);
    return VTRIX_CONTINUE;
}

static void blocking_functions(void)
{
    vtrix_error *error = NULL;
    vtrix_client_options options;
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_stream *stuck[2], *stream;
    seen blocked[2], it;
    char *output;
    int i;

    /* What their queues hold is all read before either has its turn: as little as may be, for valgrind's sake. */
    vtrix_client_options_init(&options, sizeof options);
    options.stream_buffer = 64 * 1024;
    OK(vtrix_client_new(&options, &client, &error));
    sandbox = test_sandbox(client);
    for (i = 0; i < 2; i++) {
        seen_init(&blocked[i]);
        stuck[i] = stream_of(sandbox, "head -c 30000000 /dev/zero | tr '\\0' x");
        OK(vtrix_stream_forward_async(stuck[i], blocks, on_done, &blocked[i], NULL, NULL, &error));
    }
    for (i = 0; i < 2; i++) {
        latch_wait(&blocked[i].events, 1);
    }
    /* Everything else goes on; by default three streams have a connection each. */
    output = test_run(sandbox, "echo on");
    CHECK(strcmp(output, "on\n") == 0);
    free(output);
    seen_init(&it);
    stream = stream_of(sandbox, "seq 1000");
    OK(vtrix_stream_forward(stream, on_event, &it, NULL, &error));
    CHECK(it.stdout_bytes == 3893);
    vtrix_stream_free(stream);
    for (i = 0; i < 2; i++) {
        CHECK(latch_count(&blocked[i].ends) == 0 && latch_count(&blocked[i].events) == 1);
        vtrix_stream_cancel(stuck[i]);
        latch_add(&blocked[i].gate);
        latch_wait(&blocked[i].ends, 1);
        CHECK(blocked[i].status == VTRIX_STATUS_CANCELLED);
        vtrix_stream_free(stuck[i]);
    }
    test_end(sandbox);
    vtrix_client_free(client);
}

/* Calls back in: what waits is refused, what does not wait works, closing included. */
static void calls_back(void *user_data, vtrix_error *error)
{
    seen *it = user_data;
    vtrix_finished *finished = NULL;
    vtrix_sandbox *again;
    CHECK(error == NULL);
    FAILS(VTRIX_STATUS_WOULD_DEADLOCK, vtrix_sandbox_run(it->sandbox, VTRIX_STR("true"), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_WOULD_DEADLOCK, vtrix_shutdown(&error));
    again = vtrix_sandbox_ref(it->sandbox);
    OK(vtrix_sandbox_run_async(again, VTRIX_STR("true"), NULL, on_finished, it, NULL, NULL, &error));
    vtrix_sandbox_free(again);
}

static void closes(void *user_data, vtrix_error *error)
{
    seen *it = user_data;
    CHECK(error == NULL);
    vtrix_sandbox_close(it->sandbox);
    latch_add(&it->ends);
}

static void calling_back_in(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *closed = NULL;
    seen it;

    seen_init(&it);
    it.sandbox = sandbox;
    OK(vtrix_sandbox_mkdir_async(sandbox, VTRIX_STR("x"), calls_back, &it, NULL, NULL, &error));
    latch_wait(&it.ends, 1);
    CHECK(it.status == VTRIX_STATUS_OK);

    seen_init(&it);
    OK(vtrix_client_attach(client, vtrix_sandbox_id(sandbox), NULL, &closed, &error));
    it.sandbox = closed;
    OK(vtrix_sandbox_mkdir_async(closed, VTRIX_STR("y"), closes, &it, NULL, NULL, &error));
    latch_wait(&it.ends, 1);
    FAILS(VTRIX_STATUS_CLOSED, vtrix_sandbox_mkdir(closed, VTRIX_STR("z"), &error));
    vtrix_sandbox_free(closed);
}

static void on_next(void *user_data, const vtrix_event *event, vtrix_error *error)
{
    seen *it = user_data;
    it->status = vtrix_error_status(error);
    it->last_type = event == NULL ? 0 : event->type;
    vtrix_error_free(error);
    latch_add(&it->ends);
}

static void pulled(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = stream_of(sandbox, "seq 100000");
    const vtrix_event *event = NULL;
    vtrix_task *task = NULL;
    vtrix_status status;
    size_t bytes = 0;
    seen it;
    int ends = 0;

    while ((status = vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error)) == VTRIX_STATUS_OK) {
        bytes += event->data.len;
        if (event->type == VTRIX_EVENT_DONE) {
            CHECK(event->outcome->type == VTRIX_OUTCOME_EXITED && event->outcome->exit_code == 0);
        }
    }
    CHECK(status == VTRIX_STATUS_END && event == NULL && error == NULL && bytes == 588895);
    CHECK(vtrix_stream_next(stream, 0, &event, &error) == VTRIX_STATUS_END);
    vtrix_stream_free(stream);

    /* Nothing there: at once, and after a wait; a second reader is refused. */
    stream = stream_of(sandbox, "read line");
    OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    CHECK(event->type == VTRIX_EVENT_START);
    vtrix_stream_free(stream);
    stream = stream_of(sandbox, "sleep 600");
    OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    CHECK(vtrix_stream_next(stream, 0, &event, &error) == VTRIX_STATUS_PENDING && event == NULL);
    CHECK(vtrix_stream_next(stream, 20, &event, &error) == VTRIX_STATUS_PENDING);
    seen_init(&it);
    OK(vtrix_stream_next_async(stream, on_next, &it, NULL, &task, &error));
    FAILS(VTRIX_STATUS_BUSY_STREAM, vtrix_stream_next(stream, 0, &event, &error));
    vtrix_task_cancel(task);
    latch_wait(&it.ends, 1);
    CHECK(it.status == VTRIX_STATUS_CANCELLED);
    vtrix_task_free(task);
    CHECK(vtrix_stream_next(stream, 0, &event, &error) == VTRIX_STATUS_PENDING);
    vtrix_stream_cancel(stream);
    FAILS(VTRIX_STATUS_CANCELLED, vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    vtrix_stream_free(stream);

    /* In the background, event by event. */
    stream = stream_of(sandbox, "echo x");
    seen_init(&it);
    do {
        OK(vtrix_stream_next_async(stream, on_next, &it, NULL, NULL, &error));
        latch_wait(&it.ends, ++ends);
        CHECK(it.status == VTRIX_STATUS_OK);
    } while (it.last_type != 0);
    CHECK(ends >= 3);
    vtrix_stream_free(stream);
}

static void file_pieces(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = NULL;
    seen it;

    free(test_run(sandbox, "head -c 1000000 /dev/urandom > big"));
    OK(vtrix_sandbox_read_stream(sandbox, VTRIX_STR("big"), 65536, &stream, &error));
    seen_init(&it);
    OK(vtrix_stream_forward(stream, on_event, &it, NULL, &error));
    CHECK(it.stdout_bytes == 1000000 && it.last_type == VTRIX_EVENT_DATA);
    vtrix_stream_free(stream);
}

static void on_log(void *user_data, int32_t level, vtrix_str target, vtrix_str message)
{
    CHECK(level >= VTRIX_LOG_ERROR && level <= VTRIX_LOG_TRACE && target.len > 0);
    CHECK(message.data != NULL);
    latch_add(&((seen *)user_data)->events);
}

/* A connection that is made and closed: its end is logged. */
static void connect_and_close(const vtrix_client *client, vtrix_str id)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox = NULL;
    OK(vtrix_client_attach(client, id, NULL, &sandbox, &error));
    OK(vtrix_sandbox_mkdir(sandbox, VTRIX_STR("x"), &error));
    vtrix_sandbox_close(sandbox);
    vtrix_sandbox_free(sandbox);
}

static void logs(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    seen it;
    int count;

    seen_init(&it);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_set_log(on_log, &it, on_drop, 77, &error));
    CHECK(latch_count(&it.drops) == 1);
    OK(vtrix_set_log(on_log, &it, on_drop, VTRIX_LOG_TRACE, &error));
    connect_and_close(client, vtrix_sandbox_id(sandbox));
    latch_wait(&it.events, 1);
    OK(vtrix_set_log(NULL, NULL, NULL, VTRIX_LOG_OFF, &error));
    CHECK(latch_count(&it.drops) == 2);
    count = latch_count(&it.events);
    connect_and_close(client, vtrix_sandbox_id(sandbox));
    CHECK(latch_count(&it.events) == count);
}

#define LOGGING 8

typedef struct busy {
    const vtrix_client *client;
    vtrix_str id;
    latch over;
} busy;

static void *connect_and_log(void *argument)
{
    busy *it = argument;
    int i;
    for (i = 0; i < 8; i++) {
        connect_and_close(it->client, it->id);
    }
    latch_add(&it->over);
    return NULL;
}

/* Unsetting waits for the last call, however many threads log at that moment. */
static void unset_while_others_log(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    pthread_t threads[LOGGING];
    busy all = {NULL, {NULL, 0}, LATCH};
    seen it;
    int i, sets = 0;

    all.client = client;
    all.id = vtrix_sandbox_id(sandbox);
    for (i = 0; i < LOGGING; i++) {
        CHECK(pthread_create(&threads[i], NULL, connect_and_log, &all) == 0);
    }
    seen_init(&it);
    while (latch_count(&all.over) < LOGGING) {
        OK(vtrix_set_log(on_log, &it, on_drop, VTRIX_LOG_TRACE, &error));
        OK(vtrix_set_log(NULL, NULL, NULL, VTRIX_LOG_OFF, &error));
        CHECK(latch_count(&it.drops) == ++sets);
    }
    for (i = 0; i < LOGGING; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void on_log_once(void *user_data, int32_t level, vtrix_str target, vtrix_str message)
{
    vtrix_error *error = NULL;
    (void)level, (void)target, (void)message;
    OK(vtrix_set_log(NULL, NULL, NULL, VTRIX_LOG_OFF, &error));
    latch_add(&((seen *)user_data)->events);
}

/* Unset by its own function, which is then the last call. */
static void unset_from_inside(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    seen it;

    seen_init(&it);
    OK(vtrix_set_log(on_log_once, &it, on_drop, VTRIX_LOG_TRACE, &error));
    connect_and_close(client, vtrix_sandbox_id(sandbox));
    latch_wait(&it.drops, 1);
    CHECK(latch_count(&it.events) == 1);
}

#define WATCHED 3

/* Every thread for watching functions is taken, and more are wanted: calls that nothing watches end
 * all the same. */
static void ends_wait_for_no_watcher(void)
{
    vtrix_error *error = NULL;
    vtrix_start_options options;
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_stream *stuck[WATCHED];
    seen blocked[WATCHED], it;
    int i;

    vtrix_start_options_init(&options, sizeof options);
    options.callback_threads = WATCHED - 1;
    OK(vtrix_start(&options, &error));
    client = test_client();
    sandbox = test_sandbox(client);
    for (i = 0; i < WATCHED; i++) {
        seen_init(&blocked[i]);
        stuck[i] = stream_of(sandbox, "echo x");
        OK(vtrix_stream_forward_async(stuck[i], blocks, on_done, &blocked[i], NULL, NULL, &error));
        if (i < WATCHED - 1) {
            latch_wait(&blocked[i].events, 1);
        }
    }
    seen_init(&it);
    OK(vtrix_sandbox_mkdir_async(sandbox, VTRIX_STR("x"), on_done, &it, NULL, NULL, &error));
    latch_wait(&it.ends, 1);
    CHECK(it.status == VTRIX_STATUS_OK);
    OK(vtrix_sandbox_mkdir(sandbox, VTRIX_STR("y"), &error));
    CHECK(latch_count(&blocked[WATCHED - 1].events) == 0);
    for (i = 0; i < WATCHED; i++) {
        CHECK(latch_count(&blocked[i].ends) == 0);
    }
    /* All of them at once: the end of a watched call waits for a thread as its events do. */
    for (i = 0; i < WATCHED; i++) {
        latch_add(&blocked[i].gate);
    }
    for (i = 0; i < WATCHED; i++) {
        latch_wait(&blocked[i].ends, 1);
        CHECK(blocked[i].status == VTRIX_STATUS_OK);
        vtrix_stream_free(stuck[i]);
    }
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
}

/* Given up before it has begun, or just after: whoever is told may pull again at once. */
static void pulls_given_up_at_once(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = stream_of(sandbox, "exec sleep 600");
    const vtrix_event *event = NULL;
    int i;

    OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
    for (i = 0; i < 1000; i++) {
        vtrix_task *task = NULL;
        seen it;
        seen_init(&it);
        OK(vtrix_stream_next_async(stream, on_next, &it, NULL, &task, &error));
        vtrix_task_cancel(task);
        latch_wait(&it.ends, 1);
        CHECK(it.status == VTRIX_STATUS_CANCELLED);
        vtrix_task_free(task);
        CHECK(vtrix_stream_next(stream, 0, &event, &error) == VTRIX_STATUS_PENDING);
    }
    vtrix_stream_free(stream);
}

int main(void)
{
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_error *error = NULL;

    main_thread = pthread_self();
    client = test_client();
    sandbox = test_sandbox(client);
    pushed(sandbox);
    blocking_functions();
    calling_back_in(client, sandbox);
    pulled(sandbox);
    pulls_given_up_at_once(sandbox);
    file_pieces(sandbox);
    logs(client, sandbox);
    unset_while_others_log(client, sandbox);
    unset_from_inside(client, sandbox);
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
    ends_wait_for_no_watcher();
    puts("ok");
    return 0;
}
