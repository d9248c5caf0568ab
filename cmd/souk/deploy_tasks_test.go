package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/souk-commerce/souk/app"
	"github.com/souk-commerce/souk/platform/aws/deploy"
	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// Goal: who answers a machine's task may read its room's records, write them if the task does, and
// do nothing else. Method: for every task, requests on every room's keys and on what the house has
// besides, judged by the policy that its role will have; what it may do follows from the
// declarations here.
func TestDeployTasksMayDoWhatTheyDeclare(t *testing.T) {
	t.Parallel()
	d, err := app.Declarations()
	if err != nil {
		t.Fatal(err)
	}
	all := policies(t, "eventbridge")
	if len(d.Tasks) == 0 {
		t.Error("no machine calls anything")
	}
	for _, task := range d.Tasks {
		name := "souk-t-" + strings.ReplaceAll(task.Name, ".", "-")
		p, ok := all[name]
		if !ok {
			t.Errorf("no function for %s", task.Name)
			continue
		}
		for _, r := range d.Rooms {
			judgeTaskKeys(t, d, task, r, p)
		}
		judge(t, name, p, false,
			item("PutItem", "", "~platform/signing"), item("GetItem", "", "~platform/signing"),
			item("PutItem", "", "~platform/trouble/"+task.Name),
			item("PutItem", "", "~platform/subscription"),
			plain("dynamodb:Scan", iamtest.ARN("dynamodb", mainTable)),
			plain("dynamodb:Scan", iamtest.ARN("dynamodb", paymentTable)),
			plain("events:PutEvents", iamtest.ARN("events", "event-bus/souk-t")),
			plain("s3:GetObject", bucketARN("files")+"/x"),
			plain("s3:PutObject", bucketARN("files")+"/x"),
			plain("s3:GetObject", bucketARN("archive")+"/x"),
			plain("sqs:ReceiveMessage", queueARN(task.Name)),
			plain("sqs:SendMessage", queueARN("purchases")),
			plain("states:StartExecution",
				iamtest.ARN("states", "stateMachine:souk-t-fulfilment-lost-shipment")),
			plain("states:SendTaskSuccess", "*"),
			plain("lambda:InvokeFunction", iamtest.ARN("lambda", "function:souk-t-payment-refund")),
			plain("secretsmanager:GetSecretValue",
				iamtest.ARN("secretsmanager", "secret:souk-t/payment-AbCdEf")))
	}
}

func judgeTaskKeys(
	t *testing.T, d app.Declared, task app.DeclaredTask, r app.DeclaredRoom, p iamtest.Policy,
) {
	t.Helper()
	own := r.Name == task.Room
	asks := slices.ContainsFunc(d.Seams, func(q app.DeclaredSeam) bool {
		return task.Room != "" && q.Asker == task.Room && q.Asked == r.Name && q.Doors
	})
	for _, a := range writes() {
		judge(t, task.Name, p, own && !task.Reads, item(a, r.Name, r.Name+"/thing/1"))
	}
	for _, a := range reads() {
		judge(t, task.Name, p, own || asks, item(a, r.Name, r.Name+"/thing/1"))
	}
	if own || task.Room == "" {
		judge(t, task.Name, p, false, item("GetItem", "", "~platform/person/cus_1"),
			item("DeleteItem", "", "~platform/person/cus_1"))
		judge(t, task.Name, p, false, iamtest.Request{Action: "kms:Decrypt", // none opens a seal
			Resource: iamtest.KeyARN("PeopleKey"),
			Context:  map[string][]string{"kms:EncryptionContext:person": {"cus_1"}}})
	}
	if r.Name == "payment" {
		judge(t, task.Name, p, own, iamtest.Request{Action: "kms:Decrypt",
			Resource: iamtest.KeyARN("PaymentKey"), Context: map[string][]string{
				"kms:ViaService": {"dynamodb." + iamtest.Region + ".amazonaws.com"}}})
	}
}

// Goal: every machine that a room declares is deployed, calls by each name the function of that
// name, and may call those and no others. Method: the machine's resource and role in the room's
// stack, against the declaration.
func TestDeployEveryDeclaredMachine(t *testing.T) {
	t.Parallel()
	d, err := app.Declarations()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range d.Machines {
		i := slices.IndexFunc(templates(t), func(tpl *deploy.Template) bool {
			return tpl.Name == m.Room
		})
		var doc struct {
			Resources map[string]struct {
				Type       string
				Properties map[string]any
			}
		}
		if err := json.Unmarshal(asJSON(t, templates(t)[i]), &doc); err != nil {
			t.Fatal(err)
		}
		want := make(map[string]bool)
		for _, task := range m.Tasks {
			want["function:souk-${Stage}-"+strings.ReplaceAll(task, ".", "-")] = true
		}
		found := false
		for id, r := range doc.Resources {
			name := compact(t, r.Properties["StateMachineName"])
			if r.Type != "AWS::StepFunctions::StateMachine" ||
				!strings.Contains(name, "souk-${Stage}-"+m.Room+"-"+m.Name+`"`) {
				continue
			}
			found = true
			given := r.Properties["DefinitionSubstitutions"].(map[string]any)
			role := compact(t, doc.Resources[id+"Role"].Properties["Policies"])
			for function := range want {
				if !strings.Contains(role, function+`"`) {
					t.Errorf("the role of %s does not allow %s", m.Name, function)
				}
				if !strings.Contains(compact(t, slices.Collect(maps.Values(given))),
					function+`"`) {
					t.Errorf("%s is not told %s", m.Name, function)
				}
			}
			if strings.Count(role, "function:") != len(want) || len(given) != len(want) ||
				strings.Contains(compact(t, r.Properties["DefinitionString"]), "${payment.") {
				t.Errorf("%s calls more than it declares: %s", m.Name, role)
			}
		}
		if !found {
			t.Errorf("%s is not deployed", m.Name)
		}
	}
}
