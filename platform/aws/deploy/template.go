package deploy

import (
	"fmt"
	"strings"
)

// Template is one CloudFormation template.
type Template struct {
	Name       string // of its file, without ending
	About      string
	Parameters obj
	Conditions obj
	Resources  obj
	Outputs    obj
}

// The shapes that a template is made of.
type (
	obj  = map[string]any
	list = []any
)

// The references between parts of a template, which YAML writes in their short form.
type (
	ref string // to a parameter or a resource
	att string // "Resource.Attribute"
	sub string // text with ${references}
)

func newTemplate(name, about string) *Template {
	return &Template{
		Name: name, About: about,
		Parameters: obj{}, Conditions: obj{}, Resources: obj{}, Outputs: obj{},
	}
}

// resource is one entry of a template; fields of also stand beside its properties.
type resource struct {
	kind  string
	props obj
	also  obj
}

// add puts a resource into the template. Names are checked before, so one that is there is a fault
// of the generator.
func (t *Template) add(name string, r resource) {
	if t.Resources[name] != nil {
		panic("deploy: two resources are named " + name)
	}
	entry := obj{"Type": r.kind, "Properties": r.props}
	for k, v := range r.also {
		entry[k] = v
	}
	t.Resources[name] = entry
}

// kept is beside every resource that holds what cannot be made again.
func kept() obj { return obj{"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"} }

// when is beside a resource that exists only under a condition.
func when(condition string) obj { return obj{"Condition": condition} }

func (t *Template) value() obj {
	doc := obj{
		"AWSTemplateFormatVersion": "2010-09-09", "Description": t.About,
		"Resources": t.Resources,
	}
	for name, part := range map[string]obj{
		"Parameters": t.Parameters, "Conditions": t.Conditions, "Outputs": t.Outputs,
	} {
		if len(part) > 0 {
			doc[name] = part
		}
	}
	return doc
}

// maxResources is what CloudFormation takes in one template.
const maxResources = 500

func (t *Template) check() error {
	if n := len(t.Resources); n > maxResources {
		return fmt.Errorf("the template %s has %d resources, CloudFormation takes %d: "+
			"divide the room", t.Name, n, maxResources)
	}
	return nil
}

// logical makes a name for a resource: "order.place-on-paid" is OrderPlaceOnPaid.
func logical(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		for _, word := range strings.FieldsFunc(p, separates) {
			b.WriteString(strings.ToUpper(word[:1]) + word[1:])
		}
	}
	return b.String()
}

func separates(r rune) bool { return r == '.' || r == '-' }

// dashed makes a physical name of one with dots.
func dashed(name string) string { return strings.ReplaceAll(name, ".", "-") }
