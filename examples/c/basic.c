/* Create a sandbox, run commands, let one run by itself. */
#include "common.h"

int main(void)
{
    vtrix_client *client = connect_client();
    vtrix_create_options create;
    vtrix_run_options run;
    vtrix_pair greeting = {VTRIX_STR("GREETING"), VTRIX_STR("hello")};
    vtrix_str argument = VTRIX_STR("it's $(not) run");
    vtrix_finished *done = NULL;
    vtrix_command *job = NULL, *server = NULL;
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox;
    vtrix_bytes bytes;
    vtrix_str id;

    vtrix_create_options_init(&create, sizeof create);
    create.env = &greeting;
    create.env_len = 1;
    create.ttl_hours = 1.0;
    sandbox = create_sandbox(client, &create);

    /* Arguments are quoted: nothing in them is run by the shell. */
    vtrix_run_options_init(&run, sizeof run);
    run.args = &argument;
    run.args_len = 1;
    run_and_show(sandbox, "echo \"$GREETING\"", &run);

    /* Directory, environment, input. */
    greeting.value = VTRIX_STR("good morning");
    vtrix_run_options_init(&run, sizeof run);
    run.working_dir = VTRIX_STR("/tmp");
    run.env = &greeting;
    run.env_len = 1;
    run.stdin_data.data = (const uint8_t *)"three short words";
    run.stdin_data.len = strlen("three short words");
    run_and_show(sandbox, "pwd; echo $GREETING; wc -w", &run);

    /* An exit code other than 0 is a result, not an error. */
    must(vtrix_sandbox_run(sandbox, VTRIX_STR("ls /missing"), NULL, &done, &error), error);
    bytes = vtrix_finished_stderr(done);
    printf("exit code Some(%d): ", (int)vtrix_finished_exit_code(done));
    show(bytes);
    vtrix_finished_free(done);

    /* A command that takes too long is killed; the error has its output. */
    vtrix_run_options_init(&run, sizeof run);
    run.timeout_ms = 300;
    if (vtrix_sandbox_run(sandbox, VTRIX_STR("echo begun; sleep 60"), &run, &done, &error) ==
        VTRIX_STATUS_COMMAND_TIMED_OUT) {
        bytes = vtrix_finished_output(vtrix_error_command(error));
        printf("timed out after writing Some(");
        show_quoted((const char *)bytes.data, bytes.len);
        puts(")");
    }
    vtrix_error_free(error);

    /* Detached: started, and waited for when it suits. */
    must(vtrix_sandbox_spawn(sandbox, VTRIX_STR("sleep 0.5; echo worked"), NULL, &job, &error), error);
    id = vtrix_command_cmd_id(job);
    printf("%.*s runs as process %lld\n", (int)id.len, id.data, (long long)vtrix_command_pid(job));
    must(vtrix_command_wait(job, &done, &error), error);
    show(vtrix_finished_output(done));
    vtrix_finished_free(done);
    vtrix_command_free(job);

    must(vtrix_sandbox_spawn(sandbox, VTRIX_STR("exec sleep 3600"), NULL, &server, &error), error);
    must(vtrix_command_kill(server, VTRIX_STR("SIGTERM"), &error), error);
    must(vtrix_command_wait(server, &done, &error), error);
    printf("the server was ");
    show_outcome(vtrix_finished_outcome(done));
    puts("");
    vtrix_finished_free(done);
    vtrix_command_free(server);

    end(sandbox, client);
    return 0;
}
