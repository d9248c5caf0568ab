package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/cmd/souk/house"
	"github.com/souk-commerce/souk/platform/aws/deploy"
)

// withMachine is the shop with a machine of the tests in one of its rooms.
func withMachine(t *testing.T) deploy.House {
	t.Helper()
	h, err := house.Of()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile("testdata/machines/ask-twice.asl.json")
	if err != nil {
		t.Fatal(err)
	}
	h.Machines = append(h.Machines, deploy.Machine{
		Name: "fulfilment.ask-twice", Room: "fulfilment", Definition: string(raw),
		Functions: map[string]string{
			"fulfilment.buy":  "fulfilment.buy-on-label-wanted",
			"fulfilment.look": "fulfilment.check-on-label-due",
		},
	})
	return h
}

// machineParts are the resources of a template that belong to the machine of withMachine.
func machineParts(t *testing.T, h deploy.House) map[string]map[string]any {
	t.Helper()
	all, err := deploy.Generate(h)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(tpl *deploy.Template) bool { return tpl.Name == "fulfilment" })
	var doc struct {
		Resources map[string]struct{ Properties map[string]any }
	}
	if err := json.Unmarshal(asJSON(t, all[i]), &doc); err != nil {
		t.Fatal(err)
	}
	parts := make(map[string]map[string]any)
	for id, r := range doc.Resources {
		if rest, ok := strings.CutPrefix(id, "FulfilmentAskTwiceMachine"); ok {
			parts[rest] = r.Properties
		}
	}
	return parts
}

// Goal: a room's machine is deployed as its file has it, calls the functions that answer for its
// placeholders and may call no others, and is logged without what goes through it, and traced.
// Method: the shop with a machine of the tests; its resources in the room's stack.
func TestDeployMachines(t *testing.T) {
	t.Parallel()
	parts := machineParts(t, withMachine(t))
	for _, id := range []string{"", "Role", "Logs", "FailedAlarm", "TimedOutAlarm"} {
		if parts[id] == nil {
			t.Fatalf("it has no part %q", id)
		}
	}
	arn := func(name string) string {
		return `{"Fn::Sub":"arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:` +
			`function:souk-${Stage}-` + name + `"}`
	}
	buy, look := arn("fulfilment-buy-on-label-wanted"), arn("fulfilment-check-on-label-due")
	machine := parts[""]
	for name, want := range map[string]string{
		"DefinitionSubstitutions": `{"FulfilmentBuy":` + buy + `,"FulfilmentLook":` + look + `}`,
		"TracingConfiguration":    `{"Enabled":true}`,
		"StateMachineType":        `"STANDARD"`,
	} {
		if have := compact(t, machine[name]); have != want {
			t.Errorf("%s is %s, want %s", name, have, want)
		}
	}
	logging := machine["LoggingConfiguration"].(map[string]any)
	if logging["Level"] != "ALL" || logging["IncludeExecutionData"] != false {
		t.Errorf("it is logged as %v", logging)
	}
	var definition any
	written := machine["DefinitionString"].(string)
	if err := json.Unmarshal([]byte(written), &definition); err != nil {
		t.Fatal(err)
	}
	said := compact(t, definition)
	for _, want := range []string{
		`"Resource":"${FulfilmentBuy}"`, `"FunctionName":"${FulfilmentLook}"`,
		`"TimeoutSeconds":3600`, `"BackoffRate":1.5`, `"StartAt":"Buy"`, `"ResultPath":null`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("its definition does not say %s: %s", want, said)
		}
	}
	invokes := `{"Action":["lambda:InvokeFunction"],"Effect":"Allow","Resource":[` + buy + `,` +
		look + `]}`
	if role := compact(t, parts["Role"]["Policies"]); !strings.Contains(role, invokes) ||
		strings.Count(role, `"Effect"`) != 3 {
		t.Errorf("its role: %s", role)
	}
	if trust := compact(t, parts["Role"]["AssumeRolePolicyDocument"]); !strings.Contains(trust,
		`stateMachine:souk-${Stage}-fulfilment-ask-twice`) {
		t.Errorf("others may take its role: %s", trust)
	}
}

func compact(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// Goal: a machine whose role cannot be worked out is refused before anything is generated. Method:
// the machine of the tests with one thing changed.
func TestDeployRefusesMachines(t *testing.T) {
	t.Parallel()
	const ask = "arn:aws:states:::lambda:invoke.waitForTaskToken"
	for what, change := range map[string]func(m *deploy.Machine){
		"stands for no function": func(m *deploy.Machine) { delete(m.Functions, "fulfilment.buy") },
		"what the resource": func(m *deploy.Machine) {
			m.Definition = strings.Replace(m.Definition, ask, "arn:aws:states:::sqs:sendMessage", 1)
		},
		"distributed map": func(m *deploy.Machine) {
			m.Definition = strings.Replace(m.Definition, `"Type": "Succeed"`,
				`"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED"}}`, 1)
		},
		"without a stack":   func(m *deploy.Machine) { m.Room = "catalog" },
		"is no JSON object": func(m *deploy.Machine) { m.Definition = "[]" },
		"two placeholders": func(m *deploy.Machine) {
			m.Definition = strings.ReplaceAll(m.Definition, "fulfilment.look", "fulfilment-buy")
			m.Functions["fulfilment-buy"] = "fulfilment.check-on-label-due"
		},
	} {
		h := withMachine(t)
		change(&h.Machines[len(h.Machines)-1])
		if _, err := deploy.Generate(h); err == nil || !strings.Contains(fmt.Sprint(err), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
