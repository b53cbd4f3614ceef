// Stop, start, restart, extend, update, configure and delete a sandbox.
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
	"github.com/vtrixai/sandbox-native/examples/go/service"
)

const patience = time.Minute

func main() { service.Main(run) }

func run(ctx context.Context, client *vtrix.Client) error {
	sandbox, err := client.Create(ctx, vtrix.CreateOptions{
		UserID:   "user-123",
		Spec:     vtrix.Spec{CPU: "1", Memory: "1Gi"},
		Payloads: []vtrix.Payload{{API: "/api/v1/env", Body: map[string]string{"STAGE": "test"}}},
		TTLHours: 1,
	})
	if err != nil {
		return err
	}
	fmt.Println(sandbox.Status(), "until", sandbox.ExpireAt())
	if err := stage(ctx, sandbox); err != nil {
		return err
	}

	// Files survive a stop, processes don't.
	if _, err := sandbox.Write(ctx, "/workspace/kept.txt", "still here"); err != nil {
		return err
	}
	if err := sandbox.Stop(ctx, vtrix.StopOptions{Blocking: true, PollInterval: 50 * time.Millisecond}); err != nil {
		return err
	}
	fmt.Println(sandbox.Status())
	var refused *vtrix.Error
	if _, err := sandbox.Run(ctx, "true", nil, vtrix.RunOptions{}); errors.As(err, &refused) {
		fmt.Printf("%s: %v\n", string(refused.Kind), err)
	}
	if err := active(ctx, sandbox, sandbox.Boot(ctx)); err != nil {
		return err
	}
	kept, err := sandbox.Read(ctx, "/workspace/kept.txt")
	if err != nil {
		return err
	}
	fmt.Printf("Some(%q)\n", kept.Text)

	if err := active(ctx, sandbox, sandbox.Restart(ctx)); err != nil {
		return err
	}

	// More time: one hour, and the cached record is refreshed.
	if err := sandbox.ExtendTimeout(ctx, 3600); err != nil {
		return err
	}
	fmt.Println(int(sandbox.Timeout().Minutes()), "minutes left")

	// Other resources. The sandbox may be made again; its files stay.
	more := vtrix.UpdateOptions{Spec: vtrix.Spec{CPU: "2", Memory: "2Gi"}}
	if err := active(ctx, sandbox, sandbox.Update(ctx, more)); err != nil {
		return err
	}
	spec := sandbox.Info().Spec
	fmt.Printf("Some(Spec { cpu: %q, memory: %q, image: %q, requests_cpu: %q, requests_memory: %q })\n",
		spec.CPU, spec.Memory, spec.Image, spec.RequestsCPU, spec.RequestsMemory)

	// Apply the stored configuration again.
	if err := active(ctx, sandbox, sandbox.Configure(ctx)); err != nil {
		return err
	}
	if err := stage(ctx, sandbox); err != nil {
		return err
	}

	if err := sandbox.Delete(ctx); err != nil {
		return err
	}
	_, err = client.Get(ctx, sandbox.ID())
	fmt.Printf("gone: %t\n", errors.Is(err, vtrix.ErrNotFound))
	return nil
}

// active waits until a change that was asked for is done.
func active(ctx context.Context, sandbox *vtrix.Sandbox, err error) error {
	if err != nil {
		return err
	}
	return sandbox.WaitUntilActive(ctx, patience)
}

func stage(ctx context.Context, sandbox *vtrix.Sandbox) error {
	done, err := sandbox.Run(ctx, "echo stage $STAGE", nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Print(done.Output)
	return nil
}
