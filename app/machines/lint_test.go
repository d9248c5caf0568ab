//go:build asllint

package machines_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/souk-commerce/souk/app/machines"
)

const (
	validator  = "asl-validator@4.0.0"
	exitNoTool = 3 // there is nothing to judge with, which says nothing about the machines
)

// Goal: others take our machines for what they are. Method: asl-validator, which did not write
// them, accepts every definition that the rooms own and the example, and refuses a broken one.
func TestMachinesLint(t *testing.T) {
	tool := validatorTool(t)
	dir := t.TempDir()
	judge := func(file string) error {
		out, err := exec.CommandContext(t.Context(), tool, "--json-path", file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", file, err, out)
		}
		return nil
	}
	files := []string{filepath.Join("..", "..", "examples", "orchestrated", "order.asl.json")}
	for _, d := range machines.Definitions() {
		file := filepath.Join(dir, d.Name+".asl.json")
		if err := os.WriteFile(file, d.ASL, 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	for _, file := range files {
		if err := judge(file); err != nil {
			t.Error(err)
		}
	}
	broken := filepath.Join(dir, "broken.asl.json")
	text := []byte(`{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "Nowhere"}}}`)
	if err := os.WriteFile(broken, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if judge(broken) == nil {
		t.Error("the validator takes a state that leads nowhere")
	}
}

// validatorTool installs the validator into the user's cache, once, and returns its path.
func validatorTool(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "souk", validator)
	tool := filepath.Join(dir, "node_modules", ".bin", "asl-validator")
	if exec.Command(tool, "--version").Run() == nil {
		return tool
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("npm", "install", "--prefix", dir, "--silent", "--no-fund",
		"--no-audit", "--fetch-retries", "1", "--fetch-timeout", "20000", validator).
		CombinedOutput()
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s\nNOT JUDGED: %s could not be installed (%v).\n"+
			"It needs node with npm, and npm's registry.\n"+
			"Nothing was tried, so this says nothing about the machines: exit code %d.\n",
			out, validator, err, exitNoTool)
		os.Exit(exitNoTool)
	}
	return tool
}
