package vtrix

// #include "shim.h"
import "C"

import (
	"context"
	"io"
	"runtime"
	"time"
	"unsafe"
	"weak"
)

// MaxStdin is how much of RunOptions.Stdin is taken before ErrTooLarge: input travels in one
// message, of which no gateway takes more.
const MaxStdin = 64 << 20

// KeepNothing, as MaxOutput: the result has no output, and says that it was cut if there was any.
const KeepNothing uint64 = C.VTRIX_KEEP_NOTHING

// RunOptions of Run, Start and Stream. The zero value of each field is its default.
type RunOptions struct {
	// Env is over the handle's own and the sandbox's variables.
	Env map[string]string
	// Dir is where the command starts; /workspace.
	Dir string
	// Timeout is how long the command may run before the sandbox kills it; for ever. The error is
	// then ErrCommandTimedOut.
	Timeout time.Duration
	// Deadline is how long the call may take; past it the command is killed, and the error is
	// ErrTimeout. Never. A context with a deadline does the same with its own error. Of Start only
	// the start is meant.
	Deadline time.Duration
	// Stdin is read to its end before the command starts; what it gives is the command's input,
	// UTF-8 on the wire of this generation. Nil: nothing.
	Stdin io.Reader
	// Stdout and Stderr are written to while Run goes on, on the goroutine that called it, never
	// two at once; Finished has the output all the same. If one fails the command is killed and the
	// call fails with ErrCallback and the writer's own error. A Write that blocks holds up its call
	// and no other: 1 MiB of output and one event wait meanwhile, past that the command. Of Run alone.
	Stdout, Stderr io.Writer
	// MaxOutput is how many bytes of output the result keeps, from the beginning; 16 MiB,
	// KeepNothing for none.
	MaxOutput uint64
	// Sudo: run as root with the environment kept, as sudo -E would.
	Sudo bool
}

// Run runs a line of /bin/sh to its end, with args quoted and appended. A non-zero exit is no
// error: look at Finished.Outcome. A command that ran past its timeout is ErrCommandTimedOut, one
// that nobody can tell the end of ErrConnectionLost; Error.Command has what was received of it.
// Once ctx is over the command is killed.
func (s *Sandbox) Run(ctx context.Context, cmd string, args []string, options RunOptions) (*Finished, error) {
	f := newFlight()
	if options.Stdout != nil || options.Stderr != nil {
		f = watched()
		f.output = newOutput(options.Stdout, options.Stderr)
		f.dispose = func(raw unsafe.Pointer) { C.vtrix_finished_free((*C.vtrix_finished)(raw)) }
	}
	if err := s.run(ctx, f, args, options, func(raw *C.vtrix_sandbox, o *C.vtrix_run_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		if f.output != nil {
			C.go_watch_events(o, call)
		}
		return C.go_sandbox_run(raw, str(cmd), o, call, begun)
	}); err != nil {
		return nil, ranIn(weak.Make(s), err)
	}
	return takeFinished(weak.Make(s), f), nil
}

// Start starts a command in the background and returns once it runs. It outlives the handle, the
// connection and the program.
func (s *Sandbox) Start(ctx context.Context, cmd string, args []string, options RunOptions) (*Command, error) {
	if err := noWriters(options); err != nil {
		return nil, err
	}
	f := newFlight()
	if err := s.run(ctx, f, args, options, func(raw *C.vtrix_sandbox, o *C.vtrix_run_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_spawn(raw, str(cmd), o, call, begun)
	}); err != nil {
		return nil, err
	}
	return newCommand(s, (*C.vtrix_command)(f.value)), nil
}

// Stream runs a command and gives its events as they arrive. The command is killed when ctx is
// over, or the stream closed, before its end.
func (s *Sandbox) Stream(ctx context.Context, cmd string, args []string, options RunOptions) (*ExecStream, error) {
	if err := noWriters(options); err != nil {
		return nil, err
	}
	f := newFlight()
	if err := s.run(ctx, f, args, options, func(raw *C.vtrix_sandbox, o *C.vtrix_run_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_stream(raw, str(cmd), o, call, begun)
	}); err != nil {
		return nil, err
	}
	return &ExecStream{newStream(ctx, weak.Make(s), (*C.vtrix_stream)(f.value))}, nil
}

// ExecLogs replays a command's output, the last 512 KB of it, then follows it until the command
// ends. An unknown command is an error of the first event. Closing the stream does not touch the
// command.
func (s *Sandbox) ExecLogs(ctx context.Context, cmdID string) (*ExecStream, error) {
	f, err := s.ask(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_exec_logs(raw, str(cmdID), call, begun)
	})
	if err != nil {
		return nil, err
	}
	return &ExecStream{newStream(ctx, weak.Make(s), (*C.vtrix_stream)(f.value))}, nil
}

