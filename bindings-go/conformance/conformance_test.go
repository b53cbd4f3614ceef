package conformance

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"testing"
)

// VTRIX_HARNESS names vtrix-harness, VTRIX_CONFORMANCE the directory of the scenarios.
func TestScenarios(t *testing.T) {
	scenarios, err := Load(os.Getenv("VTRIX_CONFORMANCE"))
	if err != nil {
		t.Fatal(err)
	}
	if len(scenarios) < 60 {
		t.Fatalf("%d scenarios", len(scenarios))
	}
	for _, wire := range []string{"plain", "extended"} {
		t.Run(wire, func(t *testing.T) {
			stage := serve(t, wire)
			// The gateway ends after the last scenario, however that ends.
			t.Run("all", func(t *testing.T) {
				for _, scenario := range scenarios {
					if !slices.Contains(scenario.Wires, wire) {
						continue
					}
					t.Run(scenario.Name, func(t *testing.T) {
						t.Parallel()
						if err := Run(stage, scenario, t.TempDir()); err != nil {
							t.Errorf("%s\n%v", scenario.Why, err)
						}
					})
				}
			})
			if shared, err := stage.shared(); err == nil {
				_ = stage.Client.Delete(t.Context(), shared.ID())
			}
			_ = stage.Client.Close()
		})
	}
}

func serve(t *testing.T, wire string) *Stage {
	t.Helper()
	arguments := []string{"serve"}
	if wire == "plain" {
		arguments = append(arguments, "--plain-wire")
	}
	command := exec.Command(os.Getenv("VTRIX_HARNESS"), arguments...)
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		if err := command.Wait(); err != nil {
			t.Errorf("the gateway left something behind: %v", err)
		}
	})
	line, err := bufio.NewReader(output).ReadBytes('\n')
	if err != nil && err != io.EOF {
		t.Fatal(err)
	}
	var said struct {
		URL, Token, Silent string
		Project            string `json:"project_id"`
	}
	if err := json.Unmarshal(line, &said); err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	stage := &Stage{URL: said.URL, Token: said.Token, Project: said.Project, Silent: said.Silent, Wire: wire}
	if err := stage.Open(); err != nil {
		t.Fatal(err)
	}
	return stage
}
