package vtrix_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

func TestRunTakesAndGivesEverything(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	var out, err bytes.Buffer
	done, failure := sandbox.Run(patience(t), "cat; pwd; echo $GREETING >&2; printf %s", []string{"it's $(not) run"}, vtrix.RunOptions{
		Dir: dir, Env: map[string]string{"GREETING": "hello"}, Stdin: strings.NewReader("in\n"), Stdout: &out, Stderr: &err,
	})
	must(t, failure)
	if want := "in\n" + dir + "\nit's $(not) run"; out.String() != want || done.Stdout != want {
		t.Errorf("wrote %q, kept %q", out.String(), done.Stdout)
	}
	if err.String() != "hello\n" || done.Stderr != "hello\n" || len(done.Output) != len(done.Stdout)+len(done.Stderr) {
		t.Errorf("wrote %q, kept %q of %q", err.String(), done.Stderr, done.Output)
	}
	if done.PID == 0 || done.CmdID == "" || done.StartedAt.IsZero() || done.OutputTruncated != vtrix.No || done.Cwd != dir {
		t.Errorf("%+v", done)
	}
}

func TestCancelledContextKillsTheCommand(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		_, err := sandbox.Run(ctx, sleeper, nil, vtrix.RunOptions{Dir: dir, Stdout: io.Discard})
		ended <- err
	}()
	sh(t, dir, up)
	cancel()
	if err := <-ended; err != context.Canceled {
		t.Errorf("got %v", err)
	}
	sh(t, dir, gone)
}

func TestContextsOwnErrorComes(t *testing.T) {
	t.Parallel()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := sandbox.Run(over, "true", nil, vtrix.RunOptions{}); err != context.Canceled {
		t.Errorf("got %v", err)
	}
	late, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := sandbox.Run(late, "sleep 600", nil, vtrix.RunOptions{}); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	_, err := sandbox.Run(late, "true", nil, vtrix.RunOptions{Stdin: blocked{}})
	if err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
}

type blocked struct{}

func (blocked) Read([]byte) (int, error) { select {} }

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
func (f failing) Read([]byte) (int, error)  { return 0, f.err }

func TestWriterThatFailsEndsTheCommand(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	own := errors.New("disk full")
	_, err := sandbox.Run(patience(t), "echo x; "+sleeper, nil, vtrix.RunOptions{Dir: dir, Stdout: failing{own}})
	if !errors.Is(err, own) || !errors.Is(err, vtrix.ErrCallback) {
		t.Errorf("got %v", err)
	}
	sh(t, dir, "[ ! -e pid ] || { "+gone+"; }")
	_, err = sandbox.Run(patience(t), "true", nil, vtrix.RunOptions{Stdin: failing{own}})
	if !errors.Is(err, own) || !errors.Is(err, vtrix.ErrCallback) {
		t.Errorf("got %v", err)
	}
}

type does func([]byte) (int, error)

func (d does) Write(p []byte) (int, error) { return d(p) }
func (d does) Read(p []byte) (int, error)  { return d(p) }

func TestPanicOfAWriterIsTheCallers(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	for name, options := range map[string]vtrix.RunOptions{
		"writer": {Dir: dir, Stdout: does(func([]byte) (int, error) { panic("mine") })},
		"reader": {Dir: dir, Stdin: does(func([]byte) (int, error) { panic("mine") })},
	} {
		func() {
			defer func() {
				if seen := recover(); seen != "mine" {
					t.Errorf("%s: recovered %v", name, seen)
				}
			}()
			_, err := sandbox.Run(patience(t), "echo x; "+sleeper, nil, options)
			t.Errorf("%s: came back with %v", name, err)
		}()
	}
	// A writer that ends its goroutine ends the call too.
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = sandbox.Run(context.Background(), "echo x; "+sleeper, nil, vtrix.RunOptions{
			Dir: dir, Stdout: does(func([]byte) (int, error) { runtime.Goexit(); return 0, nil }),
		})
	}()
	<-ended
	sh(t, dir, "[ ! -e pid ] || { "+gone+"; }")
}

