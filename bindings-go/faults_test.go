package vtrix_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// proxy stands between the client and the gateway, and can spoil what comes from it.
type proxy struct {
	listener net.Listener
	to       *url.URL
	mode     atomic.Int32
	mutex    sync.Mutex
	open     []net.Conn
}

const (
	passing int32 = iota
	stalled
	garbage
)

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: listener}
	p.to, err = url.Parse(to)
	must(t, err)
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", p.to.Host)
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
		BaseURL: p.to.Scheme + "://" + p.listener.Addr().String(), CallTimeout: 2 * time.Second,
		ExtraRootsPEM:     []byte(os.Getenv("VTRIX_TLS_ROOT")),
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

// resources are what a program can run out of.
type resources struct{ goroutines, descriptors int }

func resourcesNow(t *testing.T) resources {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return resources{runtime.NumGoroutine(), len(open)}
}

// settles waits until no more is in use than before.
func settles(t *testing.T, before resources) {
	t.Helper()
	over := patience(t)
	for {
		now := resourcesNow(t)
		if now.goroutines <= before.goroutines && now.descriptors <= before.descriptors {
			return
		}
		if over.Err() != nil {
			t.Fatalf("%+v, and before %+v", now, before)
		}
		runtime.Gosched()
	}
}

func TestFaultsInTheMiddle(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	lost, spoilt := []vtrix.Kind{vtrix.ErrConnectionLost}, []vtrix.Kind{vtrix.ErrProtocol, vtrix.ErrConnectionLost}
	for _, fault := range []struct {
		name, to string
		fault    func(p *proxy)
		kinds    []vtrix.Kind
	}{
		{"cut", "VTRIX_BASE_URL", (*proxy).cut, lost},
		{"stalled", "VTRIX_BASE_URL", func(p *proxy) { p.mode.Store(stalled) }, lost},
		{"garbage", "VTRIX_BASE_URL", func(p *proxy) { p.mode.Store(garbage) }, spoilt},
		{"cut, by TLS", "VTRIX_TLS_URL", (*proxy).cut, lost},
		{"stalled, by TLS", "VTRIX_TLS_URL", func(p *proxy) { p.mode.Store(stalled) }, lost},
		{"garbage, by TLS", "VTRIX_TLS_URL", func(p *proxy) { p.mode.Store(garbage) }, lost},
	} {
		is := func(t *testing.T, err error) {
			t.Helper()
			for _, kind := range fault.kinds {
				if errors.Is(err, kind) {
					return
				}
			}
			t.Errorf("got %v", err)
		}
		// One after the other, so that what one leaves shows.
		t.Run(fault.name, func(t *testing.T) {
			sh(t, "/", "true")
			before := resourcesNow(t)
			t.Run("call", func(t *testing.T) {
				p, dir := newProxy(t, os.Getenv(fault.to)), directory(t)
				through := p.through(t)
				ended := make(chan error)
				go func() {
					_, err := through.Run(context.Background(), "while :; do echo x; sleep 0.05; done & "+sleeper, nil, vtrix.RunOptions{Dir: dir, Stdout: io.Discard})
					ended <- err
				}()
				sh(t, dir, up)
				fault.fault(p)
				is(t, <-ended)
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
			t.Run("stream", func(t *testing.T) {
				p := newProxy(t, os.Getenv(fault.to))
				through := p.through(t)
				stream, err := through.Stream(context.Background(), "while :; do echo x; sleep 0.05; done", nil, vtrix.RunOptions{})
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
				is(t, err)
				if _, again := stream.Next(patience(t)); again != err {
					t.Errorf("then %v", again)
				}
			})
			settles(t, before)
		})
	}
}

func TestNothingIsLeftOfWhatEnded(t *testing.T) {
	before := resourcesNow(t)
	for range 50 {
		ctx := patience(t)
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
	before.descriptors += 2 // Connections that idle, one for calls and one for the next stream.
	settles(t, before)
}
