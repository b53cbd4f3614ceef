// Come back to a sandbox by its id, as another program would.
package main

import (
	"context"
	"fmt"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
	"github.com/vtrixai/sandbox-native/examples/go/service"
)

func main() { service.Main(run) }

func run(ctx context.Context, client *vtrix.Client) error {
	sandboxID, cmdID, err := leave(ctx, client)
	if err != nil {
		return err
	}

	// Another finds it again.
	for info, err := range client.All(ctx, vtrix.ListOptions{UserID: "user-123", Status: "active"}) {
		if err != nil {
			return err
		}
		fmt.Printf("%s is %s, with labels {%q: %q}\n", info.ID, info.Status, "job", info.Labels["job"])
	}

	// The environment of create is not kept anywhere: it is given again.
	sandbox, err := client.Attach(ctx, sandboxID, vtrix.AttachOptions{Env: map[string]string{"WHO": "second"}})
	if err != nil {
		return err
	}
	notes, err := sandbox.Read(ctx, "notes.txt")
	if err != nil {
		return err
	}
	fmt.Printf("Some(%q)\n", notes.Text)
	done, err := sandbox.Run(ctx, "echo the $WHO program is here", nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Print(done.Output)
	job, err := sandbox.Command(cmdID)
	if err != nil {
		return err
	}
	if done, err = job.Wait(ctx); err != nil {
		return err
	}
	fmt.Print(done.Output)

	return sandbox.Delete(ctx)
}

// leave is one program: it creates a sandbox, leaves something running in it, and goes away.
func leave(ctx context.Context, client *vtrix.Client) (sandboxID, cmdID string, err error) {
	sandbox, err := client.Create(ctx, vtrix.CreateOptions{UserID: "user-123", Labels: map[string]string{"job": "nightly"}})
	if err != nil {
		return "", "", err
	}
	defer sandbox.Close()
	if _, err := sandbox.Write(ctx, "notes.txt", "remember the milk"); err != nil {
		return "", "", err
	}
	job, err := sandbox.Start(ctx, "sleep 0.5; echo finished", nil, vtrix.RunOptions{})
	if err != nil {
		return "", "", err
	}
	return sandbox.ID(), job.CmdID(), nil
}
