package conformance

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

const (
	// patience with a step that is to come out eventually: nothing takes so long unless it is broken.
	patience = 30 * time.Second
	// pause between two tries of it.
	pause = 20 * time.Millisecond
)

var knownStep = []string{"do", "on", "with", "expect", "error", "plain", "wires", "save", "open", "background", "eventually"}

// Scenario is one behaviour, shown in several steps.
type Scenario struct {
	Name    string         `json:"name"`
	Why     string         `json:"why"`
	Wires   []string       `json:"wires"`
	Sandbox string         `json:"sandbox"`
	Create  map[string]any `json:"create"`
	Steps   []any          `json:"steps"`
}

type operation struct {
	Required []string `json:"required"`
	Optional []string `json:"optional"`
}

// Load reads every scenario, and refuses what names an operation or an argument that is not known.
func Load(directory string) ([]Scenario, error) {
	var known map[string]operation
	if err := read(filepath.Join(directory, "operations.json"), &known); err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(directory, "scenarios", "*.json"))
	if err != nil {
		return nil, err
	}
	var all []Scenario
	for _, file := range files {
		var topic struct{ Scenarios []Scenario }
		if err := read(file, &topic); err != nil {
			return nil, err
		}
		for _, scenario := range topic.Scenarios {
			if len(scenario.Wires) == 0 {
				scenario.Wires = []string{"plain", "extended"}
			}
			if err := check(known, scenario.Steps); err != nil {
				return nil, fmt.Errorf("%s: %w", scenario.Name, err)
			}
			all = append(all, scenario)
		}
	}
	return all, nil
}

func read(file string, into any) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	return nil
}

func check(known map[string]operation, steps []any) error {
	for _, raw := range steps {
		step := raw.(map[string]any)
		inner, _ := step["steps"].([]any)
		if branches, ok := step["parallel"].([]any); ok {
			for _, branch := range branches {
				inner = append(inner, branch.([]any)...)
			}
		}
		if inner != nil {
			if err := check(known, inner); err != nil {
				return err
			}
			continue
		}
		do := step["do"].(string)
		operation, ok := known[do]
		if !ok {
			return fmt.Errorf("no operation is called %s", do)
		}
		for name := range step {
			if !slices.Contains(knownStep, name) {
				return fmt.Errorf("a step has %s", name)
			}
		}
		with, _ := step["with"].(map[string]any)
		for name := range with {
			if !slices.Contains(operation.Required, name) && !slices.Contains(operation.Optional, name) {
				return fmt.Errorf("%s has no argument %s", do, name)
			}
		}
	}
	return nil
}

// Stage is what the scenarios of one gateway share.
type Stage struct {
	URL, Token, Project, Wire string
	// Silent is the host and port of a peer that takes connections and says nothing.
	Silent string
	Client *vtrix.Client
	shared func() (*vtrix.Sandbox, error)
}

// Open makes the client.
func (s *Stage) Open() (err error) {
	s.Client, err = vtrix.NewClient(vtrix.Options{BaseURL: s.URL, Token: s.Token, ProjectID: s.Project})
	s.shared = sync.OnceValues(func() (*vtrix.Sandbox, error) {
		return s.Client.Create(context.Background(), vtrix.CreateOptions{UserID: "conformance-shared"})
	})
	return err
}

// walk is one scenario under way.
type walk struct {
	stage   *Stage
	local   string
	mutex   sync.Mutex
	handles map[string]any
	made    []any
}

// task is a step in the background.
type task struct {
	cancel context.CancelFunc
	done   chan struct{}
	came   came
}

// came is what came of an operation: a value and what lives, or an error.
type came struct {
	value  any
	handle any
	err    error
}

// Run runs one scenario. However it ends, its sandboxes are deleted and its tasks are over.
func Run(stage *Stage, scenario Scenario, local string) (err error) {
	random := make([]byte, 4)
	_, _ = rand.Read(random)
	unique := scenario.Name + "-" + hex.EncodeToString(random)
	names := &saved{values: map[string]any{"unique": unique, "wire": stage.Wire, "silent": stage.Silent, "local": local}}
	w := &walk{stage: stage, local: local, handles: map[string]any{"client": stage.Client}}
	ctx := context.Background()
	var sandbox *vtrix.Sandbox
	switch scenario.Sandbox {
	case "none":
	case "fresh":
		options := createOptions(scenario.Create)
		options.UserID = unique
		sandbox, err = stage.Client.Create(ctx, options)
	default:
		sandbox, err = stage.shared()
	}
	if err != nil {
		return err
	}
	directory := "/workspace/" + unique
	if sandbox != nil {
		if err := sandbox.Mkdir(ctx, directory); err != nil {
			return err
		}
		names.set("dir", directory)
		names.set("sandbox", record(sandbox.Info()))
		w.handles["sandbox"] = sandbox
	}
	defer w.cleanUp(scenario, sandbox, directory)
	return w.steps(scenario.Steps, scope{saved: names}, "")
}

