package souk

import (
	"fmt"
	"go/ast"
	"go/token"
	"strings"
	"testing"
	"unicode/utf8"
)

// The sizes that keep the tail short.
const (
	maxFunction = 70  // lines
	maxFile     = 600 // lines; aim at 400
	maxLine     = 100 // characters, a tab counts as four
	maxMethods  = 7   // of an interface
)

// exceptions are the places that may break a rule, each with its reason. One that is not needed any
// more fails the test.
func exceptions() map[string]string {
	return map[string]string{}
}

// rule is one house rule: it reports what breaks it in a file.
type rule struct {
	name  string
	check func(s source, report func(where, what string))
}

func rules() []rule {
	return []rule{
		{"functions are short", shortFunctions},
		{"files are short", shortFiles},
		{"lines are short", shortLines},
		{"no init", noInit},
		{"no mutable globals", noGlobals},
		{"interfaces are small", smallInterfaces},
		{"exported names are explained", explained},
		{"time, chance and output come in as values", noAmbient},
	}
}

// Goal: the house style holds in every file. Method: each rule over the syntax of every file, with
// named exceptions that must be needed.
func TestHouseRules(t *testing.T) {
	t.Parallel()
	all, allowed, used := sources(t), exceptions(), make(map[string]bool)
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, s := range all {
				r.check(s, func(where, what string) {
					key := r.name + ": " + s.path + ": " + where
					if allowed[key] != "" {
						used[key] = true
						return
					}
					t.Errorf("%s: %s: %s", s.path, where, what)
				})
			}
		})
	}
	for key := range allowed {
		if !used[key] {
			t.Errorf("the exception %q is not needed: remove it", key)
		}
	}
}

// Goal: every package says once what it is. Method: count package comments per directory.
func TestEveryPackageOpensWithOneComment(t *testing.T) {
	t.Parallel()
	docs, dirs := make(map[string]int), make(map[string]bool)
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		dirs[s.pkg] = true
		if s.file.Doc != nil {
			docs[s.pkg]++
		}
	}
	for dir := range dirs {
		if docs[dir] != 1 {
			t.Errorf("package %q has %d package comments, it needs one", dir, docs[dir])
		}
	}
}

// Goal: no folder has a name that says nothing. Method: a list of such names.
func TestFoldersHaveNames(t *testing.T) {
	t.Parallel()
	walk(t, func(name string) {
		for _, part := range strings.Split(name, "/") {
			switch part {
			case "pkg", "util", "utils", "common", "models", "types", "helpers", "misc", "lib":
				t.Errorf("%s: a folder named %q says nothing", name, part)
			}
		}
	})
}

func shortFunctions(s source, report func(where, what string)) {
	for _, d := range s.file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		if n := s.line(f.End()) - s.line(f.Pos()) + 1; n > maxFunction {
			report(f.Name.Name, fmt.Sprintf("%d lines, at most %d", n, maxFunction))
		}
	}
}

func shortFiles(s source, report func(where, what string)) {
	if n := strings.Count(s.text, "\n"); n > maxFile {
		report("file", fmt.Sprintf("%d lines, at most %d", n, maxFile))
	}
}

func shortLines(s source, report func(where, what string)) {
	for i, line := range strings.Split(s.text, "\n") {
		n := utf8.RuneCountInString(strings.ReplaceAll(line, "\t", "    "))
		if n > maxLine && !strings.Contains(line, "://") && !strings.Contains(line, "`") {
			report(fmt.Sprintf("line %d", i+1),
				fmt.Sprintf("%d characters, at most %d", n, maxLine))
		}
	}
}

func noInit(s source, report func(where, what string)) {
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			report("init", "wiring is Go code that one can read, in main")
		}
	}
}

// noGlobals allows errors, embedded files, blank assertions, and flags of tests.
func noGlobals(s source, report func(where, what string)) {
	for _, d := range s.file.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			v := spec.(*ast.ValueSpec)
			for _, name := range v.Names {
				n := name.Name
				embedded := g.Doc != nil && strings.Contains(s.text, "//go:embed")
				isError := strings.HasPrefix(n, "Err") || strings.HasPrefix(n, "err")
				isFlag := s.test && n == "update"
				if n != "_" && !isError && !isFlag && !embedded {
					report(n, "a package-level variable; make it a constant, a function or a field")
				}
			}
		}
	}
}

func smallInterfaces(s source, report func(where, what string)) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		t, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		i, ok := t.Type.(*ast.InterfaceType)
		if ok && i.Methods.NumFields() > maxMethods {
			report(t.Name.Name,
				fmt.Sprintf("%d methods, at most %d", i.Methods.NumFields(), maxMethods))
		}
		return true
	})
}

func explained(s source, report func(where, what string)) {
	if s.test {
		return
	}
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
				report(d.Name.Name, "an exported function without a comment")
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				t, ok := spec.(*ast.TypeSpec)
				if ok && t.Name.IsExported() && d.Doc == nil && t.Doc == nil && t.Comment == nil {
					report(t.Name.Name, "an exported type without a comment")
				}
			}
		}
	}
}

func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t = star.X
	}
	if generic, ok := t.(*ast.IndexExpr); ok {
		t = generic.X
	}
	id, ok := t.(*ast.Ident)
	return ok && id.IsExported()
}

// noAmbient keeps the rooms replayable. Chance may decide when, in the one place that retries.
func noAmbient(s source, report func(where, what string)) {
	if s.test || !strings.HasPrefix(s.pkg, "shop") ||
		strings.HasPrefix(s.pkg, "shop/room/roomtest") {
		return
	}
	banned := map[string]string{
		"time.Now": "take the desk's clock", "time.Since": "take the desk's clock",
		"time.Sleep": "wait on the clock", "context.Background": "take the caller's context",
		"context.TO" + "DO": "take the caller's context", "fmt.Print": "return it",
		"fmt.Println": "return it", "fmt.Printf": "return it", "os.Getenv": "take it as a value",
	}
	ast.Inspect(s.file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		id, ok := sel.X.(*ast.Ident)
		if !ok {
			return true
		}
		name := id.Name + "." + sel.Sel.Name
		if why := banned[name]; why != "" || id.Name == "log" && id.Obj == nil {
			report(name, "not here: "+why)
		}
		return true
	})
}
