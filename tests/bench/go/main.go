// Program bench is what `vtrix-bench beside` measures of the Go package: one measurement a run, one
// figure printed.
//
//	bench MEASUREMENT AMOUNT
//
// in the sandbox that VTRIX_BENCH_SANDBOX names. The Rust twin is in tests/bench/src/beside.rs.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

var ctx = context.Background()

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: bench MEASUREMENT AMOUNT")
	}
	amount, err := strconv.Atoi(os.Args[2])
	must(err)
	client := newClient()
	defer client.Close()
	sandbox := attached(client)
	_, err = sandbox.Stat(ctx, "/")
	must(err)
	switch what := os.Args[1]; what {
	case "call":
		calls(sandbox, amount)
	case "refused":
		refused(sandbox, amount)
	case "pull":
		output(amount, func(line string) (total int) {
			stream, err := sandbox.Stream(ctx, line, nil, vtrix.RunOptions{})
			must(err)
			for event, err := range stream.All() {
				must(err)
				total += len(event.Data)
			}
			return total
		})
	case "push":
		output(amount, func(line string) int {
			var total counter
			_, err := sandbox.Run(ctx, line, nil, vtrix.RunOptions{Stdout: &total, MaxOutput: 1})
			must(err)
			return int(total)
		})
	case "memory-client":
		memory(amount, func() any { return newClient() })
	case "memory-sandbox":
		memory(amount, func() any { return attached(client) })
	case "memory-command":
		memory(amount, func() any {
			command, err := sandbox.Command("0123456789abcdef")
			must(err)
			return command
		})
	case "memory-stream":
		memory(amount, func() any {
			stream, err := sandbox.Stream(ctx, "exec sleep 600", nil, vtrix.RunOptions{})
			must(err)
			return stream
		})
	case "memory-task":
		// In Go a task is a goroutine that made a call.
		memory(amount, func() any {
			go sandbox.Run(ctx, "exec sleep 600", nil, vtrix.RunOptions{})
			return nil
		})
	default:
		log.Fatalf("no measurement is called %s", what)
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func newClient() *vtrix.Client {
	client, err := vtrix.NewClient(vtrix.Options{})
	must(err)
	return client
}

func attached(client *vtrix.Client) *vtrix.Sandbox {
	sandbox, err := client.Attach(ctx, os.Getenv("VTRIX_BENCH_SANDBOX"), vtrix.AttachOptions{})
	must(err)
	return sandbox
}

// calls prints the median of a call, and the processor's time of one, in microseconds.
func calls(sandbox *vtrix.Sandbox, amount int) {
	times := make([]time.Duration, amount)
	before := used()
	for i := range times {
		begun := time.Now()
		_, err := sandbox.Stat(ctx, "/")
		must(err)
		times[i] = time.Since(begun)
	}
	each := (used() - before) / time.Duration(amount)
	slices.Sort(times)
	fmt.Println(micros(times[amount/2]), micros(each))
}

// refused prints what a call costs that a closed handle refuses: the way in and out.
func refused(sandbox *vtrix.Sandbox, amount int) {
	must(sandbox.Close())
	begun := time.Now()
	for range amount {
		if _, err := sandbox.Stat(ctx, "/"); !errors.Is(err, vtrix.ErrClosed) {
			log.Fatalf("got %v", err)
		}
	}
	fmt.Println(micros(time.Since(begun) / time.Duration(amount)))
}

// output prints how fast standard output comes, in MB a second.
func output(amount int, read func(line string) int) {
	begun := time.Now()
	if total := read(fmt.Sprintf(`head -c %d /dev/zero | tr '\0' x`, amount)); total != amount {
		log.Fatalf("%d bytes in place of %d", total, amount)
	}
	fmt.Println(float64(amount) / 1e6 / time.Since(begun).Seconds())
}

// memory prints that of one handle, in KiB, of so many that are alive at once.
func memory(amount int, make func() any) {
	all := []any{}
	before := resident()
	for range amount {
		all = append(all, make())
	}
	runtime.GC()
	fmt.Println((resident() - before) / float64(amount) / 1024)
	runtime.KeepAlive(all)
}

// counter is an io.Writer that counts.
type counter int

func (c *counter) Write(data []byte) (int, error) {
	*c += counter(len(data))
	return len(data), nil
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// used is how much of the processor's time this process has had.
func used() time.Duration {
	var usage syscall.Rusage
	must(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	must(err)
	var size, pages int
	_, err = fmt.Sscan(string(text), &size, &pages)
	must(err)
	return float64(pages * os.Getpagesize())
}
