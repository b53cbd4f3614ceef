// Read, write, edit, list, upload, download and stream files.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
	"github.com/vtrixai/sandbox-native/examples/go/service"
)

func main() { service.Main(run) }

func run(ctx context.Context, client *vtrix.Client) error {
	sandbox, err := client.Create(ctx, vtrix.CreateOptions{UserID: "user-123"})
	if err != nil {
		return err
	}
	for _, part := range []func(context.Context, *vtrix.Sandbox) error{text, bytes, directories, transfers} {
		if err := part(ctx, sandbox); err != nil {
			return err
		}
	}

	// What went wrong is one of a closed set of kinds.
	_, err = sandbox.Read(ctx, "/app")
	fmt.Printf("%v (a directory: %t)\n", err, errors.Is(err, vtrix.ErrIsADirectory))

	return sandbox.Delete(ctx)
}

func text(ctx context.Context, sandbox *vtrix.Sandbox) error {
	// Parent directories are made.
	written, err := sandbox.Write(ctx, "/app/config.json", `{"port": 3000}`)
	if err != nil {
		return err
	}
	fmt.Printf("wrote %d bytes\n", written)
	if _, err := sandbox.Edit(ctx, "/app/config.json", `"port": 3000`, `"port": 8080`); err != nil {
		return err
	}
	config, err := sandbox.Read(ctx, "/app/config.json")
	if err != nil {
		return err
	}
	fmt.Printf("%s (cut: %t)\n", config.Text, config.Truncated)

	// An edit that could mean two places is refused.
	if _, err := sandbox.Write(ctx, "/app/twice", "a a"); err != nil {
		return err
	}
	if _, err := sandbox.Edit(ctx, "/app/twice", "a", "b"); errors.Is(err, vtrix.ErrEditAmbiguous) {
		fmt.Println("Err(EditAmbiguous)")
	}
	return nil
}

func bytes(ctx context.Context, sandbox *vtrix.Sandbox) error {
	// Several binary files in one flight, with permissions.
	script := vtrix.WriteFile{Path: "/app/run.sh", Content: []byte("#!/bin/sh\necho it runs\n"), Mode: 0o755}
	data := vtrix.WriteFile{Path: "/app/data.bin", Content: []byte{0, 159, 146, 150}}
	if err := sandbox.WriteFiles(ctx, script, data); err != nil {
		return err
	}
	done, err := sandbox.Run(ctx, "/app/run.sh", nil, vtrix.RunOptions{})
	if err != nil {
		return err
	}
	fmt.Print(done.Output)

	// Every byte of any file.
	content, err := sandbox.ReadFile(ctx, "/app/data.bin", 0)
	if err != nil {
		return err
	}
	fmt.Printf("Some(%s)\n", strings.Join(strings.Fields(fmt.Sprint(content)), ", "))
	if _, err := sandbox.ReadFile(ctx, "/app/missing", 0); errors.Is(err, os.ErrNotExist) {
		fmt.Println("None")
	}
	return nil
}

func directories(ctx context.Context, sandbox *vtrix.Sandbox) error {
	if err := sandbox.Mkdir(ctx, "/app/logs"); err != nil {
		return err
	}
	entries, err := sandbox.ListFiles(ctx, "/app")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		kind := '-'
		if entry.IsDir {
			kind = 'd'
		}
		fmt.Printf("%c %6d %s\n", kind, entry.Size, entry.Name)
	}
	exists, err := sandbox.Exists(ctx, "/app/logs")
	if err != nil {
		return err
	}
	info, err := sandbox.Stat(ctx, "/app/logs")
	if err != nil {
		return err
	}
	fmt.Printf("exists: %t\nis a directory: %t\n", exists, info.IsDir)
	return nil
}

// To and from this machine, whole or not at all.
func transfers(ctx context.Context, sandbox *vtrix.Sandbox) error {
	local, err := os.MkdirTemp("", "vtrix-files-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(local)
	up, down := filepath.Join(local, "up.csv"), filepath.Join(local, "new", "down.csv")
	if err := os.WriteFile(up, []byte(strings.Repeat("a,b\n", 100_000)), 0o600); err != nil {
		return err
	}
	if err := sandbox.UploadFile(ctx, up, "/data/large.csv", vtrix.TransferOptions{}); err != nil {
		return err
	}
	saved, err := sandbox.DownloadFile(ctx, "/data/large.csv", down, vtrix.TransferOptions{MkdirRecursive: true})
	if err != nil {
		return err
	}
	fmt.Printf("saved to Some(%q)\n", saved)
	several, err := sandbox.DownloadFiles(ctx, []vtrix.Download{
		{SandboxPath: "/app/run.sh", LocalPath: filepath.Join(local, "run.sh")},
		{SandboxPath: "/no", LocalPath: filepath.Join(local, "no")},
	}, vtrix.TransferOptions{})
	if err != nil {
		return err
	}
	fmt.Printf("{%q: Some(%q), %q: %s}\n", "/app/run.sh", several["/app/run.sh"], "/no", orNone(several["/no"]))

	// A large file piece by piece, in little memory.
	file, err := sandbox.ReadStream(ctx, "/data/large.csv", 0)
	if err != nil {
		return err
	}
	defer file.Close()
	total, err := io.Copy(io.Discard, file)
	if err != nil {
		return err
	}
	fmt.Printf("streamed %d bytes\n", total)
	return nil
}

func orNone(path string) string {
	if path == "" {
		return "None"
	}
	return fmt.Sprintf("Some(%q)", path)
}
