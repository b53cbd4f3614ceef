package conformance

import (
	"strings"
	"time"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// What a step is given: values of the scenario, read as what Go calls for.

type arguments map[string]any

func (a arguments) has(name string) bool { _, ok := a[name]; return ok }

func (a arguments) text(name string) string { return string(a.bytes(name)) }

func (a arguments) bytes(name string) []byte {
	if !a.has(name) {
		return nil
	}
	return generate(a[name])
}

func (a arguments) number(name string) float64 { n, _ := a[name].(float64); return n }

func (a arguments) count(name string) uint64 { return uint64(a.number(name)) }

// kept knows that zero is the default in Go.
func (a arguments) kept() uint64 {
	if a.has("max_output") && a.count("max_output") == 0 {
		return vtrix.KeepNothing
	}
	return a.count("max_output")
}

func (a arguments) flag(name string) bool { return a[name] == true }

func (a arguments) time(name string, unit time.Duration) time.Duration {
	return time.Duration(a.number(name) * float64(unit))
}

func (a arguments) texts(name string) (all []string) {
	list, _ := a[name].([]any)
	for _, item := range list {
		all = append(all, string(generate(item)))
	}
	return all
}

func (a arguments) objects(name string) (all []arguments) {
	list, _ := a[name].([]any)
	for _, item := range list {
		all = append(all, item.(map[string]any))
	}
	return all
}

func (a arguments) pairs(name string) map[string]string {
	object, _ := a[name].(map[string]any)
	all := make(map[string]string, len(object))
	for name, value := range object {
		all[name] = string(generate(value))
	}
	return all
}

func (a arguments) spec() vtrix.Spec {
	given, _ := a["spec"].(map[string]any)
	spec := arguments(given)
	return vtrix.Spec{
		CPU: spec.text("cpu"), Memory: spec.text("memory"), Image: spec.text("image"),
		RequestsCPU: spec.text("requests_cpu"), RequestsMemory: spec.text("requests_memory"),
	}
}

func (a arguments) payloads() (all []vtrix.Payload) {
	for _, given := range a.objects("payloads") {
		all = append(all, vtrix.Payload{API: given.text("api"), Body: given["body"], Env: given.pairs("envs")})
	}
	return all
}

func createOptions(with arguments) vtrix.CreateOptions {
	return vtrix.CreateOptions{
		UserID: with.text("user_id"), Spec: with.spec(), Labels: with.pairs("labels"), Payloads: with.payloads(),
		TTLHours: with.number("ttl_hours"), Env: with.pairs("env"), Timeout: with.time("timeout_sec", time.Second),
	}
}

func runOptions(with arguments) vtrix.RunOptions {
	options := vtrix.RunOptions{
		Env: with.pairs("env"), Dir: with.text("working_dir"), Timeout: with.time("timeout_sec", time.Second),
		Deadline: with.time("deadline_sec", time.Second), MaxOutput: with.kept(), Sudo: with.flag("sudo"),
	}
	if with.has("stdin") {
		options.Stdin = strings.NewReader(with.text("stdin"))
	}
	return options
}
