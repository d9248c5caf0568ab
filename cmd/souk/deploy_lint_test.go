//go:build cfnlint

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/souk-commerce/souk/platform/aws/deploy"
)

const (
	linter     = "cfn-lint==1.58.0"
	exitNoTool = 3 // there is nothing to lint with, which says nothing about the templates
)

// Goal: CloudFormation would take the templates. Method: cfn-lint, which knows every resource type
// and did not write them, finds no error and no warning, in two regions; so for the shop with a
// state machine.
func TestDeployLints(t *testing.T) {
	tool := lintTool(t)
	dir := t.TempDir()
	args := []string{"--regions", "eu-west-1", "us-east-1", "--template"}
	withOne, err := deploy.Generate(withMachine(t))
	if err != nil {
		t.Fatal(err)
	}
	for i, tpl := range append(templates(t), withOne...) {
		name := filepath.Join(dir, fmt.Sprintf("%d-%s.yaml", i, tpl.Name))
		if err := os.WriteFile(name, tpl.YAML(), 0o644); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	// A template that is wrong must be found out, or the linter's silence says nothing.
	broken := filepath.Join(dir, "broken.yaml")
	text := []byte("Resources: {A: {Type: AWS::SQS::Kiosk}}\n")
	if err := os.WriteFile(broken, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := exec.CommandContext(t.Context(), tool, "--template", broken).Run(); err == nil {
		t.Fatal("the linter took a resource that does not exist")
	}
	if out, err := exec.CommandContext(t.Context(), tool, args...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// lintTool installs the linter into the user's cache, once, and returns its path.
func lintTool(t *testing.T) string {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(cache, "souk", linter)
	tool := filepath.Join(dir, "bin", "cfn-lint")
	if exec.Command(tool, "--version").Run() == nil {
		return tool
	}
	for _, step := range [][]string{
		{"python3", "-m", "venv", "--clear", dir},
		{filepath.Join(dir, "bin", "pip"), "install", "--quiet", "--retries", "1",
			"--timeout", "20", "--disable-pip-version-check", linter},
	} {
		out, err := exec.Command(step[0], step[1:]...).CombinedOutput()
		if err == nil {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s\nNOT LINTED: %s could not be installed (%v).\n"+
			"It needs python3 with venv, and the registry pypi.org (or pip's PIP_INDEX_URL).\n"+
			"Nothing was tried, so this says nothing about the templates: exit code %d.\n",
			out, linter, err, exitNoTool)
		os.Exit(exitNoTool)
	}
	return tool
}
