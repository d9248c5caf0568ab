package main

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/shop"
)

// deployCommand makes what a platform is told to run the shop.
type deployCommand struct {
	AWS deployAWS `cmd:"" name:"aws" help:"Print the CloudFormation template, made from the rooms' own declarations."`
}

// deployAWS prints one template, or writes all of them with the functions.
type deployAWS struct {
	Template string `default:"template" help:"Which one: the root (template), edge, or a room's name."`
	Diagram  bool   `help:"Print the architecture as SVG instead."`
	Package  string `help:"Write every template and the functions' zips into this directory, and print their digests." type:"path" placeholder:"DIR"`
	Source   string `default:"." help:"Source tree of the functions." type:"path"`
	Main     string `default:"./cmd/souk-lambda" hidden:"" help:"Main package of the functions."`
}

// Run implements the command.
func (c *deployAWS) Run(e *env) error {
	house, err := houseOf()
	if err != nil {
		return err
	}
	if c.Diagram {
		_, err := e.out.Write(deploy.Diagram(house))
		return err
	}
	all, err := deploy.Generate(house)
	if err != nil {
		return err
	}
	if c.Package != "" {
		return c.pack(e, house, all)
	}
	var names []string
	for _, t := range all {
		if t.Name == c.Template {
			return e.template(t)
		}
		names = append(names, t.Name)
	}
	return shop.Errorf(shop.NotFound, "there is no template %q", c.Template).
		WithHint("the templates are %s", strings.Join(names, ", "))
}

func (e *env) template(t *deploy.Template) error {
	text := t.YAML()
	if e.json {
		var err error
		if text, err = t.JSON(); err != nil {
			return err
		}
	}
	_, err := e.out.Write(text)
	return err
}

// pack writes what is sent to AWS: templates and zips side by side.
func (c *deployAWS) pack(e *env, house deploy.House, all []*deploy.Template) error {
	if err := os.MkdirAll(c.Package, 0o755); err != nil {
		return err
	}
	for _, t := range all {
		name := filepath.Join(c.Package, t.Name+".yaml")
		if err := os.WriteFile(name, t.YAML(), 0o644); err != nil {
			return err
		}
	}
	made, err := deploy.Package(e.ctx, house, deploy.Build{
		Source: c.Source, Main: c.Main, Into: c.Package,
	})
	if err != nil {
		return err
	}
	if e.json {
		return e.print(made)
	}
	t := &text{w: e.out}
	t.line("%d templates and %d functions in %s", len(all), len(made.Zips), c.Package)
	for _, z := range made.Zips {
		t.line("  %-9s %6.2f MB  %s", z.Role, float64(z.Bytes)/1e6, z.File)
	}
	t.line("parameters of the template")
	for _, p := range made.Parameters {
		t.line("  %s", p)
	}
	return t.err
}
