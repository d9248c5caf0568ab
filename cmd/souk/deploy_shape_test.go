package main

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/platform/aws"
)

// tableProperties is what a template says of a table, as far as the adapter depends on it.
type tableProperties struct {
	AttributeDefinitions   []struct{ AttributeName, AttributeType string }
	KeySchema              []struct{ AttributeName, KeyType string }
	GlobalSecondaryIndexes []struct {
		IndexName  string
		KeySchema  []struct{ AttributeName, KeyType string }
		Projection struct{ ProjectionType string }
	}
	StreamSpecification     struct{ StreamViewType string }
	TimeToLiveSpecification struct {
		AttributeName string
		Enabled       bool
	}
}

// Goal: the tables that are deployed are those that the adapter was tried on. Method: each table of
// the templates against the adapter's own word for the shape.
func TestDeployedTablesHaveTheAdaptersShape(t *testing.T) {
	t.Parallel()
	shape, tables := aws.TableShape(), 0
	for _, tpl := range templates(t) {
		var doc struct {
			Resources map[string]struct {
				Type       string
				Properties json.RawMessage
			}
		}
		if err := json.Unmarshal(asJSON(t, tpl), &doc); err != nil {
			t.Fatal(err)
		}
		for name, r := range doc.Resources {
			if r.Type != "AWS::DynamoDB::Table" {
				continue
			}
			tables++
			var p tableProperties
			if err := json.Unmarshal(r.Properties, &p); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !hasShape(p, shape) {
				t.Errorf("%s of %s is %+v, the adapter's shape %+v", name, tpl.Name, p, shape)
			}
		}
	}
	if tables != 2 {
		t.Errorf("%d tables, want the shop's and payment's", tables)
	}
}

func hasShape(p tableProperties, s aws.Shape) bool {
	keyed := func(keys []struct{ AttributeName, KeyType string }, hash, sort aws.Attribute) bool {
		return len(keys) == 2 && keys[0].AttributeName == hash.Name && keys[0].KeyType == "HASH" &&
			keys[1].AttributeName == sort.Name && keys[1].KeyType == "RANGE"
	}
	for _, a := range []aws.Attribute{
		s.PartitionKey, s.SortKey, s.Index.PartitionKey, s.Index.SortKey,
	} {
		if !slices.Contains(p.AttributeDefinitions,
			struct{ AttributeName, AttributeType string }{a.Name, a.Type}) {
			return false
		}
	}
	if len(p.AttributeDefinitions) != 4 || len(p.GlobalSecondaryIndexes) != 1 {
		return false
	}
	index := p.GlobalSecondaryIndexes[0]
	return keyed(p.KeySchema, s.PartitionKey, s.SortKey) && index.IndexName == s.Index.Name &&
		keyed(index.KeySchema, s.Index.PartitionKey, s.Index.SortKey) &&
		index.Projection.ProjectionType == "KEYS_ONLY" &&
		p.StreamSpecification.StreamViewType == s.StreamView &&
		p.TimeToLiveSpecification.AttributeName == s.TTL && p.TimeToLiveSpecification.Enabled
}

// Goal: a door's version can always be published: its description holds every setting, and Lambda
// takes 256 characters. Method: each description with the longest value of each parameter, which
// the parameter must allow, and one character more it must not.
func TestDeployedDoorsCanBePublished(t *testing.T) {
	t.Parallel()
	longest := map[string]string{
		"ApiMemory": "10240", "CommissionBps": "99999", "ShippingPerParcel": "9999999",
		"TaxBps": "99999", "PaymentDeadline": "99999h99999m99999s",
		"ReturnWindow": "99999h99999m99999s", "SandboxUrl": "https://" + strings.Repeat("x", 80),
		"PaymentProvider": "sandbox", "StripeSecret": strings.Repeat("x", 32),
		"StripeSecretVersion": strings.Repeat("x", 36), "PayoutMinimum": "999999999",
	}
	var doc struct {
		Parameters map[string]struct{ AllowedPattern string }
		Resources  map[string]struct {
			Type       string
			Properties struct{ Description any }
		}
	}
	if err := json.Unmarshal(asJSON(t, templates(t)[0]), &doc); err != nil {
		t.Fatal(err)
	}
	versions := 0
	for id, r := range doc.Resources {
		if r.Type != "AWS::Lambda::Version" {
			continue
		}
		versions++
		text := r.Properties.Description.(map[string]any)["Fn::Sub"].(string)
		for name, value := range longest {
			may := regexp.MustCompile(doc.Parameters[name].AllowedPattern)
			more := may.MatchString(value+value[len(value)-1:]) && name != "ApiMemory"
			if !may.MatchString(value) || more {
				t.Errorf("%q is not the longest value of %s", value, name)
			}
			text = strings.ReplaceAll(text, "${"+name+"}", value)
		}
		if strings.Contains(text, "${") || len(text) > 256 {
			t.Errorf("%s takes %d characters: %s", id, len(text), text)
		}
	}
	if versions != 3 {
		t.Errorf("%d doors have a version", versions)
	}
}
