/* The way through: a client, a sandbox, a command, its output, files; each call once. */
#include "support.h"

static void versions(void)
{
    char text[32];
    snprintf(text, sizeof text, "%d.%d.%d", VTRIX_VERSION_MAJOR, VTRIX_VERSION_MINOR, VTRIX_VERSION_PATCH);
    CHECK(strcmp(text, vtrix_version()) == 0);
    CHECK(vtrix_version_number() == VTRIX_VERSION_NUMBER);
    CHECK(VTRIX_VERSION_NUMBER ==
          VTRIX_VERSION_MAJOR * 1000000 + VTRIX_VERSION_MINOR * 1000 + VTRIX_VERSION_PATCH);
    CHECK(vtrix_abi_version() == VTRIX_ABI_VERSION);
    CHECK(strcmp(vtrix_status_name(VTRIX_STATUS_FILE_NOT_FOUND), "file_not_found") == 0);
    CHECK(strcmp(vtrix_status_name(12345), "unknown") == 0);
}

/* Returns once the command has written to both of its outputs. */
static void wait_for_output(const vtrix_command *command)
{
    vtrix_error *error = NULL;
    vtrix_stream *stream = NULL;
    const vtrix_event *event = NULL;
    int seen = 0;
    OK(vtrix_command_logs(command, &stream, &error));
    while (seen != (VTRIX_STREAM_STDOUT | VTRIX_STREAM_STDERR)) {
        OK(vtrix_stream_next(stream, VTRIX_NO_LIMIT, &event, &error));
        seen |= event->stream;
    }
    vtrix_stream_free(stream);
}

/* The output is its pieces, one after the other; and the result leads back to the command. */
static void in_pieces(const vtrix_finished *finished)
{
    vtrix_bytes output = vtrix_finished_output(finished), piece;
    size_t i, len = vtrix_finished_pieces_len(finished), at = 0, of[2] = {0, 0};
    vtrix_command *command;
    vtrix_finished *again = NULL;
    vtrix_error *error = NULL;

    for (i = 0; i < len; i++) {
        int32_t stream = vtrix_finished_piece_stream(finished, i);
        piece = vtrix_finished_piece(finished, i);
        CHECK(piece.len > 0 && piece.data == output.data + at);
        CHECK(stream == VTRIX_STREAM_STDOUT || stream == VTRIX_STREAM_STDERR);
        of[stream == VTRIX_STREAM_STDERR] += piece.len;
        at += piece.len;
    }
    CHECK(len >= 2 && at == output.len);
    CHECK(of[0] == vtrix_finished_stdout(finished).len && of[1] == vtrix_finished_stderr(finished).len);
    CHECK(vtrix_finished_piece(finished, len).len == 0);
    CHECK(vtrix_finished_piece_stream(finished, len) == VTRIX_STREAM_NONE);
    CHECK(vtrix_finished_piece_stream(finished, SIZE_MAX) == VTRIX_STREAM_NONE);
    command = vtrix_finished_command(finished);
    CHECK(str_is(vtrix_command_cmd_id(command), "") == 0);
    CHECK(vtrix_command_exit_code(command) == vtrix_finished_exit_code(finished));
    OK(vtrix_command_wait(command, &again, &error));
    CHECK(vtrix_finished_output(again).len == output.len);
    vtrix_finished_free(again);
    vtrix_command_free(command);
}

