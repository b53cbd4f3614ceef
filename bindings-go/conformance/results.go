package conformance

import (
	"context"
	"errors"
	"io"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// item is one thing that a stream gives.
type item interface{ value() any }

// reader is a stream of any kind.
type reader interface {
	next(ctx context.Context) (item, error) // Nil at the end.
	Close() error
}

func (w *walk) streamed(ctx context.Context, stream reader, err error, opened bool) came {
	if err != nil {
		return came{err: err}
	}
	if opened {
		return came{handle: stream}
	}
	defer stream.Close()
	value, err := collect(ctx, stream)
	return gave(value, err)
}

type execReader struct {
	*vtrix.ExecStream
	last
}

func (r *execReader) next(ctx context.Context) (item, error) {
	event, err := r.Next(ctx)
	if err != nil {
		return nil, r.ended(err)
	}
	return execItem(event), nil
}

// last is what ended a stream. In Go it is told as often as it is asked for; a scenario wants it
// once, and null after it.
type last struct{ told error }

func (l *last) ended(err error) error {
	if errors.Is(err, io.EOF) || err == l.told {
		return nil
	}
	l.told = err
	return err
}

type execItem vtrix.Event

func (e execItem) value() any {
	value := map[string]any{"type": e.Type.String()}
	switch e.Type {
	case vtrix.EventStart:
		value["cmd_id"], value["pid"], value["cwd"] = orNull(e.CmdID), pid(e.PID), orNull(e.Cwd)
	case vtrix.EventGap:
		value["stream"], value["from"], value["to"] = e.Stream.String(), float64(e.GapFrom), float64(e.GapTo)
	case vtrix.EventDone:
		value["exit_code"], value["outcome"] = exitCode(e.Outcome.ExitCode), outcome(e.Outcome)
	default:
		value["data"], value["text"] = e.Data, vtrix.Event(e).Text()
	}
	return value
}

// logReader shows a gap with the entry after it, as scenarios do.
type logReader struct {
	stream *vtrix.ExecStream
	last
}

func (r *logReader) Close() error { return r.stream.Close() }

func (r *logReader) next(ctx context.Context) (item, error) {
	var missing int64
	for {
		event, err := r.stream.Next(ctx)
		if err != nil {
			return nil, r.ended(err)
		}
		if event.Type != vtrix.EventGap {
			return logItem{event, missing}, nil
		}
		missing += event.GapTo - event.GapFrom
	}
}

type logItem struct {
	vtrix.Event
	missing int64
}

func (l logItem) value() any {
	return map[string]any{"stream": l.Stream.String(), "data": l.Data, "missing": float64(l.missing)}
}

type fileReader struct {
	*vtrix.FileStream
	last
}

func (r *fileReader) next(ctx context.Context) (item, error) {
	piece, err := r.Next(ctx)
	if err != nil {
		return nil, r.ended(err)
	}
	return chunk(piece), nil
}

type chunk []byte

func (c chunk) value() any { return []byte(c) }

// collect is everything that a stream gives from here on, in one value.
func collect(ctx context.Context, stream reader) (any, error) {
	exec := map[string]any{"first": nil, "last": nil, "cmd_id": nil, "pid": nil, "exit_code": nil, "outcome": nil}
	stdout, stderr := []byte{}, []byte{}
	texts := []any{}
	var missing int64
	var items, largest int
	output := func(stream vtrix.OutputStream, data []byte) {
		if stream == vtrix.Stderr {
			stderr = append(stderr, data...)
		} else {
			stdout = append(stdout, data...)
		}
	}
	for {
		next, err := stream.next(ctx)
		if err != nil {
			return nil, err
		}
		if next == nil {
			break
		}
		items++
		switch next := next.(type) {
		case chunk:
			stdout = append(stdout, next...)
			largest = max(largest, len(next))
		case logItem:
			output(next.Stream, next.Data)
			missing += next.missing
		case execItem:
			if items == 1 {
				exec["first"] = next.Type.String()
			}
			exec["last"] = next.Type.String()
			switch next.Type {
			case vtrix.EventStart:
				exec["cmd_id"], exec["pid"] = orNull(next.CmdID), pid(next.PID)
			case vtrix.EventGap:
				missing += next.GapTo - next.GapFrom
			case vtrix.EventDone:
				exec["exit_code"], exec["outcome"] = exitCode(next.Outcome.ExitCode), outcome(next.Outcome)
			default:
				output(next.Stream, next.Data)
				texts = append(texts, vtrix.Event(next).Text())
			}
		}
	}
	switch stream.(type) {
	case *fileReader:
		return map[string]any{"bytes": stdout, "chunks": float64(items), "largest_chunk": float64(largest)}, nil
	case *logReader:
		return map[string]any{"stdout": stdout, "stderr": stderr, "missing": float64(missing)}, nil
	}
	exec["stdout"], exec["stderr"], exec["texts"], exec["missing"] = stdout, stderr, texts, float64(missing)
	return exec, nil
}

func record(info vtrix.SandboxInfo) map[string]any {
	labels := map[string]any{}
	for name, value := range info.Labels {
		labels[name] = value
	}
	return map[string]any{
		"id": info.ID, "user_id": info.UserID, "status": info.Status, "preview_url": info.PreviewURL,
		"preview_host": info.PreviewHost, "image_tag": info.ImageTag, "created_at": info.CreatedAt, "expire_at": info.ExpireAt,
		"spec": map[string]any{
			"cpu": info.Spec.CPU, "memory": info.Spec.Memory, "image": info.Spec.Image,
			"requests_cpu": info.Spec.RequestsCPU, "requests_memory": info.Spec.RequestsMemory,
		},
		"labels": labels,
	}
}

func rolling(s vtrix.RollingStatus, err error) came {
	return gave(map[string]any{
		"phase": s.Phase, "progress": s.Progress, "warm_total": float64(s.WarmTotal), "warm_updated": float64(s.WarmUpdated),
		"active_total": float64(s.ActiveTotal), "active_updated": float64(s.ActiveUpdated),
	}, err)
}

func commandInfo(command *vtrix.Command) map[string]any {
	return map[string]any{
		"cmd_id": command.CmdID(), "pid": pid(command.PID()), "cwd": orNull(command.Cwd()),
		"started_at": moment(command.StartedAt()), "exit_code": exitCode(command.ExitCode()),
	}
}

func finished(done *vtrix.Finished) map[string]any {
	return map[string]any{
		"cmd_id": orNull(done.CmdID), "pid": pid(done.PID), "cwd": orNull(done.Cwd), "started_at": moment(done.StartedAt),
		"exit_code": exitCode(done.ExitCode()), "success": done.Success(), "outcome": outcome(done.Outcome),
		"output": done.Output, "stdout": done.Stdout, "stderr": done.Stderr,
		"output_truncated": known(done.OutputTruncated), "output_incomplete": done.OutputIncomplete, "written": map[string]any{},
	}
}

func outcome(o vtrix.Outcome) any {
	switch o.Type {
	case vtrix.Exited:
		return map[string]any{"type": "exited", "code": float64(o.ExitCode)}
	case vtrix.Killed:
		return map[string]any{"type": "killed", "signal": float64(o.Signal)}
	case vtrix.TimedOut:
		return map[string]any{"type": "timed_out"}
	}
	return map[string]any{"type": "unknown", "reason": o.Reason}
}

// failure shows an error; a context's own is how Go says cancelled.
func failure(err error) map[string]any {
	if errors.Is(err, context.Canceled) {
		return map[string]any{"kind": "cancelled", "message": err.Error()}
	}
	var e *vtrix.Error
	if !errors.As(err, &e) {
		broken("an error that is none of the package's: %v", err)
	}
	value := map[string]any{
		"kind": string(e.Kind), "message": e.Error(), "operation": e.Operation, "code": orZero(float64(e.Code)),
		"http_status": orZero(float64(e.HTTPStatus)), "request_id": orNull(e.RequestID), "retryable": e.Retryable,
		"may_have_run": known(e.MayHaveRun), "command": nil, "saved": places(e.Saved),
	}
	if e.Command != nil {
		value["command"] = finished(e.Command)
	}
	failures := map[string]any{}
	for path, one := range e.Failures {
		failures[path] = failure(one)
	}
	value["failures"] = failures
	return value
}

func places(paths map[string]string) map[string]any {
	all := map[string]any{}
	for path, local := range paths {
		all[path] = orNull(local)
	}
	return all
}

func orNull(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func orZero(number float64) any {
	if number == 0 {
		return nil
	}
	return number
}

func pid(number int64) any { return orZero(float64(number)) }

func exitCode(code int) any {
	if code < 0 {
		return nil
	}
	return float64(code)
}

func known(answer vtrix.Answer) any {
	if answer == vtrix.Unknown {
		return nil
	}
	return answer == vtrix.Yes
}

func moment(at time.Time) any {
	if at.IsZero() {
		return nil
	}
	return at.Format(time.RFC3339Nano)
}
