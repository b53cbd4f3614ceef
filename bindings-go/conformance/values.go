// Package conformance runs the scenarios of tests/conformance through package vtrix. It is a module
// of its own, and stands outside of the tree when it runs, as any program that uses the package.
package conformance

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Values are what encoding/json makes of JSON, and []byte.

// mismatch is what came not being what a scenario wants.
type mismatch string

func (m mismatch) Error() string { return string(m) }

func mismatched(format string, arguments ...any) error {
	return mismatch(fmt.Sprintf(format, arguments...))
}

// broken is a scenario or a runner that is wrong: nothing that a step may want.
func broken(format string, arguments ...any) { panic(fmt.Sprintf(format, arguments...)) }

var generators = []string{"repeat,times", "base64", "base64,times", "counter", "concat"}

func isGenerator(value any) bool {
	object, ok := value.(map[string]any)
	return ok && slices.Contains(generators, strings.Join(slices.Sorted(maps.Keys(object)), ","))
}

func generate(value any) []byte {
	switch value := value.(type) {
	case string:
		return []byte(value)
	case []byte:
		return value
	case float64:
		return []byte(shown(value))
	}
	if !isGenerator(value) {
		broken("%v is no generator", value)
	}
	object := value.(map[string]any)
	times := 1
	if n, ok := object["times"].(float64); ok {
		times = int(n)
	}
	switch {
	case object["concat"] != nil:
		var all []byte
		for _, part := range object["concat"].([]any) {
			all = append(all, generate(part)...)
		}
		return all
	case object["counter"] != nil:
		all := make([]byte, int(object["counter"].(float64)))
		for n := range all {
			all[n] = byte(n ^ n>>8 ^ n>>16)
		}
		return all
	case object["repeat"] != nil:
		return bytes.Repeat([]byte(object["repeat"].(string)), times)
	}
	data, err := base64.StdEncoding.DecodeString(object["base64"].(string))
	if err != nil {
		broken("%v", err)
	}
	return bytes.Repeat(data, times)
}

var reference = regexp.MustCompile(`\{([a-z][a-z0-9_.]*)\}`)

// saved are the names of a scenario; branches use them at the same time.
type saved struct {
	mutex  sync.Mutex
	values map[string]any
}

func (s *saved) set(name string, value any) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.values[name] = value
}

func (s *saved) look(name string) any {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	parts := strings.Split(name, ".")
	value, ok := s.values[parts[0]]
	for _, part := range parts[1:] {
		var object map[string]any
		if object, ok = value.(map[string]any); ok {
			value, ok = object[part]
		}
	}
	if !ok {
		broken("nothing is called %s", name)
	}
	return value
}

// scope is those names, and the variables of the loops around.
type scope struct {
	saved *saved
	names []string
	loop  []any
}

func (s scope) within(name string, value any) scope {
	return scope{s.saved, append(slices.Clone(s.names), name), append(slices.Clone(s.loop), value)}
}

func (s scope) resolve(value any) any {
	switch value := value.(type) {
	case string:
		return s.text(value)
	case []any:
		all := make([]any, len(value))
		for at, item := range value {
			all[at] = s.resolve(item)
		}
		return all
	case map[string]any:
		all := make(map[string]any, len(value))
		for name, item := range value {
			all[shown(s.text(name))] = s.resolve(item)
		}
		return all
	}
	return value
}

func (s scope) text(text string) any {
	// Loop variables first, so that {sandbox{i}.id} works.
	for at, name := range s.names {
		if text == "{"+name+"}" {
			return s.loop[at]
		}
		text = strings.ReplaceAll(text, "{"+name+"}", shown(s.loop[at]))
	}
	if whole := reference.FindStringSubmatch(text); whole != nil && whole[0] == text {
		return s.saved.look(whole[1])
	}
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		return shown(s.saved.look(found[1 : len(found)-1]))
	})
}

func (s scope) name(text any) string { return shown(s.text(text.(string))) }

func shown(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		return string(value)
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64)
	}
	return fmt.Sprint(value)
}

func asBytes(value any) ([]byte, bool) {
	switch value := value.(type) {
	case string:
		return []byte(value), true
	case []byte:
		return value, true
	}
	return nil, false
}

var patterns = map[string]*regexp.Regexp{
	"uuid": regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`),
	"time": regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)$`),
}