// Signal is one that a command can be sent.
type Signal string

// The signals.
const (
	SIGTERM Signal = "SIGTERM"
	SIGKILL Signal = "SIGKILL"
	SIGINT  Signal = "SIGINT"
	SIGHUP  Signal = "SIGHUP"
)

// Kill sends a signal, SIGTERM if it is empty, to a command's whole process group. One that has
// ended is no error.
func (s *Sandbox) Kill(ctx context.Context, cmdID string, signal Signal) error {
	return s.call(ctx, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return C.go_sandbox_kill(raw, str(cmdID), str(string(signal)), call, begun)
	})
}

// Command gives the handle of a command started before, here or elsewhere. It asks nobody: whether
// there is such a command shows when the handle is used.
func (s *Sandbox) Command(cmdID string) (*Command, error) {
	defer runtime.KeepAlive(s)
	var raw *C.vtrix_command
	if err := s.use(func(sandbox *C.vtrix_sandbox) error {
		var failure *C.vtrix_error
		if status := C.vtrix_sandbox_command(sandbox, str(cmdID), 0, &raw, &failure); status != C.VTRIX_STATUS_OK {
			return takeError(status, failure)
		}
		return nil
	}); err != nil {
		return nil, err
	}
	return newCommand(s, raw), nil
}

type running = func(raw *C.vtrix_sandbox, o *C.vtrix_run_options, call C.uintptr_t, begun *C.go_begun) C.vtrix_status

func (s *Sandbox) run(ctx context.Context, f *flight, args []string, options RunOptions, begin running) error {
	defer runtime.KeepAlive(s)
	if err := notNegative(map[string]time.Duration{"Timeout": options.Timeout, "Deadline": options.Deadline}); err != nil {
		return err
	}
	stdin, err := readStdin(ctx, options.Stdin)
	if err != nil {
		return err
	}
	var p pins
	defer p.free()
	o := &C.vtrix_run_options{}
	C.vtrix_run_options_init(o, C.size_t(unsafe.Sizeof(*o)))
	o.args, o.args_len = p.strs(args)
	o.env, o.env_len = p.pairs(options.Env)
	o.working_dir = p.str(options.Dir)
	o.timeout_ms, o.deadline_ms = millis(options.Timeout), millis(options.Deadline)
	o.stdin_data = p.bytes(stdin)
	o.max_output = C.uint64_t(options.MaxOutput)
	o.sudo = flag(options.Sudo)
	return s.fly(ctx, f, func(raw *C.vtrix_sandbox, call C.uintptr_t, begun *C.go_begun) C.vtrix_status {
		return begin(raw, o, call, begun)
	})
}

func noWriters(options RunOptions) error {
	if options.Stdout != nil || options.Stderr != nil {
		return invalid("Stdout and Stderr are for Run: read the stream, or the command's logs")
	}
	return nil
}

// readStdin reads on a goroutine of its own, so that ctx ends the call though the reader blocks.
func readStdin(ctx context.Context, from io.Reader) ([]byte, error) {
	if from == nil {
		return nil, nil
	}
	type read struct {
		data []byte
		err  error
		// A panic of the reader's is the caller's.
		panicked any
		over     bool
	}
	done := make(chan read, 1)
	go func() {
		var r read
		defer func() {
			if !r.over {
				r.panicked = recover()
			}
			done <- r
		}()
		r.data, r.err = io.ReadAll(io.LimitReader(from, MaxStdin+1))
		r.over = true
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-done:
		switch {
		case !r.over:
			panic(r.panicked)
		case r.err != nil:
			return nil, &Error{Kind: ErrCallback, Message: "reading Stdin: " + r.err.Error(), err: r.err}
		case len(r.data) > MaxStdin:
			return nil, &Error{Kind: ErrTooLarge, Message: "Stdin gives more than one message holds"}
		}
		return r.data, nil
	}
}

func takeFinished(sandbox weak.Pointer[Sandbox], f *flight) *Finished {
	raw := (*C.vtrix_finished)(f.value)
	defer C.vtrix_finished_free(raw)
	finished := newFinished(raw)
	finished.sandbox = sandbox
	return finished
}

// ranIn lets the command that an error tells of find its sandbox.
func ranIn(sandbox weak.Pointer[Sandbox], err error) error {
	if failure, ok := err.(*Error); ok && failure.Command != nil {
		failure.Command.sandbox = sandbox
	}
	return err
}
