package iamtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// The account in which everything is resolved.
const (
	Account   = "123456789012"
	Region    = "eu-west-1"
	Partition = "aws"
)

// House is a root template and its nested ones, resolved with parameters.
type House struct {
	policies map[string]Policy
}

// Functions is the policy of every function, by its physical name.
func (h House) Functions() map[string]Policy { return maps.Clone(h.policies) }

// Read resolves the JSON of a root template with the given parameters, and of the templates that
// it nests, by name. Unknown references are errors.
func Read(root []byte, nested map[string][]byte, given map[string]string) (House, error) {
	h := House{policies: make(map[string]Policy)}
	top, err := newScope(root, given)
	if err != nil {
		return h, err
	}
	if err := h.add(top); err != nil {
		return h, err
	}
	for id, r := range top.doc.Resources {
		if r.Type != "AWS::CloudFormation::Stack" {
			continue
		}
		url, err := top.text(r.Properties["TemplateURL"])
		if err != nil {
			return h, err
		}
		name := strings.TrimSuffix(url[strings.LastIndex(url, "/")+1:], ".yaml")
		handed := make(map[string]string)
		for k, v := range r.Properties["Parameters"].(map[string]any) {
			if handed[k], err = top.text(v); err != nil {
				return h, fmt.Errorf("%s: %w", id, err)
			}
		}
		inner, err := newScope(nested[name], handed)
		if err != nil {
			return h, fmt.Errorf("the template %q: %w", name, err)
		}
		if err := h.add(inner); err != nil {
			return h, err
		}
	}
	return h, nil
}

type resource struct {
	Type       string
	Condition  string
	Properties map[string]any
}

type document struct {
	Parameters map[string]struct{ Default any }
	Conditions map[string]any
	Resources  map[string]resource
}

// scope resolves the references of one template.
type scope struct {
	doc    document
	values map[string]string
}

func newScope(raw []byte, given map[string]string) (*scope, error) {
	s := &scope{values: map[string]string{
		"AWS::Partition": Partition, "AWS::Region": Region, "AWS::AccountId": Account,
		"AWS::URLSuffix": "amazonaws.com", "AWS::NoValue": "",
	}}
	if err := json.Unmarshal(raw, &s.doc); err != nil {
		return nil, err
	}
	for name, p := range s.doc.Parameters {
		if p.Default != nil {
			s.values[name] = fmt.Sprint(p.Default)
		}
		if v, ok := given[name]; ok {
			s.values[name] = v
		}
		if _, ok := s.values[name]; !ok {
			return nil, fmt.Errorf("the parameter %s has no value", name)
		}
	}
	return s, nil
}

// add reads the policy of every function of a template.
func (h House) add(s *scope) error {
	for id, r := range s.doc.Resources {
		if r.Type != "AWS::Lambda::Function" {
			continue
		}
		name, err := s.text(r.Properties["FunctionName"])
		if err != nil {
			return err
		}
		role := r.Properties["Role"].(map[string]any)["Fn::GetAtt"].([]any)[0].(string)
		p, err := s.policy(s.doc.Resources[role])
		if err != nil {
			return fmt.Errorf("the role of %s: %w", id, err)
		}
		h.policies[name] = p
	}
	return nil
}

func (s *scope) policy(role resource) (Policy, error) {
	var p Policy
	for _, one := range role.Properties["Policies"].([]any) {
		doc := one.(map[string]any)["PolicyDocument"].(map[string]any)
		for _, raw := range doc["Statement"].([]any) {
			st, err := s.statement(raw.(map[string]any))
			if err != nil {
				return p, err
			}
			if st != nil {
				p.Statements = append(p.Statements, *st)
			}
		}
	}
	return p, nil
}

func (s *scope) statement(raw map[string]any) (*Statement, error) {
	if chosen, ok := raw["Fn::If"].([]any); ok {
		yes, err := s.condition(s.doc.Conditions[chosen[0].(string)])
		if err != nil || !yes {
			return nil, err
		}
		raw = chosen[1].(map[string]any)
	}
	st := &Statement{Effect: raw["Effect"].(string),
		Conditions: make(map[string]map[string][]string)}
	for _, a := range many(raw["Action"]) {
		st.Actions = append(st.Actions, a.(string))
	}
	var err error
	if st.Resources, err = s.texts(raw["Resource"]); err != nil {
		return nil, err
	}
	conditions, _ := raw["Condition"].(map[string]any)
	for operator, keys := range conditions {
		st.Conditions[operator] = make(map[string][]string)
		for key, v := range keys.(map[string]any) {
			if st.Conditions[operator][key], err = s.texts(v); err != nil {
				return nil, err
			}
		}
	}
	return st, nil
}

func many(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	return []any{v}
}

func (s *scope) texts(v any) ([]string, error) {
	var list []string
	for _, one := range many(v) {
		t, err := s.text(one)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// text resolves a value to text.
func (s *scope) text(v any) (string, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return fmt.Sprint(v), nil
	}
	if name, ok := o["Ref"].(string); ok {
		return s.ref(name)
	}
	if parts, ok := o["Fn::GetAtt"].([]any); ok {
		return s.attribute(parts[0].(string), parts[1].(string))
	}
	text, ok := o["Fn::Sub"].(string)
	if !ok {
		return "", fmt.Errorf("unknown function in %v", o)
	}
	var failed []error
	done := regexp.MustCompile(`\$\{([^}]+)\}`).ReplaceAllStringFunc(text, func(m string) string {
		v, err := s.ref(m[2 : len(m)-1])
		if err != nil {
			failed = append(failed, err)
		}
		return v
	})
	return done, errors.Join(failed...)
}

func (s *scope) ref(name string) (string, error) {
	if v, ok := s.values[name]; ok {
		return v, nil
	}
	if id, attribute, ok := strings.Cut(name, "."); ok {
		return s.attribute(id, attribute)
	}
	if _, ok := s.doc.Resources[name]; ok {
		return name, nil
	}
	return "", fmt.Errorf("nothing is called %q", name)
}

// attribute resolves what policies are made of: the addresses of keys and streams.
func (s *scope) attribute(id, attribute string) (string, error) {
	r, ok := s.doc.Resources[id]
	if !ok {
		return "", fmt.Errorf("no resource is called %q", id)
	}
	switch r.Type + "." + attribute {
	case "AWS::KMS::Key.Arn":
		return KeyARN(id), nil
	case "AWS::DynamoDB::Table.StreamArn":
		name, err := s.text(r.Properties["TableName"])
		return ARN("dynamodb", "table/"+name+"/stream/now"), err
	}
	return id + "." + attribute, nil
}

// KeyARN is the address of a KMS key by its name in the root template.
func KeyARN(id string) string { return ARN("kms", "key/"+id) }

// ARN is an address in the account and region of this package.
func ARN(service, path string) string {
	return strings.Join([]string{"arn", Partition, service, Region, Account, path}, ":")
}

func (s *scope) condition(v any) (bool, error) {
	o, _ := v.(map[string]any)
	if not, ok := o["Fn::Not"].([]any); ok {
		inner, err := s.condition(not[0])
		return !inner, err
	}
	pair, ok := o["Fn::Equals"].([]any)
	if !ok {
		return false, fmt.Errorf("unknown condition %v", v)
	}
	a, err := s.text(pair[0])
	if err != nil {
		return false, err
	}
	b, err := s.text(pair[1])
	return a == b, err
}
