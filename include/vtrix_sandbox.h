/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * vtrix_sandbox.h - the C interface of the Vtrix sandbox SDK.
 *
 * Generated from ffi-c/src by `cargo xtask header`; do not edit.
 *
 * A sandbox is an isolated Linux environment. A vtrix_client creates, finds and deletes them. A
 * vtrix_sandbox runs commands in one and works on its files. A vtrix_command is a process in it, a
 * vtrix_finished how one ended. A vtrix_stream is output or a file while it arrives. Whatever goes
 * wrong is a vtrix_status, and a vtrix_error that explains it.
 *
 *     vtrix_client *client = NULL;
 *     vtrix_sandbox *sandbox = NULL;
 *     vtrix_finished *done = NULL;
 *     vtrix_error *error = NULL;
 *     vtrix_client_options options;
 *
 *     vtrix_client_options_init(&options, sizeof options);
 *     options.base_url = VTRIX_STR("http://127.0.0.1:8080");
 *     if (vtrix_client_new(&options, &client, &error) != VTRIX_STATUS_OK ||
 *         vtrix_client_create(client, VTRIX_STR("user-123"), NULL, &sandbox, &error) != VTRIX_STATUS_OK ||
 *         vtrix_sandbox_run(sandbox, VTRIX_STR("echo hello"), NULL, &done, &error) != VTRIX_STATUS_OK) {
 *         vtrix_str text = vtrix_error_text(error);
 *         fprintf(stderr, "%.*s\n", (int)text.len, text.data);
 *     } else {
 *         vtrix_bytes output = vtrix_finished_output(done);
 *         fwrite(output.data, 1, output.len, stdout);
 *     }
 *     vtrix_error_free(error);
 *     vtrix_finished_free(done);
 *     vtrix_sandbox_free(sandbox);
 *     vtrix_client_free(client);
 *     vtrix_shutdown(NULL);
 *
 * LINKING
 *
 * pkg-config:  cc program.c $(pkg-config --cflags --libs vtrix-sandbox)
 *              pkg-config: vtrix-sandbox-static for the static library
 * CMake:       find_package(VtrixSandbox), then link VtrixSandbox::shared or VtrixSandbox::static
 * By hand, shared:           -lvtrix_sandbox
 * By hand, static, Linux:    libvtrix_sandbox.a -lgcc_s -lutil -lrt -lpthread -lm -ldl -lc
 *          static, macOS:    libvtrix_sandbox.a -framework Security -framework CoreFoundation
 *                            -framework SystemConfiguration -liconv
 * The header is C11 and C++17, and needs nothing else.
 *
 * THREADS
 *
 * The library has threads of its own, from the first client on until vtrix_shutdown. A function
 * that takes a `const` handle may be called from any number of threads at the same time; one that
 * takes a handle that is not const (a _free, vtrix_stream_next) needs that reference for itself.
 * Results (a vtrix_finished, an error, a list, ...) never change: any thread may read them.
 *
 * The caller's functions are called on threads kept for that. What belongs to one call or one
 * stream comes in order and never twice at once; such a function may block as long as it likes,
 * and holds up nothing but its own call or stream. There, only _async functions may be called, and
 * those that do not wait: a function that waits refuses with VTRIX_STATUS_WOULD_DEADLOCK. A
 * function of the caller's must return: neither an exception nor a longjmp may leave it.
 *
 * Every function that waits has a twin with _async at the end, which returns at once. If that
 * returns VTRIX_STATUS_OK, `on_done` comes exactly once, on another thread than the caller's,
 * whatever happens: also after vtrix_task_cancel and during vtrix_shutdown. Otherwise it never
 * comes. Either way `drop`, if there is one, is called with `user_data` once, after its last use.
 *
 * A child of fork can use no handle made before: calls refuse with VTRIX_STATUS_FORKED, frees do
 * nothing. A new client there works.
 *
 * OWNERSHIP
 *
 * What a function gives through an `out_` parameter, or hands to a completion, is owned by the
 * receiver and freed by the _free function of its type; NULL may be freed. Handles (client,
 * sandbox, command, task) are counted: _ref gives one more reference, each is freed by itself, at
 * any time, also while calls are in flight. A vtrix_str, vtrix_bytes or const pointer that a
 * function returns is borrowed: it lives as long as the object it came from, and what a callback
 * is shown lives until that returns. Arguments are copied before a function returns.
 *
 * Out parameters are cleared first and written on success only. NULL where it is not allowed, text
 * that is not UTF-8, and lengths that no memory has are VTRIX_STATUS_INVALID_ARGUMENT.
 *
 * OPTIONS
 *
 * A struct of options is set up by its _init function with the size that the caller knows; then
 * fields are set. Zero is the default of every field, NULL in place of the struct all defaults.
 * Times are in milliseconds; VTRIX_NO_LIMIT is none. Later versions add fields at the end: an older
 * program gets their defaults, and a newer program that sets one an older library does not know is
 * refused rather than misunderstood.
 *
 * ERRORS
 *
 * A function that can fail returns a vtrix_status, and, where `out_error` is not NULL, gives an
 * error with all that is known. There is no last error to be asked for later. Statuses are in
 * families: 0xx no failure, 1xx the caller, 2xx credentials and limits, 3xx the connection, 4xx
 * the sandbox, its commands and its files, 9xx the library.
 *
 * VERSIONS
 *
 * VTRIX_VERSION_* are the header's, vtrix_version() and vtrix_version_number() the library's. Types
 * of events, outcomes and statuses may be added; skip or treat by family those that you do not
 * know. Structs that the library makes grow at the end and say their size. VTRIX_ABI_VERSION is
 * the number in the soname and changes only when a linked program would break.
 */

#ifndef VTRIX_SANDBOX_H
#define VTRIX_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
/**
 * A vtrix_str of a string literal.
 */
#ifdef __cplusplus
#define VTRIX_STR(literal) (vtrix_str{"" literal, sizeof(literal) - 1})
#else
#define VTRIX_STR(literal) ((vtrix_str){"" literal, sizeof(literal) - 1})
#endif

/**
 * The documented generation, `/api/v1/sandbox`, which is the default.
 */
#define VTRIX_ROUTES_SANDBOX 1

/**
 * `/api/v1/sandboxes`, of later gateways.
 */
#define VTRIX_ROUTES_SANDBOXES 2

/**
 * The command runs: `cmd_id`, `pid` and `cwd`, each where the gateway tells it this early.
 */
#define VTRIX_EVENT_START 1

/**
 * It wrote to standard output: `data`, `offset`.
 */
#define VTRIX_EVENT_STDOUT 2

/**
 * It wrote to standard error: `data`, `offset`.
 */
#define VTRIX_EVENT_STDERR 3

/**
 * It wrote bytes that nobody kept: `stream`, `gap_from`, `gap_to`.
 */
#define VTRIX_EVENT_GAP 4

/**
 * It ended: `outcome`, `output_incomplete`. Last, and once, unless the stream ends with an error.
 */
#define VTRIX_EVENT_DONE 5

/**
 * Bytes of a file: `data`, `offset`.
 */
#define VTRIX_EVENT_DATA 6

/**
 * There is a connection to the sandbox.
 */
#define VTRIX_EVENT_CONNECTED 7

/**
 * There is none, because none is needed; the next call makes one.
 */
#define VTRIX_EVENT_IDLE 8

/**
 * The last connection broke, and calls that were under way have failed: `reason`. The next call
 * makes one.
 */
#define VTRIX_EVENT_LOST 9

/**
 * There will be no connection any more: the handle was closed. Last.
 */
#define VTRIX_EVENT_CLOSED 10

/**
 * Of an event that is about neither stream.
 */
#define VTRIX_STREAM_NONE 0

/**
 * Standard output.
 */
#define VTRIX_STREAM_STDOUT 1

/**
 * Standard error.
 */
#define VTRIX_STREAM_STDERR 2

/**
 * Both, where output is collected.
 */
#define VTRIX_STREAM_BOTH 3

/**
 * The command exited by itself, or was killed and the gateway told only the shell's number for
 * that, 128 and the signal: `exit_code`.
 */
#define VTRIX_OUTCOME_EXITED 1

/**
 * A signal ended the command: `signal`, and `exit_code`, which stands for it.
 */
#define VTRIX_OUTCOME_KILLED 2

/**
 * The command ran past its own timeout and was killed. It has no exit code.
 */
#define VTRIX_OUTCOME_TIMED_OUT 3

/**
 * Nobody knows how the command ended, or whether it did: `reason`, `stdout_offset`,
 * `stderr_offset`.
 */
#define VTRIX_OUTCOME_UNKNOWN 4

/**
 * A number that nobody told.
 */
#define VTRIX_UNKNOWN_OFFSET UINT64_MAX

/**
 * Largest number of seconds that one `vtrix_sandbox_extend` adds: a day.
 */
#define VTRIX_MAX_EXTEND_SECONDS 86400

/**
 * Nothing.
 */
#define VTRIX_LOG_OFF 0

/**
 * Bugs of the library's.
 */
#define VTRIX_LOG_ERROR 1

/**
 * What a program may want to look into.
 */
#define VTRIX_LOG_WARN 2

/**
 * What happens seldom.
 */
#define VTRIX_LOG_INFO 3

/**
 * Calls and connections.
 */
#define VTRIX_LOG_DEBUG 4

/**
 * Everything.
 */
#define VTRIX_LOG_TRACE 5

/**
 * As a time, `UINT64_MAX` is "no limit".
 */
#define VTRIX_NO_LIMIT UINT64_MAX

/**
 * As `max_output`: nothing is kept, and the result says so if there was any.
 */
#define VTRIX_KEEP_NOTHING (UINT64_MAX - 1)

/**
 * The version's first number. One that differs breaks programs.
 */
#define VTRIX_VERSION_MAJOR 0

/**
 * The version's second number. While the first is 0, one that differs may break programs.
 */
#define VTRIX_VERSION_MINOR 1

/**
 * The version's third number.
 */
#define VTRIX_VERSION_PATCH 0

/**
 * All three in one number that grows: major * 1,000,000 + minor * 1,000 + patch.
 */
#define VTRIX_VERSION_NUMBER 1000

/**
 * The generation of the binary interface, the number in the shared library's soname. It changes
 * only when a program that was linked before would break.
 */
#define VTRIX_ABI_VERSION 0

/**
 * What a watching function returns to be called again.
 */
#define VTRIX_CONTINUE 0

/**
 * What a watching function returns to end the call, which then fails with
 * `VTRIX_STATUS_CALLBACK`; a command that was being waited for is killed. So does any other
 * number that is not `VTRIX_CONTINUE`. The function is not called again.
 */
#define VTRIX_STOP 1

/**
 * What an event function returns to be called again, having kept a copy of what it was lent: the
 * event counts among the bytes that wait until `vtrix_task_used` is told. So a function need not
 * block where its program is slow, and nothing piles up. For calls that gave a task; elsewhere it
 * is as `VTRIX_STOP`.
 */
#define VTRIX_KEPT 2

/**
 * Bytes or text. A value: it never changes, and any thread may read it.
 *
 * Functions: `vtrix_buffer_bytes`, `vtrix_buffer_text`, `vtrix_buffer_free`.
 */
typedef struct vtrix_buffer vtrix_buffer;

/**
 * Creates, finds and deletes sandboxes. Counted; any number of threads may use one at the same
 * time, and any reference may be freed while calls are in flight. Freeing closes nothing.
 *
 * Functions: `vtrix_client_new`, `vtrix_client_create`, `vtrix_client_create_async`,
 * `vtrix_client_attach`, `vtrix_client_attach_async`, `vtrix_client_list`,
 * `vtrix_client_list_async`, `vtrix_client_get`, `vtrix_client_get_async`, `vtrix_client_delete`,
 * `vtrix_client_delete_async`, `vtrix_client_close`, `vtrix_client_ref`, `vtrix_client_free`,
 * `vtrix_client_pool_status`, `vtrix_client_pool_status_async`, `vtrix_client_rolling_start`,
 * `vtrix_client_rolling_start_async`, `vtrix_client_rolling_status`,
 * `vtrix_client_rolling_status_async`, `vtrix_client_rolling_cancel`,
 * `vtrix_client_rolling_cancel_async`.
 */
typedef struct vtrix_client vtrix_client;

/**
 * Output that was collected. A value.
 *
 * Functions: `vtrix_collected_bytes`, `vtrix_collected_truncated`, `vtrix_collected_free`.
 */
typedef struct vtrix_collected vtrix_collected;

/**
 * A command that was started, whether or not it still runs. Counted; any number of threads may use
 * one at the same time. It holds its sandbox's connection open; freeing it never touches the
 * command.
 *
 * Functions: `vtrix_command_cmd_id`, `vtrix_command_pid`, `vtrix_command_cwd`,
 * `vtrix_command_started_at_ms`, `vtrix_command_exit_code`, `vtrix_command_wait`,
 * `vtrix_command_wait_async`, `vtrix_command_logs`, `vtrix_command_logs_async`,
 * `vtrix_command_collect_output`, `vtrix_command_collect_output_async`, `vtrix_command_stdout`,
 * `vtrix_command_stdout_async`, `vtrix_command_stderr`, `vtrix_command_stderr_async`,
 * `vtrix_command_kill`, `vtrix_command_kill_async`, `vtrix_command_ref`, `vtrix_command_free`.
 */
typedef struct vtrix_command vtrix_command;

/**
 * What went wrong. A value: it never changes, any thread may read it, and it holds nothing open.
 *
 * Functions: `vtrix_error_status`, `vtrix_error_message`, `vtrix_error_text`,
 * `vtrix_error_operation`, `vtrix_error_code`, `vtrix_error_http_status`,
 * `vtrix_error_request_id`, `vtrix_error_retryable`, `vtrix_error_retry_after_ms`,
 * `vtrix_error_may_have_run`, `vtrix_error_command`, `vtrix_error_failures_len`,
 * `vtrix_error_failure_path`, `vtrix_error_failure`, `vtrix_error_saved_len`,
 * `vtrix_error_saved_path`, `vtrix_error_saved_local`, `vtrix_error_free`.
 */
typedef struct vtrix_error vtrix_error;

/**
 * What is at a path. A value.
 *
 * Functions: `vtrix_file_info_exists`, `vtrix_file_info_is_file`, `vtrix_file_info_is_dir`,
 * `vtrix_file_info_size`, `vtrix_file_info_modified_at`, `vtrix_file_info_free`.
 */
typedef struct vtrix_file_info vtrix_file_info;

/**
 * The entries of a directory. A value.
 *
 * Functions: `vtrix_file_list_len`, `vtrix_file_list_name`, `vtrix_file_list_path`,
 * `vtrix_file_list_size`, `vtrix_file_list_is_dir`, `vtrix_file_list_modified_at`,
 * `vtrix_file_list_free`.
 */
