package vtrix_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

func TestStreamTellsWhatHappens(t *testing.T) {
	t.Parallel()
	stream, err := sandbox.Stream(patience(t), "echo out; echo err >&2; exit 3", nil, vtrix.RunOptions{})
	must(t, err)
	var types []vtrix.EventType
	var out, errs string
	for event, err := range stream.All() {
		must(t, err)
		types = append(types, event.Type)
		switch event.Type {
		case vtrix.EventStdout:
			out += event.Text()
		case vtrix.EventStderr:
			errs += event.Text()
		case vtrix.EventDone:
			if event.Outcome.ExitCode != 3 {
				t.Errorf("ended: %v", event.Outcome)
			}
		}
	}
	if out != "out\n" || errs != "err\n" || types[0] != vtrix.EventStart || types[len(types)-1] != vtrix.EventDone {
		t.Errorf("%q %q %v", out, errs, types)
	}
	if _, err := stream.Next(patience(t)); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func TestGivingUpOneWaitLosesNothing(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	stream, err := sandbox.Stream(patience(t), "while [ ! -e go ]; do sleep 0.02; done; seq 1000", nil, vtrix.RunOptions{Dir: dir})
	must(t, err)
	for waits := 0; waits < 3; {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		_, err := stream.Next(ctx)
		cancel()
		if err == context.DeadlineExceeded {
			waits++
		} else {
			must(t, err)
		}
	}
	sh(t, dir, "touch go")
	var lines int
	for event, err := range stream.All() {
		must(t, err)
		if event.Type == vtrix.EventStdout {
			lines += bytes.Count(event.Data, []byte("\n"))
		}
	}
	if lines != 1000 {
		t.Errorf("%d lines", lines)
	}
}

func TestStreamsEndKillsItsCommand(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(t *testing.T, dir string){
		"close": func(t *testing.T, dir string) {
			stream, err := sandbox.Stream(context.Background(), sleeper, nil, vtrix.RunOptions{Dir: dir})
			must(t, err)
			sh(t, dir, up)
			read := make(chan error)
			go func() {
				for {
					if _, err := stream.Next(context.Background()); err != nil {
						read <- err
						return
					}
				}
			}()
			must(t, stream.Close())
			if err := <-read; !errors.Is(err, vtrix.ErrClosed) {
				t.Errorf("got %v", err)
			}
			must(t, stream.Close())
		},
		"break": func(t *testing.T, dir string) {
			stream, err := sandbox.Stream(context.Background(), sleeper, nil, vtrix.RunOptions{Dir: dir})
			must(t, err)
			sh(t, dir, up)
			for range stream.All() {
				break
			}
		},
		"context": func(t *testing.T, dir string) {
			ctx, cancel := context.WithCancel(context.Background())
			stream, err := sandbox.Stream(ctx, sleeper, nil, vtrix.RunOptions{Dir: dir})
			must(t, err)
			sh(t, dir, up)
			cancel()
			for err == nil {
				_, err = stream.Next(context.Background())
			}
			if err != context.Canceled {
				t.Errorf("got %v", err)
			}
		},
		"context, with nobody reading": func(t *testing.T, dir string) {
			ctx, cancel := context.WithCancel(context.Background())
			stream, err := sandbox.Stream(ctx, sleeper, nil, vtrix.RunOptions{Dir: dir})
			must(t, err)
			defer stream.Close()
			sh(t, dir, up)
			cancel()
			sh(t, dir, gone)
		},
		"dropped": func(t *testing.T, dir string) {
			_, err := sandbox.Stream(context.Background(), sleeper, nil, vtrix.RunOptions{Dir: dir})
			must(t, err)
			sh(t, dir, up)
			runtime.GC()
			runtime.GC()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := directory(t)
			end(t, dir)
			sh(t, dir, gone)
		})
	}
}

func TestFileStreamIsAReader(t *testing.T) {
	t.Parallel()
	dir := directory(t)
	content := bytes.Repeat([]byte{0, 159, 146, 150, '\n'}, 200_000)
	must(t, sandbox.WriteFiles(patience(t), vtrix.WriteFile{Path: dir + "/f", Content: content}))
	stream, err := sandbox.ReadStream(patience(t), dir+"/f", 0)
	must(t, err)
	defer stream.Close()
	head := make([]byte, 7)
	_, err = io.ReadFull(stream, head)
	must(t, err)
	var rest bytes.Buffer
	_, err = io.Copy(&rest, stream)
	must(t, err)
	if !bytes.Equal(append(head, rest.Bytes()...), content) {
		t.Errorf("got %d bytes", len(head)+rest.Len())
	}
}
