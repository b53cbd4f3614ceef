/* What a caller can get wrong: it is refused by name, and nothing breaks. */
#include "support.h"

#include <unistd.h>

static const char INVALID[] = {'a', (char)0xff, 'b'};

static vtrix_str invalid_text(void)
{
    vtrix_str text;
    text.data = INVALID;
    text.len = sizeof INVALID;
    return text;
}

static vtrix_str lying_text(void)
{
    vtrix_str text;
    text.data = NULL;
    text.len = 7;
    return text;
}

static vtrix_str endless_text(void)
{
    vtrix_str text;
    text.data = INVALID;
    text.len = SIZE_MAX;
    return text;
}

static void done(void *user_data, vtrix_error *error)
{
    vtrix_error_free(error);
    latch_add((latch *)user_data);
}

static void freed(void *user_data)
{
    latch_add((latch *)user_data);
}

static void null_everywhere(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_client *new_client = NULL;
    vtrix_sandbox *new_sandbox = NULL;
    vtrix_finished *finished = NULL;
    latch dropped = LATCH;

    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_client_new(NULL, NULL, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_client_create(NULL, VTRIX_STR("u"), NULL, &new_sandbox, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_client_create(client, VTRIX_STR("u"), NULL, NULL, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_client_create(client, vtrix_str_from(NULL), NULL, &new_sandbox, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(NULL, VTRIX_STR("true"), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), NULL, NULL, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, lying_text(), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, endless_text(), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, invalid_text(), NULL, &finished, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR(""), NULL, &finished, &error));
    CHECK(vtrix_sandbox_run(NULL, VTRIX_STR("true"), NULL, NULL, NULL) == VTRIX_STATUS_INVALID_ARGUMENT);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_stream_next(NULL, 0, NULL, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_stream_forward(NULL, NULL, &dropped, freed, &error));
    CHECK(latch_count(&dropped) == 1);

    /* A function that could not begin lets go of what it was given, and announces nothing. */
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_mkdir_async(NULL, VTRIX_STR("x"), done, &dropped, freed, NULL, &error));
    CHECK(latch_count(&dropped) == 2);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_mkdir_async(sandbox, VTRIX_STR("x"), NULL, &dropped, freed, NULL, &error));
    CHECK(latch_count(&dropped) == 3);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_mkdir_async(sandbox, invalid_text(), done, &dropped, freed, NULL, &error));
    CHECK(latch_count(&dropped) == 4);

    vtrix_client_free(NULL);
    vtrix_sandbox_free(NULL);
    vtrix_command_free(NULL);
    vtrix_finished_free(NULL);
    vtrix_error_free(NULL);
    vtrix_buffer_free(NULL);
    vtrix_stream_free(NULL);
    vtrix_task_free(NULL);
    vtrix_task_cancel(NULL);
    vtrix_stream_cancel(NULL);
    vtrix_client_close(NULL);
    vtrix_sandbox_close(NULL);
    CHECK(vtrix_task_is_done(NULL) && vtrix_client_ref(NULL) == NULL && vtrix_task_ref(NULL) == NULL);
    CHECK(vtrix_error_status(NULL) == VTRIX_STATUS_OK && vtrix_error_message(NULL).len == 0);
    CHECK(vtrix_finished_output(NULL).len == 0 && vtrix_finished_outcome(NULL) == NULL);
    CHECK(vtrix_finished_exit_code(NULL) == -1 && vtrix_sandbox_get_info(NULL) == NULL);
    CHECK(vtrix_sandbox_id(NULL).len == 0 && vtrix_sandbox_timeout_ms(NULL) == 0);
    vtrix_run_options_init(NULL, sizeof(vtrix_run_options));
    CHECK(new_client == NULL && new_sandbox == NULL && finished == NULL);
}

/* What a later version of the header might have. */
struct later_options {
    vtrix_run_options known;
    uint64_t fresh;
};

