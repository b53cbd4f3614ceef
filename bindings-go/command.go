package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"runtime"
	"time"
)

// Command is a command that was started, whether or not it still runs. Any number of goroutines
// may use one at the same time. Letting go of it never touches the command.
type Command struct{ raw *C.vtrix_command }

func newCommand(raw *C.vtrix_command) *Command {
	c := &Command{raw}
	runtime.AddCleanup(c, func(raw *C.vtrix_command) { C.vtrix_command_free(raw) }, raw)
	return c
}

func (c *Command) fly(ctx context.Context, begin beginning) (*flight, error) {
	defer runtime.KeepAlive(c)
	f := newFlight()
	return f, f.fly(ctx, begin)
}

// CmdID is the command's name.
func (c *Command) CmdID() string {
	defer runtime.KeepAlive(c)
	return text(C.vtrix_command_cmd_id(c.raw))
}

// PID is its process number inside the sandbox; 0 until somebody told.
func (c *Command) PID() int64 {
	defer runtime.KeepAlive(c)
	return told(C.vtrix_command_pid(c.raw))
}

// Cwd is where it started; empty until somebody told.
func (c *Command) Cwd() string {
	defer runtime.KeepAlive(c)
	return text(C.vtrix_command_cwd(c.raw))
}

// StartedAt is zero until somebody told.
func (c *Command) StartedAt() time.Time {
	defer runtime.KeepAlive(c)
	return moment(C.vtrix_command_started_at_ms(c.raw))
}

// ExitCode is -1 until a Wait on this handle has seen one, and where there is none.
func (c *Command) ExitCode() int {
	defer runtime.KeepAlive(c)
	return int(C.vtrix_command_exit_code(c.raw))
}

// Wait waits until the command ends. What it wrote before is replayed first: the last 512 KB of
// it. Any number of waits may go on at once. Giving up the wait does not touch the command.
func (c *Command) Wait(ctx context.Context) (*Finished, error) {
	f, err := c.fly(ctx, func(call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_wait(c.raw, call, begun)
	})
	if err != nil {
		return nil, err
	}
	return takeFinished(f), nil
}

// Logs replays what the command wrote, the last 512 KB of it, then follows it until it ends:
// events of output and gaps alone. It is followed until ctx is over.
func (c *Command) Logs(ctx context.Context) (*ExecStream, error) {
	f, err := c.fly(ctx, func(call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_logs(c.raw, call, begun)
	})
	if err != nil {
		return nil, err
	}
	return &ExecStream{newStream(ctx, (*C.vtrix_stream)(f.value))}, nil
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
	f, err := c.fly(ctx, func(call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_collect_output(c.raw, C.int32_t(stream), call, begun)
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
	_, err := c.fly(ctx, func(call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_command_kill(c.raw, str(string(signal)), call, begun)
	})
	return err
}
