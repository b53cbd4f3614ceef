package vtrix

// Values: what calls give, copied out of C before anybody sees it. They never change and hold
// nothing open.

// #include "shim.h"
import "C"

import (
	"fmt"
	"strings"
	"time"
	"weak"
)

// Answer is a yes or no that nobody may know.
type Answer int

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// String is for people.
func (a Answer) String() string { return [...]string{"unknown", "no", "yes"}[a] }

func answer(number C.int32_t) Answer {
	switch number {
	case 0:
		return No
	case 1:
		return Yes
	}
	return Unknown
}

// UnknownOffset is a number of bytes that nobody told.
const UnknownOffset int64 = -1

func offsetOf(offset C.uint64_t) int64 {
	if offset == C.VTRIX_UNKNOWN_OFFSET {
		return UnknownOffset
	}
	return int64(offset)
}

// OutcomeType is how a command ended. Later versions may have more.
type OutcomeType int

// Ways to end.
const (
	// Exited: by itself, or killed where the gateway told only the shell's number for that, 128 and
	// the signal.
	Exited OutcomeType = C.VTRIX_OUTCOME_EXITED
	// Killed: by a signal.
	Killed OutcomeType = C.VTRIX_OUTCOME_KILLED
	// TimedOut: it ran past its own timeout and was killed.
	TimedOut OutcomeType = C.VTRIX_OUTCOME_TIMED_OUT
	// Lost: nobody knows how it ended, or whether it did.
	Lost OutcomeType = C.VTRIX_OUTCOME_UNKNOWN
)

// Outcome is how a command ended, with its particulars.
type Outcome struct {
	Type OutcomeType
	// ExitCode is -1 where there is none. Of a killed command it stands for the signal.
	ExitCode int
	// Signal is 0 where there is none.
	Signal int
	// Reason says what happened instead, of one that is Lost.
	Reason string
	// StdoutOffset and StderrOffset are the bytes received from the command's start, of one that is
	// Lost.
	StdoutOffset, StderrOffset int64
}

// String says it for people.
func (o Outcome) String() string {
	switch o.Type {
	case Exited:
		return fmt.Sprintf("exited with %d", o.ExitCode)
	case Killed:
		return fmt.Sprintf("killed by signal %d", o.Signal)
	case TimedOut:
		return "timed out"
	}
	return "unknown: " + o.Reason
}

func newOutcome(raw *C.vtrix_outcome) Outcome {
	return Outcome{
		Type:         OutcomeType(raw._type),
		ExitCode:     int(raw.exit_code),
		Signal:       int(raw.signal),
		Reason:       text(raw.reason),
		StdoutOffset: offsetOf(raw.stdout_offset),
		StderrOffset: offsetOf(raw.stderr_offset),
	}
}

// Finished is a command that ended, with its output.
type Finished struct {
	// CmdID is the command's name; empty where nobody told.
	CmdID string
	// PID is its process number inside the sandbox; 0 where nobody told.
	PID int64
	// Cwd is where it started; empty where nobody told.
	Cwd string
	// StartedAt is zero where nobody told.
	StartedAt time.Time
	// Outcome is how it ended.
	Outcome Outcome
	// Output is what it wrote to both streams, in the order of arrival: any bytes. Stdout and
	// Stderr are the same apart.
	Output, Stdout, Stderr string
	// Pieces are Output once more, each with the stream that it came from.
	Pieces []Piece
	// OutputTruncated says whether it wrote something that is not in Output.
	OutputTruncated Answer
	// OutputIncomplete: something in the background still held its output when it was over; what
	// that writes is not kept.
	OutputIncomplete bool

	sandbox weak.Pointer[Sandbox]
}

// Piece is a part of a command's output that one stream gave.
type Piece struct {
	// Stream is Stdout or Stderr.
	Stream OutputStream
	// Data is any bytes.
	Data string
}

// Command gives the command's handle, to read its log again. Nil once the handle of its sandbox is
// closed or gone, which a Finished does not keep, and where nobody told the command's name.
func (f *Finished) Command() *Command {
	sandbox := f.sandbox.Value()
	if sandbox == nil || f.CmdID == "" {
		return nil
	}
	command, err := sandbox.Command(f.CmdID)
	if err != nil {
		return nil
	}
	command.known = commandFacts{f.PID, f.Cwd, f.StartedAt, f.ExitCode()}
	return command
}