static void options_of_other_versions(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    struct later_options later;
    vtrix_run_options options;

    vtrix_run_options_init(&later.known, sizeof later);
    CHECK(later.fresh == 0);
    OK(vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &later.known, &finished, &error));
    vtrix_finished_free(finished);
    later.fresh = 1;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &later.known, &finished, &error));
    /* An earlier version: a struct that ends in the middle of today's. */
    vtrix_run_options_init(&options, offsetof(vtrix_run_options, working_dir));
    memset((char *)&options + offsetof(vtrix_run_options, working_dir), 0xee,
           sizeof options - offsetof(vtrix_run_options, working_dir));
    OK(vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &options, &finished, &error));
    vtrix_finished_free(finished);
    /* Never set up. */
    memset(&options, 0, sizeof options);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &options, &finished, &error));
    memset(&options, 0xee, sizeof options);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &options, &finished, &error));
    vtrix_run_options_init(&options, sizeof options);
    options.sudo = 2;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &options, &finished, &error));
    vtrix_run_options_init(&options, sizeof options);
    options.args_len = 3;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &options, &finished, &error));
}

static vtrix_bytes lying_bytes(void)
{
    vtrix_bytes bytes;
    bytes.data = NULL;
    bytes.len = 7;
    return bytes;
}

/* What options point to is looked at as closely as an argument, and refused before anything begins. */
static void pointers_inside_options(const vtrix_client *client, const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_client *new_client = NULL;
    vtrix_sandbox *new_sandbox = NULL;
    vtrix_finished *finished = NULL;
    vtrix_str bad[3];
    size_t i;

    bad[0] = invalid_text();
    bad[1] = lying_text();
    bad[2] = endless_text();
    for (i = 0; i < 3; i++) {
        vtrix_client_options client_options[5];
        vtrix_run_options run[5];
        vtrix_create_options create[4];
        vtrix_pair pair = {bad[i], {"x", 1}}, value = {{"x", 1}, bad[i]};
        vtrix_payload payload;
        size_t k;

        for (k = 0; k < 5; k++) {
            vtrix_client_options_init(&client_options[k], sizeof client_options[k]);
            vtrix_run_options_init(&run[k], sizeof run[k]);
        }
        client_options[0].base_url = bad[i];
        client_options[1].token = bad[i];
        client_options[2].project_id = bad[i];
        client_options[3].proxy = bad[i];
        client_options[4].no_proxy = bad[i];
        run[0].args = &bad[i];
        run[0].args_len = 1;
        run[1].env = &pair;
        run[2].env = &value;
        run[1].env_len = run[2].env_len = 1;
        run[3].working_dir = bad[i];
        run[4].env_len = 3;
        for (k = 0; k < 5; k++) {
            FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_client_new(&client_options[k], &new_client, &error));
            FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &run[k], &finished, &error));
        }
        for (k = 0; k < 4; k++) {
            vtrix_create_options_init(&create[k], sizeof create[k]);
        }
        memset(&payload, 0, sizeof payload);
        payload.api = bad[i];
        create[0].env = &pair;
        create[1].labels = &value;
        create[2].payloads = &payload;
        create[0].env_len = create[1].labels_len = create[2].payloads_len = 1;
        create[3].payloads_len = 2;
        for (k = 0; k < 4; k++) {
            FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
                  vtrix_client_create(client, VTRIX_STR("u"), &create[k], &new_sandbox, &error));
        }
    }
    {
        vtrix_client_options pem[2];
        vtrix_run_options run;
        for (i = 0; i < 2; i++) {
            vtrix_client_options_init(&pem[i], sizeof pem[i]);
        }
        pem[0].extra_roots_pem = pem[1].client_identity_pem = lying_bytes();
        for (i = 0; i < 2; i++) {
            FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_client_new(&pem[i], &new_client, &error));
        }
        vtrix_run_options_init(&run, sizeof run);
        run.stdin_data = lying_bytes();
        FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &run, &finished, &error));
    }
}

