package vtrix_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

func TestTransfersShowProgress(t *testing.T) {
	t.Parallel()
	dir, local := directory(t), t.TempDir()
	content := bytes.Repeat([]byte("a,b\n"), 500_000)
	must(t, os.WriteFile(filepath.Join(local, "up"), content, 0o600))
	var last vtrix.Progress
	watch := vtrix.TransferOptions{Progress: func(p vtrix.Progress) error { last = p; return nil }}
	must(t, sandbox.UploadFile(patience(t), filepath.Join(local, "up"), dir+"/f", watch))
	if last.Transferred != int64(len(content)) || last.Total != last.Transferred || last.Path != dir+"/f" {
		t.Errorf("last: %+v", last)
	}
	path, err := sandbox.DownloadFile(patience(t), dir+"/f", filepath.Join(local, "new/down"), vtrix.TransferOptions{MkdirRecursive: true})
	must(t, err)
	back, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(back, content) {
		t.Errorf("%d bytes came back", len(back))
	}
	own := errors.New("enough")
	_, err = sandbox.DownloadFile(patience(t), dir+"/f", filepath.Join(local, "not"), vtrix.TransferOptions{Progress: func(vtrix.Progress) error { return own }})
	if !errors.Is(err, own) || !errors.Is(err, vtrix.ErrCallback) {
		t.Errorf("got %v", err)
	}
	left, err := filepath.Glob(filepath.Join(local, "*not*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

func TestClosedHandlesRefuse(t *testing.T) {
	t.Parallel()
	mine, err := vtrix.NewClient(vtrix.Options{})
	must(t, err)
	attached, err := mine.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
	must(t, err)
	dir := directory(t)
	ended := make(chan error)
	go func() {
		_, err := attached.Run(context.Background(), sleeper, nil, vtrix.RunOptions{Dir: dir})
		ended <- err
	}()
	sh(t, dir, up)
	must(t, mine.Close())
	must(t, mine.Close())
	if err := <-ended; !errors.Is(err, vtrix.ErrClosed) || !errors.Is(err, os.ErrClosed) {
		t.Errorf("in progress: %v", err)
	}
	if _, err := attached.Stat(patience(t), "/"); !errors.Is(err, vtrix.ErrClosed) {
		t.Errorf("later: %v", err)
	}
	if attached.ID() != sandbox.ID() {
		t.Error("what is known is lost")
	}
	sh(t, dir, gone)
}

func TestAllGoesThroughEveryPage(t *testing.T) {
	t.Parallel()
	var made []string
	for range 3 {
		one, err := client.Create(patience(t), vtrix.CreateOptions{UserID: "pages"})
		must(t, err)
		made = append(made, one.ID())
		t.Cleanup(func() { must(t, one.Delete(context.Background())) })
	}
	var seen []string
	for info, err := range client.All(patience(t), vtrix.ListOptions{UserID: "pages", Limit: 2}) {
		must(t, err)
		seen = append(seen, info.ID)
	}
	if len(seen) != len(made) {
		t.Errorf("made %v, saw %v", made, seen)
	}
}

// logged is a writer that tells of what is written to it.
type logged chan string

func (l logged) Write(data []byte) (int, error) {
	select {
	case l <- string(data):
	default:
	}
	return len(data), nil
}

func TestLogGoesToSlog(t *testing.T) {
	seen := make(logged, 1)
	must(t, vtrix.SetLogger(slog.New(slog.NewTextHandler(seen, &slog.HandlerOptions{Level: vtrix.LevelTrace})), vtrix.LevelTrace))
	mine, err := vtrix.NewClient(vtrix.Options{})
	must(t, err)
	attached, err := mine.Attach(patience(t), sandbox.ID(), vtrix.AttachOptions{})
	must(t, err)
	_, err = attached.Stat(patience(t), "/")
	must(t, err)
	must(t, mine.Close())
	select {
	case line := <-seen:
		if !strings.Contains(line, "target=") || strings.Contains(line, os.Getenv("VTRIX_TOKEN")) {
			t.Errorf("logged %q", line)
		}
	case <-patience(t).Done():
		t.Error("nothing was logged")
	}
	must(t, vtrix.SetLogger(nil, 0))
}

func TestQuoteAndVersion(t *testing.T) {
	t.Parallel()
	word, err := vtrix.Quote("it's")
	must(t, err)
	if got := sh(t, "/", "printf %s "+word); got != "it's" {
		t.Errorf("%s is %q", word, got)
	}
	if strings.Count(vtrix.Version(), ".") != 2 {
		t.Errorf("version %q", vtrix.Version())
	}
}

// Shutting down is for a process of its own: it ends what everybody does.
func TestShutdownAndStartAnew(t *testing.T) {
	t.Parallel()
	if !alone(t) {
		return
	}
	dir := directory(t)
	ended := make(chan error)
	go func() {
		_, err := sandbox.Run(context.Background(), sleeper, nil, vtrix.RunOptions{Dir: dir})
		ended <- err
	}()
	sh(t, dir, up)
	must(t, vtrix.Shutdown())
	if err := <-ended; !errors.Is(err, vtrix.ErrShutDown) {
		t.Errorf("got %v", err)
	}
	must(t, vtrix.StartLibrary(vtrix.StartOptions{WorkerThreads: 1}))
	if err := vtrix.StartLibrary(vtrix.StartOptions{}); !errors.Is(err, vtrix.ErrConflict) {
		t.Errorf("started twice: %v", err)
	}
	id := sandbox.ID()
	anew, err := vtrix.NewClient(vtrix.Options{CallTimeout: time.Minute})
	must(t, err)
	client = anew
	sandbox, err = anew.Attach(patience(t), id, vtrix.AttachOptions{})
	must(t, err)
	sh(t, dir, gone)
}