typedef struct vtrix_file_list vtrix_file_list;

/**
 * A command that ended, or whose end could not be waited for, with its output. A value: it never
 * changes, any thread may read it, and it holds nothing open.
 *
 * Functions: `vtrix_finished_cmd_id`, `vtrix_finished_pid`, `vtrix_finished_cwd`,
 * `vtrix_finished_started_at_ms`, `vtrix_finished_outcome`, `vtrix_finished_exit_code`,
 * `vtrix_finished_success`, `vtrix_finished_output`, `vtrix_finished_stdout`,
 * `vtrix_finished_stderr`, `vtrix_finished_output_truncated`,
 * `vtrix_finished_output_incomplete`, `vtrix_finished_pieces_len`, `vtrix_finished_piece`,
 * `vtrix_finished_piece_stream`, `vtrix_finished_command`, `vtrix_finished_free`.
 */
typedef struct vtrix_finished vtrix_finished;

/**
 * The pool of sandboxes, in numbers. A value.
 *
 * Functions: `vtrix_pool_status_total`, `vtrix_pool_status_warm`, `vtrix_pool_status_active`,
 * `vtrix_pool_status_creating`, `vtrix_pool_status_deleting`, `vtrix_pool_status_deleted`,
 * `vtrix_pool_status_warm_pool_size`, `vtrix_pool_status_max_total`,
 * `vtrix_pool_status_utilization`, `vtrix_pool_status_warm_ratio`, `vtrix_pool_status_healthy`,
 * `vtrix_pool_status_health_message`, `vtrix_pool_status_last_scale_at`,
 * `vtrix_pool_status_last_allocate_at`, `vtrix_pool_status_free`.
 */
typedef struct vtrix_pool_status vtrix_pool_status;

/**
 * What `vtrix_sandbox_read` found: text or an image. A value.
 *
 * Functions: `vtrix_read_result_is_image`, `vtrix_read_result_text`,
 * `vtrix_read_result_truncated`, `vtrix_read_result_image`, `vtrix_read_result_mime_type`,
 * `vtrix_read_result_free`.
 */
typedef struct vtrix_read_result vtrix_read_result;

/**
 * A rolling update of the pool's image, or that there is none. A value.
 *
 * Functions: `vtrix_rolling_status_id`, `vtrix_rolling_status_phase`,
 * `vtrix_rolling_status_target_image`, `vtrix_rolling_status_progress`,
 * `vtrix_rolling_status_warm_total`, `vtrix_rolling_status_warm_updated`,
 * `vtrix_rolling_status_active_total`, `vtrix_rolling_status_active_updated`,
 * `vtrix_rolling_status_started_at`, `vtrix_rolling_status_completed_at`,
 * `vtrix_rolling_status_duration`, `vtrix_rolling_status_message`, `vtrix_rolling_status_error`,
 * `vtrix_rolling_status_free`.
 */
typedef struct vtrix_rolling_status vtrix_rolling_status;

/**
 * A sandbox: runs commands and works on files in it. Counted; any number of threads may use one at
 * the same time, and any reference may be freed while calls are in flight. When the last one is
 * gone its connections close, and the commands that are being waited for are killed; the sandbox
 * itself goes on.
 *
 * Functions: `vtrix_sandbox_id`, `vtrix_sandbox_get_info`, `vtrix_sandbox_created_at_ms`,
 * `vtrix_sandbox_timeout_ms`, `vtrix_sandbox_domain`, `vtrix_sandbox_connection_events`,
 * `vtrix_sandbox_refresh`, `vtrix_sandbox_refresh_async`, `vtrix_sandbox_close`, `vtrix_sandbox_ref`, `vtrix_sandbox_free`,
 * `vtrix_sandbox_stop`, `vtrix_sandbox_stop_async`, `vtrix_sandbox_start`,
 * `vtrix_sandbox_start_async`, `vtrix_sandbox_restart`, `vtrix_sandbox_restart_async`,
 * `vtrix_sandbox_delete`, `vtrix_sandbox_delete_async`, `vtrix_sandbox_wait_until_active`,
 * `vtrix_sandbox_wait_until_active_async`, `vtrix_sandbox_extend`, `vtrix_sandbox_extend_async`,
 * `vtrix_sandbox_extend_timeout`, `vtrix_sandbox_extend_timeout_async`, `vtrix_sandbox_update`,
 * `vtrix_sandbox_update_async`, `vtrix_sandbox_configure`, `vtrix_sandbox_configure_async`,
 * `vtrix_sandbox_run`, `vtrix_sandbox_run_async`, `vtrix_sandbox_spawn`,
 * `vtrix_sandbox_spawn_async`, `vtrix_sandbox_stream`, `vtrix_sandbox_stream_async`,
 * `vtrix_sandbox_exec_logs`, `vtrix_sandbox_exec_logs_async`, `vtrix_sandbox_kill`,
 * `vtrix_sandbox_kill_async`, `vtrix_sandbox_command`, `vtrix_sandbox_read`,
 * `vtrix_sandbox_read_async`, `vtrix_sandbox_write`, `vtrix_sandbox_write_async`,
 * `vtrix_sandbox_edit`, `vtrix_sandbox_edit_async`, `vtrix_sandbox_write_files`,
 * `vtrix_sandbox_write_files_async`, `vtrix_sandbox_read_to_buffer`,
 * `vtrix_sandbox_read_to_buffer_async`, `vtrix_sandbox_read_stream`,
 * `vtrix_sandbox_read_stream_async`, `vtrix_sandbox_mkdir`, `vtrix_sandbox_mkdir_async`,
 * `vtrix_sandbox_list_files`, `vtrix_sandbox_list_files_async`, `vtrix_sandbox_stat`,
 * `vtrix_sandbox_stat_async`, `vtrix_sandbox_exists`, `vtrix_sandbox_exists_async`,
 * `vtrix_sandbox_upload_file`, `vtrix_sandbox_upload_file_async`, `vtrix_sandbox_download_file`,
 * `vtrix_sandbox_download_file_async`, `vtrix_sandbox_download_files`,
 * `vtrix_sandbox_download_files_async`.
 */
typedef struct vtrix_sandbox vtrix_sandbox;

/**
 * What the gateway told of a sandbox. A value: it never changes, any thread may read it. Texts
 * that the gateway leaves out are empty.
 *
 * Functions: `vtrix_sandbox_info_id`, `vtrix_sandbox_info_user_id`,
 * `vtrix_sandbox_info_namespace`, `vtrix_sandbox_info_status`, `vtrix_sandbox_info_ip`,
 * `vtrix_sandbox_info_preview_url`, `vtrix_sandbox_info_preview_host`,
 * `vtrix_sandbox_info_preview_scheme`, `vtrix_sandbox_info_port`, `vtrix_sandbox_info_image_tag`,
 * `vtrix_sandbox_info_spec_cpu`, `vtrix_sandbox_info_spec_memory`,
 * `vtrix_sandbox_info_spec_image`, `vtrix_sandbox_info_spec_requests_cpu`,
 * `vtrix_sandbox_info_spec_requests_memory`, `vtrix_sandbox_info_labels_len`,
 * `vtrix_sandbox_info_label_name`, `vtrix_sandbox_info_label_value`,
 * `vtrix_sandbox_info_created_at`, `vtrix_sandbox_info_allocated_at`,
 * `vtrix_sandbox_info_expire_at`, `vtrix_sandbox_info_last_active_at`,
 * `vtrix_sandbox_info_message`, `vtrix_sandbox_info_not_enforced_len`,
 * `vtrix_sandbox_info_not_enforced`, `vtrix_sandbox_info_free`.
 */
typedef struct vtrix_sandbox_info vtrix_sandbox_info;

/**
 * A page of sandboxes. A value: it never changes, any thread may read it.
 *
 * Functions: `vtrix_sandbox_list_len`, `vtrix_sandbox_list_get`, `vtrix_sandbox_list_total`,
 * `vtrix_sandbox_list_limit`, `vtrix_sandbox_list_offset`, `vtrix_sandbox_list_has_more`,
 * `vtrix_sandbox_list_free`.
 */
typedef struct vtrix_sandbox_list vtrix_sandbox_list;

/**
 * Which files were downloaded, and where to. A value.
 *
 * Functions: `vtrix_saved_list_len`, `vtrix_saved_list_path`, `vtrix_saved_list_local`,
 * `vtrix_saved_list_free`.
 */
typedef struct vtrix_saved_list vtrix_saved_list;

/**
 * A stream of events: of a command that runs, of a command's log, of a file's bytes, or of the
 * connection to a sandbox. It has one reader at a time. Freeing or cancelling the stream of a command that runs kills the
 * command; the other kinds touch nothing.
 *
 * Functions: `vtrix_stream_next`, `vtrix_stream_next_async`, `vtrix_stream_forward`,
 * `vtrix_stream_forward_async`, `vtrix_stream_cancel`, `vtrix_stream_free`.
 */
typedef struct vtrix_stream vtrix_stream;

/**
 * A call that goes on in the background. Any thread may use it at any time.
 *
 * Functions: `vtrix_task_cancel`, `vtrix_task_is_done`, `vtrix_task_used`, `vtrix_task_ref`,
 * `vtrix_task_free`.
 */
typedef struct vtrix_task vtrix_task;

/**
 * Borrowed UTF-8 text with its length; not terminated.
 *
 * `VTRIX_STR("literal")` and `vtrix_str_from(char pointer)` make one. `data` may be NULL if and
 * only if `len` is 0. A field of options with `data` NULL was not given; one that points to
 * something, with `len` 0, is the empty text.
 */
typedef struct vtrix_str {
    /**
     * The first byte, or NULL.
     */
    const char *data;
    /**
     * Bytes, without a terminator.
     */
    size_t len;
} vtrix_str;

/**
 * How a call ended: one of `VTRIX_STATUS_*`. Families: 0xx no failure, 1xx the caller, 2xx
 * credentials and limits, 3xx the connection, 4xx the sandbox, its commands and its files, 9xx
 * the library. Numbers are never reused; treat one that you do not know by its family.
 *
 * Functions: `vtrix_status_name`.
 */
typedef int32_t vtrix_status;

/**
 * The end of a call that gives the figures of the pool: one of `status` and `error` is NULL; both
 * are owned by the receiver.
 */
typedef void (*vtrix_pool_status_fn)(void *user_data,
                                     struct vtrix_pool_status *status,
                                     struct vtrix_error *error);

/**
 * Lets go of `user_data`. Called exactly once, after the last use; on a callback thread, or on
 * the calling thread if the function that was given it fails. Must not block.
 */
typedef void (*vtrix_drop_fn)(void *user_data);

/**
 * The end of a call that gives a rolling update: one of `status` and `error` is NULL; both are
 * owned by the receiver.
 */
typedef void (*vtrix_rolling_status_fn)(void *user_data,
                                        struct vtrix_rolling_status *status,
                                        struct vtrix_error *error);

/**
 * Borrowed bytes with their length. `data` may be NULL if and only if `len` is 0.
 */
typedef struct vtrix_bytes {
    /**
     * The first byte, or NULL.
     */
    const uint8_t *data;
    /**
     * Bytes.
     */
    size_t len;
} vtrix_bytes;

/**
 * Options of `vtrix_client_new`.
 *
 * Functions: `vtrix_client_options_init`, `vtrix_client_new`.
 */
typedef struct vtrix_client_options {
    /**
     * `sizeof(vtrix_client_options)`, set by `vtrix_client_options_init`.
     */
    size_t struct_size;
    /**
     * The gateway's URL, such as `http://host:8080`. Not given: `VTRIX_BASE_URL`.
     */
    struct vtrix_str base_url;
    /**
     * The bearer token. Not given: `VTRIX_TOKEN`; empty: none.
     */
    struct vtrix_str token;
    /**
     * The project. Not given: `VTRIX_PROJECT_ID`; empty: none.
     */
    struct vtrix_str project_id;
    /**
     * Which generation of routes the gateway serves: one of `VTRIX_ROUTES_*`.
     */
    int32_t routes;
    /**
     * For making one connection; 10 s.
     */
    uint64_t connect_timeout_ms;
    /**
     * For one call that takes no time by its nature, and for each wait for the next bytes of a
     * file; 60 s.
     */
    uint64_t call_timeout_ms;
    /**
     * After so long without hearing from the gateway, ask it; 10 s.
     */
    uint64_t heartbeat_interval_ms;
    /**
     * After so long without hearing from the gateway, although asked, the connection is lost; 25
     * s.
     */
    uint64_t heartbeat_timeout_ms;
    /**
     * Bytes of one stream that wait for its reader; 2 MiB, at least 64 KiB.
     */
    uint64_t stream_buffer;
    /**
     * Calls open at once on one sandbox; 4,096.
     */
    uint64_t max_in_flight;
    /**
     * Connections to one sandbox at once; 256, at least 2.
     */
    uint64_t max_connections;
    /**
     * Largest message accepted, in bytes; 64 MiB, at least 1 MiB.
     */
    uint64_t max_message;
    /**
     * Certificates trusted beside those of the platform, in PEM.
     */
    struct vtrix_bytes extra_roots_pem;
    /**
     * What the client shows to an `https` gateway that asks who it is: its certificate, the chain
     * if any, and the private key, not encrypted, in PEM.
     */
    struct vtrix_bytes client_identity_pem;
    /**
     * The proxy on the way, such as `socks5h://user:password@host:1080`; `http`, `https` and
     * `socks5`, too. Not given: `HTTPS_PROXY` or `HTTP_PROXY`, then `ALL_PROXY`; empty: none.
     */
    struct vtrix_str proxy;
    /**
     * What is reached without it, separated by commas: names, addresses, networks, `*`. Not given:
     * `NO_PROXY`; empty: nothing.
     */
    struct vtrix_str no_proxy;
    /**
     * A connection that carries no call is closed after so long; 5 min.
     */
    uint64_t idle_timeout_ms;
    /**
     * How often a call that is idempotent, or never reached the gateway, is made again; 2, at
     * most 10. Negative: never.
     */
    int64_t max_retries;
} vtrix_client_options;

/**
 * Resources and image of a sandbox, as Kubernetes writes them. What is not given is the gateway's
 * default.
 *
 * Functions: `vtrix_spec_init`.
 */
typedef struct vtrix_spec {
    /**
     * `sizeof(vtrix_spec)`, set by `vtrix_spec_init`.
     */
    size_t struct_size;
    /**
     * Processors, such as `500m` or `2`.
     */
    struct vtrix_str cpu;
    /**
     * Memory, such as `4Gi`.
     */
    struct vtrix_str memory;
    /**
     * The image's name.
     */
    struct vtrix_str image;
    /**
     * What is set aside, as `cpu`.
     */
    struct vtrix_str requests_cpu;
    /**
     * What is set aside, as `memory`.
     */
    struct vtrix_str requests_memory;
} vtrix_spec;