/* A path on this machine that no text can tell: nothing is begun, and nothing is told wrongly. */
static void paths_that_no_text_tells(const vtrix_sandbox *sandbox)
{
    static char directory[] = "/tmp/vtrix-\xff-XXXXXX";
    vtrix_error *error = NULL;
    vtrix_buffer *path = NULL;
    vtrix_saved_list *list = NULL;
    vtrix_pair files[1];
    char before[4096];

    CHECK(getcwd(before, sizeof before) != NULL);
    CHECK(mkdtemp(directory) != NULL && chdir(directory) == 0);
    files[0].name = VTRIX_STR("/etc/passwd");
    files[0].value = VTRIX_STR("saved");
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_download_file(sandbox, VTRIX_STR("/etc/passwd"), VTRIX_STR("saved"), NULL, &path, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_download_files(sandbox, files, 1, NULL, &list, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_upload_file(sandbox, VTRIX_STR("saved"), VTRIX_STR("x"), NULL, &error));
    CHECK(access("saved", F_OK) != 0);
    /* An absolute path has nothing to do with it. */
    OK(vtrix_sandbox_upload_file(sandbox, VTRIX_STR("/etc/passwd"), VTRIX_STR("x"), NULL, &error));
    CHECK(chdir(before) == 0 && rmdir(directory) == 0);
}

static void ran(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    CHECK((finished == NULL) != (error == NULL));
    vtrix_finished_free(finished);
    vtrix_error_free(error);
    latch_add((latch *)user_data);
}

static void expect_cancelled(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    CHECK(finished == NULL && vtrix_error_status(error) == VTRIX_STATUS_CANCELLED);
    vtrix_error_free(error);
    latch_add((latch *)user_data);
}

static void expect_closed(void *user_data, vtrix_finished *finished, vtrix_error *error)
{
    CHECK(finished == NULL && vtrix_error_status(error) == VTRIX_STATUS_CLOSED);
    vtrix_error_free(error);
    latch_add((latch *)user_data);
}

static void free_and_cancel(const vtrix_client *client)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox = test_sandbox(client), *second;
    vtrix_task *task = NULL;
    latch ends = LATCH, drops = LATCH;

    /* Twice the documented way: each reference by itself. */
    second = vtrix_sandbox_ref(sandbox);
    CHECK(second == sandbox);
    vtrix_sandbox_free(second);

    /* Cancelled as soon as begun, and again. */
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("sleep 600"), NULL, expect_cancelled, &ends, NULL, &task, &error));
    vtrix_task_cancel(task);
    vtrix_task_cancel(task);
    latch_wait(&ends, 1);
    CHECK(vtrix_task_is_done(task));
    vtrix_task_free(task);

    /* Cancelled after the end. */
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("true"), NULL, ran, &ends, NULL, &task, &error));
    latch_wait(&ends, 2);
    vtrix_task_cancel(task);
    vtrix_task_free(task);

    /* Closed while a call is in flight. */
    second = NULL;
    OK(vtrix_client_attach(client, vtrix_sandbox_id(sandbox), NULL, &second, &error));
    OK(vtrix_sandbox_run_async(second, VTRIX_STR("sleep 600"), NULL, expect_closed, &ends, NULL, NULL, &error));
    vtrix_sandbox_close(second);
    latch_wait(&ends, 3);
    vtrix_sandbox_free(second);

    /* Deleted, then freed while calls are in flight; each still ends, once, and lets go. */
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("echo a"), NULL, ran, &ends, freed, NULL, &error));
    latch_wait(&ends, 5);
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("sleep 600"), NULL, ran, &ends, freed, &task, &error));
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("echo b"), NULL, ran, &drops, NULL, NULL, &error));
    second = vtrix_sandbox_ref(sandbox);
    vtrix_sandbox_free(sandbox);
    latch_wait(&drops, 1);
    vtrix_task_free(task);
    test_end(second);
    latch_wait(&ends, 7);
}

#define THREADS 64

static void *work(void *argument)
{
    const vtrix_sandbox *sandbox = argument;
    int i;
    for (i = 0; i < 5; i++) {
        char *output = test_run(sandbox, "echo x");
        CHECK(strcmp(output, "x\n") == 0);
        free(output);
    }
    return NULL;
}

static void many_threads(vtrix_sandbox *sandbox)
{
    pthread_t threads[THREADS];
    int i;
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_create(&threads[i], NULL, work, sandbox) == 0);
    }
    for (i = 0; i < THREADS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

/* What options carry is let go of once, whatever is wrong with the call. */
static void options_let_go(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    vtrix_run_options run;
    vtrix_transfer_options transfer;
    latch drops = LATCH;

    vtrix_run_options_init(&run, sizeof run);
    run.event_user_data = &drops;
    run.event_drop = freed;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(NULL, VTRIX_STR("true"), &run, &finished, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &run, NULL, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("\xff"), &run, &finished, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_run_async(sandbox, VTRIX_STR("true"), &run, NULL, NULL, NULL, NULL, &error));
    run.sudo = 2;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_run(sandbox, VTRIX_STR("true"), &run, &finished, &error));
    CHECK(latch_count(&drops) == 5);
    vtrix_transfer_options_init(&transfer, sizeof transfer);
    transfer.progress_user_data = &drops;
    transfer.progress_drop = freed;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_upload_file(NULL, VTRIX_STR("/etc/passwd"), VTRIX_STR("/x"), &transfer, &error));
    transfer.mkdir_recursive = 2;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT,
          vtrix_sandbox_upload_file(sandbox, VTRIX_STR("/etc/passwd"), VTRIX_STR("/x"), &transfer, &error));
    CHECK(latch_count(&drops) == 7);
}

