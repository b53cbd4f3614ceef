/* A child of fork can use no handle of its parent's, and has a client of its own. What it can't let
 * go of stays allocated in it by design, so valgrind has no part in this. */
#include "support.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static latch drops = LATCH;

static void dropped(void *user_data)
{
    latch_add((latch *)user_data);
}

static void ended(void *user_data, vtrix_error *error)
{
    vtrix_error_free(error);
    latch_add((latch *)user_data);
}

static void ran(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    vtrix_finished_free(finished);
    ended(user_data, error);
}

static void never(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    (void)user_data, (void)finished, (void)error;
    CHECK(!"called");
}

static void next_never(void *user_data, const vtrix_event *event, vtrix_error *error)
{
    (void)user_data, (void)event, (void)error;
    CHECK(!"called");
}

static void done_never(void *user_data, vtrix_error *error)
{
    (void)user_data, (void)error;
    CHECK(!"called");
}

static int seen(void *user_data, const vtrix_event *event)
{
    (void)event;
    latch_add((latch *)user_data);
    return VTRIX_CONTINUE;
}

static void logged(void *user_data, int32_t level, vtrix_str target, vtrix_str message)
{
    (void)level, (void)target, (void)message;
    latch_add((latch *)user_data);
}

/* What a process has at the moment of a fork: handles of every kind, calls that go on, a log. */
typedef struct handles {
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_command *command;
    vtrix_stream *stream, *pushed;
    vtrix_task *task;
    vtrix_finished *finished;
    latch log, ends, events;
} handles;

static void take(handles *it)
{
    static const handles nothing = {NULL, NULL, NULL, NULL, NULL, NULL, NULL, LATCH, LATCH, LATCH};
    vtrix_error *error = NULL;
    const vtrix_event *event = NULL;

    *it = nothing;
    OK(vtrix_set_log(logged, &it->log, NULL, VTRIX_LOG_TRACE, &error));
    it->client = test_client();
    it->sandbox = test_sandbox(it->client);
    OK(vtrix_sandbox_spawn(it->sandbox, VTRIX_STR("sleep 600"), NULL, &it->command, &error));
    OK(vtrix_sandbox_stream(it->sandbox, VTRIX_STR("echo x; sleep 600"), NULL, &it->stream, &error));
    OK(vtrix_stream_next(it->stream, VTRIX_NO_LIMIT, &event, &error));
    OK(vtrix_sandbox_stream(it->sandbox, VTRIX_STR("yes"), NULL, &it->pushed, &error));
    OK(vtrix_stream_forward_async(it->pushed, seen, ended, &it->events, NULL, NULL, &error));
    latch_wait(&it->events, 1);
    OK(vtrix_sandbox_run(it->sandbox, VTRIX_STR("true"), NULL, &it->finished, &error));
    OK(vtrix_sandbox_run_async(it->sandbox, VTRIX_STR("sleep 600"), NULL, ran, &it->ends, NULL, &it->task, &error));
}

/* What the child did to its copies did nothing to these: all goes on, and ends. */
static void give(handles *it)
{
    vtrix_error *error = NULL;
    char *output = test_run(it->sandbox, "echo parent");
    int log;

    CHECK(strcmp(output, "parent\n") == 0);
    free(output);
    log = latch_count(&it->log);
    CHECK(log > 0 && latch_count(&it->ends) == 0 && !vtrix_task_is_done(it->task));
    vtrix_task_cancel(it->task);
    latch_wait(&it->ends, 1);
    vtrix_task_free(it->task);
    vtrix_stream_free(it->pushed);
    vtrix_stream_free(it->stream);
    OK(vtrix_command_kill(it->command, VTRIX_STR("SIGKILL"), &error));
    vtrix_command_free(it->command);
    vtrix_finished_free(it->finished);
    test_end(it->sandbox);
    vtrix_client_free(it->client);
    OK(vtrix_shutdown(&error));
}

