// Create a sandbox, run commands, let one run by itself.
package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
	"github.com/vtrixai/sandbox-native/examples/go/service"
)

func main() { service.Main(run) }

func run(ctx context.Context, client *vtrix.Client) error {
	sandbox, err := client.Create(ctx, vtrix.CreateOptions{
		UserID: "user-123", Env: map[string]string{"GREETING": "hello"}, TTLHours: 1,
	})
	if err != nil {
		return err
	}

	// Arguments are quoted: nothing in them is run by the shell.
	done, err := sandbox.Run(ctx, `echo "$GREETING"`, []string{"it's $(not) run"}, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Print(done.Output)

	// Directory, environment, input.
	done, err = sandbox.Run(ctx, "pwd; echo $GREETING; wc -w", nil, vtrix.RunOptions{
		Dir:   "/tmp",
		Env:   map[string]string{"GREETING": "good morning"},
		Stdin: strings.NewReader("three short words"),
	})
	if err != nil {
		return err
	}
	fmt.Print(done.Output)

	// An exit code other than 0 is a result, not an error.
	done, err = sandbox.Run(ctx, "ls /missing", nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Printf("exit code Some(%d): %s\n", done.ExitCode(), strings.TrimSpace(done.Stderr))

	// A command that takes too long is killed; the error has its output.
	_, err = sandbox.Run(ctx, "echo begun; sleep 60", nil, vtrix.RunOptions{Timeout: 300 * time.Millisecond})
	var late *vtrix.Error
	if errors.As(err, &late) && late.Kind == vtrix.ErrCommandTimedOut {
		fmt.Printf("timed out after writing Some(%q)\n", late.Command.Output)
	}

	// Detached: started, and waited for when it suits.
	job, err := sandbox.Start(ctx, "sleep 0.5; echo worked", nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Printf("%s runs as process %d\n", job.CmdID(), job.PID())
	if done, err = job.Wait(ctx); err != nil {
		return err
	}
	fmt.Print(done.Output)

	server, err := sandbox.Start(ctx, "exec sleep 3600", nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	if err := server.Kill(ctx, vtrix.SIGTERM); err != nil {
		return err
	}
	if done, err = server.Wait(ctx); err != nil {
		return err
	}
	fmt.Println("the server was", done.Outcome)

	return sandbox.Delete(ctx)
}