static latch pulling = LATCH;

static void *pull(void *stream)
{
    const vtrix_event *event = NULL;
    vtrix_error *error = NULL;

    OK(vtrix_stream_next(stream, UINT64_MAX, &event, &error));
    latch_add(&pulling);
    FAILS(VTRIX_STATUS_CANCELLED, vtrix_stream_next(stream, UINT64_MAX, &event, &error));
    return NULL;
}

/* Who waits in a pull is told when another thread cancels the stream. */
static void cancelled_under_a_reader(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = NULL;
    pthread_t reader;

    OK(vtrix_sandbox_stream(sandbox, VTRIX_STR("exec sleep 600"), NULL, &stream, &error));
    CHECK(pthread_create(&reader, NULL, pull, stream) == 0);
    latch_wait(&pulling, 1);
    vtrix_stream_cancel(stream);
    CHECK(pthread_join(reader, NULL) == 0);
    vtrix_stream_free(stream);
}

static void *shut_down(void *sandbox)
{
    vtrix_error *error = NULL;

    OK(vtrix_shutdown(&error));
    /* Whichever came first: all is over now. */
    FAILS(VTRIX_STATUS_SHUT_DOWN, vtrix_sandbox_refresh(sandbox, &error));
    return NULL;
}

static void shut_down_by_many(void)
{
    vtrix_error *error = NULL;
    vtrix_client *client = test_client();
    vtrix_sandbox *sandbox = test_sandbox(client);
    pthread_t threads[8];
    latch ends = LATCH;
    char id[64];
    size_t i;

    snprintf(id, sizeof id, "%.*s", (int)vtrix_sandbox_id(sandbox).len, vtrix_sandbox_id(sandbox).data);
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("sleep 600"), NULL, ran, &ends, NULL, NULL, &error));
    for (i = 0; i < 8; i++) {
        CHECK(pthread_create(&threads[i], NULL, shut_down, sandbox) == 0);
    }
    for (i = 0; i < 8; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
        CHECK(latch_count(&ends) == 1);
    }
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    client = test_client();
    OK(vtrix_client_delete(client, vtrix_str_from(id), &error));
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
}

static void after_shutdown(void)
{
    vtrix_error *error = NULL;
    vtrix_client *client = test_client();
    vtrix_sandbox *sandbox = test_sandbox(client);
    vtrix_sandbox_info *info = NULL;
    vtrix_start_options options;
    latch ends = LATCH;
    char id[64];

    snprintf(id, sizeof id, "%.*s", (int)vtrix_sandbox_id(sandbox).len, vtrix_sandbox_id(sandbox).data);
    FAILS(VTRIX_STATUS_CONFLICT, vtrix_start(NULL, &error));
    /* What is in flight ends, and is announced, before this returns. */
    OK(vtrix_sandbox_run_async(sandbox, VTRIX_STR("sleep 600"), NULL, ran, &ends, NULL, NULL, &error));
    OK(vtrix_shutdown(&error));
    CHECK(latch_count(&ends) == 1);
    OK(vtrix_shutdown(&error));
    FAILS(VTRIX_STATUS_SHUT_DOWN, vtrix_client_get(client, vtrix_str_from(id), &info, &error));
    FAILS(VTRIX_STATUS_SHUT_DOWN, vtrix_sandbox_refresh(sandbox, &error));
    CHECK(str_is(vtrix_sandbox_id(sandbox), id));
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    /* And anew. */
    vtrix_start_options_init(&options, sizeof options);
    options.worker_threads = 1;
    OK(vtrix_start(&options, &error));
    client = test_client();
    OK(vtrix_client_delete(client, vtrix_str_from(id), &error));
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
}

int main(void)
{
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_error *error = NULL;

    client = test_client();
    sandbox = test_sandbox(client);
    null_everywhere(client, sandbox);
    options_of_other_versions(sandbox);
    pointers_inside_options(client, sandbox);
    paths_that_no_text_tells(sandbox);
    free_and_cancel(client);
    many_threads(sandbox);
    options_let_go(sandbox);
    cancelled_under_a_reader(sandbox);
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
    after_shutdown();
    shut_down_by_many();
    puts("ok");
    return 0;
}
