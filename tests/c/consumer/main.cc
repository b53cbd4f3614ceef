/* A program in C++17 that knows nothing but an installed prefix: it owns what it is given by
 * std::unique_ptr, and sees output through a lambda. */
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>

#include <vtrix_sandbox.h>

template <auto Free>
struct Frees {
    template <typename T>
    void operator()(T *it) const
    {
        Free(it);
    }
};

using Client = std::unique_ptr<vtrix_client, Frees<vtrix_client_free>>;
using Sandbox = std::unique_ptr<vtrix_sandbox, Frees<vtrix_sandbox_free>>;
using Finished = std::unique_ptr<vtrix_finished, Frees<vtrix_finished_free>>;
using Error = std::unique_ptr<vtrix_error, Frees<vtrix_error_free>>;

static bool failed(vtrix_status status, vtrix_error *raw)
{
    const Error error{raw};
    if (status == VTRIX_STATUS_OK) {
        return false;
    }
    const vtrix_str text = vtrix_error_text(error.get());
    std::fprintf(stderr, "%s: %s\n", vtrix_status_name(status), std::string(text.data, text.len).c_str());
    return true;
}

static int run()
{
    vtrix_error *error = nullptr;
    vtrix_client *new_client = nullptr;
    if (failed(vtrix_client_new(nullptr, &new_client, &error), error)) {
        return 1;
    }
    const Client client{new_client};
    vtrix_sandbox *new_sandbox = nullptr;
    if (failed(vtrix_client_create(client.get(), VTRIX_STR("c++"), nullptr, &new_sandbox, &error), error)) {
        return 1;
    }
    const Sandbox sandbox{new_sandbox};

    std::string seen;
    vtrix_run_options options;
    vtrix_run_options_init(&options, sizeof options);
    options.on_event = [](void *user_data, const vtrix_event *event) -> std::int32_t {
        if (event->type == VTRIX_EVENT_STDOUT) {
            static_cast<std::string *>(user_data)->append(reinterpret_cast<const char *>(event->data.data), event->data.len);
        }
        return VTRIX_CONTINUE;
    };
    options.event_user_data = &seen;
    vtrix_finished *new_done = nullptr;
    if (failed(vtrix_sandbox_run(sandbox.get(), VTRIX_STR("echo hello"), &options, &new_done, &error), error)) {
        return 1;
    }
    const Finished done{new_done};
    if (failed(vtrix_sandbox_delete(sandbox.get(), &error), error)) {
        return 1;
    }
    return vtrix_finished_success(done.get()) && seen == "hello\n" ? 0 : 1;
}

int main()
{
    const int status = run();
    return vtrix_shutdown(nullptr) == VTRIX_STATUS_OK ? status : 1;
}
