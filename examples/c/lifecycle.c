/* Stop, start, restart, extend, update, configure and delete a sandbox. */
#include "common.h"

#define PATIENCE_MS 60000

static void show_status(const vtrix_sandbox *sandbox, int with_end)
{
    vtrix_sandbox_info *info = vtrix_sandbox_get_info(sandbox);
    show_text(vtrix_sandbox_info_status(info));
    if (with_end) {
        printf(" until ");
        show_text(vtrix_sandbox_info_expire_at(info));
    }
    puts("");
    vtrix_sandbox_info_free(info);
}

static void wait_until_active(const vtrix_sandbox *sandbox)
{
    vtrix_error *error = NULL;
    must(vtrix_sandbox_wait_until_active(sandbox, PATIENCE_MS, &error), error);
}

int main(void)
{
    vtrix_client *client = connect_client();
    vtrix_create_options create;
    vtrix_update_options update;
    vtrix_stop_options quickly;
    vtrix_spec spec;
    vtrix_payload stage;
    vtrix_sandbox *sandbox;
    vtrix_sandbox_info *info = NULL;
    vtrix_read_result *kept = NULL;
    vtrix_finished *done = NULL;
    vtrix_error *error = NULL;
    vtrix_status status;
    vtrix_str id, text[5];
    uint64_t written = 0;
    char name[64];

    vtrix_spec_init(&spec, sizeof spec);
    spec.cpu = VTRIX_STR("1");
    spec.memory = VTRIX_STR("1Gi");
    memset(&stage, 0, sizeof stage);
    stage.api = VTRIX_STR("/api/v1/env");
    stage.body_json = VTRIX_STR("{\"STAGE\": \"test\"}");
    vtrix_create_options_init(&create, sizeof create);
    create.spec = &spec;
    create.payloads = &stage;
    create.payloads_len = 1;
    create.ttl_hours = 1.0;
    sandbox = create_sandbox(client, &create);
    show_status(sandbox, 1);
    run_and_show(sandbox, "echo stage $STAGE", NULL);

    /* Files survive a stop, processes don't. */
    must(vtrix_sandbox_write(sandbox, VTRIX_STR("/workspace/kept.txt"), VTRIX_STR("still here"), &written, &error), error);
    vtrix_stop_options_init(&quickly, sizeof quickly);
    quickly.blocking = 1;
    quickly.poll_interval_ms = 50;
    must(vtrix_sandbox_stop(sandbox, &quickly, &error), error);
    show_status(sandbox, 0);
    status = vtrix_sandbox_run(sandbox, VTRIX_STR("true"), NULL, &done, &error);
    if (status != VTRIX_STATUS_OK) {
        printf("%s: ", vtrix_status_name(status));
        show_text(vtrix_error_text(error));
        puts("");
        vtrix_error_free(error);
        error = NULL;
    }
    must(vtrix_sandbox_start(sandbox, &error), error);
    wait_until_active(sandbox);
    must(vtrix_sandbox_read(sandbox, VTRIX_STR("/workspace/kept.txt"), &kept, &error), error);
    printf("Some(\"");
    show_text(vtrix_read_result_text(kept));
    puts("\")");
    vtrix_read_result_free(kept);

    must(vtrix_sandbox_restart(sandbox, &error), error);
    wait_until_active(sandbox);

    /* More time: one hour, and the cached record is refreshed. */
    must(vtrix_sandbox_extend_timeout(sandbox, 3600, &error), error);
    printf("%llu minutes left\n", (unsigned long long)(vtrix_sandbox_timeout_ms(sandbox) / 60000));

    /* Other resources. The sandbox may be made again; its files stay. */
    spec.cpu = VTRIX_STR("2");
    spec.memory = VTRIX_STR("2Gi");
    vtrix_update_options_init(&update, sizeof update);
    update.spec = &spec;
    must(vtrix_sandbox_update(sandbox, &update, &error), error);
    wait_until_active(sandbox);
    info = vtrix_sandbox_get_info(sandbox);
    text[0] = vtrix_sandbox_info_spec_cpu(info);
    text[1] = vtrix_sandbox_info_spec_memory(info);
    text[2] = vtrix_sandbox_info_spec_image(info);
    text[3] = vtrix_sandbox_info_spec_requests_cpu(info);
    text[4] = vtrix_sandbox_info_spec_requests_memory(info);
    printf("Some(Spec { cpu: \"%.*s\", memory: \"%.*s\", image: \"%.*s\", requests_cpu: \"%.*s\", requests_memory: \"%.*s\" })\n",
           (int)text[0].len, text[0].data, (int)text[1].len, text[1].data, (int)text[2].len, text[2].data,
           (int)text[3].len, text[3].data, (int)text[4].len, text[4].data);
    vtrix_sandbox_info_free(info);

    /* Apply the stored configuration again. */
    must(vtrix_sandbox_configure(sandbox, NULL, 0, &error), error);
    wait_until_active(sandbox);
    run_and_show(sandbox, "echo stage $STAGE", NULL);

    id = vtrix_sandbox_id(sandbox);
    snprintf(name, sizeof name, "%.*s", (int)id.len, id.data);
    must(vtrix_sandbox_delete(sandbox, &error), error);
    status = vtrix_client_get(client, vtrix_str_from(name), &info, &error);
    printf("gone: %s\n", status == VTRIX_STATUS_NOT_FOUND ? "true" : "false");
    vtrix_error_free(error);
    vtrix_sandbox_free(sandbox);
    vtrix_client_free(client);
    must(vtrix_shutdown(&error), error);
    return 0;
}
