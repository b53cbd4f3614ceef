package vtrix_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// The gateway of these tests, and one sandbox that they share.
var (
	client  *vtrix.Client
	sandbox *vtrix.Sandbox
)

// gateway is a real one in another process; it ends with its standard input.
type gateway struct {
	URL     string `json:"url"`
	Token   string `json:"token"`
	Project string `json:"project_id"`
	TLSURL  string `json:"tls_url"`
	TLSRoot string `json:"tls_root"`
	command *exec.Cmd
	input   io.Closer
}

func startGateway(arguments ...string) (*gateway, error) {
	program := os.Getenv("VTRIX_HARNESS")
	if program == "" {
		return nil, fmt.Errorf("VTRIX_HARNESS must name vtrix-harness: run these tests by `cargo xtask go`")
	}
	g := &gateway{command: exec.Command(program, append([]string{"serve"}, arguments...)...)}
	g.command.Stderr = os.Stderr
	input, err := g.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := g.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := g.command.Start(); err != nil {
		return nil, err
	}
	g.input = input
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, g)
	}
	if err != nil {
		_ = g.end()
		return nil, fmt.Errorf("vtrix-harness said %q: %w", line, err)
	}
	return g, nil
}

// end fails if something was left behind.
func (g *gateway) end() error {
	_ = g.input.Close()
	return g.command.Wait()
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	g, err := startGateway("--tls")
	if err != nil {
		return 1, err
	}
	defer func() {
		if ended := g.end(); err == nil && ended != nil {
			err = fmt.Errorf("the gateway: %w", ended)
		}
	}()
	// The examples of the documentation take them from here, as a program would.
	for name, value := range map[string]string{
		"VTRIX_BASE_URL": g.URL, "VTRIX_TOKEN": g.Token, "VTRIX_PROJECT_ID": g.Project,
		"VTRIX_TLS_URL": g.TLSURL, "VTRIX_TLS_ROOT": g.TLSRoot,
	} {
		if err := os.Setenv(name, value); err != nil {
			return 1, err
		}
	}
	if client, err = vtrix.NewClient(vtrix.Options{}); err != nil {
		return 1, err
	}
	defer client.Close()
	sandbox, err = client.Create(context.Background(), vtrix.CreateOptions{UserID: "go-tests"})
	if err != nil {
		return 1, err
	}
	code = m.Run()
	return code, client.Delete(context.Background(), sandbox.ID())
}

// alone runs the test that calls it once more, in a process of its own, where it is true.
func alone(t *testing.T) bool {
	t.Helper()
	if os.Getenv("VTRIX_CHILD") != "" {
		return true
	}
	child := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	child.Env = append(os.Environ(), "VTRIX_CHILD=1")
	if output, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return false
}

// patience is for what must come: nothing takes so long unless it is broken.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// directory is one of the test's own in the shared sandbox.
func directory(t *testing.T) string {
	t.Helper()
	path := fmt.Sprintf("/workspace/%s-%d", t.Name(), time.Now().UnixNano())
	must(t, sandbox.Mkdir(patience(t), path))
	t.Cleanup(func() {
		_, err := sandbox.Run(context.Background(), "rm -rf --", []string{path}, vtrix.RunOptions{})
		must(t, err)
	})
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

const (
	// sleeper leaves its process number, then sleeps.
	sleeper = "echo $$ > pid; exec sleep 600"
	up      = "while [ ! -s pid ]; do sleep 0.02; done"
	gone    = "for i in $(seq 500); do kill -0 $(cat pid) 2>/dev/null || exit 0; sleep 0.02; done; exit 1"
)

// sh runs a line that must succeed.
func sh(t *testing.T, dir, line string) string {
	t.Helper()
	done, err := sandbox.Run(patience(t), line, nil, vtrix.RunOptions{Dir: dir})
	must(t, err)
	if !done.Success() {
		t.Fatalf("%s: %s\n%s", line, done.Outcome, done.Output)
	}
	return done.Output
}
