package vtrix_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	vtrix "github.com/vtrixai/sandbox-native/bindings-go"
)

// Every kind of docs/errors.json is there, by its Go name, with its text and its status of C.
func TestKindsAreThoseOfTheOneTable(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	must(t, err)
	texts, statuses := map[string]string{}, map[string]string{}
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.ValueSpec:
			if kind, ok := node.Type.(*ast.Ident); ok && kind.Name == "Kind" {
				text, err := strconv.Unquote(node.Values[0].(*ast.BasicLit).Value)
				must(t, err)
				texts[node.Names[0].Name] = text
			}
		case *ast.KeyValueExpr:
			status, isStatus := node.Key.(*ast.SelectorExpr)
			kind, isKind := node.Value.(*ast.Ident)
			if isStatus && isKind && strings.HasPrefix(status.Sel.Name, "VTRIX_STATUS_") {
				statuses[kind.Name] = status.Sel.Name
			}
		}
		return true
	})
	data, err := os.ReadFile("../docs/errors.json")
	must(t, err)
	var table struct {
		Kinds []struct {
			Kind, Go string
			C        struct{ Name string }
		}
	}
	must(t, json.Unmarshal(data, &table))
	if len(table.Kinds) < 30 {
		t.Fatalf("%d kinds", len(table.Kinds))
	}
	for _, row := range table.Kinds {
		if texts[row.Go] != row.Kind || statuses[row.Go] != row.C.Name {
			t.Errorf("%s is %q and %s, not %q and %s", row.Go, texts[row.Go], statuses[row.Go], row.Kind, row.C.Name)
		}
		if !errors.Is(&vtrix.Error{Kind: vtrix.Kind(row.Kind)}, vtrix.Kind(row.Kind)) {
			t.Errorf("%s is not itself", row.Kind)
		}
	}
}

func TestErrorsTellEverything(t *testing.T) {
	t.Parallel()
	_, err := sandbox.ReadFile(patience(t), "/no/such", 0)
	if !errors.Is(err, vtrix.ErrFileNotFound) || !errors.Is(err, fs.ErrNotExist) || errors.Is(err, vtrix.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	_, err = sandbox.Read(patience(t), "/no/such")
	var failure *vtrix.Error
	if !errors.As(err, &failure) || failure.Operation != "read" || failure.Code != -32001 || !strings.Contains(err.Error(), "/no/such") {
		t.Errorf("got %#v", failure)
	}
	dir := directory(t)
	err = sandbox.WriteFiles(patience(t), vtrix.WriteFile{Path: dir + "/good", Content: []byte("good")}, vtrix.WriteFile{Path: dir})
	if !errors.As(err, &failure) || failure.Kind != vtrix.ErrPartial || !errors.Is(failure.Failures[dir], vtrix.ErrIsADirectory) {
		t.Errorf("got %v", err)
	}
	_, err = vtrix.NewClient(vtrix.Options{BaseURL: "not a url"})
	if !errors.Is(err, vtrix.ErrInvalidArgument) {
		t.Errorf("got %v", err)
	}
	_, err = sandbox.Run(patience(t), "a\xffb", nil, vtrix.RunOptions{})
	if !errors.Is(err, vtrix.ErrInvalidArgument) {
		t.Errorf("text that is not UTF-8: %v", err)
	}
}
