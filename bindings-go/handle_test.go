package vtrix_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"testing"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// closedAlone fails unless err says that something was closed, and that nothing has run.
func closedAlone(t *testing.T, err error) {
	t.Helper()
	var failure *vtrix.Error
	if !errors.Is(err, vtrix.ErrClosed) || !errors.Is(err, os.ErrClosed) || !errors.As(err, &failure) || failure.MayHaveRun != vtrix.No {
		t.Errorf("got %v", err)
	}
}

func TestClosedSandboxKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	mine, err := client.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
	must(t, err)
	before, created, most := mine.Info(), mine.CreatedAt(), mine.Timeout()
	must(t, mine.Close())
	must(t, mine.Close())
	if mine.ID() != sandbox.ID() || mine.Info().ExpireAt != before.ExpireAt || mine.Status() != "active" || !mine.CreatedAt().Equal(created) {
		t.Errorf("before %+v, after %+v", before, mine.Info())
	}
	if left := mine.Timeout(); left <= 0 || left > most {
		t.Errorf("%v left", left)
	}
	_, err = mine.Run(patience(t), "true", nil, vtrix.RunOptions{})
	closedAlone(t, err)
	_, err = mine.Start(patience(t), "true", nil, vtrix.RunOptions{})
	closedAlone(t, err)
	_, err = mine.Command("some")
	closedAlone(t, err)
	_, err = mine.Domain(80)
	closedAlone(t, err)
	closedAlone(t, mine.UploadFile(patience(t), "from", "to", vtrix.TransferOptions{}))
	var states []vtrix.ConnectionState
	for event, err := range mine.ConnectionEvents(patience(t)) {
		must(t, err)
		states = append(states, event.State)
	}
	if len(states) != 1 || states[0] != vtrix.ConnectionClosed {
		t.Errorf("the connection was %v", states)
	}
}

func TestClosedCommandLeavesTheCommandAlone(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	command, err := sandbox.Start(patience(t), sleeper, nil, vtrix.RunOptions{Dir: dir})
	must(t, err)
	sh(t, dir, up)
	waits := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		close(begun)
		done, err := command.Wait(context.Background())
		if err == nil && done.Outcome.Signal != 9 {
			err = errors.New(done.Outcome.String())
		}
		waits <- err
	}()
	<-begun
	pid := command.PID()
	must(t, command.Close())
	must(t, command.Close())
	if pid == 0 || command.PID() != pid || command.Cwd() != dir || command.StartedAt().IsZero() || command.ExitCode() != -1 {
		t.Errorf("pid %d, then %d, cwd %q", pid, command.PID(), command.Cwd())
	}
	_, err = command.Wait(patience(t))
	closedAlone(t, err)
	_, err = command.Logs(patience(t))
	closedAlone(t, err)
	closedAlone(t, command.Kill(patience(t), vtrix.SIGKILL))
	sh(t, dir, "kill -0 $(cat pid)")
	must(t, sandbox.Kill(patience(t), command.CmdID(), vtrix.SIGKILL))
	// A wait that had begun goes on; one that had not is refused.
	if err := <-waits; err != nil && !errors.Is(err, vtrix.ErrClosed) {
		t.Errorf("waited: %v", err)
	}
}

func TestClosedClientRefuses(t *testing.T) {
	t.Parallel()
	mine, err := vtrix.NewClient(vtrix.Options{})
	must(t, err)
	must(t, mine.Close())
	_, err = mine.Get(patience(t), sandbox.ID())
	closedAlone(t, err)
	_, err = mine.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
	closedAlone(t, err)
	_, err = mine.PoolStatus(patience(t))
	closedAlone(t, err)
}

// Whoever calls, whoever closes and the collector meet in every order.
func TestClosingRacesWithCalls(t *testing.T) {
	t.Parallel()
	for range 20 {
		mine, err := vtrix.NewClient(vtrix.Options{})
		must(t, err)
		attached, err := mine.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
		must(t, err)
		command, err := attached.Command("none")
		must(t, err)
		var callers, closers sync.WaitGroup
		calling := make(chan struct{}, 4)
		for _, call := range []func() error{
			func() error { _, err := mine.Get(context.Background(), attached.ID()); return err },
			func() error { _, err := attached.Stat(context.Background(), "/"); return err },
			func() error {
				attached.Info()
				attached.Timeout()
				_, err := attached.Command("none")
				return err
			},
			func() error {
				command.PID()
				err := command.Kill(context.Background(), vtrix.SIGTERM)
				if errors.Is(err, vtrix.ErrCommandNotFound) {
					return nil
				}
				return err
			},
		} {
			callers.Go(func() {
				err := call()
				calling <- struct{}{}
				for err == nil {
					err = call()
				}
				if !errors.Is(err, vtrix.ErrClosed) {
					t.Errorf("got %v", err)
				}
			})
		}
		for range 4 {
			<-calling
		}
		for _, one := range []interface{ Close() error }{command, attached, mine, command, attached, mine} {
			closers.Go(func() { must(t, one.Close()) })
		}
		closers.Wait()
		callers.Wait()
		runtime.GC()
	}
}