/**
 * A name and a value: a variable of an environment, a label, or the two ends of a transfer.
 */
typedef struct vtrix_pair {
    /**
     * The name; for a transfer, the path in the sandbox.
     */
    struct vtrix_str name;
    /**
     * The value; for a transfer, the path on this machine.
     */
    struct vtrix_str value;
} vtrix_pair;

/**
 * A call made to a sandbox once it runs. Clear it before filling it in; what is reserved stays
 * zero.
 */
typedef struct vtrix_payload {
    /**
     * What to call, such as `/api/v1/env`.
     */
    struct vtrix_str api;
    /**
     * What the call is given, as JSON text; not given: nothing.
     */
    struct vtrix_str body_json;
    /**
     * Environment of that call alone.
     */
    const struct vtrix_pair *envs;
    /**
     * How many pairs `envs` points to.
     */
    size_t envs_len;
    /**
     * Zero.
     */
    uint64_t reserved[4];
} vtrix_payload;

/**
 * Options of `vtrix_client_create`.
 *
 * Functions: `vtrix_create_options_init`.
 */
typedef struct vtrix_create_options {
    /**
     * `sizeof(vtrix_create_options)`, set by `vtrix_create_options_init`.
     */
    size_t struct_size;
    /**
     * Resources and image; may be NULL.
     */
    const struct vtrix_spec *spec;
    /**
     * Metadata; may be NULL.
     */
    const struct vtrix_pair *labels;
    /**
     * How many pairs `labels` points to.
     */
    size_t labels_len;
    /**
     * Calls made to the sandbox once it runs; may be NULL.
     */
    const struct vtrix_payload *payloads;
    /**
     * How many payloads `payloads` points to.
     */
    size_t payloads_len;
    /**
     * Lifetime in hours; a fraction is allowed.
     */
    double ttl_hours;
    /**
     * Variables for every command run through the handle that create gives; may be NULL.
     */
    const struct vtrix_pair *env;
    /**
     * How many pairs `env` points to.
     */
    size_t env_len;
    /**
     * How long to wait for the sandbox to become active; 180 s.
     */
    uint64_t timeout_ms;
} vtrix_create_options;

/**
 * The end of a call that gives a sandbox: one of `sandbox` and `error` is NULL; both are owned by
 * the receiver.
 */
typedef void (*vtrix_sandbox_fn)(void *user_data,
                                 struct vtrix_sandbox *sandbox,
                                 struct vtrix_error *error);

/**
 * Options of `vtrix_client_attach`.
 *
 * Functions: `vtrix_attach_options_init`.
 */
typedef struct vtrix_attach_options {
    /**
     * `sizeof(vtrix_attach_options)`, set by `vtrix_attach_options_init`.
     */
    size_t struct_size;
    /**
     * Variables for every command run through the handle; what create was given is not known here;
     * may be NULL.
     */
    const struct vtrix_pair *env;
    /**
     * How many pairs `env` points to.
     */
    size_t env_len;
} vtrix_attach_options;

/**
 * Options of `vtrix_client_list`. Filters combine with *and*.
 *
 * Functions: `vtrix_list_options_init`.
 */
typedef struct vtrix_list_options {
    /**
     * `sizeof(vtrix_list_options)`, set by `vtrix_list_options_init`.
     */
    size_t struct_size;
    /**
     * Only this owner's.
     */
    struct vtrix_str user_id;
    /**
     * Only those in this status.
     */
    struct vtrix_str status;
    /**
     * At most so many; the gateway has a default and a maximum of its own.
     */
    uint64_t limit;
    /**
     * Past so many.
     */
    uint64_t offset;
} vtrix_list_options;

/**
 * The end of a call that gives a page: one of `list` and `error` is NULL; both are owned by the
 * receiver.
 */
typedef void (*vtrix_sandbox_list_fn)(void *user_data,
                                      struct vtrix_sandbox_list *list,
                                      struct vtrix_error *error);

/**
 * The end of a call that gives an info: one of `info` and `error` is NULL; both are owned by the
 * receiver.
 */
typedef void (*vtrix_sandbox_info_fn)(void *user_data,
                                      struct vtrix_sandbox_info *info,
                                      struct vtrix_error *error);

/**
 * The end of a call that gives nothing: `error` is NULL for success, and otherwise owned by the
 * receiver, who frees it with `vtrix_error_free`.
 */
typedef void (*vtrix_done_fn)(void *user_data, struct vtrix_error *error);

/**
 * The end of a call that gives a finished command: one of `finished` and `error` is NULL; both are
 * owned by the receiver.
 */
typedef void (*vtrix_finished_fn)(void *user_data,
                                  struct vtrix_finished *finished,
                                  struct vtrix_error *error);

/**
 * The end of a call that gives a stream: one of `stream` and `error` is NULL; both are owned by
 * the receiver.
 */
typedef void (*vtrix_stream_fn)(void *user_data,
                                struct vtrix_stream *stream,
                                struct vtrix_error *error);

/**
 * The end of a call that gives collected output: one of `collected` and `error` is NULL; both are
 * owned by the receiver.
 */
typedef void (*vtrix_collected_fn)(void *user_data,
                                   struct vtrix_collected *collected,
                                   struct vtrix_error *error);

/**
 * The end of a read: one of `result` and `error` is NULL; both are owned by the receiver.
 */
typedef void (*vtrix_read_result_fn)(void *user_data,
                                     struct vtrix_read_result *result,
                                     struct vtrix_error *error);

/**
 * The end of a call that gives a number: `error` is NULL for success, and otherwise owned by the
 * receiver.
 */
typedef void (*vtrix_u64_fn)(void *user_data, uint64_t value, struct vtrix_error *error);

/**
 * The end of a call that gives bytes or text: one of `buffer` and `error` is NULL, or both where
 * there is nothing; both are owned by the receiver.
 */
typedef void (*vtrix_buffer_fn)(void *user_data,
                                struct vtrix_buffer *buffer,
                                struct vtrix_error *error);

/**
 * A file for `vtrix_sandbox_write_files`. Clear it before filling it in; what is reserved stays
 * zero.
 */
typedef struct vtrix_write_file {
    /**
     * Where to, in the sandbox.
     */
    struct vtrix_str path;
    /**
     * The whole content.
     */
    struct vtrix_bytes content;
    /**
     * Permission bits, such as 0755; 0 keeps those of a file that is there, and is 0644 for a new
     * one.
     */
    uint32_t mode;
    /**
     * Zero.
     */
    uint32_t reserved[5];
} vtrix_write_file;

/**
 * The end of a listing: one of `list` and `error` is NULL; both are owned by the receiver.
 */
typedef void (*vtrix_file_list_fn)(void *user_data,
                                   struct vtrix_file_list *list,
                                   struct vtrix_error *error);

/**
 * The end of a stat: one of `info` and `error` is NULL; both are owned by the receiver.
 */
typedef void (*vtrix_file_info_fn)(void *user_data,
                                   struct vtrix_file_info *info,
                                   struct vtrix_error *error);

/**
 * The end of a call that gives yes or no: `error` is NULL for success, and otherwise owned by the
 * receiver.
 */
typedef void (*vtrix_bool_fn)(void *user_data, bool value, struct vtrix_error *error);

/**
 * How a command ended. Made by the library and borrowed; later versions may have more fields at
 * the end, and more types.
 */
typedef struct vtrix_outcome {
    /**
     * Bytes that this version of the library fills in.
     */
    size_t struct_size;
    /**
     * One of `VTRIX_OUTCOME_*`.
     */
    int32_t type;
    /**
     * The exit status, 0 to 255; -1 where there is none.
     */
    int32_t exit_code;
    /**
     * The signal's number, such as 9; 0 where there is none.
     */
    int32_t signal;
    /**
     * Of `VTRIX_OUTCOME_UNKNOWN`: what happened instead, for people.
     */
    struct vtrix_str reason;
    /**
     * Of `VTRIX_OUTCOME_UNKNOWN`: bytes of standard output received, from the command's start.
     */
    uint64_t stdout_offset;
    /**
     * The same of standard error.
     */
    uint64_t stderr_offset;
} vtrix_outcome;

/**
 * Options of `vtrix_sandbox_stop`.
 *
 * Functions: `vtrix_stop_options_init`.
 */
typedef struct vtrix_stop_options {
    /**
     * `sizeof(vtrix_stop_options)`, set by `vtrix_stop_options_init`.
     */
    size_t struct_size;
    /**
     * 1: wait until the sandbox is `stopped` or `failed`.
     */
    uint8_t blocking;
    /**
     * The longest wait between two looks; 2 s.
     */
    uint64_t poll_interval_ms;
    /**
     * How long to wait at most; 300 s.
     */
    uint64_t timeout_ms;
} vtrix_stop_options;

/**
 * Options of `vtrix_sandbox_update`; at least one is needed.
 *
 * Functions: `vtrix_update_options_init`.
 */
typedef struct vtrix_update_options {
    /**
     * `sizeof(vtrix_update_options)`, set by `vtrix_update_options_init`.
     */
    size_t struct_size;
    /**
     * New resources; may be NULL.
     */
    const struct vtrix_spec *spec;
    /**
     * A new image.
     */
    struct vtrix_str image;
} vtrix_update_options;

/**
 * Takes a record of the log: `level` is one of `VTRIX_LOG_*`, `target` says where it comes from,
 * `message` is one line. Both are borrowed until it returns. Called on one thread, in order.
 */
typedef void (*vtrix_log_fn)(void *user_data,
                             int32_t level,
                             struct vtrix_str target,
                             struct vtrix_str message);

/**
 * Something that a stream says. Made by the library and borrowed: for a callback until it
 * returns, from `vtrix_stream_next` until the stream is used again. Later versions may have more
 * fields at the end, and more types: skip a type that you do not know.
 */
typedef struct vtrix_event {
    /**
     * Bytes that this version of the library fills in.
     */
    size_t struct_size;
    /**
     * One of `VTRIX_EVENT_*`; it says which fields mean something.
     */
    int32_t type;
    /**
     * One of `VTRIX_STREAM_*`.
     */
    int32_t stream;
    /**
     * Bytes of output or of a file. Output is text on the wire of this generation: a chunk never
     * ends inside a character.
     */
    struct vtrix_bytes data;
    /**
     * Where `data` begins in its stream, in bytes; `VTRIX_UNKNOWN_OFFSET` where nobody told.
     */
    uint64_t offset;
    /**
     * The command's name.
     */
    struct vtrix_str cmd_id;
    /**
     * The command's process number inside the sandbox; -1 where nobody told.
     */
    int64_t pid;
    /**
     * Where the command started.
     */
    struct vtrix_str cwd;
    /**
     * The first missing byte.
     */
    uint64_t gap_from;
    /**
     * The first byte after the missing ones.
     */
    uint64_t gap_to;
    /**
     * How the command ended; NULL for other types.
     */
    const struct vtrix_outcome *outcome;
    /**
     * Something in the background still held the command's output when it was over; what that
     * writes is not kept.
     */
    bool output_incomplete;
    /**
     * Why a connection was lost, for people.
     */
    struct vtrix_str reason;
} vtrix_event;

/**
 * Looks at an event. Called in order and never twice at once for one stream; as long as it
 * blocks, nothing but this stream waits. Returns `VTRIX_CONTINUE`, `VTRIX_KEPT` or `VTRIX_STOP`.
 */
typedef int32_t (*vtrix_event_fn)(void *user_data, const struct vtrix_event *event);

/**
 * Options of `vtrix_sandbox_run`, `vtrix_sandbox_spawn` and `vtrix_sandbox_stream`.
 *
 * Functions: `vtrix_run_options_init`.
 */
typedef struct vtrix_run_options {
    /**
     * `sizeof(vtrix_run_options)`, set by `vtrix_run_options_init`.
     */
    size_t struct_size;
    /**
     * Arguments, each quoted for the shell and appended; may be NULL.
     */
    const struct vtrix_str *args;
    /**
     * How many texts `args` points to.
     */
    size_t args_len;
    /**
     * Variables, over the handle's own and the sandbox's; may be NULL.
     */
    const struct vtrix_pair *env;
    /**
     * How many pairs `env` points to.
     */
    size_t env_len;
    /**
     * Where the command starts; `/workspace`.
     */
    struct vtrix_str working_dir;
    /**
     * How long the command may run before the sandbox kills it; for ever.
     */
    uint64_t timeout_ms;
    /**
     * How long the call may take; past it the command is killed. Of spawn only the start is meant.
     * Never.
     */
    uint64_t deadline_ms;
    /**
     * What the command reads on its standard input, which then ends; UTF-8 on the wire of this
     * generation. Not given: nothing.
     */
    struct vtrix_bytes stdin_data;
    /**
     * Bytes of output that the result keeps, from the beginning; 16 MiB, `VTRIX_KEEP_NOTHING` for
     * none.
     */
    uint64_t max_output;
    /**
     * 1: run as root with the environment kept, as `sudo -E` would.
     */
    uint8_t sudo;
    /**
     * Of run alone: sees every event while the call goes on. May be NULL. If it returns
     * `VTRIX_STOP` the command is killed and the call fails with `VTRIX_STATUS_CALLBACK`.
     */
    vtrix_event_fn on_event;
    /**
     * Passed to `on_event`; may be NULL.
     */
    void *event_user_data;
    /**
     * Lets go of `event_user_data`, once, whether or not the call fails; may be NULL.
     */
    vtrix_drop_fn event_drop;
} vtrix_run_options;

/**
 * The end of a call that gives a command: one of `command` and `error` is NULL; both are owned by
 * the receiver.
 */
typedef void (*vtrix_command_fn)(void *user_data,
                                 struct vtrix_command *command,
                                 struct vtrix_error *error);

/**
 * Options of `vtrix_start`.
 *
 * Functions: `vtrix_start_options_init`, `vtrix_start`.
 */
typedef struct vtrix_start_options {
    /**
     * `sizeof(vtrix_start_options)`, set by `vtrix_start_options_init`.
     */
    size_t struct_size;
    /**
     * Threads that drive sockets and timers; 2.
     */
    uint32_t worker_threads;
    /**
     * Callbacks that may block at the same time before others of their kind wait for a thread; 512.
     * Those that watch a call (events, progress, and the end of such a call) are one kind, the ends
     * of all other calls another, so that neither holds up the other.
     */
    uint32_t callback_threads;
} vtrix_start_options;

/**
 * The end of a pull: `event` is borrowed until the function returns; NULL with a NULL `error`
 * means that the stream has ended. `error` is owned by the receiver.
 */
typedef void (*vtrix_next_fn)(void *user_data,
                              const struct vtrix_event *event,
                              struct vtrix_error *error);