func (w *walk) cleanUp(scenario Scenario, sandbox *vtrix.Sandbox, directory string) {
	ctx := context.Background()
	for _, handle := range w.handles {
		if task, ok := handle.(*task); ok {
			task.cancel()
			<-task.done
		}
	}
	for _, handle := range w.made {
		if closer, ok := handle.(interface{ Close() error }); ok {
			_ = closer.Close()
		}
	}
	// A scenario may have deleted or closed it.
	switch {
	case sandbox == nil:
	case scenario.Sandbox == "fresh":
		_ = w.stage.Client.Delete(ctx, sandbox.ID())
	default:
		_, _ = sandbox.Run(ctx, "rm -rf --", []string{directory}, vtrix.RunOptions{})
	}
}

func (w *walk) steps(steps []any, scope scope, prefix string) error {
	for at, step := range steps {
		if err := w.step(step.(map[string]any), scope, fmt.Sprintf("%s%d", prefix, at+1)); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) step(step map[string]any, scope scope, place string) error {
	if branches, ok := step["parallel"].([]any); ok {
		return together(len(branches), func(n int) error {
			return w.steps(branches[n].([]any), scope, fmt.Sprintf("%s[%d].", place, n+1))
		})
	}
	values, looped := step["for_each"].([]any)
	if times, ok := step["repeat"].(float64); ok {
		from, _ := step["from"].(float64)
		for n := range int(times) {
			values = append(values, from+float64(n))
		}
		looped = true
	}
	if !looped {
		return w.call(step, scope, place)
	}
	name, ok := step["as"].(string)
	if !ok {
		name = "i"
	}
	round := func(n int) error {
		return w.steps(step["steps"].([]any), scope.within(name, values[n]), fmt.Sprintf("%s(%v).", place, values[n]))
	}
	if step["concurrent"] == true {
		return together(len(values), round)
	}
	for n := range values {
		if err := round(n); err != nil {
			return err
		}
	}
	return nil
}

// together does all at the same time, each to its end.
func together(n int, do func(n int) error) error {
	errs := make([]error, n)
	var group sync.WaitGroup
	for at := range n {
		group.Go(func() { errs[at] = do(at) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func (w *walk) call(step map[string]any, scope scope, place string) error {
	if wires, ok := step["wires"].([]any); ok && !slices.Contains(wires, any(w.stage.Wire)) {
		return nil
	}
	do := step["do"].(string)
	opened := step["open"] == true
	if name, ok := step["background"].(string); ok {
		with, on := w.arguments(step, scope)
		ctx, cancel := context.WithCancel(context.Background())
		t := &task{cancel: cancel, done: make(chan struct{})}
		go func() {
			defer close(t.done)
			t.came = w.perform(ctx, do, on, with, false)
		}()
		w.set(scope.name(name), t)
		return nil
	}
	for until := time.Now().Add(patience); ; time.Sleep(pause) {
		with, on := w.arguments(step, scope)
		came := w.perform(context.Background(), do, on, with, opened)
		err := w.judge(step, came, scope)
		if err == nil {
			return nil
		}
		if step["eventually"] != true || time.Now().After(until) {
			return fmt.Errorf("step %s (%s): %w", place, do, err)
		}
	}
}

func (w *walk) arguments(step map[string]any, scope scope) (with arguments, on any) {
	if raw, ok := step["with"]; ok {
		with = scope.resolve(raw).(map[string]any)
	}
	name := family(step["do"].(string))
	if given, ok := step["on"]; ok {
		name = scope.name(given)
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return with, w.handles[name]
}

func (w *walk) set(name string, handle any) {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	w.handles[name] = handle
}

func (w *walk) judge(step map[string]any, came came, scope scope) error {
	if w.stage.Wire == "plain" {
		if plain, ok := step["plain"].(map[string]any); ok {
			save := step["save"]
			step = map[string]any{"save": save}
			maps.Copy(step, plain)
		}
	}
	if wanted, ok := step["error"]; ok {
		if text, ok := wanted.(string); ok {
			wanted = map[string]any{"kind": text}
		}
		if came.err == nil {
			return mismatched("wanted the error %s, got %s", brief(wanted), brief(came.value))
		}
		return compare(scope.resolve(wanted), failure(came.err), "error")
	}
	if came.err != nil {
		return fmt.Errorf("failed: %w", came.err)
	}
	if wanted, ok := step["expect"]; ok {
		if err := compare(scope.resolve(wanted), came.value, "result"); err != nil {
			return err
		}
	}
	if name, ok := step["save"].(string); ok {
		name := scope.name(name)
		scope.saved.set(name, came.value)
		if came.handle != nil {
			w.set(name, came.handle)
		}
	}
	return nil
}
