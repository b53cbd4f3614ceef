package vtrix

import (
	"context"
	"log/slog"
	"strings"
	"testing"
)

// handles is a handler that is a function.
type handles func(slog.Record)

func (h handles) Enabled(context.Context, slog.Level) bool           { return true }
func (h handles) Handle(_ context.Context, record slog.Record) error { h(record); return nil }
func (h handles) WithAttrs([]slog.Attr) slog.Handler                 { return h }
func (h handles) WithGroup(string) slog.Handler                      { return h }

func TestSlowHandlerLosesRecordsAndIsTold(t *testing.T) {
	t.Parallel()
	begun, gate := make(chan struct{}), make(chan struct{})
	var seen []string
	l := newLog(handles(func(record slog.Record) {
		if seen = append(seen, record.Message); len(seen) == 1 {
			close(begun)
			<-gate
		}
	}))
	over := make(chan struct{})
	go func() { defer close(over); l.work() }()
	l.put(newRecord(slog.LevelInfo, "test", "first"))
	<-begun
	for range recordsWaiting + 7 {
		l.put(newRecord(slog.LevelInfo, "test", "next"))
	}
	close(gate)
	close(l.records)
	<-over
	if len(seen) != recordsWaiting+2 || seen[1] != "7 records were lost" {
		t.Errorf("%d records, the second %q", len(seen), seen[1])
	}
}

func TestPanicOfAHandlerLosesOneRecord(t *testing.T) {
	t.Parallel()
	var seen []string
	l := newLog(handles(func(record slog.Record) {
		if record.Message == "bad" {
			panic("mine")
		}
		seen = append(seen, record.Message)
	}))
	for _, message := range []string{"one", "bad", "two"} {
		l.put(newRecord(slog.LevelInfo, "test", message))
	}
	close(l.records)
	l.work()
	if got := strings.Join(seen, ", "); got != "one, 1 records were lost, two" {
		t.Errorf("saw %s", got)
	}
}
