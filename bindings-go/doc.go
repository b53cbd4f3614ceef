// Package vtrix runs commands and works on files in Vtrix sandboxes, isolated Linux environments.
//
// A [Client] creates, finds and deletes sandboxes; a [Sandbox] runs commands and works on files in
// one; a [Command] is a process in it, an [ExecStream] its output while it arrives.
//
//	client, err := vtrix.NewClient(vtrix.Options{})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	sandbox, err := client.Create(ctx, vtrix.CreateOptions{UserID: "user-123"})
//	if err != nil {
//		return err
//	}
//	defer sandbox.Delete(ctx)
//	done, err := sandbox.Run(ctx, "echo", []string{"hello"}, vtrix.RunOptions{Stdout: os.Stdout})
//
// # Contexts
//
// A call ends with its context, and returns that context's error. A command that was being waited
// for is then killed; one that was started with [Sandbox.Start] is not. The context of a stream's
// opening is the stream's: when it is over, so is the stream.
//
// # Errors
//
// Every other error is an [*Error], whose kind errors.Is tells: errors.Is(err, vtrix.ErrNotFound).
// The kinds are the same in every language.
//
// # Goroutines
//
// Everything may be used by any number of goroutines at the same time. One that waits is parked
// and holds no thread; a progress function that blocks does. Writers and progress functions are
// called on the goroutine that made the call, so what they panic with, it panics with.
//
// # Closing
//
// Close of a [Client] or a [Sandbox] ends what goes on; that of a [Command] or of any handle lets go
// of connections. Afterwards every call fails with [ErrClosed]. A handle that is dropped without
// lets go of them when it is collected, which may take its time.
//
// # Linking
//
// The package needs cgo and stands on libvtrix_sandbox.a, which pkg-config must find as
// vtrix-sandbox-static: cargo xtask install --prefix P lays it down, and PKG_CONFIG_PATH is then
// P/lib/pkgconfig. With the build tag vtrix_shared the shared library is linked instead.
package vtrix