/**
 * Looks at how far a transfer is: `path` is the file's, in the sandbox, `transferred` the bytes
 * that are through, `total` those there are, or `UINT64_MAX` where that is not known. What is out
 * of date is left out, the last figures of a file never are. Returns `VTRIX_CONTINUE` or
 * `VTRIX_STOP`.
 */
typedef int32_t (*vtrix_progress_fn)(void *user_data,
                                     struct vtrix_str path,
                                     uint64_t transferred,
                                     uint64_t total);

/**
 * Options of `vtrix_sandbox_upload_file`, `vtrix_sandbox_download_file` and
 * `vtrix_sandbox_download_files`.
 *
 * Functions: `vtrix_transfer_options_init`.
 */
typedef struct vtrix_transfer_options {
    /**
     * `sizeof(vtrix_transfer_options)`, set by `vtrix_transfer_options_init`.
     */
    size_t struct_size;
    /**
     * 1: make local directories that do not exist. Uploads make parents in the sandbox anyway.
     */
    uint8_t mkdir_recursive;
    /**
     * Of uploads: permission bits; 0 keeps those of a file that is there, and is 0644 for a new
     * one.
     */
    uint32_t mode;
    /**
     * Sees how far the transfer is; may be NULL.
     */
    vtrix_progress_fn on_progress;
    /**
     * Passed to `on_progress`; may be NULL.
     */
    void *progress_user_data;
    /**
     * Lets go of `progress_user_data`, once, whether or not the call fails; may be NULL.
     */
    vtrix_drop_fn progress_drop;
} vtrix_transfer_options;

/**
 * The end of a download of files: one of `list` and `error` is NULL; both are owned by the
 * receiver.
 */
typedef void (*vtrix_saved_list_fn)(void *user_data,
                                    struct vtrix_saved_list *list,
                                    struct vtrix_error *error);

/**
 * The call did what it is for.
 */
#define VTRIX_STATUS_OK 0

/**
 * A stream has ended; no failure, and there is no error object.
 */
#define VTRIX_STATUS_END 1

/**
 * Nothing came within the time given; no failure, and there is no error object. Ask again.
 */
#define VTRIX_STATUS_PENDING 2

/**
 * An argument or an option is not valid; the message names it. Nothing was sent, or the gateway refused it.
 */
#define VTRIX_STATUS_INVALID_ARGUMENT 101

/**
 * The sandbox handle or the client was closed before or during the call.
 */
#define VTRIX_STATUS_CLOSED 102

/**
 * The caller cancelled; a command that was being waited for is killed.
 */
#define VTRIX_STATUS_CANCELLED 103

/**
 * A file or directory of this machine could not be used; the message names it.
 */
#define VTRIX_STATUS_LOCAL_IO 104

/**
 * A callback or writer of the caller's failed; its own error is the source.
 */
#define VTRIX_STATUS_CALLBACK 105

/**
 * Some of several files failed; each is listed with its own error.
 */
#define VTRIX_STATUS_PARTIAL 106

/**
 * A function that waits was called on a callback thread.
 */
#define VTRIX_STATUS_WOULD_DEADLOCK 191

/**
 * The handle was made before a fork; it works in the parent alone.
 */
#define VTRIX_STATUS_FORKED 192

/**
 * The library was shut down before or during the call.
 */
#define VTRIX_STATUS_SHUT_DOWN 193

/**
 * The stream is being read by another thread or in the background.
 */
#define VTRIX_STATUS_BUSY_STREAM 194

/**
 * The token is missing, wrong, or not allowed to do this.
 */
#define VTRIX_STATUS_UNAUTHORIZED 201

/**
 * Too many requests or sandboxes; `vtrix_error_retry_after_ms` says when to come back, where the gateway does.
 */
#define VTRIX_STATUS_RATE_LIMITED 202

/**
 * A limit on concurrent work in the sandbox is reached.
 */
#define VTRIX_STATUS_BUSY 203

/**
 * No connection could be made; nothing was sent.
 */
#define VTRIX_STATUS_CONNECT_FAILED 301

/**
 * No connection was made within the connect time-out; nothing was sent.
 */
#define VTRIX_STATUS_CONNECT_TIMEOUT 302

/**
 * The connection ended while the call was open; `vtrix_error_may_have_run` says whether it can have had an effect.
 */
#define VTRIX_STATUS_CONNECTION_LOST 303

/**
 * The call's own deadline passed. Its command, if it ran one, is killed.
 */
#define VTRIX_STATUS_TIMEOUT 304

/**
 * The other end does not keep to the protocol.
 */
#define VTRIX_STATUS_PROTOCOL 305

/**
 * The service answers, and cannot serve now.
 */
#define VTRIX_STATUS_UNAVAILABLE 306

/**
 * No secure connection could be made: one side does not trust the other's certificate, or they have nothing in common; nothing was sent.
 */
#define VTRIX_STATUS_TLS_FAILED 307

/**
 * The proxy on the way wants other credentials, or does not let this gateway be reached; nothing was sent.
 */
#define VTRIX_STATUS_PROXY_REFUSED 308

/**
 * No such sandbox, or it was deleted.
 */
#define VTRIX_STATUS_NOT_FOUND 401

/**
 * The sandbox, as it is, does not allow this.
 */
#define VTRIX_STATUS_CONFLICT 402

/**
 * The sandbox is not active: stopped, failed, or on its way out.
 */
#define VTRIX_STATUS_NOT_ACTIVE 403

/**
 * The command ran past its own timeout and was killed; what it wrote is in the error.
 */
#define VTRIX_STATUS_COMMAND_TIMED_OUT 411

/**
 * No command of that id is remembered.
 */
#define VTRIX_STATUS_COMMAND_NOT_FOUND 412

/**
 * The command could not be started; it did not run.
 */
#define VTRIX_STATUS_COMMAND_NOT_STARTED 413

/**
 * Output or a file stream can't be continued without a gap.
 */
#define VTRIX_STATUS_NOT_RESUMABLE 414

/**
 * No such file or directory in the sandbox.
 */
#define VTRIX_STATUS_FILE_NOT_FOUND 421

/**
 * The path, or a parent of it, is not a directory.
 */
#define VTRIX_STATUS_NOT_A_DIRECTORY 422

/**
 * The path is a directory where a file is needed.
 */
#define VTRIX_STATUS_IS_A_DIRECTORY 423

/**
 * The sandbox's root may not do that to this path.
 */
#define VTRIX_STATUS_PERMISSION_DENIED 424

/**
 * The text to replace does not occur.
 */
#define VTRIX_STATUS_EDIT_NO_MATCH 425

/**
 * The text to replace occurs more than once.
 */
#define VTRIX_STATUS_EDIT_AMBIGUOUS 426

/**
 * Larger than the wire, a limit, or an option allows.
 */
#define VTRIX_STATUS_TOO_LARGE 427

/**
 * The sandbox's file system is full.
 */
#define VTRIX_STATUS_NO_SPACE 428

/**
 * The path is a device, a pipe or a socket where a regular file is needed.
 */
#define VTRIX_STATUS_NOT_A_REGULAR_FILE 429

/**
 * The file changed while it was being read.
 */
#define VTRIX_STATUS_FILE_CHANGED 430

/**
 * Another failure of the sandbox's file system.
 */
#define VTRIX_STATUS_FILE_IO 431

/**
 * Another error of the gateway's; `vtrix_error_code` is the gateway's own.
 */
#define VTRIX_STATUS_GATEWAY 499

/**
 * A bug of this library's.
 */
#define VTRIX_STATUS_INTERNAL 901

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Sandboxes of every status but deleted.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_total(const struct vtrix_pool_status *status);

/**
 * Ready for an owner.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_warm(const struct vtrix_pool_status *status);

/**
 * With an owner.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_active(const struct vtrix_pool_status *status);

/**
 * On their way to either.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_creating(const struct vtrix_pool_status *status);

/**
 * On their way out.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_deleting(const struct vtrix_pool_status *status);

/**
 * Gone.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_deleted(const struct vtrix_pool_status *status);

/**
 * How many should be warm.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_warm_pool_size(const struct vtrix_pool_status *status);

/**
 * How many there may be.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_pool_status_max_total(const struct vtrix_pool_status *status);

/**
 * `total` over `max_total`, 0 to 1.
 *
 * \param status borrowed; NULL gives 0.0.
 */
double vtrix_pool_status_utilization(const struct vtrix_pool_status *status);

/**
 * `warm` over `warm_pool_size`, 0 to 1.
 *
 * \param status borrowed; NULL gives 0.0.
 */
double vtrix_pool_status_warm_ratio(const struct vtrix_pool_status *status);

/**
 * The pool does what it should.
 *
 * \param status borrowed; NULL gives false.
 */
bool vtrix_pool_status_healthy(const struct vtrix_pool_status *status);

/**
 * Why not. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_pool_status_health_message(const struct vtrix_pool_status *status);

/**
 * When it last grew or shrank, RFC 3339. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_pool_status_last_scale_at(const struct vtrix_pool_status *status);

/**
 * When it last gave a sandbox to an owner, RFC 3339. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_pool_status_last_allocate_at(const struct vtrix_pool_status *status);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param status owned; NULL does nothing.
 */
void vtrix_pool_status_free(struct vtrix_pool_status *status);

/**
 * The update's name. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_id(const struct vtrix_rolling_status *status);

/**
 * `idle`, `running` or another word. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_phase(const struct vtrix_rolling_status *status);

/**
 * The update's image. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_target_image(const struct vtrix_rolling_status *status);

/**
 * 0 to 1.
 *
 * \param status borrowed; NULL gives 0.0.
 */
double vtrix_rolling_status_progress(const struct vtrix_rolling_status *status);

/**
 * Warm sandboxes to replace.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_rolling_status_warm_total(const struct vtrix_rolling_status *status);

/**
 * Warm sandboxes replaced.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_rolling_status_warm_updated(const struct vtrix_rolling_status *status);

/**
 * Active sandboxes to replace.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_rolling_status_active_total(const struct vtrix_rolling_status *status);

/**
 * Active sandboxes replaced.
 *
 * \param status borrowed; NULL gives 0.
 */
uint64_t vtrix_rolling_status_active_updated(const struct vtrix_rolling_status *status);

/**
 * RFC 3339. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_started_at(const struct vtrix_rolling_status *status);

/**
 * RFC 3339. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_completed_at(const struct vtrix_rolling_status *status);

/**
 * How long it took, for people. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_duration(const struct vtrix_rolling_status *status);

/**
 * How it goes, for people. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_message(const struct vtrix_rolling_status *status);

/**
 * What went wrong, for people. Borrowed from the status.
 *
 * \param status borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_rolling_status_error(const struct vtrix_rolling_status *status);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param status owned; NULL does nothing.
 */
void vtrix_rolling_status_free(struct vtrix_rolling_status *status);

/**
 * Reads the pool's figures. A gateway may let only some tokens do so, here and in the other calls
 * of an operator.
 *
 * \param client borrowed; not NULL.
 * \param out_status receives an owned status; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_pool_status(const struct vtrix_client *client,
                                      struct vtrix_pool_status **out_status,
                                      struct vtrix_error **out_error);

/**
 * As `vtrix_client_pool_status`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param on_done comes once with what `vtrix_client_pool_status` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_pool_status_async(const struct vtrix_client *client,
                                            vtrix_pool_status_fn on_done,
                                            void *user_data,
                                            vtrix_drop_fn drop,
                                            struct vtrix_task **out_task,
                                            struct vtrix_error **out_error);

/**
 * Starts replacing the pool's sandboxes by ones made from `image`.
 *
 * \param client borrowed; not NULL.
 * \param image borrowed; not given: the image that is configured.
 * \param out_status receives an owned status; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_rolling_start(const struct vtrix_client *client,
                                        struct vtrix_str image,
                                        struct vtrix_rolling_status **out_status,
                                        struct vtrix_error **out_error);

/**
 * As `vtrix_client_rolling_start`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param image borrowed; not given: the image that is configured.
 * \param on_done comes once with what `vtrix_client_rolling_start` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_rolling_start_async(const struct vtrix_client *client,
                                              struct vtrix_str image,
                                              vtrix_rolling_status_fn on_done,
                                              void *user_data,
                                              vtrix_drop_fn drop,
                                              struct vtrix_task **out_task,
                                              struct vtrix_error **out_error);

/**
 * Reads how far the rolling update is.
 *
 * \param client borrowed; not NULL.
 * \param out_status receives an owned status; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_rolling_status(const struct vtrix_client *client,
                                         struct vtrix_rolling_status **out_status,
                                         struct vtrix_error **out_error);

/**
 * As `vtrix_client_rolling_status`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param on_done comes once with what `vtrix_client_rolling_status` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_rolling_status_async(const struct vtrix_client *client,
                                               vtrix_rolling_status_fn on_done,
                                               void *user_data,
                                               vtrix_drop_fn drop,
                                               struct vtrix_task **out_task,
                                               struct vtrix_error **out_error);

/**
 * Stops the rolling update where it is.
 *
 * \param client borrowed; not NULL.
 * \param out_status receives an owned status; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_rolling_cancel(const struct vtrix_client *client,
                                         struct vtrix_rolling_status **out_status,
                                         struct vtrix_error **out_error);

/**
 * As `vtrix_client_rolling_cancel`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param on_done comes once with what `vtrix_client_rolling_cancel` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_rolling_cancel_async(const struct vtrix_client *client,
                                               vtrix_rolling_status_fn on_done,
                                               void *user_data,
                                               vtrix_drop_fn drop,
                                               struct vtrix_task **out_task,
                                               struct vtrix_error **out_error);

/**
 * The bytes. Borrowed from the buffer.
 *
 * \param buffer borrowed; NULL gives no bytes.
 */
struct vtrix_bytes vtrix_buffer_bytes(const struct vtrix_buffer *buffer);

/**
 * The bytes as text; empty if they are not UTF-8. Borrowed from the buffer.
 *
 * \param buffer borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_buffer_text(const struct vtrix_buffer *buffer);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param buffer owned; NULL does nothing.
 */
void vtrix_buffer_free(struct vtrix_buffer *buffer);

