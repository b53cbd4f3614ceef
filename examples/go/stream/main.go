// Output as it happens, replayed, and taken apart.
package main

import (
	"context"
	"fmt"
	"os"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
	"github.com/vtrixai/sandbox-native/examples/go/service"
)

const build = "for n in 1 2 3; do echo compiling $n; sleep 0.2; done; echo 1 warning >&2"

func main() { service.Main(run) }

func run(ctx context.Context, client *vtrix.Client) error {
	sandbox, err := client.Create(ctx, vtrix.CreateOptions{UserID: "user-123"})
	if err != nil {
		return err
	}

	// Events, each stream apart.
	events, err := sandbox.Stream(ctx, build, nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	for event, err := range events.All() {
		if err != nil {
			return err
		}
		switch event.Type {
		case vtrix.EventStart:
			fmt.Printf("started as process Some(%d)\n", event.PID)
		case vtrix.EventStdout:
			fmt.Print("  ", event.Text())
		case vtrix.EventStderr:
			fmt.Print("! ", event.Text())
		case vtrix.EventDone:
			fmt.Println(event.Outcome)
		}
	}

	// Wait for the result and watch meanwhile.
	done, err := sandbox.Run(ctx, build, nil, vtrix.RunOptions{Stdout: os.Stdout})
	if err != nil {
		return err
	}
	fmt.Println(len(done.Output), "bytes in all")

	// A detached command can be followed by anybody who knows its id: first what it wrote so far,
	// then what it writes.
	job, err := sandbox.Start(ctx, build, nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	logs, err := sandbox.ExecLogs(ctx, job.CmdID())
	if err != nil {
		return err
	}
	for event, err := range logs.All() {
		if err != nil {
			return err
		}
		fmt.Print(event.Text())
	}

	// The same through the command's handle, and again once it is over.
	if logs, err = job.Logs(ctx); err != nil {
		return err
	}
	for event, err := range logs.All() {
		if err != nil {
			return err
		}
		mark := " "
		if event.Stream == vtrix.Stderr {
			mark = "!"
		}
		fmt.Printf("%s %s", mark, event.Text())
	}
	stdout, err := job.Stdout(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("standard output alone: %q\n", stdout.Data)
	both, err := job.CollectOutput(ctx, vtrix.Both)
	if err != nil {
		return err
	}
	fmt.Printf("both: %d bytes\n", len(both.Data))

	return sandbox.Delete(ctx)
}
