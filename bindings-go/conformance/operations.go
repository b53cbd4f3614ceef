package conformance

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// What each operation of a scenario is in Go, and what it gives, with the names that scenarios use.

func family(do string) string { name, _, _ := strings.Cut(do, "."); return name }

// gave is an operation's success, unless err is one.
func gave(value any, err error) came {
	if err != nil {
		return came{err: err}
	}
	return came{value: value}
}

func (w *walk) perform(ctx context.Context, do string, on any, with arguments, opened bool) (result came) {
	defer func() {
		if result.handle != nil {
			w.mutex.Lock()
			defer w.mutex.Unlock()
			w.made = append(w.made, result.handle)
		}
	}()
	if do == "client.new" {
		return w.newClient(with)
	}
	if on == nil && family(do) != "local" {
		broken("there is nothing to do %s on", do)
	}
	_, verb, _ := strings.Cut(do, ".")
	switch family(do) {
	case "client":
		return onClient(ctx, verb, on.(*vtrix.Client), with)
	case "sandbox":
		return w.onSandbox(ctx, verb, on.(*vtrix.Sandbox), with, opened)
	case "command":
		return onCommand(ctx, verb, on.(*vtrix.Command), with, opened)
	case "stream":
		return w.onStream(ctx, verb, on.(reader))
	case "task":
		return onTask(verb, on.(*task))
	case "local":
		return onLocal(verb, filepath.Join(w.local, with.text("path")), with)
	}
	panic("no operation is called " + do)
}

func (w *walk) newClient(with arguments) came {
	options := vtrix.Options{
		BaseURL: w.stage.URL, Token: w.stage.Token, ProjectID: w.stage.Project,
		ConnectTimeout: with.time("connect_timeout_sec", time.Second), CallTimeout: with.time("call_timeout_sec", time.Second),
		IdleTimeout: with.time("idle_timeout_sec", time.Second), MaxRetries: int(with.count("max_retries")),
		Proxy: with.text("proxy"), NoProxy: with.text("no_proxy"), ClientIdentityPEM: with.bytes("client_identity_pem"),
	}
	if with.has("base_url") {
		options.BaseURL = with.text("base_url")
	}
	if with.has("token") {
		options.Token = with.text("token")
		options.Anonymous = options.Token == ""
	}
	if with.has("project_id") {
		options.ProjectID = with.text("project_id")
		options.NoProject = options.ProjectID == ""
	}
	if with.has("call_timeout_sec") && options.CallTimeout < time.Millisecond {
		// Time-outs count in milliseconds, and in one this gateway has answered. One that never
		// does shows the same.
		options.BaseURL = w.silent()
	}
	if with.text("routes") == "sandboxes" {
		options.Routes = vtrix.RoutesSandboxes
	}
	client, err := vtrix.NewClient(options)
	if err != nil {
		return came{err: err}
	}
	return came{handle: client}
}

// silent is the URL of a peer that takes connections and says nothing, until the scenario ends.
func (w *walk) silent() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		broken("%v", err)
	}
	w.mutex.Lock()
	w.made = append(w.made, listener)
	w.mutex.Unlock()
	return "http://" + listener.Addr().String()
}

func onClient(ctx context.Context, verb string, client *vtrix.Client, with arguments) came {
	switch verb {
	case "create":
		return live(client.Create(ctx, createOptions(with)))
	case "attach":
		return live(client.Attach(ctx, with.text("sandbox_id"), vtrix.AttachOptions{Env: with.pairs("env")}))
	case "list":
		page, err := client.List(ctx, vtrix.ListOptions{
			UserID: with.text("user_id"), Status: with.text("status"), Limit: with.count("limit"), Offset: with.count("offset"),
		})
		items := []any{}
		for _, info := range page.Items {
			items = append(items, record(info))
		}
		return gave(map[string]any{"items": items, "pagination": map[string]any{
			"total": float64(page.Total), "limit": float64(page.Limit), "offset": float64(page.Offset), "has_more": page.HasMore,
		}}, err)
	case "get":
		info, err := client.Get(ctx, with.text("sandbox_id"))
		return gave(record(info), err)
	case "delete":
		return gave(nil, client.Delete(ctx, with.text("sandbox_id")))
	case "pool_status":
		s, err := client.PoolStatus(ctx)
		return gave(map[string]any{
			"total": float64(s.Total), "warm": float64(s.Warm), "active": float64(s.Active), "creating": float64(s.Creating),
			"deleting": float64(s.Deleting), "deleted": float64(s.Deleted), "warm_pool_size": float64(s.WarmPoolSize),
			"max_total": float64(s.MaxTotal), "utilization": s.Utilization, "warm_ratio": s.WarmRatio, "healthy": s.Healthy,
		}, err)
	case "rolling_start":
		return rolling(client.RollingStart(ctx, with.text("image")))
	case "rolling_status":
		return rolling(client.RollingStatus(ctx))
	case "rolling_cancel":
		return rolling(client.RollingCancel(ctx))
	case "close":
		return gave(nil, client.Close())
	}
	panic("no operation of a client is called " + verb)
}