static void commands(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_finished *finished = NULL;
    vtrix_command *command = NULL;
    vtrix_collected *collected = NULL;
    vtrix_run_options options;
    vtrix_str args[2];
    vtrix_pair env[1];
    const vtrix_outcome *outcome;

    vtrix_run_options_init(&options, sizeof options);
    args[0] = VTRIX_STR("it's");
    args[1] = VTRIX_STR("$HOME");
    options.args = args;
    options.args_len = 2;
    OK(vtrix_sandbox_run(sandbox, VTRIX_STR("printf '[%s]'"), &options, &finished, &error));
    CHECK(bytes_are(vtrix_finished_output(finished), "[it's][$HOME]"));
    CHECK(vtrix_finished_success(finished) && vtrix_finished_exit_code(finished) == 0);
    CHECK(vtrix_finished_cmd_id(finished).len == 36);
    vtrix_finished_free(finished);

    vtrix_run_options_init(&options, sizeof options);
    env[0].name = VTRIX_STR("GREETING");
    env[0].value = VTRIX_STR("hello");
    options.env = env;
    options.env_len = 1;
    options.working_dir = VTRIX_STR("/tmp");
    options.stdin_data.data = (const uint8_t *)"from stdin";
    options.stdin_data.len = 10;
    OK(vtrix_sandbox_run(sandbox, VTRIX_STR("echo $GREETING; pwd; cat; echo to-stderr >&2; exit 3"),
                         &options, &finished, &error));
    CHECK(bytes_are(vtrix_finished_stdout(finished), "hello\n/tmp\nfrom stdin"));
    CHECK(bytes_are(vtrix_finished_stderr(finished), "to-stderr\n"));
    outcome = vtrix_finished_outcome(finished);
    CHECK(outcome->struct_size == sizeof *outcome);
    CHECK(outcome->type == VTRIX_OUTCOME_EXITED && outcome->exit_code == 3);
    CHECK(!vtrix_finished_success(finished));
    in_pieces(finished);
    vtrix_finished_free(finished);

    vtrix_run_options_init(&options, sizeof options);
    options.timeout_ms = 300;
    finished = NULL;
    CHECK(vtrix_sandbox_run(sandbox, VTRIX_STR("echo before; sleep 60"), &options, &finished, &error) ==
          VTRIX_STATUS_COMMAND_TIMED_OUT);
    CHECK(finished == NULL && vtrix_error_command(error) != NULL);
    CHECK(bytes_are(vtrix_finished_output(vtrix_error_command(error)), "before\n"));
    CHECK(vtrix_finished_outcome(vtrix_error_command(error))->type == VTRIX_OUTCOME_TIMED_OUT);
    command = vtrix_finished_command(vtrix_error_command(error));
    CHECK(command != NULL);
    vtrix_command_free(command);
    vtrix_error_free(error);
    error = NULL;

    OK(vtrix_sandbox_spawn(sandbox, VTRIX_STR("echo out; echo err >&2; sleep 60"), NULL, &command, &error));
    CHECK(vtrix_command_cmd_id(command).len == 36 && vtrix_command_exit_code(command) == -1);
    wait_for_output(command);
    OK(vtrix_command_kill(command, VTRIX_STR("SIGKILL"), &error));
    OK(vtrix_command_wait(command, &finished, &error));
    CHECK(vtrix_finished_exit_code(finished) == 137 && vtrix_command_exit_code(command) == 137);
    vtrix_finished_free(finished);
    OK(vtrix_command_collect_output(command, VTRIX_STREAM_STDERR, &collected, &error));
    CHECK(bytes_are(vtrix_collected_bytes(collected), "err\n"));
    vtrix_collected_free(collected);
    OK(vtrix_command_stdout(command, &collected, &error));
    CHECK(bytes_are(vtrix_collected_bytes(collected), "out\n") && vtrix_collected_truncated(collected) == 0);
    vtrix_collected_free(collected);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_command_kill(command, VTRIX_STR("SIGNONE"), &error));
    vtrix_command_free(command);

    OK(vtrix_sandbox_command(sandbox, VTRIX_STR("no-such-command"), 0, &command, &error));
    FAILS(VTRIX_STATUS_COMMAND_NOT_FOUND, vtrix_command_wait(command, &finished, &error));
    vtrix_command_free(command);
}

