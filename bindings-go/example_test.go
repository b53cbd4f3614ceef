package vtrix_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

func Example() {
	ctx := context.Background()
	client, err := vtrix.NewClient(vtrix.Options{}) // VTRIX_BASE_URL, VTRIX_TOKEN, VTRIX_PROJECT_ID
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	sandbox, err := client.Create(ctx, vtrix.CreateOptions{UserID: "user-123"})
	if err != nil {
		log.Fatal(err)
	}
	defer sandbox.Delete(ctx)

	done, err := sandbox.Run(ctx, "echo", []string{"it's $(not) run"}, vtrix.RunOptions{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Print(done.Output)
	// Output: it's $(not) run
}

func ExampleSandbox_Run() {
	done, err := sandbox.Run(context.Background(), "wc -w; exit 3", nil, vtrix.RunOptions{
		Stdin:  strings.NewReader("three short words"),
		Stdout: os.Stdout,
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(done.Outcome)
	// Output:
	// 3
	// exited with 3
}

func ExampleSandbox_Run_timeout() {
	_, err := sandbox.Run(context.Background(), "echo begun; sleep 60", nil, vtrix.RunOptions{Timeout: 300 * time.Millisecond})
	var failure *vtrix.Error
	if errors.As(err, &failure) && failure.Kind == vtrix.ErrCommandTimedOut {
		fmt.Printf("timed out after writing %q\n", failure.Command.Output)
	}
	// Output: timed out after writing "begun\n"
}

func ExampleSandbox_Start() {
	ctx := context.Background()
	server, err := sandbox.Start(ctx, "exec sleep 3600", nil, vtrix.RunOptions{})
	if err != nil {
		log.Fatal(err)
	}
	if err := server.Kill(ctx, vtrix.SIGTERM); err != nil {
		log.Fatal(err)
	}
	done, err := server.Wait(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("the server was", done.Outcome)
	// Output: the server was killed by signal 15
}

func ExampleSandbox_Stream() {
	stream, err := sandbox.Stream(context.Background(), "echo compiling; sleep 0.1; echo done", nil, vtrix.RunOptions{})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range stream.All() {
		if err != nil {
			log.Fatal(err)
		}
		switch event.Type {
		case vtrix.EventStdout:
			fmt.Print(event.Text())
		case vtrix.EventDone:
			fmt.Println(event.Outcome)
		}
	}
	// Output:
	// compiling
	// done
	// exited with 0
}

func ExampleSandbox_ReadStream() {
	ctx := context.Background()
	if _, err := sandbox.Write(ctx, "notes.txt", "remember the milk"); err != nil {
		log.Fatal(err)
	}
	file, err := sandbox.ReadStream(ctx, "notes.txt", 0)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(os.Stdout, file); err != nil {
		log.Fatal(err)
	}
	// Output: remember the milk
}

func ExampleClient_All() {
	for info, err := range client.All(context.Background(), vtrix.ListOptions{UserID: "nobody"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(info.ID, info.Status)
	}
	// Output:
}

func ExampleKind() {
	_, err := sandbox.ReadFile(context.Background(), "/no/such/file", 0)
	fmt.Println(errors.Is(err, vtrix.ErrFileNotFound), errors.Is(err, os.ErrNotExist))
	// Output: true true
}