func live(sandbox *vtrix.Sandbox, err error) came {
	if err != nil {
		return came{err: err}
	}
	return came{value: record(sandbox.Info()), handle: sandbox}
}

func (w *walk) onSandbox(ctx context.Context, verb string, sandbox *vtrix.Sandbox, with arguments, opened bool) came {
	path := with.text("path")
	switch verb {
	case "info":
		return gave(record(sandbox.Info()), nil)
	case "created_at":
		return gave(sandbox.Info().CreatedAt, nil)
	case "status":
		return gave(sandbox.Status(), nil)
	case "expire_at":
		return gave(sandbox.ExpireAt(), nil)
	case "timeout":
		return gave(sandbox.Timeout().Seconds(), nil)
	case "refresh":
		return gave(nil, sandbox.Refresh(ctx))
	case "domain":
		url, err := sandbox.Domain(uint16(with.count("port")))
		return gave(url, err)
	case "run_command":
		return run(ctx, sandbox, with)
	case "run_command_detached":
		command, err := sandbox.Start(ctx, with.text("cmd"), with.texts("args"), runOptions(with))
		return started(command, err)
	case "run_command_stream":
		stream, err := sandbox.Stream(ctx, with.text("cmd"), with.texts("args"), runOptions(with))
		return w.streamed(ctx, &execReader{ExecStream: stream}, err, opened)
	case "exec_logs":
		stream, err := sandbox.ExecLogs(ctx, with.text("cmd_id"))
		return w.streamed(ctx, &execReader{ExecStream: stream}, err, opened)
	case "get_command":
		return started(sandbox.Command(with.text("cmd_id")))
	case "kill":
		return gave(nil, sandbox.Kill(ctx, with.text("cmd_id"), vtrix.Signal(with.text("signal"))))
	case "read":
		result, err := sandbox.Read(ctx, path)
		if result.Image != nil {
			return gave(map[string]any{"type": "image", "data": result.Image, "mime_type": result.MimeType}, err)
		}
		return gave(map[string]any{"type": "text", "content": result.Text, "truncated": result.Truncated}, err)
	case "write":
		n, err := sandbox.Write(ctx, path, with.text("content"))
		return gave(map[string]any{"bytes_written": float64(n)}, err)
	case "edit":
		message, err := sandbox.Edit(ctx, path, with.text("old_text"), with.text("new_text"))
		return gave(map[string]any{"message": message}, err)
	case "write_files":
		var files []vtrix.WriteFile
		for _, file := range with.objects("files") {
			files = append(files, vtrix.WriteFile{Path: file.text("path"), Content: file.bytes("content"), Mode: fs.FileMode(file.count("mode"))})
		}
		return gave(nil, sandbox.WriteFiles(ctx, files...))
	case "read_to_buffer":
		data, err := sandbox.ReadFile(ctx, path, with.count("max"))
		if errors.Is(err, vtrix.ErrFileNotFound) {
			return came{}
		}
		return gave(data, err)
	case "read_stream":
		size := int(with.count("chunk_size"))
		if with.has("chunk_size") && size == 0 {
			// 0 is Go's way not to give a size; one that is none is negative.
			size = -1
		}
		stream, err := sandbox.ReadStream(ctx, path, size)
		return w.streamed(ctx, &fileReader{FileStream: stream}, err, opened)
	case "mkdir":
		return gave(nil, sandbox.Mkdir(ctx, path))
	case "list_files":
		entries, err := sandbox.ListFiles(ctx, path)
		list := []any{}
		for _, entry := range entries {
			list = append(list, map[string]any{
				"name": entry.Name, "path": entry.Path, "size": float64(entry.Size), "is_dir": entry.IsDir, "modified_at": orNull(entry.ModifiedAt),
			})
		}
		return gave(list, err)
	case "stat":
		info, err := sandbox.Stat(ctx, path)
		return gave(map[string]any{
			"exists": info.Exists, "is_file": info.IsFile, "is_dir": info.IsDir, "size": float64(info.Size), "modified_at": orNull(info.ModifiedAt),
		}, err)
	case "exists":
		exists, err := sandbox.Exists(ctx, path)
		return gave(exists, err)
	case "upload_file", "download_file", "download_files":
		return transfer(ctx, verb, sandbox, with)
	case "stop":
		return gave(nil, sandbox.Stop(ctx, vtrix.StopOptions{
			Blocking: with.flag("blocking"), PollInterval: with.time("poll_interval_ms", time.Millisecond), Timeout: with.time("timeout_ms", time.Millisecond),
		}))
	case "start":
		return gave(nil, sandbox.Boot(ctx))
	case "restart":
		return gave(nil, sandbox.Restart(ctx))
	case "wait_until_active":
		return gave(nil, sandbox.WaitUntilActive(ctx, with.time("timeout_sec", time.Second)))
	case "extend":
		return gave(nil, sandbox.Extend(ctx, with.count("seconds")))
	case "extend_timeout":
		return gave(nil, sandbox.ExtendTimeout(ctx, with.count("seconds")))
	case "update":
		return gave(nil, sandbox.Update(ctx, vtrix.UpdateOptions{Spec: with.spec(), Image: with.text("image")}))
	case "configure":
		return gave(nil, sandbox.Configure(ctx, with.payloads()...))
	case "delete":
		return gave(nil, sandbox.Delete(ctx))
	case "close":
		return gave(nil, sandbox.Close())
	}
	panic("no operation of a sandbox is called " + verb)
}

