/* Come back to a sandbox by its id, as another program would. */
#include "common.h"

static char *copy(vtrix_str text)
{
    char *copied = malloc(text.len + 1);
    if (copied == NULL) {
        abort();
    }
    memcpy(copied, text.data, text.len);
    copied[text.len] = '\0';
    return copied;
}

int main(void)
{
    vtrix_client *client = connect_client();
    vtrix_create_options create;
    vtrix_attach_options attach;
    vtrix_list_options list;
    vtrix_pair label = {VTRIX_STR("job"), VTRIX_STR("nightly")};
    vtrix_pair who = {VTRIX_STR("WHO"), VTRIX_STR("second")};
    vtrix_sandbox_list *mine = NULL;
    vtrix_read_result *notes = NULL;
    vtrix_finished *done = NULL;
    vtrix_command *job = NULL;
    vtrix_error *error = NULL;
    vtrix_sandbox *sandbox;
    uint64_t written = 0;
    char *sandbox_id, *cmd_id;
    size_t i, n;

    /* One program creates a sandbox, leaves something running in it, and goes away. */
    vtrix_create_options_init(&create, sizeof create);
    create.labels = &label;
    create.labels_len = 1;
    sandbox = create_sandbox(client, &create);
    must(vtrix_sandbox_write(sandbox, VTRIX_STR("notes.txt"), VTRIX_STR("remember the milk"), &written, &error), error);
    must(vtrix_sandbox_spawn(sandbox, VTRIX_STR("sleep 0.5; echo finished"), NULL, &job, &error), error);
    sandbox_id = copy(vtrix_sandbox_id(sandbox));
    cmd_id = copy(vtrix_command_cmd_id(job));
    vtrix_command_free(job);
    vtrix_sandbox_close(sandbox);
    vtrix_sandbox_free(sandbox);

    /* Another finds it again. */
    vtrix_list_options_init(&list, sizeof list);
    list.user_id = VTRIX_STR("user-123");
    list.status = VTRIX_STR("active");
    must(vtrix_client_list(client, &list, &mine, &error), error);
    for (i = 0; i < vtrix_sandbox_list_len(mine); i++) {
        const vtrix_sandbox_info *info = vtrix_sandbox_list_get(mine, i);
        show_text(vtrix_sandbox_info_id(info));
        printf(" is ");
        show_text(vtrix_sandbox_info_status(info));
        printf(", with labels {");
        for (n = 0; n < vtrix_sandbox_info_labels_len(info); n++) {
            vtrix_str name = vtrix_sandbox_info_label_name(info, n);
            vtrix_str value = vtrix_sandbox_info_label_value(info, n);
            printf("%s\"%.*s\": \"%.*s\"", n > 0 ? ", " : "", (int)name.len, name.data, (int)value.len, value.data);
        }
        puts("}");
    }
    vtrix_sandbox_list_free(mine);

    /* The environment of create is not kept anywhere: it is given again. */
    vtrix_attach_options_init(&attach, sizeof attach);
    attach.env = &who;
    attach.env_len = 1;
    must(vtrix_client_attach(client, vtrix_str_from(sandbox_id), &attach, &sandbox, &error), error);
    must(vtrix_sandbox_read(sandbox, VTRIX_STR("notes.txt"), &notes, &error), error);
    printf("Some(\"");
    show_text(vtrix_read_result_text(notes));
    puts("\")");
    vtrix_read_result_free(notes);
    run_and_show(sandbox, "echo the $WHO program is here", NULL);
    must(vtrix_sandbox_command(sandbox, vtrix_str_from(cmd_id), 0, &job, &error), error);
    must(vtrix_command_wait(job, &done, &error), error);
    show(vtrix_finished_output(done));
    vtrix_finished_free(done);
    vtrix_command_free(job);
    free(sandbox_id);
    free(cmd_id);

    end(sandbox, client);
    return 0;
}
