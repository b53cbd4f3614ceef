package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"time"
	"weak"
)

// Command is a command that was started, whether or not it still runs. Any number of goroutines
// may use one at the same time. It holds its sandbox's connection open until it is closed; that, or
// letting go of it, never touches the command.
type Command struct {
	*handle[*C.vtrix_command]
	id      string
	sandbox weak.Pointer[Sandbox]
	known   commandFacts // When it was made, and when it was closed.
}

// commandFacts is what becomes known of a command, as it becomes known.
type commandFacts struct {
	pid       int64
	cwd       string
	startedAt time.Time
	exitCode  int
}

func newCommand(sandbox *Sandbox, raw *C.vtrix_command) *Command {
	id, nothing := text(C.vtrix_command_cmd_id(raw)), commandFacts{exitCode: -1}
	c := &Command{id: id, known: nothing, sandbox: weak.Make(sandbox), handle: &handle[*C.vtrix_command]{
		noun: "command", raw: raw, release: func(raw *C.vtrix_command) { C.vtrix_command_free(raw) },
	}}
	hold(c, c.handle)
	return c
}

// Close lets go of the connection that the handle holds open. The command goes on, and so does what
// was begun with the handle; later calls fail with ErrClosed. What is known of the command can still
// be read. It does not wait, may be called more than once, and returns nil.
func (c *Command) Close() error {
	c.close(func(raw *C.vtrix_command) { c.known = c.told(raw) })
	return nil
}

type commandCall = func(raw *C.vtrix_command, call C.uintptr_t, begun *C.go_begun) C.vtrix_status

func (c *Command) ask(ctx context.Context, begin commandCall) (*flight, error) {
	defer runtime.KeepAlive(c)
	f := newFlight()
	return f, c.fly(ctx, f, begin)
}

func (c *Command) facts() commandFacts {
	defer runtime.KeepAlive(c)
	return look(c.handle, c.told, &c.known)
}

// told is what C knows by now, and what was known before.
func (c *Command) told(raw *C.vtrix_command) commandFacts {
	facts := c.known
	if pid := told(C.vtrix_command_pid(raw)); pid != 0 {
		facts.pid = pid
	}
	if cwd := text(C.vtrix_command_cwd(raw)); cwd != "" {
		facts.cwd = cwd
	}
	if at := moment(C.vtrix_command_started_at_ms(raw)); !at.IsZero() {
		facts.startedAt = at
	}
	if code := int(C.vtrix_command_exit_code(raw)); code != -1 {
		facts.exitCode = code
	}
	return facts
}

// CmdID is the command's name.
func (c *Command) CmdID() string { return c.id }

// PID is its process number inside the sandbox; 0 until somebody told.
func (c *Command) PID() int64 { return c.facts().pid }

// Cwd is where it started; empty until somebody told.
func (c *Command) Cwd() string { return c.facts().cwd }

// StartedAt is zero until somebody told.
func (c *Command) StartedAt() time.Time { return c.facts().startedAt }

// ExitCode is -1 until a Wait on this handle has seen one, and where there is none.
func (c *Command) ExitCode() int { return c.facts().exitCode }

// Wait waits until the command ends. What it wrote before is replayed first: the last 512 KB of
// it. Any number of waits may go on at once. Giving up the wait does not touch the command.
func (c *Command) Wait(ctx context.Context) (*Finished, error) {
	f, err := c.ask(ctx, func(raw *C.vtrix_command, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_wait(raw, call, begun)
	})
	if err != nil {
		return nil, ranIn(c.sandbox, err)
	}
	return takeFinished(c.sandbox, f), nil
}

// Logs replays what the command wrote, the last 512 KB of it, then follows it until it ends:
// events of output and gaps alone. It is followed until ctx is over.
func (c *Command) Logs(ctx context.Context) (*ExecStream, error) {
	f, err := c.ask(ctx, func(raw *C.vtrix_command, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_logs(raw, call, begun)
	})
	if err != nil {
		return nil, err
	}
	return &ExecStream{newStream(ctx, c.sandbox, (*C.vtrix_stream)(f.value))}, nil
}

// Collected is output that was waited for.
type Collected struct {
	// Data is any bytes.
	Data string
	// Truncated says whether the command wrote something that is not in it.
	Truncated Answer
}

// CollectOutput waits until the command ends, in whatever way, and collects what it wrote: of what
// was written before this call, the last 512 KB.
func (c *Command) CollectOutput(ctx context.Context, stream OutputStream) (Collected, error) {
	f, err := c.ask(ctx, func(raw *C.vtrix_command, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_collect_output(raw, C.int32_t(stream), call, begun)
	})
	if err != nil {
		return Collected{}, err
	}
	raw := (*C.vtrix_collected)(f.value)
	defer C.vtrix_collected_free(raw)
	return Collected{string(lent(C.vtrix_collected_bytes(raw))), answer(C.vtrix_collected_truncated(raw))}, nil
}

// Stdout is CollectOutput of standard output.
func (c *Command) Stdout(ctx context.Context) (Collected, error) { return c.CollectOutput(ctx, Stdout) }

// Stderr is CollectOutput of standard error.
func (c *Command) Stderr(ctx context.Context) (Collected, error) { return c.CollectOutput(ctx, Stderr) }

// Kill sends a signal, SIGTERM if it is empty, to the command's whole process group. One that has
// ended is no error.
func (c *Command) Kill(ctx context.Context, signal Signal) error {
	_, err := c.ask(ctx, func(raw *C.vtrix_command, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_kill(raw, str(string(signal)), call, begun)
	})
	return err
}