var errWriter = errors.New("this writer fails")

// keeps what is written to it, or fails.
type keeps struct {
	fails bool
	data  []byte
}

func (k *keeps) Write(data []byte) (int, error) {
	if k.fails {
		return 0, errWriter
	}
	k.data = append(k.data, data...)
	return len(data), nil
}

func run(ctx context.Context, sandbox *vtrix.Sandbox, with arguments) came {
	options := runOptions(with)
	written := map[string]any{}
	writers := map[string]*keeps{}
	for _, name := range with.texts("writers") {
		writers[name] = &keeps{fails: with.text("fail_writer") == name}
	}
	if writer, ok := writers["stdout"]; ok {
		options.Stdout = writer
	}
	if writer, ok := writers["stderr"]; ok {
		options.Stderr = writer
	}
	done, err := sandbox.Run(ctx, with.text("cmd"), with.texts("args"), options)
	if err != nil {
		return came{err: err}
	}
	for name, writer := range writers {
		written[name] = writer.data
	}
	value := finished(done)
	value["written"] = written
	return came{value: value}
}

func transfer(ctx context.Context, verb string, sandbox *vtrix.Sandbox, with arguments) came {
	var seen []vtrix.Progress
	options := vtrix.TransferOptions{MkdirRecursive: with.flag("mkdir_recursive"), Mode: fs.FileMode(with.count("mode"))}
	if with.flag("progress") {
		options.Progress = func(p vtrix.Progress) error { seen = append(seen, p); return nil }
	}
	local, remote := with.text("local_path"), with.text("sandbox_path")
	var path any
	var err error
	switch verb {
	case "upload_file":
		err = sandbox.UploadFile(ctx, local, remote, options)
	case "download_file":
		path, err = sandbox.DownloadFile(ctx, remote, local, options)
		if errors.Is(err, vtrix.ErrFileNotFound) {
			path, err = nil, nil
		}
	case "download_files":
		var files []vtrix.Download
		for _, file := range with.objects("files") {
			files = append(files, vtrix.Download{SandboxPath: file.text("sandbox_path"), LocalPath: file.text("local_path")})
		}
		all, err := sandbox.DownloadFiles(ctx, files, options)
		return gave(places(all), err)
	}
	if !with.flag("progress") || err != nil {
		return gave(path, err)
	}
	value := map[string]any{"progress": nil}
	if len(seen) > 0 {
		last := seen[len(seen)-1]
		value["progress"] = map[string]any{
			"count":     float64(len(seen)),
			"monotonic": slices.IsSortedFunc(seen, func(a, b vtrix.Progress) int { return int(a.Transferred - b.Transferred) }),
			"last":      map[string]any{"transferred": float64(last.Transferred), "total": float64(last.Total)},
		}
	}
	if verb == "download_file" {
		value["path"] = path
	}
	return came{value: value}
}