func TestWriterMayCallBackIn(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	var seen string
	_, err := sandbox.Run(patience(t), "echo one", nil, vtrix.RunOptions{
		Stdout: does(func(p []byte) (int, error) {
			if _, err := sandbox.Write(context.Background(), dir+"/file", string(p)); err != nil {
				return 0, err
			}
			result, err := sandbox.Read(context.Background(), dir+"/file")
			seen = result.Text
			return len(p), err
		}),
	})
	must(t, err)
	if seen != "one\n" {
		t.Errorf("read %q", seen)
	}
}

func TestCommandPastItsTimeoutLeavesItsOutput(t *testing.T) {
	t.Parallel()
	_, err := sandbox.Run(patience(t), "echo begun; sleep 600", nil, vtrix.RunOptions{Timeout: 300 * time.Millisecond})
	var failure *vtrix.Error
	if !errors.As(err, &failure) || !errors.Is(err, vtrix.ErrCommandTimedOut) {
		t.Fatalf("got %v", err)
	}
	if failure.Command == nil || failure.Command.Output != "begun\n" || failure.Command.Outcome.Type != vtrix.TimedOut {
		t.Errorf("got %+v", failure.Command)
	}
	_, err = sandbox.Run(patience(t), "true", nil, vtrix.RunOptions{Timeout: -1})
	if !errors.Is(err, vtrix.ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
}

func TestStartedCommandGoesOn(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	command, err := sandbox.Start(patience(t), sleeper, nil, vtrix.RunOptions{Dir: dir})
	must(t, err)
	sh(t, dir, up)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	if _, err := command.Wait(ctx); err != context.DeadlineExceeded {
		t.Errorf("got %v", err)
	}
	sh(t, dir, "kill -0 $(cat pid)")
	must(t, command.Kill(patience(t), vtrix.SIGKILL))
	done, err := command.Wait(patience(t))
	must(t, err)
	if done.Outcome.Type != vtrix.Killed || done.Outcome.Signal != 9 {
		t.Errorf("ended: %v", done.Outcome)
	}
}

func TestManyGoroutinesOnOneHandle(t *testing.T) {
	t.Parallel()
	var group sync.WaitGroup
	for n := range 64 {
		group.Go(func() {
			for range 4 {
				done, err := sandbox.Run(patience(t), "echo", []string{fmt.Sprint(n)}, vtrix.RunOptions{})
				if err != nil || done.Output != fmt.Sprintf("%d\n", n) {
					t.Errorf("%d: %v, %v", n, done, err)
				}
			}
		})
	}
	group.Wait()
}

func TestWaitingHoldsNoThread(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	before, _ := runtime.ThreadCreateProfile(nil)
	var group sync.WaitGroup
	command, err := sandbox.Start(ctx, "exec sleep 600", nil, vtrix.RunOptions{})
	must(t, err)
	defer func() { must(t, command.Kill(patience(t), vtrix.SIGKILL)) }()
	for range 200 {
		group.Go(func() {
			if _, err := command.Wait(ctx); err != context.Canceled {
				t.Errorf("got %v", err)
			}
		})
	}
	sh(t, "/", "sleep 0.2")
	after, _ := runtime.ThreadCreateProfile(nil)
	if after > before+100 {
		t.Errorf("200 waits took %d threads", after-before)
	}
	cancel()
	group.Wait()
}

// A writer that blocks holds no thread of the library's, however many there are: here are five times
// as many as the library has for callbacks, each with more to write than may wait.
func TestBlockedWritersHoldUpNobody(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	const threads, writers, size = 8, 40, 3_000_000
	id := sandbox.ID()
	must(t, vtrix.Shutdown())
	must(t, vtrix.StartLibrary(vtrix.StartOptions{CallbackThreads: threads}))
	mine, err := vtrix.NewClient(vtrix.Options{StreamBuffer: 64 << 10})
	must(t, err)
	attached, err := mine.Attach(patience(t), id, vtrix.AttachOptions{})
	must(t, err)
	client, sandbox = mine, attached
	gate, blocked := make(chan struct{}), make(chan struct{}, writers)
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			var wrote int
			_, err := attached.Run(patience(t), fmt.Sprintf(`head -c %d /dev/zero | tr '\0' x`, size), nil, vtrix.RunOptions{
				MaxOutput: vtrix.KeepNothing,
				Stdout: does(func(p []byte) (int, error) {
					if wrote == 0 {
						blocked <- struct{}{}
						<-gate
						// All of them at once make a call of their own.
						if _, err := attached.Stat(context.Background(), "/"); err != nil {
							return 0, err
						}
					}
					wrote += len(p)
					return len(p), nil
				}),
			})
			if err != nil || wrote != size {
				t.Errorf("wrote %d: %v", wrote, err)
			}
		})
	}
	for range writers {
		<-blocked
	}
	for range 2 * threads {
		sh(t, "/", "true")
	}
	close(gate)
	group.Wait()
}