static void files(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    uint64_t written = 0;
    bool exists = false;
    vtrix_buffer *buffer = NULL;
    vtrix_read_result *result = NULL;
    vtrix_file_info *info = NULL;
    vtrix_file_list *list = NULL;
    vtrix_write_file sent[2];
    const uint8_t bytes[4] = {0, 255, 10, 0};

    OK(vtrix_sandbox_write(sandbox, VTRIX_STR("dir/a.txt"), VTRIX_STR("port=3000"), &written, &error));
    CHECK(written == 9);
    OK(vtrix_sandbox_edit(sandbox, VTRIX_STR("dir/a.txt"), VTRIX_STR("3000"), VTRIX_STR("8080"), &buffer, &error));
    vtrix_buffer_free(buffer);
    OK(vtrix_sandbox_read(sandbox, VTRIX_STR("dir/a.txt"), &result, &error));
    CHECK(!vtrix_read_result_is_image(result) && str_is(vtrix_read_result_text(result), "port=8080"));
    vtrix_read_result_free(result);
    FAILS(VTRIX_STATUS_FILE_NOT_FOUND, vtrix_sandbox_read(sandbox, VTRIX_STR("no/such"), &result, &error));
    FAILS(VTRIX_STATUS_EDIT_NO_MATCH,
          vtrix_sandbox_edit(sandbox, VTRIX_STR("dir/a.txt"), VTRIX_STR("x"), VTRIX_STR("y"), &buffer, &error));

    memset(sent, 0, sizeof sent);
    sent[0].path = VTRIX_STR("dir/b.bin");
    sent[0].content.data = bytes;
    sent[0].content.len = sizeof bytes;
    sent[0].mode = 0755;
    sent[1].path = VTRIX_STR("dir/empty");
    OK(vtrix_sandbox_write_files(sandbox, sent, 2, &error));
    OK(vtrix_sandbox_read_to_buffer(sandbox, VTRIX_STR("dir/b.bin"), 0, &buffer, &error));
    CHECK(vtrix_buffer_bytes(buffer).len == 4 && memcmp(vtrix_buffer_bytes(buffer).data, bytes, 4) == 0);
    CHECK(vtrix_buffer_text(buffer).len == 0);
    vtrix_buffer_free(buffer);
    OK(vtrix_sandbox_read_to_buffer(sandbox, VTRIX_STR("no/such"), 0, &buffer, &error));
    CHECK(buffer == NULL);
    sent[1].reserved[0] = 1;
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_write_files(sandbox, sent, 2, &error));

    OK(vtrix_sandbox_list_files(sandbox, VTRIX_STR("dir"), &list, &error));
    CHECK(vtrix_file_list_len(list) == 3 && str_is(vtrix_file_list_name(list, 0), "a.txt"));
    CHECK(vtrix_file_list_size(list, 1) == 4 && !vtrix_file_list_is_dir(list, 1));
    CHECK(vtrix_file_list_name(list, 3).len == 0);
    vtrix_file_list_free(list);
    OK(vtrix_sandbox_mkdir(sandbox, VTRIX_STR("-p/$(id)"), &error));
    OK(vtrix_sandbox_stat(sandbox, VTRIX_STR("-p/$(id)"), &info, &error));
    CHECK(vtrix_file_info_exists(info) && vtrix_file_info_is_dir(info) && !vtrix_file_info_is_file(info));
    vtrix_file_info_free(info);
    OK(vtrix_sandbox_exists(sandbox, VTRIX_STR("no/such"), &exists, &error));
    CHECK(!exists);
    OK(vtrix_sandbox_exists(sandbox, VTRIX_STR("dir/a.txt"), &exists, &error));
    CHECK(exists);
    OK(vtrix_quote(VTRIX_STR("it's"), &buffer, &error));
    CHECK(str_is(vtrix_buffer_text(buffer), "'it'\\''s'"));
    vtrix_buffer_free(buffer);
}

static int count_progress(void *user_data, vtrix_str path, uint64_t transferred, uint64_t total)
{
    (void)path;
    CHECK(transferred <= total);
    *(uint64_t *)user_data = transferred;
    return VTRIX_CONTINUE;
}