// ExitCode is -1 where the command has none.
func (f *Finished) ExitCode() int { return f.Outcome.ExitCode }

// Success reports an exit with 0.
func (f *Finished) Success() bool { return f.Outcome.Type == Exited && f.Outcome.ExitCode == 0 }

func newFinished(raw *C.vtrix_finished) *Finished {
	f := &Finished{
		CmdID:            text(C.vtrix_finished_cmd_id(raw)),
		PID:              told(C.vtrix_finished_pid(raw)),
		Cwd:              text(C.vtrix_finished_cwd(raw)),
		StartedAt:        moment(C.vtrix_finished_started_at_ms(raw)),
		Outcome:          newOutcome(C.vtrix_finished_outcome(raw)),
		Output:           string(lent(C.vtrix_finished_output(raw))),
		OutputTruncated:  answer(C.vtrix_finished_output_truncated(raw)),
		OutputIncomplete: bool(C.vtrix_finished_output_incomplete(raw)),
	}
	stdout, stderr := lent(C.vtrix_finished_stdout(raw)), lent(C.vtrix_finished_stderr(raw))
	// Most commands write to one of them: then both are the same text, kept once.
	switch {
	case len(stderr) == 0 && len(stdout) == len(f.Output):
		f.Stdout = f.Output
	case len(stdout) == 0 && len(stderr) == len(f.Output):
		f.Stderr = f.Output
	default:
		f.Stdout, f.Stderr = string(stdout), string(stderr)
	}
	rest := f.Output
	for at := range C.vtrix_finished_pieces_len(raw) {
		size := int(C.vtrix_finished_piece(raw, at).len)
		f.Pieces = append(f.Pieces, Piece{OutputStream(C.vtrix_finished_piece_stream(raw, at)), rest[:size]})
		rest = rest[size:]
	}
	return f
}

// OutputStream is one of a command's streams.
type OutputStream int

// The streams.
const (
	Stdout OutputStream = C.VTRIX_STREAM_STDOUT
	Stderr OutputStream = C.VTRIX_STREAM_STDERR
	// Both is for CollectOutput.
	Both OutputStream = C.VTRIX_STREAM_BOTH
)

// String is its usual name.
func (s OutputStream) String() string {
	switch s {
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	case Both:
		return "both"
	}
	return ""
}

// EventType is what an event says. Later versions may have more: skip one that you do not know.
type EventType int

// Types of events.
const (
	// EventStart: the command runs. CmdID, PID and Cwd, each where the gateway tells it this early.
	EventStart EventType = C.VTRIX_EVENT_START
	// EventStdout: it wrote to standard output. Data and Offset.
	EventStdout EventType = C.VTRIX_EVENT_STDOUT
	// EventStderr: it wrote to standard error. Data and Offset.
	EventStderr EventType = C.VTRIX_EVENT_STDERR
	// EventGap: it wrote bytes that nobody kept. Stream, GapFrom and GapTo.
	EventGap EventType = C.VTRIX_EVENT_GAP
	// EventDone: it ended. Outcome and OutputIncomplete. Last, and once, unless the stream ends with
	// an error.
	EventDone EventType = C.VTRIX_EVENT_DONE
)

// String is its name in every language.
func (t EventType) String() string {
	switch t {
	case EventStart:
		return "start"
	case EventStdout:
		return "stdout"
	case EventStderr:
		return "stderr"
	case EventGap:
		return "gap"
	case EventDone:
		return "done"
	}
	return fmt.Sprintf("event %d", int(t))
}

// Event is something that a stream of output says. Type says which fields mean something.
type Event struct {
	Type   EventType
	Stream OutputStream
	// Data belongs to the receiver. A piece never ends inside a character.
	Data []byte
	// Offset is where Data begins in its stream; UnknownOffset where nobody told.
	Offset int64
	CmdID  string
	// PID is 0 where nobody told.
	PID int64
	Cwd string
	// GapFrom is the first missing byte, GapTo the first after the missing ones.
	GapFrom, GapTo   int64
	Outcome          Outcome
	OutputIncomplete bool

	reason string // Of a connection's.
}