/**
 * Quotes a text for `/bin/sh`, so that it is one word whatever it holds.
 *
 * \param text borrowed.
 * \param out_buffer receives an owned buffer; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_quote(struct vtrix_str text,
                         struct vtrix_buffer **out_buffer,
                         struct vtrix_error **out_error);

/**
 * Makes a client. Checks everything, connects to nothing. The first client of a process starts
 * the library's threads.
 *
 * \param options borrowed; NULL is all defaults.
 * \param out_client receives an owned client; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_new(const struct vtrix_client_options *options,
                              struct vtrix_client **out_client,
                              struct vtrix_error **out_error);

/**
 * Creates a sandbox, waits until it is active and connects to it. Gives up at once, with
 * `VTRIX_STATUS_NOT_ACTIVE`, if it fails. Once the gateway has accepted the sandbox, every error
 * names its id, those of a cancelled task and of a shutdown included, and it is left as it is.
 *
 * \param client borrowed; not NULL.
 * \param user_id borrowed; the owner.
 * \param options borrowed; NULL is all defaults.
 * \param out_sandbox receives an owned sandbox; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_create(const struct vtrix_client *client,
                                 struct vtrix_str user_id,
                                 const struct vtrix_create_options *options,
                                 struct vtrix_sandbox **out_sandbox,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_client_create`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param user_id borrowed; the owner.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_client_create` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_create_async(const struct vtrix_client *client,
                                       struct vtrix_str user_id,
                                       const struct vtrix_create_options *options,
                                       vtrix_sandbox_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Connects to a sandbox that exists. One that is not active can be attached to; its calls then
 * fail until it is.
 *
 * \param client borrowed; not NULL.
 * \param sandbox_id borrowed; the sandbox's name.
 * \param options borrowed; NULL is all defaults.
 * \param out_sandbox receives an owned sandbox; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_attach(const struct vtrix_client *client,
                                 struct vtrix_str sandbox_id,
                                 const struct vtrix_attach_options *options,
                                 struct vtrix_sandbox **out_sandbox,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_client_attach`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param sandbox_id borrowed; the sandbox's name.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_client_attach` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_attach_async(const struct vtrix_client *client,
                                       struct vtrix_str sandbox_id,
                                       const struct vtrix_attach_options *options,
                                       vtrix_sandbox_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Lists the sandboxes that these credentials may see, a page at a time.
 *
 * \param client borrowed; not NULL.
 * \param options borrowed; NULL is the first page of everything.
 * \param out_list receives an owned page; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_list(const struct vtrix_client *client,
                               const struct vtrix_list_options *options,
                               struct vtrix_sandbox_list **out_list,
                               struct vtrix_error **out_error);

/**
 * As `vtrix_client_list`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param options borrowed; NULL is the first page of everything.
 * \param on_done comes once with what `vtrix_client_list` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_list_async(const struct vtrix_client *client,
                                     const struct vtrix_list_options *options,
                                     vtrix_sandbox_list_fn on_done,
                                     void *user_data,
                                     vtrix_drop_fn drop,
                                     struct vtrix_task **out_task,
                                     struct vtrix_error **out_error);

/**
 * Reads what the gateway knows of a sandbox, without connecting to it.
 *
 * \param client borrowed; not NULL.
 * \param sandbox_id borrowed; the sandbox's name.
 * \param out_info receives an owned info; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_get(const struct vtrix_client *client,
                              struct vtrix_str sandbox_id,
                              struct vtrix_sandbox_info **out_info,
                              struct vtrix_error **out_error);

/**
 * As `vtrix_client_get`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param sandbox_id borrowed; the sandbox's name.
 * \param on_done comes once with what `vtrix_client_get` gives, on a callback thread, maybe before
 * this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_get_async(const struct vtrix_client *client,
                                    struct vtrix_str sandbox_id,
                                    vtrix_sandbox_info_fn on_done,
                                    void *user_data,
                                    vtrix_drop_fn drop,
                                    struct vtrix_task **out_task,
                                    struct vtrix_error **out_error);

/**
 * Deletes a sandbox with everything in it, for good.
 *
 * \param client borrowed; not NULL.
 * \param sandbox_id borrowed; the sandbox's name.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_delete(const struct vtrix_client *client,
                                 struct vtrix_str sandbox_id,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_client_delete`, without waiting.
 *
 * \param client borrowed; not NULL.
 * \param sandbox_id borrowed; the sandbox's name.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_client_delete_async(const struct vtrix_client *client,
                                       struct vtrix_str sandbox_id,
                                       vtrix_done_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Closes the client and every sandbox handle made from it: calls in progress and all later ones
 * fail with `VTRIX_STATUS_CLOSED`, and commands that are being waited for are killed. The
 * sandboxes themselves go on. Idempotent, does not wait, and may be called from a callback.
 *
 * \param client borrowed; NULL does nothing.
 */
void vtrix_client_close(const struct vtrix_client *client);

/**
 * Counts one more reference and returns it; each is freed by itself.
 *
 * \param client borrowed; NULL gives NULL.
 */
struct vtrix_client *vtrix_client_ref(const struct vtrix_client *client);

/**
 * Gives a reference back. Calls in flight and the sandbox handles made from it go on.
 *
 * \param client owned: one reference is given back; NULL does nothing.
 */
void vtrix_client_free(struct vtrix_client *client);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_client_options)`.
 */
void vtrix_client_options_init(struct vtrix_client_options *options, size_t size);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_spec)`.
 */
void vtrix_spec_init(struct vtrix_spec *options, size_t size);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_create_options)`.
 */
void vtrix_create_options_init(struct vtrix_create_options *options, size_t size);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_attach_options)`.
 */