static int stop_at_the_last(void *user_data, vtrix_str path, uint64_t transferred, uint64_t total)
{
    (void)user_data;
    (void)path;
    return transferred == total ? VTRIX_STOP : VTRIX_CONTINUE;
}

static void transfers(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    vtrix_buffer *path = NULL;
    vtrix_saved_list *saved = NULL;
    vtrix_transfer_options options;
    vtrix_pair wanted[2];
    char directory[] = "/tmp/vtrix-c-XXXXXX";
    char local[64], other[64], absent[64];
    uint64_t last = 0;
    FILE *file;
    size_t i;
    char *sum;

    CHECK(mkdtemp(directory) != NULL);
    snprintf(local, sizeof local, "%s/up", directory);
    snprintf(other, sizeof other, "%s/down", directory);
    snprintf(absent, sizeof absent, "%s/absent", directory);
    file = fopen(local, "wb");
    CHECK(file != NULL);
    for (i = 0; i < 300000; i++) {
        fputc((int)(i * 31 % 256), file);
    }
    fclose(file);

    vtrix_transfer_options_init(&options, sizeof options);
    options.mode = 0600;
    options.on_progress = count_progress;
    options.progress_user_data = &last;
    OK(vtrix_sandbox_upload_file(sandbox, vtrix_str_from(local), VTRIX_STR("up.bin"), &options, &error));
    CHECK(last == 300000);
    sum = test_run(sandbox, "stat -c '%s %a' up.bin");
    CHECK(strcmp(sum, "300000 600\n") == 0);
    free(sum);

    vtrix_transfer_options_init(&options, sizeof options);
    options.on_progress = stop_at_the_last;
    /* The last byte is here, and who stops now stops all the same: the file does not come. */
    FAILS(VTRIX_STATUS_CALLBACK,
          vtrix_sandbox_download_file(sandbox, VTRIX_STR("up.bin"), vtrix_str_from(other), &options, &path, &error));
    CHECK(fopen(other, "rb") == NULL);

    vtrix_transfer_options_init(&options, sizeof options);
    OK(vtrix_sandbox_download_file(sandbox, VTRIX_STR("up.bin"), vtrix_str_from(other), &options, &path, &error));
    CHECK(str_is(vtrix_buffer_text(path), other));
    vtrix_buffer_free(path);
    file = fopen(other, "rb");
    CHECK(file != NULL);
    for (i = 0; i < 300000; i++) {
        CHECK(fgetc(file) == (int)(i * 31 % 256));
    }
    CHECK(fgetc(file) == EOF);
    fclose(file);
    wanted[0].name = VTRIX_STR("no-such");
    wanted[0].value = vtrix_str_from(absent);
    wanted[1].name = VTRIX_STR("up.bin");
    wanted[1].value = vtrix_str_from(other);
    OK(vtrix_sandbox_download_files(sandbox, wanted, 2, NULL, &saved, &error));
    CHECK(vtrix_saved_list_len(saved) == 2);
    CHECK(str_is(vtrix_saved_list_path(saved, 0), "no-such") && vtrix_saved_list_local(saved, 0).len == 0);
    CHECK(str_is(vtrix_saved_list_local(saved, 1), other));
    vtrix_saved_list_free(saved);
    remove(local);
    remove(other);
    remove(directory);
}