// compare says where actual is not what is wanted.
func compare(wanted, actual any, place string) error {
	unlike := func() error { return mismatched("%s: wanted %s, got %s", place, brief(wanted), brief(actual)) }
	switch wanted := wanted.(type) {
	case map[string]any:
		for name := range wanted {
			if strings.HasPrefix(name, "$") {
				return matchAll(wanted, actual, place)
			}
		}
		object, ok := actual.(map[string]any)
		if !ok {
			return unlike()
		}
		for name, one := range wanted {
			value, ok := object[name]
			if !ok {
				return mismatched("%s: there is no %q, only %v", place, name, slices.Sorted(maps.Keys(object)))
			}
			if err := compare(one, value, place+"."+name); err != nil {
				return err
			}
		}
		return nil
	case []any:
		list, ok := actual.([]any)
		if !ok || len(list) != len(wanted) {
			return unlike()
		}
		for at, one := range wanted {
			if err := compare(one, list[at], fmt.Sprintf("%s[%d]", place, at)); err != nil {
				return err
			}
		}
		return nil
	case string, []byte:
		if data, ok := asBytes(actual); !ok || !bytes.Equal(data, generate(wanted)) {
			return unlike()
		}
		return nil
	}
	if !reflect.DeepEqual(wanted, actual) {
		return unlike()
	}
	return nil
}

func matchAll(matchers map[string]any, actual any, place string) error {
	for name, wanted := range matchers {
		if err := match(name, wanted, actual, place); err != nil {
			return err
		}
	}
	return nil
}

func match(name string, wanted, actual any, place string) error {
	data, isText := asBytes(actual)
	list, isList := actual.([]any)
	number, isNumber := actual.(float64)
	size := float64(len(data))
	if isList {
		size = float64(len(list))
	}
	holds := false
	switch name {
	case "$any":
		holds = actual != nil
	case "$type":
		holds = typeOf(actual) == wanted
	case "$contains":
		holds = isText && bytes.Contains(data, generate(wanted))
	case "$starts":
		holds = isText && bytes.HasPrefix(data, generate(wanted))
	case "$ends":
		holds = isText && bytes.HasSuffix(data, generate(wanted))
	case "$bytes":
		holds = isText && bytes.Equal(data, generate(wanted))
	case "$length":
		holds = (isText || isList) && size == wanted.(float64)
	case "$min_length":
		holds = (isText || isList) && size >= wanted.(float64)
	case "$max_length":
		holds = (isText || isList) && size <= wanted.(float64)
	case "$lines":
		holds = isText && float64(bytes.Count(data, []byte("\n"))) == wanted.(float64)
	case "$min":
		holds = isNumber && number >= wanted.(float64)
	case "$max":
		holds = isNumber && number <= wanted.(float64)
	case "$matches":
		holds = isText && patterns[wanted.(string)].Match(data)
	case "$not":
		holds = compare(wanted, actual, place) != nil
	case "$one_of":
		holds = slices.ContainsFunc(wanted.([]any), func(one any) bool { return compare(one, actual, place) == nil })
	case "$all":
		for _, one := range wanted.([]any) {
			if err := compare(one, actual, place); err != nil {
				return err
			}
		}
		return nil
	case "$each":
		for at, item := range list {
			if err := compare(wanted, item, fmt.Sprintf("%s[%d]", place, at)); err != nil {
				return err
			}
		}
		holds = isList
	case "$unordered":
		left := slices.Clone(list)
		holds = isList && len(left) == len(wanted.([]any))
		for _, one := range wanted.([]any) {
			at := slices.IndexFunc(left, func(item any) bool { return compare(one, item, place) == nil })
			if at < 0 {
				holds = false
				break
			}
			left = slices.Delete(left, at, at+1)
		}
	default:
		broken("no matcher is called %s", name)
	}
	if !holds {
		return mismatched("%s: wanted %s %s, got %s", place, name, brief(wanted), brief(actual))
	}
	return nil
}

func typeOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "bool"
	case float64:
		return "number"
	case string, []byte:
		return "string"
	case []any:
		return "list"
	}
	return "map"
}

func brief(value any) string {
	if data, ok := value.([]byte); ok {
		value = string(data)
	}
	text := fmt.Sprintf("%#v", value)
	if len(text) > 400 {
		text = fmt.Sprintf("%s... (%d bytes)", text[:400], len(text))
	}
	return text
}