static void refused_in_the_child(handles *it)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    vtrix_sandbox_info *info = NULL;
    vtrix_command *command;
    vtrix_stream *stream = NULL;
    vtrix_task *task = NULL;
    const vtrix_event *event = NULL;

    FAILS(VTRIX_STATUS_FORKED, vtrix_sandbox_run(it->sandbox, VTRIX_STR("true"), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_client_get(it->client, VTRIX_STR("x"), &info, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_command_wait(it->command, &finished, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_command_logs(it->command, &stream, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_stream_next(it->stream, 0, &event, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_stream_next(it->pushed, 0, &event, &error));
    FAILS(VTRIX_STATUS_FORKED,
          vtrix_sandbox_run_async(it->sandbox, VTRIX_STR("true"), NULL, never, &drops, dropped, &task, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_command_wait_async(it->command, never, &drops, dropped, &task, &error));
    FAILS(VTRIX_STATUS_FORKED, vtrix_stream_next_async(it->stream, next_never, &drops, dropped, &task, &error));
    FAILS(VTRIX_STATUS_FORKED,
          vtrix_stream_forward_async(it->stream, seen, done_never, &drops, dropped, &task, &error));
    CHECK(latch_count(&drops) == 4 && task == NULL);
    CHECK(vtrix_sandbox_id(it->sandbox).len > 0 && vtrix_sandbox_get_info(it->sandbox) == NULL);
    CHECK(vtrix_finished_success(it->finished));
    command = vtrix_finished_command(it->finished);
    FAILS(VTRIX_STATUS_FORKED, vtrix_command_wait(command, &finished, &error));
    vtrix_command_free(command);
    vtrix_sandbox_close(it->sandbox);
    vtrix_client_close(it->client);
    vtrix_stream_cancel(it->pushed);
    vtrix_task_cancel(it->task);
}

/* A client of the child's own works, and has its own log. */
static void anew_in_the_child(void)
{
    vtrix_error *error = NULL;
    latch log = LATCH, let_go = LATCH;
    vtrix_client *own;
    vtrix_sandbox *sandbox;
    char *output;

    OK(vtrix_set_log(logged, &log, NULL, VTRIX_LOG_TRACE, &error));
    OK(vtrix_set_log(logged, &let_go, dropped, VTRIX_LOG_TRACE, &error));
    own = test_client();
    sandbox = test_sandbox(own);
    output = test_run(sandbox, "echo child");
    CHECK(strcmp(output, "child\n") == 0);
    free(output);
    test_end(sandbox);
    vtrix_client_free(own);
    OK(vtrix_shutdown(&error));
    CHECK(latch_count(&let_go) > 1);
}

static void in_the_child(handles *it)
{
    refused_in_the_child(it);
    anew_in_the_child();
    vtrix_task_free(it->task);
    vtrix_stream_free(it->pushed);
    vtrix_stream_free(it->stream);
    vtrix_command_free(it->command);
    vtrix_finished_free(it->finished);
    vtrix_sandbox_free(it->sandbox);
    vtrix_client_free(it->client);
}

static void too_long(int number)
{
    (void)number;
    _exit(1);
}

/* By a handler: the first process of a namespace takes no signal's default. */
static void no_longer_than(unsigned seconds)
{
    CHECK(signal(SIGALRM, too_long) != SIG_ERR);
    alarm(seconds);
}

static int status_of(pid_t child)
{
    int status = 0;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void forked(handles *it)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        no_longer_than(120);
        in_the_child(it);
        _exit(0);
    }
    CHECK(status_of(child) == 0);
}

static int over;

static void *keep_busy(void *sandbox)
{
    vtrix_error *error = NULL;
    while (!__atomic_load_n(&over, __ATOMIC_SEQ_CST)) {
        OK(vtrix_sandbox_mkdir(sandbox, VTRIX_STR("busy"), &error));
    }
    return NULL;
}

#define BUSY 4
#define FORKS 6

/* Whatever the other threads held at that moment. */
static void forked_while_busy(handles *it)
{
    pthread_t threads[BUSY];
    int i;
    for (i = 0; i < BUSY; i++) {
        CHECK(pthread_create(&threads[i], NULL, keep_busy, it->sandbox) == 0);
    }
    for (i = 0; i < FORKS; i++) {
        forked(it);
    }
    __atomic_store_n(&over, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < BUSY; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

#define NOT_ALLOWED 77

/* The first process of a new PID namespace; its parent waits for it and ends as it does. */
static void into_a_namespace(void)
{
    pid_t child;
    if (unshare(CLONE_NEWPID) != 0) {
        _exit(NOT_ALLOWED);
    }
    child = fork();
    CHECK(child >= 0);
    if (child != 0) {
        _exit(status_of(child));
    }
    no_longer_than(120);
    CHECK(getpid() == 1);
}

/* A child with its parent's number: both are the first of their namespaces. */
static void same_number(void)
{
    vtrix_error *error = NULL;
    handles it;
    int status;
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        into_a_namespace();
        take(&it);
        /* Before the next namespace, in which a process that asked for it has no new threads. */
        OK(vtrix_client_delete(it.client, vtrix_sandbox_id(it.sandbox), &error));
        into_a_namespace();
        in_the_child(&it);
        _exit(0);
    }
    status = status_of(child);
    if (status == NOT_ALLOWED) {
        puts("no PID namespace may be made here: a child with its parent's number was not tried");
        return;
    }
    CHECK(status == 0);
}

int main(void)
{
    handles it;

    /* First: before there is a library whose threads would be in the way. */
    same_number();
    take(&it);
    forked(&it);
    forked_while_busy(&it);
    give(&it);
    puts("ok");
    return 0;
}