void vtrix_attach_options_init(struct vtrix_attach_options *options, size_t size);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_list_options)`.
 */
void vtrix_list_options_init(struct vtrix_list_options *options, size_t size);

/**
 * The command's name. Borrowed from the handle.
 *
 * \param command borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_command_cmd_id(const struct vtrix_command *command);

/**
 * The process number inside the sandbox; -1 until somebody told.
 *
 * \param command borrowed; NULL gives -1.
 */
int64_t vtrix_command_pid(const struct vtrix_command *command);

/**
 * The directory the command started in; empty until somebody told. Borrowed from the handle.
 *
 * \param command borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_command_cwd(const struct vtrix_command *command);

/**
 * When the command started, in milliseconds since 1970; -1 until somebody told.
 *
 * \param command borrowed; NULL gives -1.
 */
int64_t vtrix_command_started_at_ms(const struct vtrix_command *command);

/**
 * The exit code, once a wait on this handle has seen one; -1 before, and where there is none.
 *
 * \param command borrowed; NULL gives -1.
 */
int32_t vtrix_command_exit_code(const struct vtrix_command *command);

/**
 * Waits until the command ends. What it wrote before is replayed first: the last 512 KB of it. Any
 * number of waits may go on at once. Giving up the wait does not touch the command.
 *
 * \param command borrowed; not NULL.
 * \param out_finished receives an owned result; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_wait(const struct vtrix_command *command,
                                struct vtrix_finished **out_finished,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_command_wait`, without waiting.
 *
 * \param command borrowed; not NULL.
 * \param on_done comes once with what `vtrix_command_wait` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_wait_async(const struct vtrix_command *command,
                                      vtrix_finished_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Replays what the command wrote, the last 512 KB of it, then follows it until it ends: events of
 * output and gaps alone.
 *
 * \param command borrowed; not NULL.
 * \param out_stream receives an owned stream; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_logs(const struct vtrix_command *command,
                                struct vtrix_stream **out_stream,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_command_logs`, without waiting.
 *
 * \param command borrowed; not NULL.
 * \param on_done comes once with what `vtrix_command_logs` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_logs_async(const struct vtrix_command *command,
                                      vtrix_stream_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Waits until the command ends, in whatever way, and collects what it wrote: of what was written
 * before this call, the last 512 KB.
 *
 * \param command borrowed; not NULL.
 * \param stream `VTRIX_STREAM_STDOUT`, `VTRIX_STREAM_STDERR` or `VTRIX_STREAM_BOTH`.
 * \param out_collected receives an owned result; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_collect_output(const struct vtrix_command *command,
                                          int32_t stream,
                                          struct vtrix_collected **out_collected,
                                          struct vtrix_error **out_error);

/**
 * As `vtrix_command_collect_output`, without waiting.
 *
 * \param command borrowed; not NULL.
 * \param stream `VTRIX_STREAM_STDOUT`, `VTRIX_STREAM_STDERR` or `VTRIX_STREAM_BOTH`.
 * \param on_done comes once with what `vtrix_command_collect_output` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_collect_output_async(const struct vtrix_command *command,
                                                int32_t stream,
                                                vtrix_collected_fn on_done,
                                                void *user_data,
                                                vtrix_drop_fn drop,
                                                struct vtrix_task **out_task,
                                                struct vtrix_error **out_error);

/**
 * Waits until the command ends and collects its standard output, as
 * `vtrix_command_collect_output`.
 *
 * \param command borrowed; not NULL.
 * \param out_collected receives an owned result; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_stdout(const struct vtrix_command *command,
                                  struct vtrix_collected **out_collected,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_command_stdout`, without waiting.
 *
 * \param command borrowed; not NULL.
 * \param on_done comes once with what `vtrix_command_stdout` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_stdout_async(const struct vtrix_command *command,
                                        vtrix_collected_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Waits until the command ends and collects its standard error, as `vtrix_command_collect_output`.
 *
 * \param command borrowed; not NULL.
 * \param out_collected receives an owned result; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_stderr(const struct vtrix_command *command,
                                  struct vtrix_collected **out_collected,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_command_stderr`, without waiting.
 *
 * \param command borrowed; not NULL.
 * \param on_done comes once with what `vtrix_command_stderr` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_stderr_async(const struct vtrix_command *command,
                                        vtrix_collected_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Sends a signal to the command's whole process group, as `vtrix_sandbox_kill`.
 *
 * \param command borrowed; not NULL.
 * \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_kill(const struct vtrix_command *command,
                                struct vtrix_str signal,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_command_kill`, without waiting.
 *
 * \param command borrowed; not NULL.
 * \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_command_kill_async(const struct vtrix_command *command,
                                      struct vtrix_str signal,
                                      vtrix_done_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Counts one more reference and returns it; each is freed by itself.
 *
 * \param command borrowed; NULL gives NULL.
 */
struct vtrix_command *vtrix_command_ref(const struct vtrix_command *command);

/**
 * Gives a reference back. The command goes on.
 *
 * \param command owned: one reference is given back; NULL does nothing.
 */
void vtrix_command_free(struct vtrix_command *command);

/**
 * The bytes. Borrowed from the result.
 *
 * \param collected borrowed; NULL gives no bytes.
 */
struct vtrix_bytes vtrix_collected_bytes(const struct vtrix_collected *collected);

/**
 * Whether something the command wrote is not in it: 0 no, 1 yes, -1 where nobody can know.
 *
 * \param collected borrowed; NULL gives -1.
 */
int32_t vtrix_collected_truncated(const struct vtrix_collected *collected);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param collected owned; NULL does nothing.
 */
void vtrix_collected_free(struct vtrix_collected *collected);

/**
 * The status that the failing function returned.
 *
 * \param error borrowed; NULL gives `VTRIX_STATUS_OK`.
 */
vtrix_status vtrix_error_status(const struct vtrix_error *error);

/**
 * What happened, for people: without the operation. Borrowed from the error.
 *
 * \param error borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_error_message(const struct vtrix_error *error);

/**
 * Operation, message, request and causes in one line, for people and logs. Borrowed from the
 * error.
 *
 * \param error borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_error_text(const struct vtrix_error *error);

/**
 * The operation that failed, such as `read`; empty where none did. Borrowed from the error.
 *
 * \param error borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_error_operation(const struct vtrix_error *error);

/**
 * The gateway's own number: a JSON-RPC code, or the envelope's `code`; 0 where there is none.
 *
 * \param error borrowed; NULL gives 0.
 */
int64_t vtrix_error_code(const struct vtrix_error *error);

/**
 * The HTTP status, where the error came with one; 0 otherwise.
 *
 * \param error borrowed; NULL gives 0.
 */
int32_t vtrix_error_http_status(const struct vtrix_error *error);

/**
 * The request's name in the gateway's log; empty where the gateway gave none. Borrowed from the
 * error.
 *
 * \param error borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_error_request_id(const struct vtrix_error *error);

/**
 * Whether the same call, made again, may succeed without anything happening twice.
 *
 * \param error borrowed; NULL gives false.
 */
bool vtrix_error_retryable(const struct vtrix_error *error);

/**
 * When the gateway asks to be called again at the earliest, in milliseconds from the error on; 0
 * where it did not say.
 *
 * \param error borrowed; NULL gives 0.
 */
uint64_t vtrix_error_retry_after_ms(const struct vtrix_error *error);

/**
 * Whether the call may have had its effect: 0 is a promise that it had none, 1 is yes, -1 means
 * that the status says it all.
 *
 * \param error borrowed; NULL gives -1.
 */
int32_t vtrix_error_may_have_run(const struct vtrix_error *error);

/**
 * Of a command that timed out or whose connection was lost: as far as it is known, with the
 * output received. Borrowed from the error, NULL for other errors.
 *
 * \param error borrowed; NULL gives NULL.
 */
const struct vtrix_finished *vtrix_error_command(const struct vtrix_error *error);

/**
 * Of `VTRIX_STATUS_PARTIAL`: how many files failed.
 *
 * \param error borrowed; NULL gives 0.
 */
size_t vtrix_error_failures_len(const struct vtrix_error *error);

/**
 * The path of a file that failed. Borrowed from the error.
 *
 * \param error borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_error_failures_len` - 1; past that the text is empty.
 */
struct vtrix_str vtrix_error_failure_path(const struct vtrix_error *error, size_t index);

/**
 * Why a file failed. Borrowed from the error.
 *
 * \param error borrowed; NULL gives NULL.
 * \param index 0 to `vtrix_error_failures_len` - 1; past that the result is NULL.
 */
const struct vtrix_error *vtrix_error_failure(const struct vtrix_error *error, size_t index);

/**
 * Of `VTRIX_STATUS_PARTIAL` from a download: how many files are there, or are known not to exist.
 *
 * \param error borrowed; NULL gives 0.
 */
size_t vtrix_error_saved_len(const struct vtrix_error *error);

/**
 * The path, in the sandbox, of a file that is there. Borrowed from the error.
 *
 * \param error borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_error_saved_len` - 1; past that the text is empty.
 */
struct vtrix_str vtrix_error_saved_path(const struct vtrix_error *error, size_t index);

/**
 * Where a file was saved; empty if the sandbox has no such file. Borrowed from the error.
 *
 * \param error borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_error_saved_len` - 1; past that the text is empty.
 */
struct vtrix_str vtrix_error_saved_local(const struct vtrix_error *error, size_t index);

/**
 * Lets go of an error, with everything that is borrowed from it.
 *
 * \param error owned; NULL does nothing.
 */
void vtrix_error_free(struct vtrix_error *error);

/**
 * It is an image, told by its content; otherwise it is text.
 *
 * \param result borrowed; NULL gives false.
 */
bool vtrix_read_result_is_image(const struct vtrix_read_result *result);

/**
 * The content of a text file, at most 204,800 bytes; what is not UTF-8 has become U+FFFD. Empty
 * for an image. Borrowed from the result.
 *
 * \param result borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_read_result_text(const struct vtrix_read_result *result);

/**
 * The text was cut; `vtrix_sandbox_read_stream` has it all.
 *
 * \param result borrowed; NULL gives false.
 */
bool vtrix_read_result_truncated(const struct vtrix_read_result *result);

/**
 * The bytes of an image. None for text. Borrowed from the result.
 *
 * \param result borrowed; NULL gives no bytes.
 */
struct vtrix_bytes vtrix_read_result_image(const struct vtrix_read_result *result);

/**
 * Such as `image/png`; empty for text. Borrowed from the result.
 *
 * \param result borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_read_result_mime_type(const struct vtrix_read_result *result);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param result owned; NULL does nothing.
 */
void vtrix_read_result_free(struct vtrix_read_result *result);

/**
 * Something is there. Symbolic links are followed.
 *
 * \param info borrowed; NULL gives false.
 */
bool vtrix_file_info_exists(const struct vtrix_file_info *info);

/**
 * It is a regular file.
 *
 * \param info borrowed; NULL gives false.
 */
bool vtrix_file_info_is_file(const struct vtrix_file_info *info);

/**
 * It is a directory.
 *
 * \param info borrowed; NULL gives false.
 */
bool vtrix_file_info_is_dir(const struct vtrix_file_info *info);

/**
 * Bytes.
 *
 * \param info borrowed; NULL gives 0.
 */
uint64_t vtrix_file_info_size(const struct vtrix_file_info *info);

/**
 * RFC 3339; empty where the gateway did not tell. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_file_info_modified_at(const struct vtrix_file_info *info);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param info owned; NULL does nothing.
 */
void vtrix_file_info_free(struct vtrix_file_info *info);

/**
 * How many there are.
 *
 * \param list borrowed; NULL gives 0.
 */
size_t vtrix_file_list_len(const struct vtrix_file_list *list);

/**
 * The last part of the path. Borrowed from the list.
 *
 * \param list borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_file_list_name(const struct vtrix_file_list *list, size_t index);

/**
 * The whole path. Borrowed from the list.
 *
 * \param list borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_file_list_path(const struct vtrix_file_list *list, size_t index);

/**
 * Bytes.
 *
 * \param list borrowed; NULL gives 0.
 * \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
 */
uint64_t vtrix_file_list_size(const struct vtrix_file_list *list, size_t index);

/**
 * A directory, or a symbolic link to one.
 *
 * \param list borrowed; NULL gives false.
 * \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
 */
bool vtrix_file_list_is_dir(const struct vtrix_file_list *list, size_t index);

/**
 * RFC 3339; empty where the gateway did not tell. Borrowed from the list.
 *
 * \param list borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_file_list_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_file_list_modified_at(const struct vtrix_file_list *list, size_t index);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param list owned; NULL does nothing.
 */
void vtrix_file_list_free(struct vtrix_file_list *list);

/**
 * Reads a text file or an image. Of a text more than 204,800 bytes long the beginning.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param out_result receives an owned result; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_read(const struct vtrix_sandbox *sandbox,
                                struct vtrix_str path,
                                struct vtrix_read_result **out_result,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_read`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param on_done comes once with what `vtrix_sandbox_read` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_read_async(const struct vtrix_sandbox *sandbox,
                                      struct vtrix_str path,
                                      vtrix_read_result_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Writes a text file. Parents are made; the mode of a file that is there is kept.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param content borrowed; the whole content.
 * \param out_bytes_written receives the number of bytes written; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_write(const struct vtrix_sandbox *sandbox,
                                 struct vtrix_str path,
                                 struct vtrix_str content,
                                 uint64_t *out_bytes_written,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_write`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param content borrowed; the whole content.
 * \param on_done comes once with what `vtrix_sandbox_write` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_write_async(const struct vtrix_sandbox *sandbox,
                                       struct vtrix_str path,
                                       struct vtrix_str content,
                                       vtrix_u64_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Replaces the one place where a text occurs in a file. If it does not occur, or more than once,
 * the file stays as it was.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param old_text borrowed; the text to replace; not empty.
 * \param new_text borrowed; the text to put in its place.
 * \param out_message receives an owned text, the gateway's words about it; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_edit(const struct vtrix_sandbox *sandbox,
                                struct vtrix_str path,
                                struct vtrix_str old_text,
                                struct vtrix_str new_text,
                                struct vtrix_buffer **out_message,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_edit`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param old_text borrowed; the text to replace; not empty.
 * \param new_text borrowed; the text to put in its place.
 * \param on_done comes once with what `vtrix_sandbox_edit` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_edit_async(const struct vtrix_sandbox *sandbox,
                                      struct vtrix_str path,
                                      struct vtrix_str old_text,
                                      struct vtrix_str new_text,
                                      vtrix_buffer_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Writes files of bytes, all in one flight. Parents are made. If some of several fail,
 * `VTRIX_STATUS_PARTIAL` names each; the others are written.
 *
 * \param sandbox borrowed; not NULL.
 * \param files borrowed; may be NULL if `files_len` is 0.
 * \param files_len how many files `files` points to.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_write_files(const struct vtrix_sandbox *sandbox,
                                       const struct vtrix_write_file *files,
                                       size_t files_len,
                                       struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_write_files`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param files borrowed; may be NULL if `files_len` is 0.
 * \param files_len how many files `files` points to.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_write_files_async(const struct vtrix_sandbox *sandbox,
                                             const struct vtrix_write_file *files,
                                             size_t files_len,
                                             vtrix_done_fn on_done,
                                             void *user_data,
                                             vtrix_drop_fn drop,
                                             struct vtrix_task **out_task,
                                             struct vtrix_error **out_error);

/**
 * Reads every byte of a file of any content. That there is no such file is no failure.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param max largest file in bytes; 0 is 256 MiB.
 * \param out_buffer receives an owned buffer, or NULL if there is no such file; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_read_to_buffer(const struct vtrix_sandbox *sandbox,
                                          struct vtrix_str path,
                                          uint64_t max,
                                          struct vtrix_buffer **out_buffer,
                                          struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_read_to_buffer`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param max largest file in bytes; 0 is 256 MiB.
 * \param on_done comes once with what `vtrix_sandbox_read_to_buffer` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_read_to_buffer_async(const struct vtrix_sandbox *sandbox,
                                                struct vtrix_str path,
                                                uint64_t max,
                                                vtrix_buffer_fn on_done,
                                                void *user_data,
                                                vtrix_drop_fn drop,
                                                struct vtrix_task **out_task,
                                                struct vtrix_error **out_error);

/**
 * Reads a file of any size and content in pieces, as events of type `VTRIX_EVENT_DATA`.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param chunk_size largest piece in bytes; 0 is the gateway's default.
 * \param out_stream receives an owned stream; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_read_stream(const struct vtrix_sandbox *sandbox,
                                       struct vtrix_str path,
                                       uint64_t chunk_size,
                                       struct vtrix_stream **out_stream,
                                       struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_read_stream`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param chunk_size largest piece in bytes; 0 is the gateway's default.
 * \param on_done comes once with what `vtrix_sandbox_read_stream` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_read_stream_async(const struct vtrix_sandbox *sandbox,
                                             struct vtrix_str path,
                                             uint64_t chunk_size,
                                             vtrix_stream_fn on_done,
                                             void *user_data,
                                             vtrix_drop_fn drop,
                                             struct vtrix_task **out_task,
                                             struct vtrix_error **out_error);

/**
 * Makes a directory with its parents; one that is there is left as it is.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_mkdir(const struct vtrix_sandbox *sandbox,
                                 struct vtrix_str path,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_mkdir`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_mkdir_async(const struct vtrix_sandbox *sandbox,
                                       struct vtrix_str path,
                                       vtrix_done_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Lists a directory.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param out_list receives an owned list; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_list_files(const struct vtrix_sandbox *sandbox,
                                      struct vtrix_str path,
                                      struct vtrix_file_list **out_list,
                                      struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_list_files`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param on_done comes once with what `vtrix_sandbox_list_files` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_list_files_async(const struct vtrix_sandbox *sandbox,
                                            struct vtrix_str path,
                                            vtrix_file_list_fn on_done,
                                            void *user_data,
                                            vtrix_drop_fn drop,
                                            struct vtrix_task **out_task,
                                            struct vtrix_error **out_error);

/**
 * Tells what is at a path. That nothing is there is no failure.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param out_info receives an owned info; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_stat(const struct vtrix_sandbox *sandbox,
                                struct vtrix_str path,
                                struct vtrix_file_info **out_info,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_stat`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param on_done comes once with what `vtrix_sandbox_stat` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_stat_async(const struct vtrix_sandbox *sandbox,
                                      struct vtrix_str path,
                                      vtrix_file_info_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Tells whether something is at a path.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param out_exists receives whether something is there; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_exists(const struct vtrix_sandbox *sandbox,
                                  struct vtrix_str path,
                                  bool *out_exists,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_exists`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param path borrowed; relative to `/workspace` unless absolute.
 * \param on_done comes once with what `vtrix_sandbox_exists` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_exists_async(const struct vtrix_sandbox *sandbox,
                                        struct vtrix_str path,
                                        vtrix_bool_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * The command's name; empty where the gateway had not told it. Borrowed from the result.
 *
 * \param finished borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_finished_cmd_id(const struct vtrix_finished *finished);

/**
 * The process number inside the sandbox; -1 where the gateway did not tell.
 *
 * \param finished borrowed; NULL gives -1.
 */
int64_t vtrix_finished_pid(const struct vtrix_finished *finished);

/**
 * The directory the command started in; empty where the gateway did not tell. Borrowed from the
 * result.
 *
 * \param finished borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_finished_cwd(const struct vtrix_finished *finished);

/**
 * When the command started, in milliseconds since 1970; -1 where the gateway did not tell.
 *
 * \param finished borrowed; NULL gives -1.
 */
int64_t vtrix_finished_started_at_ms(const struct vtrix_finished *finished);

/**
 * How the command ended. Borrowed from the result.
 *
 * \param finished borrowed; NULL gives NULL.
 */
const struct vtrix_outcome *vtrix_finished_outcome(const struct vtrix_finished *finished);

/**
 * The exit code; -1 where the command has none.
 *
 * \param finished borrowed; NULL gives -1.
 */
int32_t vtrix_finished_exit_code(const struct vtrix_finished *finished);

/**
 * The command exited, with status 0.
 *
 * \param finished borrowed; NULL gives false.
 */
bool vtrix_finished_success(const struct vtrix_finished *finished);

/**
 * Standard output and standard error in the order of arrival. Borrowed from the result.
 *
 * \param finished borrowed; NULL gives no bytes.
 */
struct vtrix_bytes vtrix_finished_output(const struct vtrix_finished *finished);

/**
 * The part of the output that was standard output. Made at the first call. Borrowed from the
 * result.
 *
 * \param finished borrowed; NULL gives no bytes.
 */
struct vtrix_bytes vtrix_finished_stdout(const struct vtrix_finished *finished);

/**
 * The part of the output that was standard error. Made at the first call. Borrowed from the
 * result.
 *
 * \param finished borrowed; NULL gives no bytes.
 */
struct vtrix_bytes vtrix_finished_stderr(const struct vtrix_finished *finished);

/**
 * Whether something the command wrote is not in the output: 0 no, 1 yes, -1 where nobody can know.
 *
 * \param finished borrowed; NULL gives -1.
 */
int32_t vtrix_finished_output_truncated(const struct vtrix_finished *finished);

/**
 * Something in the background still held the command's output when it was over; what that writes
 * is not kept.
 *
 * \param finished borrowed; NULL gives false.
 */
bool vtrix_finished_output_incomplete(const struct vtrix_finished *finished);

/**
 * How many pieces the output is made of: stretches of one stream, in the order of arrival. Made at
 * the first call.
 *
 * \param finished borrowed; NULL gives 0.
 */
size_t vtrix_finished_pieces_len(const struct vtrix_finished *finished);

/**
 * A piece of the output. All of them, one after the other, are `vtrix_finished_output`, where this
 * one lies. Borrowed from the result.
 *
 * \param finished borrowed; NULL gives no bytes.
 * \param index 0 to `vtrix_finished_pieces_len` - 1; past that there are no bytes.
 */
struct vtrix_bytes vtrix_finished_piece(const struct vtrix_finished *finished, size_t index);

/**
 * The stream that a piece of the output came from: `VTRIX_STREAM_STDOUT` or `VTRIX_STREAM_STDERR`.
 *
 * \param finished borrowed; NULL gives `VTRIX_STREAM_NONE`.
 * \param index 0 to `vtrix_finished_pieces_len` - 1; past that the result is `VTRIX_STREAM_NONE`.
 */
int32_t vtrix_finished_piece_stream(const struct vtrix_finished *finished, size_t index);

/**
 * The command's handle, to read its log again: an owned command, to be freed with
 * `vtrix_command_free`. NULL once every handle of the sandbox is gone, its commands and streams
 * included, and where the gateway never named the command.
 *
 * \param finished borrowed; NULL gives NULL.
 */
struct vtrix_command *vtrix_finished_command(const struct vtrix_finished *finished);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param finished owned; NULL does nothing.
 */
void vtrix_finished_free(struct vtrix_finished *finished);

/**
 * The sandbox's name in every call. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_id(const struct vtrix_sandbox_info *info);

/**
 * Its owner. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_user_id(const struct vtrix_sandbox_info *info);

/**
 * Where the control plane keeps it. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_namespace(const struct vtrix_sandbox_info *info);

/**
 * `creating`, `warming`, `warm`, `active`, `stopped`, `failed`, `destroying`, or another word.
 * Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_status(const struct vtrix_sandbox_info *info);

/**
 * Address inside the cluster. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_ip(const struct vtrix_sandbox_info *info);

/**
 * A URL for every port, where ports have no host of their own. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_preview_url(const struct vtrix_sandbox_info *info);

/**
 * The host of port N is `N-` and this. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_preview_host(const struct vtrix_sandbox_info *info);

/**
 * Scheme of that host; empty means `https`. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_preview_scheme(const struct vtrix_sandbox_info *info);

/**
 * The executor's port.
 *
 * \param info borrowed; NULL gives 0.
 */
int64_t vtrix_sandbox_info_port(const struct vtrix_sandbox_info *info);

/**
 * The image it was made from. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_image_tag(const struct vtrix_sandbox_info *info);

/**
 * Processors asked for. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_spec_cpu(const struct vtrix_sandbox_info *info);

/**
 * Memory asked for. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_spec_memory(const struct vtrix_sandbox_info *info);

/**
 * Image asked for. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_spec_image(const struct vtrix_sandbox_info *info);

/**
 * Processors set aside. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_spec_requests_cpu(const struct vtrix_sandbox_info *info);

/**
 * Memory set aside. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_spec_requests_memory(const struct vtrix_sandbox_info *info);

/**
 * How many labels it has.
 *
 * \param info borrowed; NULL gives 0.
 */
size_t vtrix_sandbox_info_labels_len(const struct vtrix_sandbox_info *info);

/**
 * The name of a label. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_sandbox_info_labels_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_sandbox_info_label_name(const struct vtrix_sandbox_info *info, size_t index);

/**
 * The value of a label. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_sandbox_info_labels_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_sandbox_info_label_value(const struct vtrix_sandbox_info *info,
                                                size_t index);

/**
 * When create was accepted, RFC 3339. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_created_at(const struct vtrix_sandbox_info *info);

/**
 * When it was given to its owner, RFC 3339. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_allocated_at(const struct vtrix_sandbox_info *info);

/**
 * When it ends by itself, RFC 3339. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_expire_at(const struct vtrix_sandbox_info *info);

/**
 * When a client was last heard from, RFC 3339. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_last_active_at(const struct vtrix_sandbox_info *info);

/**
 * Why it failed, for people. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_info_message(const struct vtrix_sandbox_info *info);

/**
 * How many fields of the spec the gateway says it does not enforce.
 *
 * \param info borrowed; NULL gives 0.
 */
size_t vtrix_sandbox_info_not_enforced_len(const struct vtrix_sandbox_info *info);

/**
 * One of those fields. Borrowed from the info.
 *
 * \param info borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_sandbox_info_not_enforced_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_sandbox_info_not_enforced(const struct vtrix_sandbox_info *info,
                                                 size_t index);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param info owned; NULL does nothing.
 */
void vtrix_sandbox_info_free(struct vtrix_sandbox_info *info);

/**
 * How many sandboxes the page has.
 *
 * \param list borrowed; NULL gives 0.
 */
size_t vtrix_sandbox_list_len(const struct vtrix_sandbox_list *list);

/**
 * One of them. Borrowed from the list.
 *
 * \param list borrowed; NULL gives NULL.
 * \param index 0 to `vtrix_sandbox_list_len` - 1; past that the result is NULL.
 */
const struct vtrix_sandbox_info *vtrix_sandbox_list_get(const struct vtrix_sandbox_list *list,
                                                        size_t index);

/**
 * Sandboxes that match, on all pages.
 *
 * \param list borrowed; NULL gives 0.
 */
uint64_t vtrix_sandbox_list_total(const struct vtrix_sandbox_list *list);

/**
 * Largest page.
 *
 * \param list borrowed; NULL gives 0.
 */
uint64_t vtrix_sandbox_list_limit(const struct vtrix_sandbox_list *list);

/**
 * Sandboxes before this page.
 *
 * \param list borrowed; NULL gives 0.
 */
uint64_t vtrix_sandbox_list_offset(const struct vtrix_sandbox_list *list);

/**
 * There is a page after this one.
 *
 * \param list borrowed; NULL gives false.
 */
bool vtrix_sandbox_list_has_more(const struct vtrix_sandbox_list *list);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param list owned; NULL does nothing.
 */
void vtrix_sandbox_list_free(struct vtrix_sandbox_list *list);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_stop_options)`.
 */
void vtrix_stop_options_init(struct vtrix_stop_options *options, size_t size);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_update_options)`.
 */
void vtrix_update_options_init(struct vtrix_update_options *options, size_t size);

/**
 * Stops the sandbox; its files stay, its processes end. Returns once the gateway has accepted it,
 * or, if `blocking`, once the sandbox is `stopped` or `failed`.
 *
 * \param sandbox borrowed; not NULL.
 * \param options borrowed; NULL is all defaults.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_stop(const struct vtrix_sandbox *sandbox,
                                const struct vtrix_stop_options *options,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_stop`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_stop_async(const struct vtrix_sandbox *sandbox,
                                      const struct vtrix_stop_options *options,
                                      vtrix_done_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Starts a stopped sandbox. It is not active yet when this returns: see
 * `vtrix_sandbox_wait_until_active`.
 *
 * \param sandbox borrowed; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_start(const struct vtrix_sandbox *sandbox,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_start`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_start_async(const struct vtrix_sandbox *sandbox,
                                       vtrix_done_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Stops and starts the sandbox. It is not active yet when this returns.
 *
 * \param sandbox borrowed; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_restart(const struct vtrix_sandbox *sandbox,
                                   struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_restart`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_restart_async(const struct vtrix_sandbox *sandbox,
                                         vtrix_done_fn on_done,
                                         void *user_data,
                                         vtrix_drop_fn drop,
                                         struct vtrix_task **out_task,
                                         struct vtrix_error **out_error);

/**
 * Deletes the sandbox with everything in it, for good. The handle stays, to be freed; its calls
 * fail.
 *
 * \param sandbox borrowed; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_delete(const struct vtrix_sandbox *sandbox,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_delete`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_delete_async(const struct vtrix_sandbox *sandbox,
                                        vtrix_done_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Waits until the sandbox is active. Fails at once, with `VTRIX_STATUS_NOT_ACTIVE`, if it is
 * stopped, has failed or is being destroyed.
 *
 * \param sandbox borrowed; not NULL.
 * \param timeout_ms how long to wait at most; 0 is 180 s, `UINT64_MAX` for ever.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_wait_until_active(const struct vtrix_sandbox *sandbox,
                                             uint64_t timeout_ms,
                                             struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_wait_until_active`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param timeout_ms how long to wait at most; 0 is 180 s, `UINT64_MAX` for ever.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_wait_until_active_async(const struct vtrix_sandbox *sandbox,
                                                   uint64_t timeout_ms,
                                                   vtrix_done_fn on_done,
                                                   void *user_data,
                                                   vtrix_drop_fn drop,
                                                   struct vtrix_task **out_task,
                                                   struct vtrix_error **out_error);

/**
 * Adds to the sandbox's lifetime. What is cached stays as it is: see
 * `vtrix_sandbox_extend_timeout`.
 *
 * \param sandbox borrowed; not NULL.
 * \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_extend(const struct vtrix_sandbox *sandbox,
                                  uint64_t seconds,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_extend`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_extend_async(const struct vtrix_sandbox *sandbox,
                                        uint64_t seconds,
                                        vtrix_done_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Adds to the sandbox's lifetime, then refreshes what is known of it.
 *
 * \param sandbox borrowed; not NULL.
 * \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_extend_timeout(const struct vtrix_sandbox *sandbox,
                                          uint64_t seconds,
                                          struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_extend_timeout`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param seconds 1 to `VTRIX_MAX_EXTEND_SECONDS`.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_extend_timeout_async(const struct vtrix_sandbox *sandbox,
                                                uint64_t seconds,
                                                vtrix_done_fn on_done,
                                                void *user_data,
                                                vtrix_drop_fn drop,
                                                struct vtrix_task **out_task,
                                                struct vtrix_error **out_error);

/**
 * Changes resources or image. The gateway may make the sandbox anew for it; its files stay.
 *
 * \param sandbox borrowed; not NULL.
 * \param options borrowed; NULL is all defaults, which is refused: nothing would change.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_update(const struct vtrix_sandbox *sandbox,
                                  const struct vtrix_update_options *options,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_update`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param options borrowed; NULL is all defaults, which is refused: nothing would change.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_update_async(const struct vtrix_sandbox *sandbox,
                                        const struct vtrix_update_options *options,
                                        vtrix_done_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Applies the sandbox's configuration now.
 *
 * \param sandbox borrowed; not NULL.
 * \param payloads borrowed; used in place of the stored ones, this one time. NULL with
 * `payloads_len` 0: the stored ones.
 * \param payloads_len how many payloads `payloads` points to.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_configure(const struct vtrix_sandbox *sandbox,
                                     const struct vtrix_payload *payloads,
                                     size_t payloads_len,
                                     struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_configure`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param payloads borrowed; used in place of the stored ones, this one time. NULL with
 * `payloads_len` 0: the stored ones.
 * \param payloads_len how many payloads `payloads` points to.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_configure_async(const struct vtrix_sandbox *sandbox,
                                           const struct vtrix_payload *payloads,
                                           size_t payloads_len,
                                           vtrix_done_fn on_done,
                                           void *user_data,
                                           vtrix_drop_fn drop,
                                           struct vtrix_task **out_task,
                                           struct vtrix_error **out_error);

/**
 * Sets where the library's log goes; it replaces what was set before, as unsetting does. If it
 * fails, what was set before stays.
 *
 * With `on_record` NULL, or `level` `VTRIX_LOG_OFF`, the log is unset: once this returns the
 * function set before is not running and does not run again, and its `drop` has run; unless this
 * is called from that very function, which is then the last time.
 *
 * \param on_record takes each record; NULL unsets.
 * \param user_data passed to `on_record`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param level the finest that is wanted, one of `VTRIX_LOG_*`.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_set_log(vtrix_log_fn on_record,
                           void *user_data,
                           vtrix_drop_fn drop,
                           int32_t level,
                           struct vtrix_error **out_error);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_run_options)`.
 */
void vtrix_run_options_init(struct vtrix_run_options *options, size_t size);

/**
 * Runs a command to its end. A non-zero exit is no failure: look at `vtrix_finished_outcome`. A
 * command that ran past its timeout is `VTRIX_STATUS_COMMAND_TIMED_OUT`, one that nobody can tell
 * the end of `VTRIX_STATUS_CONNECTION_LOST`; `vtrix_error_command` has what was received of it.
 *
 * \param sandbox borrowed; not NULL.
 * \param command borrowed; a line for `/bin/sh`.
 * \param options borrowed; NULL is all defaults.
 * \param out_finished receives an owned result; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_run(const struct vtrix_sandbox *sandbox,
                               struct vtrix_str command,
                               const struct vtrix_run_options *options,
                               struct vtrix_finished **out_finished,
                               struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_run`, without waiting. Cancelling the task kills the command.
 *
 * \param sandbox borrowed; not NULL.
 * \param command borrowed; a line for `/bin/sh`.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_sandbox_run` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_run_async(const struct vtrix_sandbox *sandbox,
                                     struct vtrix_str command,
                                     const struct vtrix_run_options *options,
                                     vtrix_finished_fn on_done,
                                     void *user_data,
                                     vtrix_drop_fn drop,
                                     struct vtrix_task **out_task,
                                     struct vtrix_error **out_error);

/**
 * Starts a command in the background and returns once it runs. It outlives the handle, the
 * connection and the program.
 *
 * \param sandbox borrowed; not NULL.
 * \param command borrowed; a line for `/bin/sh`.
 * \param options borrowed; NULL is all defaults.
 * \param out_command receives an owned command; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_spawn(const struct vtrix_sandbox *sandbox,
                                 struct vtrix_str command,
                                 const struct vtrix_run_options *options,
                                 struct vtrix_command **out_command,
                                 struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_spawn`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param command borrowed; a line for `/bin/sh`.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_sandbox_spawn` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_spawn_async(const struct vtrix_sandbox *sandbox,
                                       struct vtrix_str command,
                                       const struct vtrix_run_options *options,
                                       vtrix_command_fn on_done,
                                       void *user_data,
                                       vtrix_drop_fn drop,
                                       struct vtrix_task **out_task,
                                       struct vtrix_error **out_error);

/**
 * Runs a command and gives its events as they arrive: pull them with `vtrix_stream_next`, or have
 * them pushed with `vtrix_stream_forward`.
 *
 * \param sandbox borrowed; not NULL.
 * \param command borrowed; a line for `/bin/sh`.
 * \param options borrowed; NULL is all defaults.
 * \param out_stream receives an owned stream; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_stream(const struct vtrix_sandbox *sandbox,
                                  struct vtrix_str command,
                                  const struct vtrix_run_options *options,
                                  struct vtrix_stream **out_stream,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_stream`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param command borrowed; a line for `/bin/sh`.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_sandbox_stream` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_stream_async(const struct vtrix_sandbox *sandbox,
                                        struct vtrix_str command,
                                        const struct vtrix_run_options *options,
                                        vtrix_stream_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Replays a command's output, the last 512 KB of it, then follows it until the command ends. An
 * unknown command is a failure of the first event. Ending the stream does not touch the command.
 *
 * \param sandbox borrowed; not NULL.
 * \param cmd_id borrowed; the command's name.
 * \param out_stream receives an owned stream; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_exec_logs(const struct vtrix_sandbox *sandbox,
                                     struct vtrix_str cmd_id,
                                     struct vtrix_stream **out_stream,
                                     struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_exec_logs`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param cmd_id borrowed; the command's name.
 * \param on_done comes once with what `vtrix_sandbox_exec_logs` gives, on a callback thread, maybe
 * before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_exec_logs_async(const struct vtrix_sandbox *sandbox,
                                           struct vtrix_str cmd_id,
                                           vtrix_stream_fn on_done,
                                           void *user_data,
                                           vtrix_drop_fn drop,
                                           struct vtrix_task **out_task,
                                           struct vtrix_error **out_error);

/**
 * Sends a signal to a command's whole process group. Of a command that has ended it does nothing
 * and succeeds.
 *
 * \param sandbox borrowed; not NULL.
 * \param cmd_id borrowed; the command's name.
 * \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_kill(const struct vtrix_sandbox *sandbox,
                                struct vtrix_str cmd_id,
                                struct vtrix_str signal,
                                struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_kill`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param cmd_id borrowed; the command's name.
 * \param signal borrowed; `SIGTERM`, `SIGKILL`, `SIGINT` or `SIGHUP`; empty: `SIGTERM`.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_kill_async(const struct vtrix_sandbox *sandbox,
                                      struct vtrix_str cmd_id,
                                      struct vtrix_str signal,
                                      vtrix_done_fn on_done,
                                      void *user_data,
                                      vtrix_drop_fn drop,
                                      struct vtrix_task **out_task,
                                      struct vtrix_error **out_error);

/**
 * Gives the handle of a command started before, here or elsewhere. Asks nobody: whether there is
 * such a command shows when the handle is used.
 *
 * \param sandbox borrowed; not NULL.
 * \param cmd_id borrowed; the command's name.
 * \param max_output bytes of output that waiting and collecting keep; 0 is 16 MiB,
 * `VTRIX_KEEP_NOTHING` is none.
 * \param out_command receives an owned command; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_command(const struct vtrix_sandbox *sandbox,
                                   struct vtrix_str cmd_id,
                                   uint64_t max_output,
                                   struct vtrix_command **out_command,
                                   struct vtrix_error **out_error);

/**
 * The sandbox's name in every call. Borrowed from the handle.
 *
 * \param sandbox borrowed; NULL gives the empty text.
 */
struct vtrix_str vtrix_sandbox_id(const struct vtrix_sandbox *sandbox);

/**
 * What the gateway last told of the sandbox, with its status and its end; `vtrix_sandbox_refresh`
 * asks again. Owned by the caller. NULL for a handle from before a fork.
 *
 * \param sandbox borrowed; NULL gives NULL.
 */
struct vtrix_sandbox_info *vtrix_sandbox_get_info(const struct vtrix_sandbox *sandbox);

/**
 * When the sandbox was created, in milliseconds since 1970; -1 where the gateway did not tell.
 *
 * \param sandbox borrowed; NULL gives -1.
 */
int64_t vtrix_sandbox_created_at_ms(const struct vtrix_sandbox *sandbox);

/**
 * How long the sandbox has still to live, in milliseconds, going by what the gateway last told: 0
 * if that has passed, and also if the gateway did not say.
 *
 * \param sandbox borrowed; NULL gives 0.
 */
uint64_t vtrix_sandbox_timeout_ms(const struct vtrix_sandbox *sandbox);

/**
 * Gives the URL at which a port of the sandbox is reached from outside. Asks nobody.
 *
 * \param sandbox borrowed; not NULL.
 * \param port the port; not 0.
 * \param out_url receives an owned text; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_domain(const struct vtrix_sandbox *sandbox,
                                  uint16_t port,
                                  struct vtrix_buffer **out_url,
                                  struct vtrix_error **out_error);

/**
 * Tells whether there is a connection to the sandbox: what holds now, then each change, as events
 * `VTRIX_EVENT_CONNECTED`, `VTRIX_EVENT_IDLE`, `VTRIX_EVENT_LOST` and, at the end,
 * `VTRIX_EVENT_CLOSED`. A slow reader finds the last loss and what holds by then. Asks nobody; any
 * number of such streams may be open, and none of them holds up or keeps alive anything.
 *
 * \param sandbox borrowed; not NULL.
 * \param out_stream receives an owned stream; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_connection_events(const struct vtrix_sandbox *sandbox,
                                             struct vtrix_stream **out_stream,
                                             struct vtrix_error **out_error);

/**
 * Reads what the gateway knows of the sandbox now, for `vtrix_sandbox_get_info` and its
 * neighbours.
 *
 * \param sandbox borrowed; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_refresh(const struct vtrix_sandbox *sandbox,
                                   struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_refresh`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_refresh_async(const struct vtrix_sandbox *sandbox,
                                         vtrix_done_fn on_done,
                                         void *user_data,
                                         vtrix_drop_fn drop,
                                         struct vtrix_task **out_task,
                                         struct vtrix_error **out_error);

/**
 * Closes the handle, in all its references: calls in progress and all later ones fail with
 * `VTRIX_STATUS_CLOSED`, and commands that are being waited for are killed. The sandbox goes on.
 * Idempotent, does not wait, and may be called from a callback.
 *
 * \param sandbox borrowed; NULL does nothing.
 */
void vtrix_sandbox_close(const struct vtrix_sandbox *sandbox);

/**
 * Counts one more reference and returns it; each is freed by itself.
 *
 * \param sandbox borrowed; NULL gives NULL.
 */
struct vtrix_sandbox *vtrix_sandbox_ref(const struct vtrix_sandbox *sandbox);

/**
 * Gives a reference back. Calls in flight go on.
 *
 * \param sandbox owned: one reference is given back; NULL does nothing.
 */
void vtrix_sandbox_free(struct vtrix_sandbox *sandbox);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_start_options)`.
 */
void vtrix_start_options_init(struct vtrix_start_options *options, size_t size);

/**
 * Starts the library's threads with numbers of the caller's. Not needed: the first client starts
 * them with the defaults. `VTRIX_STATUS_CONFLICT` if they run already.
 *
 * \param options borrowed; NULL is all defaults.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_start(const struct vtrix_start_options *options, struct vtrix_error **out_error);

/**
 * Ends everything: calls in flight end with `VTRIX_STATUS_SHUT_DOWN`, what they announce is
 * announced, and every thread of the library is joined. Waits for callbacks that run. Afterwards
 * handles can still be read and must still be freed; a new client starts the library anew.
 * Without it, threads end with the process. Of several at the same time each returns when all is
 * over. Does nothing if nothing runs, or in a forked child.
 * Log records stop too.
 *
 * `VTRIX_STATUS_WOULD_DEADLOCK` on a callback thread.
 *
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_shutdown(struct vtrix_error **out_error);

/**
 * The name of a status, such as `file_not_found`: the same in every language. A text that lives
 * as long as the program, ended by a zero byte; `unknown` for a number that this version does not
 * know.
 */
const char *vtrix_status_name(vtrix_status status);

/**
 * Takes the next event of a stream, waiting for it if need be.
 *
 * Returns `VTRIX_STATUS_OK` with an event; `VTRIX_STATUS_END` after the last one, and
 * `VTRIX_STATUS_PENDING` if none came in time, both without an error object; or the failure that
 * ended the stream, after which it is at its end.
 *
 * \param stream borrowed; not NULL. One reader at a time: a second one gets
 * `VTRIX_STATUS_BUSY_STREAM`.
 * \param timeout_ms how long to wait at most; 0 does not wait, `UINT64_MAX` waits for ever.
 * \param out_event receives the event, borrowed from the stream until it is used again or freed;
 * NULL with any other status; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_stream_next(struct vtrix_stream *stream,
                               uint64_t timeout_ms,
                               const struct vtrix_event **out_event,
                               struct vtrix_error **out_error);

/**
 * As `vtrix_stream_next`, without waiting: `on_done` comes once, on a callback thread. Cancelling
 * the task gives up the pull and loses no event; the stream goes on.
 *
 * \param stream borrowed; not NULL.
 * \param on_done receives the event; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_stream_next_async(struct vtrix_stream *stream,
                                     vtrix_next_fn on_done,
                                     void *user_data,
                                     vtrix_drop_fn drop,
                                     struct vtrix_task **out_task,
                                     struct vtrix_error **out_error);

/**
 * Hands every event of a stream to a function, on callback threads, in order and never two at
 * once, and returns after the last one.
 *
 * \param stream borrowed; not NULL. Afterwards it is at its end.
 * \param on_event sees each event; not NULL. If it returns `VTRIX_STOP` the stream ends, as by
 * `vtrix_stream_cancel`, with `VTRIX_STATUS_CALLBACK`.
 * \param user_data passed to `on_event`; may be NULL.
 * \param drop lets go of `user_data`, before this function returns; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_stream_forward(struct vtrix_stream *stream,
                                  vtrix_event_fn on_event,
                                  void *user_data,
                                  vtrix_drop_fn drop,
                                  struct vtrix_error **out_error);

/**
 * As `vtrix_stream_forward`, without waiting: `on_done` comes once, after the last `on_event`.
 * Cancelling the task cancels the stream.
 *
 * \param stream borrowed; not NULL.
 * \param on_event sees each event; not NULL.
 * \param on_done comes once, at the end; not NULL. Not called if this function fails.
 * \param user_data passed to both; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_stream_forward_async(struct vtrix_stream *stream,
                                        vtrix_event_fn on_event,
                                        vtrix_done_fn on_done,
                                        void *user_data,
                                        vtrix_drop_fn drop,
                                        struct vtrix_task **out_task,
                                        struct vtrix_error **out_error);

/**
 * Ends a stream now, from any thread: whoever reads it gets `VTRIX_STATUS_CANCELLED`, and so does
 * every later read. A command that runs for it is killed. Idempotent; does not wait.
 *
 * \param stream borrowed; NULL does nothing.
 */
void vtrix_stream_cancel(const struct vtrix_stream *stream);

/**
 * Cancels a stream and lets go of it. A forward that goes on ends.
 *
 * \param stream owned; NULL does nothing.
 */
void vtrix_stream_free(struct vtrix_stream *stream);

/**
 * Cancels the call: its `on_done` comes with `VTRIX_STATUS_CANCELLED`, unless it was over
 * already. A command that was being waited for is killed. Does not wait; idempotent; after the
 * end it does nothing.
 *
 * \param task borrowed; NULL does nothing.
 */
void vtrix_task_cancel(const struct vtrix_task *task);

/**
 * Whether the call is over: its `on_done` runs now, or has run.
 *
 * \param task borrowed; NULL is over.
 */
bool vtrix_task_is_done(const struct vtrix_task *task);

/**
 * Says that the oldest `events` of those for which the call's event function returned `VTRIX_KEPT`
 * are done with, so that more may come; each is told once, if need be before that function has
 * returned. Does not wait.
 *
 * \param task borrowed; NULL does nothing.
 */
void vtrix_task_used(const struct vtrix_task *task, size_t events);

/**
 * Counts one more reference to the task and returns it; each is freed by itself.
 *
 * \param task borrowed; NULL gives NULL.
 */
struct vtrix_task *vtrix_task_ref(const struct vtrix_task *task);

/**
 * Lets go of the task. The call goes on.
 *
 * \param task owned: one reference is given back; NULL does nothing.
 */
void vtrix_task_free(struct vtrix_task *task);

/**
 * Lends a text that a zero byte ends. It stays the caller's, and is good for as long as that.
 *
 * \param text borrowed; NULL gives nothing.
 */
struct vtrix_str vtrix_str_from(const char *text);

/**
 * Clears the options, so that every field is its default, and notes their size.
 *
 * \param options written; NULL does nothing.
 * \param size `sizeof(vtrix_transfer_options)`.
 */
void vtrix_transfer_options_init(struct vtrix_transfer_options *options, size_t size);

/**
 * Uploads a file of any size and content.
 *
 * \param sandbox borrowed; not NULL.
 * \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
 * working directory that a relative one begins in.
 * \param sandbox_path borrowed; in the sandbox.
 * \param options borrowed; NULL is all defaults.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_upload_file(const struct vtrix_sandbox *sandbox,
                                       struct vtrix_str local_path,
                                       struct vtrix_str sandbox_path,
                                       const struct vtrix_transfer_options *options,
                                       struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_upload_file`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
 * working directory that a relative one begins in.
 * \param sandbox_path borrowed; in the sandbox.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once, on a callback thread, maybe before this function returns; not NULL.
 * Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_upload_file_async(const struct vtrix_sandbox *sandbox,
                                             struct vtrix_str local_path,
                                             struct vtrix_str sandbox_path,
                                             const struct vtrix_transfer_options *options,
                                             vtrix_done_fn on_done,
                                             void *user_data,
                                             vtrix_drop_fn drop,
                                             struct vtrix_task **out_task,
                                             struct vtrix_error **out_error);

/**
 * Downloads a file of any size and content: beside its place, then renamed. That there is no such
 * file is no failure.
 *
 * \param sandbox borrowed; not NULL.
 * \param sandbox_path borrowed; in the sandbox.
 * \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
 * working directory that a relative one begins in.
 * \param options borrowed; NULL is all defaults.
 * \param out_path receives an owned text, the absolute path, or NULL if the sandbox has no such
 * file; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_download_file(const struct vtrix_sandbox *sandbox,
                                         struct vtrix_str sandbox_path,
                                         struct vtrix_str local_path,
                                         const struct vtrix_transfer_options *options,
                                         struct vtrix_buffer **out_path,
                                         struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_download_file`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param sandbox_path borrowed; in the sandbox.
 * \param local_path borrowed; on this machine. Like every text it is UTF-8, and so must be the
 * working directory that a relative one begins in.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_sandbox_download_file` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_download_file_async(const struct vtrix_sandbox *sandbox,
                                               struct vtrix_str sandbox_path,
                                               struct vtrix_str local_path,
                                               const struct vtrix_transfer_options *options,
                                               vtrix_buffer_fn on_done,
                                               void *user_data,
                                               vtrix_drop_fn drop,
                                               struct vtrix_task **out_task,
                                               struct vtrix_error **out_error);

/**
 * Downloads files, eight at a time. Every file is tried; if some fail, `VTRIX_STATUS_PARTIAL`
 * names each, and `vtrix_error_saved_len` and its neighbours the others.
 *
 * \param sandbox borrowed; not NULL.
 * \param files borrowed; names are paths in the sandbox, values paths on this machine; may be NULL
 * if `files_len` is 0.
 * \param files_len how many pairs `files` points to.
 * \param options borrowed; NULL is all defaults.
 * \param out_list receives an owned list; not NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_download_files(const struct vtrix_sandbox *sandbox,
                                          const struct vtrix_pair *files,
                                          size_t files_len,
                                          const struct vtrix_transfer_options *options,
                                          struct vtrix_saved_list **out_list,
                                          struct vtrix_error **out_error);

/**
 * As `vtrix_sandbox_download_files`, without waiting.
 *
 * \param sandbox borrowed; not NULL.
 * \param files borrowed; names are paths in the sandbox, values paths on this machine; may be NULL
 * if `files_len` is 0.
 * \param files_len how many pairs `files` points to.
 * \param options borrowed; NULL is all defaults.
 * \param on_done comes once with what `vtrix_sandbox_download_files` gives, on a callback thread,
 * maybe before this function returns; not NULL. Not called if this function fails.
 * \param user_data passed to `on_done`; may be NULL.
 * \param drop lets go of `user_data`; may be NULL.
 * \param out_task receives an owned task; may be NULL.
 * \param out_error receives an owned error, or NULL; may be NULL.
 */
vtrix_status vtrix_sandbox_download_files_async(const struct vtrix_sandbox *sandbox,
                                                const struct vtrix_pair *files,
                                                size_t files_len,
                                                const struct vtrix_transfer_options *options,
                                                vtrix_saved_list_fn on_done,
                                                void *user_data,
                                                vtrix_drop_fn drop,
                                                struct vtrix_task **out_task,
                                                struct vtrix_error **out_error);

/**
 * How many files were asked for.
 *
 * \param list borrowed; NULL gives 0.
 */
size_t vtrix_saved_list_len(const struct vtrix_saved_list *list);

/**
 * The path in the sandbox. Borrowed from the list.
 *
 * \param list borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_saved_list_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_saved_list_path(const struct vtrix_saved_list *list, size_t index);

/**
 * The absolute path on this machine; empty if the sandbox has no such file. Borrowed from the
 * list.
 *
 * \param list borrowed; NULL gives the empty text.
 * \param index 0 to `vtrix_saved_list_len` - 1; past that the result is empty.
 */
struct vtrix_str vtrix_saved_list_local(const struct vtrix_saved_list *list, size_t index);

/**
 * Lets go of it, with everything that is borrowed from it.
 *
 * \param list owned; NULL does nothing.
 */
void vtrix_saved_list_free(struct vtrix_saved_list *list);

/**
 * The library's version, such as `0.1.0`: a text that lives as long as the program, ended by a
 * zero byte.
 */
const char *vtrix_version(void);

/**
 * The library's version as `VTRIX_VERSION_NUMBER` writes it, to compare with the header's.
 */
uint32_t vtrix_version_number(void);

/**
 * The generation of the library's binary interface, to compare with the header's
 * `VTRIX_ABI_VERSION`.
 */
uint32_t vtrix_abi_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* VTRIX_SANDBOX_H */