func started(command *vtrix.Command, err error) came {
	if err != nil {
		return came{err: err}
	}
	return came{value: commandInfo(command), handle: command}
}

func onCommand(ctx context.Context, verb string, command *vtrix.Command, with arguments, opened bool) came {
	switch verb {
	case "info":
		return gave(commandInfo(command), nil)
	case "wait":
		done, err := command.Wait(ctx)
		if err != nil {
			return came{err: err}
		}
		return came{value: finished(done)}
	case "logs":
		stream, err := command.Logs(ctx)
		return (&walk{}).streamed(ctx, &logReader{stream: stream}, err, opened)
	case "stdout":
		collected, err := command.Stdout(ctx)
		return gave(collected.Data, err)
	case "stderr":
		collected, err := command.Stderr(ctx)
		return gave(collected.Data, err)
	case "collect_output":
		streams := map[string]vtrix.OutputStream{"stdout": vtrix.Stdout, "stderr": vtrix.Stderr, "both": vtrix.Both}
		collected, err := command.CollectOutput(ctx, streams[with.text("stream")])
		return gave(map[string]any{"bytes": collected.Data, "truncated": known(collected.Truncated)}, err)
	case "kill":
		return gave(nil, command.Kill(ctx, vtrix.Signal(with.text("signal"))))
	}
	panic("no operation of a command is called " + verb)
}

func onTask(verb string, t *task) came {
	if verb == "cancel" {
		t.cancel()
		<-t.done
		return came{}
	}
	<-t.done
	if verb == "await" {
		return t.came
	}
	if t.came.err != nil {
		return came{value: map[string]any{"error": failure(t.came.err)}}
	}
	return came{value: map[string]any{"result": t.came.value}}
}

func (w *walk) onStream(ctx context.Context, verb string, stream reader) came {
	switch verb {
	case "next":
		item, err := stream.next(ctx)
		if item == nil {
			return came{err: err}
		}
		return gave(item.value(), err)
	case "rest":
		value, err := collect(ctx, stream)
		return gave(value, err)
	case "cancel":
		return gave(nil, stream.Close())
	case "drop":
		w.mutex.Lock()
		for name, handle := range w.handles {
			if handle == any(stream) {
				delete(w.handles, name)
			}
		}
		w.made = slices.DeleteFunc(w.made, func(handle any) bool { return handle == any(stream) })
		w.mutex.Unlock()
		// The scenario wants to see the net, which is the collector's.
		go func() {
			for range 50 {
				runtime.GC()
				time.Sleep(pause)
			}
		}()
		return came{}
	}
	panic("no operation of a stream is called " + verb)
}

func onLocal(verb, path string, with arguments) came {
	var err error
	var value any
	switch verb {
	case "write":
		if err = os.MkdirAll(filepath.Dir(path), 0o777); err == nil {
			err = os.WriteFile(path, with.bytes("content"), 0o666)
		}
	case "read":
		var data []byte
		data, err = os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return came{}
		}
		value = data
	case "mkdir":
		err = os.MkdirAll(path, 0o777)
	case "list":
		var entries []os.DirEntry
		entries, err = os.ReadDir(path)
		names := []any{}
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		value = names
	default:
		broken("no local operation is called %s", verb)
	}
	if err != nil {
		broken("%v", err)
	}
	return came{value: value}
}
