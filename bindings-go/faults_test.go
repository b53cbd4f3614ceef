package vtrix_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// proxy stands between the client and the gateway, and can spoil what comes from it.
type proxy struct {
	listener net.Listener
	to       string
	mode     atomic.Int32
	mutex    sync.Mutex
	open     []net.Conn
}

const (
	passing int32 = iota
	stalled
	garbage
)

func newProxy(t *testing.T) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: listener, to: strings.TrimPrefix(os.Getenv("VTRIX_BASE_URL"), "http://")}
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", p.to)
			if err != nil {
				_ = near.Close()
				return
			}
			p.mutex.Lock()
			p.open = append(p.open, near, far)
			p.mutex.Unlock()
			go func() { _, _ = io.Copy(far, near); _ = far.Close() }()
			go p.back(near, far)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); p.cut() })
	return p
}

func (p *proxy) back(near, far net.Conn) {
	defer near.Close()
	buffer := make([]byte, 1024)
	for {
		n, err := far.Read(buffer)
		if err != nil {
			return
		}
		switch p.mode.Load() {
		case stalled:
			continue
		case garbage:
			for at := range n {
				buffer[at] ^= 0xa5
			}
		}
		if _, err := near.Write(buffer[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) cut() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, conn := range p.open {
		_ = conn.Close()
	}
	p.open = nil
}

// through is the shared sandbox, by way of the proxy.
func (p *proxy) through(t *testing.T) *vtrix.Sandbox {
	t.Helper()
	client, err := vtrix.NewClient(vtrix.Options{
		BaseURL: "http://" + p.listener.Addr().String(), CallTimeout: 2 * time.Second,
		HeartbeatInterval: 200 * time.Millisecond, HeartbeatTimeout: 600 * time.Millisecond,
	})
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	through, err := client.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
	must(t, err)
	_, err = through.Stat(patience(t), "/")
	must(t, err)
	return through
}

func TestFaultsInTheMiddle(t *testing.T) {
	t.Parallel()
	faults := map[string]struct {
		fault func(p *proxy)
		kinds []vtrix.Kind
	}{
		"cut":     {func(p *proxy) { p.cut() }, []vtrix.Kind{vtrix.ErrConnectionLost}},
		"stalled": {func(p *proxy) { p.mode.Store(stalled) }, []vtrix.Kind{vtrix.ErrConnectionLost}},
		"garbage": {func(p *proxy) { p.mode.Store(garbage) }, []vtrix.Kind{vtrix.ErrProtocol, vtrix.ErrConnectionLost}},
	}
	is := func(t *testing.T, err error, kinds []vtrix.Kind) {
		t.Helper()
		for _, kind := range kinds {
			if errors.Is(err, kind) {
				return
			}
		}
		t.Errorf("got %v", err)
	}
	for name, fault := range faults {
		t.Run(name+"/call", func(t *testing.T) {
			t.Parallel()
			p, dir := newProxy(t), directory(t)
			through := p.through(t)
			ended := make(chan error)
			go func() {
				_, err := through.Run(patience(t), "while :; do echo x; sleep 0.05; done & "+sleeper, nil, vtrix.RunOptions{Dir: dir, Stdout: io.Discard})
				ended <- err
			}()
			sh(t, dir, up)
			fault.fault(p)
			is(t, <-ended, fault.kinds)
			var states []vtrix.ConnectionState
			for event, err := range through.ConnectionEvents(patience(t)) {
				must(t, err)
				states = append(states, event.State)
				must(t, through.Close())
			}
			if len(states) < 2 || states[len(states)-1] != vtrix.ConnectionClosed {
				t.Errorf("the connection was %v", states)
			}
		})
		t.Run(name+"/stream", func(t *testing.T) {
			t.Parallel()
			p := newProxy(t)
			through := p.through(t)
			stream, err := through.Stream(patience(t), "while :; do echo x; sleep 0.05; done", nil, vtrix.RunOptions{})
			must(t, err)
			defer stream.Close()
			for seen := 0; seen < 3; seen++ {
				_, err := stream.Next(patience(t))
				must(t, err)
			}
			fault.fault(p)
			for err == nil {
				_, err = stream.Next(patience(t))
			}
			is(t, err, fault.kinds)
			if _, again := stream.Next(patience(t)); again != err {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestNothingIsLeftOfWhatEnded(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx := patience(t)
	for range 50 {
		cancelled, cancel := context.WithCancel(ctx)
		stream, err := sandbox.Stream(cancelled, "yes", nil, vtrix.RunOptions{})
		must(t, err)
		_, err = stream.Next(ctx)
		must(t, err)
		cancel()
		must(t, stream.Close())
		_, err = sandbox.Run(ctx, "echo x", nil, vtrix.RunOptions{Stdout: io.Discard})
		must(t, err)
	}
	for until := time.Now().Add(30 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(until) {
			t.Fatalf("%d goroutines, and %d before", runtime.NumGoroutine(), before)
		}
		runtime.Gosched()
	}
}