// Text is Data for people: what is not UTF-8 shows as U+FFFD.
func (e Event) Text() string { return strings.ToValidUTF8(string(e.Data), "\uFFFD") }

func newEvent(raw *C.vtrix_event) Event {
	e := Event{
		Type:             EventType(raw._type),
		Stream:           OutputStream(raw.stream),
		Data:             append([]byte(nil), lent(raw.data)...),
		Offset:           offsetOf(raw.offset),
		CmdID:            text(raw.cmd_id),
		PID:              told(raw.pid),
		Cwd:              text(raw.cwd),
		GapFrom:          int64(raw.gap_from),
		GapTo:            int64(raw.gap_to),
		OutputIncomplete: bool(raw.output_incomplete),
		reason:           text(raw.reason),
	}
	if raw.outcome != nil {
		e.Outcome = newOutcome(raw.outcome)
	}
	return e
}

// Spec is what a sandbox is made of; empty fields are the gateway's defaults.
type Spec struct {
	CPU, Memory, Image          string
	RequestsCPU, RequestsMemory string
}

// Payload is a call made to a sandbox once it runs.
type Payload struct {
	// API is what to call, such as "/api/v1/env".
	API string
	// Body is given to it, as encoding/json writes it; nil is nothing.
	Body any
	// Env is the environment of that call alone.
	Env map[string]string
}

// SandboxInfo is the gateway's record of a sandbox. Texts that the gateway did not give are empty;
// times are RFC 3339.
type SandboxInfo struct {
	ID, UserID, Namespace, Status, IP      string
	PreviewURL, PreviewHost, PreviewScheme string
	Port                                   int
	ImageTag                               string
	Spec                                   Spec
	Labels                                 map[string]string
	CreatedAt, AllocatedAt, ExpireAt       string
	LastActiveAt                           string
	// Message says why, where something is wrong.
	Message string
	// NotEnforced are the limits that this gateway cannot hold the sandbox to.
	NotEnforced []string
}

func newInfo(raw *C.vtrix_sandbox_info) SandboxInfo {
	info := SandboxInfo{
		ID:            text(C.vtrix_sandbox_info_id(raw)),
		UserID:        text(C.vtrix_sandbox_info_user_id(raw)),
		Namespace:     text(C.vtrix_sandbox_info_namespace(raw)),
		Status:        text(C.vtrix_sandbox_info_status(raw)),
		IP:            text(C.vtrix_sandbox_info_ip(raw)),
		PreviewURL:    text(C.vtrix_sandbox_info_preview_url(raw)),
		PreviewHost:   text(C.vtrix_sandbox_info_preview_host(raw)),
		PreviewScheme: text(C.vtrix_sandbox_info_preview_scheme(raw)),
		Port:          int(C.vtrix_sandbox_info_port(raw)),
		ImageTag:      text(C.vtrix_sandbox_info_image_tag(raw)),
		Spec: Spec{
			CPU:            text(C.vtrix_sandbox_info_spec_cpu(raw)),
			Memory:         text(C.vtrix_sandbox_info_spec_memory(raw)),
			Image:          text(C.vtrix_sandbox_info_spec_image(raw)),
			RequestsCPU:    text(C.vtrix_sandbox_info_spec_requests_cpu(raw)),
			RequestsMemory: text(C.vtrix_sandbox_info_spec_requests_memory(raw)),
		},
		CreatedAt:    text(C.vtrix_sandbox_info_created_at(raw)),
		AllocatedAt:  text(C.vtrix_sandbox_info_allocated_at(raw)),
		ExpireAt:     text(C.vtrix_sandbox_info_expire_at(raw)),
		LastActiveAt: text(C.vtrix_sandbox_info_last_active_at(raw)),
		Message:      text(C.vtrix_sandbox_info_message(raw)),
	}
	info.Labels = make(map[string]string)
	for at := range C.vtrix_sandbox_info_labels_len(raw) {
		info.Labels[text(C.vtrix_sandbox_info_label_name(raw, at))] = text(C.vtrix_sandbox_info_label_value(raw, at))
	}
	for at := range C.vtrix_sandbox_info_not_enforced_len(raw) {
		info.NotEnforced = append(info.NotEnforced, text(C.vtrix_sandbox_info_not_enforced(raw, at)))
	}
	return info
}