static void lifecycle(const vtrix_client *client)
{
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox = NULL, *again = NULL;
    vtrix_sandbox_info *info = NULL;
    vtrix_sandbox_list *list = NULL;
    vtrix_pool_status *pool = NULL;
    vtrix_create_options options;
    vtrix_list_options filter;
    vtrix_stop_options stop;
    vtrix_pair label[1], env[1];
    char id[64];
    uint64_t left;
    char *output;

    vtrix_create_options_init(&options, sizeof options);
    label[0].name = VTRIX_STR("purpose");
    label[0].value = VTRIX_STR("c");
    env[0].name = VTRIX_STR("FROM_CREATE");
    env[0].value = VTRIX_STR("yes");
    options.labels = label;
    options.labels_len = 1;
    options.env = env;
    options.env_len = 1;
    options.ttl_hours = 1.0;
    OK(vtrix_client_create(client, VTRIX_STR("c-lifecycle"), &options, &sandbox, &error));
    snprintf(id, sizeof id, "%.*s", (int)vtrix_sandbox_id(sandbox).len, vtrix_sandbox_id(sandbox).data);
    output = test_run(sandbox, "echo $FROM_CREATE");
    CHECK(strcmp(output, "yes\n") == 0);
    free(output);
    info = vtrix_sandbox_get_info(sandbox);
    CHECK(str_is(vtrix_sandbox_info_status(info), "active") && vtrix_sandbox_info_labels_len(info) == 1);
    CHECK(str_is(vtrix_sandbox_info_label_name(info, 0), "purpose"));
    CHECK(str_is(vtrix_sandbox_info_label_value(info, 0), "c"));
    vtrix_sandbox_info_free(info);
    left = vtrix_sandbox_timeout_ms(sandbox);
    CHECK(left > 0 && left <= 3600000 && vtrix_sandbox_created_at_ms(sandbox) > 0);
    OK(vtrix_sandbox_extend_timeout(sandbox, 3600, &error));
    CHECK(vtrix_sandbox_timeout_ms(sandbox) > left);
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_extend(sandbox, 0, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_extend(sandbox, VTRIX_MAX_EXTEND_SECONDS + 1, &error));
    FAILS(VTRIX_STATUS_INVALID_ARGUMENT, vtrix_sandbox_update(sandbox, NULL, &error));

    vtrix_list_options_init(&filter, sizeof filter);
    filter.user_id = VTRIX_STR("c-lifecycle");
    OK(vtrix_client_list(client, &filter, &list, &error));
    CHECK(vtrix_sandbox_list_len(list) >= 1 && vtrix_sandbox_list_total(list) >= 1);
    CHECK(vtrix_sandbox_list_get(list, 100000) == NULL);
    vtrix_sandbox_list_free(list);
    OK(vtrix_client_pool_status(client, &pool, &error));
    CHECK(vtrix_pool_status_total(pool) >= 1);
    vtrix_pool_status_free(pool);

    vtrix_stop_options_init(&stop, sizeof stop);
    stop.blocking = 1;
    OK(vtrix_sandbox_stop(sandbox, &stop, &error));
    OK(vtrix_sandbox_start(sandbox, &error));
    OK(vtrix_sandbox_wait_until_active(sandbox, 0, &error));
    OK(vtrix_client_attach(client, vtrix_str_from(id), NULL, &again, &error));
    output = test_run(again, "echo [$FROM_CREATE]");
    CHECK(strcmp(output, "[]\n") == 0);
    free(output);
    OK(vtrix_client_get(client, vtrix_str_from(id), &info, &error));
    CHECK(str_is(vtrix_sandbox_info_id(info), id));
    vtrix_sandbox_info_free(info);
    vtrix_sandbox_close(again);
    FAILS(VTRIX_STATUS_CLOSED, vtrix_sandbox_refresh(again, &error));
    vtrix_sandbox_free(again);
    test_end(sandbox);
    CHECK(vtrix_client_get(client, VTRIX_STR("no-such-sandbox"), &info, &error) == VTRIX_STATUS_NOT_FOUND);
    CHECK(vtrix_error_http_status(error) == 404 && info == NULL);
    CHECK(str_is(vtrix_error_operation(error), "get"));
    vtrix_error_free(error);
}

int main(void)
{
    vtrix_client *client;
    vtrix_sandbox *sandbox;
    vtrix_error *error = NULL;

    versions();
    client = test_client();
    sandbox = test_sandbox(client);
    commands(sandbox);
    files(sandbox);
    transfers(sandbox);
    lifecycle(client);
    test_end(sandbox);
    vtrix_client_free(client);
    OK(vtrix_shutdown(&error));
    puts("ok");
    return 0;
}
