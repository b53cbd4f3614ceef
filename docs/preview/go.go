// Package preview is the session extension, signatures first. Nothing here exists yet; nothing
// here is stable.
package preview

import (
	"context"
	"io"
	"net"
	"os"
	"time"
)

// RunOptions and ExecEvent are those of package vtrix.
type (
	RunOptions struct{}
	ExecEvent  struct{ Gap *Gap }
)

// Gap is an event: bytes From up to To of a stream are gone.
type Gap struct {
	Stream   string // "stdout" or "stderr"
	From, To uint64
}

// Pty is the size of a terminal, in characters.
type Pty struct{ Rows, Cols uint16 }

// ResumeHandle tells where a command's output was left off. It is data: its JSON is portable.
type ResumeHandle struct {
	SandboxID    string `json:"sandbox_id"`
	CmdID        string `json:"cmd_id"`
	StdoutOffset uint64 `json:"stdout_offset"`
	StderrOffset uint64 `json:"stderr_offset"`
}

// ConnectionState is what happened to a sandbox's connection.
type ConnectionState int

// More may come.
const (
	Connected ConnectionState = iota + 1
	Lost
	Resumed
	Closed
)

// ConnectionEvent is what happened to a sandbox's connection, with its particulars.
type ConnectionEvent struct {
	State     ConnectionState
	Extension bool
	Reason    string
	RetryIn   time.Duration
	Streams   int
}

// ProcessOptions are RunOptions and what a process can have beside.
type ProcessOptions struct {
	RunOptions
	OpenStdin bool
	Pty       *Pty
}

// Process is a command that can be talked to. Close kills it, unless it has ended or was detached.
type Process interface {
	io.Closer
	CmdID() string
	// Next returns io.EOF after the last event.
	Next(ctx context.Context) (ExecEvent, error)
	// Stdin returns nil unless it was kept open. Closing it ends the command's input.
	Stdin() io.WriteCloser
	Resize(ctx context.Context, size Pty) error
	Handle() ResumeHandle
	Detach() ResumeHandle
}

// WriteStream is a file that is being written. Close without Commit leaves the old file.
type WriteStream interface {
	io.WriteCloser
	Commit(ctx context.Context) (int64, error)
}

// WriteStreamOptions are the zero value where nothing is known.
type WriteStreamOptions struct {
	Mode os.FileMode
	Size *int64
}

// Sandbox is what vtrix.Sandbox gains.
type Sandbox interface {
	StartProcess(ctx context.Context, cmd string, args []string, opts ProcessOptions) (Process, error)
	Resume(ctx context.Context, handle ResumeHandle) (Process, error)
	// DialPort connects to a TCP port inside the sandbox.
	DialPort(ctx context.Context, port uint16) (net.Conn, error)
	WriteStream(ctx context.Context, path string, opts WriteStreamOptions) (WriteStream, error)
	// ConnectionEvents is closed when ctx ends.
	ConnectionEvents(ctx context.Context) <-chan ConnectionEvent
}