// A context that is over kills the command though a writer blocks.
func TestBlockedWriterDoesNotShieldItsCommand(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	ctx, cancel := context.WithCancel(context.Background())
	gate, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		_, err := sandbox.Run(ctx, "echo x; "+sleeper, nil, vtrix.RunOptions{
			Dir: dir, Stdout: does(func(p []byte) (int, error) { <-gate; return len(p), nil }),
		})
		ended <- err
	}()
	sh(t, dir, up)
	cancel()
	sh(t, dir, gone)
	close(gate)
	if err := <-ended; err != context.Canceled {
		t.Errorf("got %v", err)
	}
}

func TestWritersGetTheStreamsApart(t *testing.T) {
	t.Parallel()
	var out, errs, both bytes.Buffer
	tee := func(to *bytes.Buffer) io.Writer { return io.MultiWriter(to, &both) }
	done, err := sandbox.Run(patience(t), "for i in $(seq 500); do echo out $i; echo err $i >&2; done; seq 100000", nil, vtrix.RunOptions{
		Stdout: tee(&out), Stderr: tee(&errs),
	})
	must(t, err)
	if out.String() != done.Stdout || errs.String() != done.Stderr || both.String() != done.Output {
		t.Errorf("wrote %d and %d bytes, kept %d and %d", out.Len(), errs.Len(), len(done.Stdout), len(done.Stderr))
	}
}

func TestFinishedTellsTheStreamsApartAndLeadsToItsCommand(t *testing.T) {
	t.Parallel()
	mine, err := client.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
	must(t, err)
	done, err := mine.Run(patience(t), "echo one; echo two >&2; exit 3", nil, vtrix.RunOptions{})
	must(t, err)
	var joined strings.Builder
	for _, piece := range done.Pieces {
		joined.WriteString(piece.Data)
	}
	if joined.String() != done.Output || len(done.Pieces) != 2 {
		t.Errorf("pieces %q of %q", done.Pieces, done.Output)
	}
	for _, piece := range done.Pieces {
		if want := map[vtrix.OutputStream]string{vtrix.Stdout: "one\n", vtrix.Stderr: "two\n"}[piece.Stream]; piece.Data != want {
			t.Errorf("%v gave %q", piece.Stream, piece.Data)
		}
	}
	command := done.Command()
	if command == nil || command.PID() != done.PID || command.ExitCode() != 3 || !command.StartedAt().Equal(done.StartedAt) {
		t.Fatalf("led to %v", command)
	}
	again, err := command.Stdout(patience(t))
	must(t, err)
	if again.Data != done.Stdout {
		t.Errorf("read %q again", again.Data)
	}
	_, err = mine.Run(patience(t), "echo begun; sleep 600", nil, vtrix.RunOptions{Timeout: 300 * time.Millisecond})
	var failure *vtrix.Error
	if !errors.As(err, &failure) || failure.Command == nil || failure.Command.Command() == nil {
		t.Errorf("a failure leads to no command: %v", err)
	}
	must(t, command.Close())
	must(t, mine.Close())
	if done.Command() != nil {
		t.Error("a closed handle leads to a command")
	}
}
