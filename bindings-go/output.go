package vtrix

// Output on its way to a caller's writers: kept when C tells of it, written by the goroutine that
// made the call. C is told what of it is written, and lets no more come than makes 1 MiB, and one
// event, that wait: a writer that blocks holds no thread, only its command.

// #include "shim.h"
import "C"

import (
	"io"
	"sync"
)

// output of a call; nil where nobody wants it.
type output struct {
	stdout, stderr io.Writer
	some           chan struct{} // Holds a token where something waits.

	mutex   sync.Mutex
	refused bool
	waits   batch

	spare batch // Of whoever writes.
}

// batch is output in the order of its arrival.
type batch struct {
	data   []byte
	pieces []piece
}

// piece is what came from one stream without a break, in so many events.
type piece struct {
	from         EventType
	size, events int
}

const (
	// largestWrite that is put together from several events: a few of them make up what may wait, so
	// that some of it comes while some is written.
	largestWrite = 256 << 10
	// roomy is how large the memory of a batch may be to be used again.
	roomy = 2 << 20
)

func newOutput(stdout, stderr io.Writer) *output {
	return &output{stdout: stdout, stderr: stderr, some: make(chan struct{}, 1)}
}

// keep is what C calls; it waits for nobody. False: there is no use in more.
func (o *output) keep(from EventType, data []byte) bool {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	if o.refused {
		return false
	}
	b := &o.waits
	b.data = append(b.data, data...)
	last := len(b.pieces) - 1
	if last < 0 || b.pieces[last].from != from || b.pieces[last].size+len(data) > largestWrite {
		b.pieces = append(b.pieces, piece{from: from})
		last++
	}
	b.pieces[last].size += len(data)
	b.pieces[last].events++
	select {
	case o.some <- struct{}{}:
	default:
	}
	return true
}

// arrived tells that something waits; of no output it never does.
func (o *output) arrived() <-chan struct{} {
	if o == nil {
		return nil
	}
	return o.some
}

// refuse lets go of what waits, and of all that comes.
func (o *output) refuse() {
	if o == nil {
		return
	}
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.refused, o.waits = true, batch{}
}

// pass writes what waits, and tells C.
func (o *output) pass(task *C.vtrix_task) error {
	if o == nil {
		return nil
	}
	o.mutex.Lock()
	taken := o.waits
	o.waits, o.spare = o.spare, batch{}
	o.mutex.Unlock()
	rest := taken.data
	for _, piece := range taken.pieces {
		if err := o.write(piece.from, rest[:piece.size:piece.size]); err != nil {
			return err
		}
		rest = rest[piece.size:]
		C.vtrix_task_used(task, C.size_t(piece.events))
	}
	if cap(taken.data) <= roomy {
		o.spare = batch{data: taken.data[:0], pieces: taken.pieces[:0]}
	}
	return nil
}

func (o *output) write(from EventType, data []byte) error {
	to := o.stdout
	if from == EventStderr {
		to = o.stderr
	}
	if to == nil {
		return nil
	}
	n, err := to.Write(data)
	if err == nil && n < len(data) {
		err = io.ErrShortWrite
	}
	return err
}
