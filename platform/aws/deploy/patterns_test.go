package deploy_test

import (
	"encoding/json"
	"testing"

	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/platform/pattern"
)

// Goal: a rule asks for no more than the subscription's pattern does, and for all of it that a rule
// can see. Method: patterns and the rules that they become, all of them patterns themselves.
func TestRulePatterns(t *testing.T) {
	t.Parallel()
	for text, detail := range map[string]string{
		``:                                  ``,
		`{"data":{"n":[1]}}`:                ``,
		`{"data.n":[1],"subject":["a"]}`:    `{"subject":["a"]}`,
		`{"sequence":[1.50,null,true]}`:     `{"sequence":[1.50,null,true]}`,
		`{"subject":[{"prefix":"order/"}]}`: `{"subject":[{"prefix":"order/"}]}`,
		`{"$or":[{"subject":["a"]},{"data":{"n":[1]}}],"id":["x"]}`:             `{"id":["x"]}`,
		`{"$or":[{"subject":["a"]},{"$or":[{"id":["x"]},{"data":{"n":[1]}}]}]}`: ``,
		`{"$or":[{"subject":["a"]},{"id":["b"]}]}`:                              `{"$or":[{"subject":["a"]},{"id":["b"]}]}`,
	} {
		got, err := deploy.RulePattern(deploy.Subscription{Types: []string{"t.v1"}, Pattern: text})
		if err != nil {
			t.Fatal(err)
		}
		var rule struct {
			Source []string        `json:"source"`
			Type   []string        `json:"detail-type"`
			Detail json.RawMessage `json:"detail"`
		}
		if err := json.Unmarshal([]byte(got), &rule); err != nil {
			t.Fatal(err)
		}
		if string(rule.Detail) != detail || len(rule.Source) != 1 || len(rule.Type) != 1 {
			t.Errorf("%s becomes %s", text, got)
		}
		if _, err := pattern.Compile([]byte(got)); err != nil {
			t.Errorf("%s: %v", got, err)
		}
	}
}
