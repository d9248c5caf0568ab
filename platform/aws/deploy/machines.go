package deploy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Machine is a state machine of a room, as its file of the Amazon States Language has it.
type Machine struct {
	Name       string // "<room>.<what>"
	Room       string
	Definition string            // JSON, with a ${placeholder} for every function that it calls
	Functions  map[string]string // by placeholder, the task or subscription whose function it is
}

// The resources of tasks that a machine's role can be worked out for: a function by a placeholder,
// or Step Functions' own way of calling one.
const (
	invoke      = "arn:aws:states:::lambda:invoke"
	invokeToken = invoke + ".waitForTaskToken"
)

func placeholders() *regexp.Regexp { return regexp.MustCompile(`\$\{([A-Za-z0-9._-]+)\}`) }

// machinesOf lists a room's machines.
func (h House) machinesOf(room string) []Machine {
	var list []Machine
	for _, m := range h.Machines {
		if m.Room == room {
			list = append(list, m)
		}
	}
	return list
}

// checkMachines refuses machines whose role could not be worked out.
func (h House) checkMachines() error {
	for _, m := range h.Machines {
		if len(h.of(m.Room)) == 0 {
			return fmt.Errorf("the machine %q belongs to a room without a stack; "+
				"nothing was generated", m.Name)
		}
		if _, _, err := h.defined(m); err != nil {
			return fmt.Errorf("the machine %q: %w; nothing was generated", m.Name, err)
		}
	}
	return nil
}

// defined reads a machine's definition, and lists the functions that it calls by the names that
// CloudFormation substitutes: its own are letters and digits. The definition stays text, since a
// template may hold no null.
func (h House) defined(m Machine) (definition string, calls map[string]string, err error) {
	d := json.NewDecoder(strings.NewReader(m.Definition))
	d.UseNumber()
	var raw map[string]any
	if err := d.Decode(&raw); err != nil {
		return "", nil, fmt.Errorf("its definition is no JSON object: %w", err)
	}
	calls = make(map[string]string)
	var wrong error
	refuse := func(format string, args ...any) {
		if wrong == nil {
			wrong = fmt.Errorf(format, args...)
		}
	}
	named := placeholders()
	changed := walk(raw, func(key, s string) string {
		if key == "Resource" && s != invoke && s != invokeToken &&
			named.FindString(s) != s {
			refuse("its role does not know what the resource %q takes", s)
		}
		if key == "Mode" && s == "DISTRIBUTED" {
			refuse("its role does not know what a distributed map takes")
		}
		return named.ReplaceAllStringFunc(s, func(p string) string {
			name := p[2 : len(p)-1]
			of, ok := m.Functions[name]
			if !ok || !h.answers(of) {
				refuse("%s stands for no function", p)
			}
			if other, ok := calls[logical(name)]; ok && other != of {
				refuse("two placeholders are %s to CloudFormation", logical(name))
			}
			calls[logical(name)] = of
			return "${" + logical(name) + "}"
		})
	})
	if wrong != nil {
		return "", nil, wrong
	}
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(changed)
	return strings.TrimSpace(text.String()), calls, err
}

// answers reports whether a function has that name.
func (h House) answers(name string) bool {
	task := func(t Task) bool { return t.Name == name }
	return slices.ContainsFunc(h.Tasks, task) ||
		slices.ContainsFunc(h.Subscriptions, func(s Subscription) bool { return s.Name == name })
}

// walk copies a value and gives every text in it, with the key that it stands under, to change.
func walk(v any, change func(key, s string) string) any {
	return walkUnder("", v, change)
}

func walkUnder(key string, v any, change func(key, s string) string) any {
	switch v := v.(type) {
	case map[string]any:
		o := obj{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			o[k] = walkUnder(k, v[k], change)
		}
		return o
	case []any:
		l := list{}
		for _, one := range v {
			l = append(l, walkUnder(key, one, change))
		}
		return l
	case string:
		return change(key, v)
	}
	return v
}

// machine makes a state machine with its log, its role, and who is told when it fails. What goes
// through it is not logged: it may be personal.
func (p *part) machine(m Machine) {
	h, id := p.house, logical(m.Name)+"Machine"
	definition, calls, err := h.defined(m)
	if err != nil {
		panic("deploy: a machine that was not checked: " + err.Error())
	}
	functions, substitutions := list{}, obj{}
	for _, name := range slices.Sorted(maps.Keys(calls)) {
		arn := h.functionArn(calls[name])
		substitutions[name] = arn
		if !slices.Contains(functions, any(arn)) {
			functions = append(functions, arn)
		}
	}
	p.add(id+"Logs", resource{"AWS::Logs::LogGroup", obj{
		// Under this name the service needs no policy of the log group for each machine.
		"LogGroupName":    "/aws/vendedlogs/states/" + h.named(m.Name),
		"RetentionInDays": ref("LogDays"), "KmsKeyId": p.key("audit"),
	}, nil})
	p.machineRole(id, m, functions)
	props := obj{
		"StateMachineName": h.named(m.Name), "StateMachineType": "STANDARD",
		"RoleArn": att(id + "Role.Arn"), "DefinitionString": definition,
		"TracingConfiguration": obj{"Enabled": true},
		"LoggingConfiguration": obj{"Level": "ALL", "IncludeExecutionData": false,
			"Destinations": list{obj{"CloudWatchLogsLogGroup": obj{
				"LogGroupArn": att(id + "Logs.Arn")}}}},
	}
	if len(substitutions) > 0 {
		props["DefinitionSubstitutions"] = substitutions
	}
	p.add(id, resource{"AWS::StepFunctions::StateMachine", props, nil})
	for _, end := range []string{"Failed", "TimedOut"} {
		p.alarm(id+end+"Alarm", m.Name+": an execution ended and did not succeed",
			metric{"AWS/States", "Executions" + end, "StateMachineArn", ref(id)}, 0, 1)
	}
}

// machineRole allows what the definition calls, and what logging and tracing take.
func (p *part) machineRole(id string, m Machine, functions list) {
	h := p.house
	statements := list{
		statement{actions: logDelivery(), resources: list{"*"}}.value(p),
		statement{actions: tracing(), resources: list{"*"}}.value(p),
	}
	if len(functions) > 0 {
		statements = append(statements, statement{
			actions: []string{"lambda:InvokeFunction"}, resources: functions,
		}.value(p))
	}
	p.add(id+"Role", resource{"AWS::IAM::Role", obj{
		"Description": "What the machine " + m.Name + " may do, and nothing else.",
		"AssumeRolePolicyDocument": obj{"Version": "2012-10-17", "Statement": list{obj{
			"Effect": "Allow", "Action": "sts:AssumeRole",
			"Principal": obj{"Service": "states.amazonaws.com"},
			"Condition": obj{
				"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")},
				"ArnEquals": obj{"aws:SourceArn": h.arn("states",
					"stateMachine:"+string(h.named(m.Name)))},
			},
		}}},
		"Policies": list{obj{"PolicyName": "declared",
			"PolicyDocument": obj{"Version": "2012-10-17", "Statement": statements}}},
	}, nil})
}

// logDelivery is what Step Functions asks of the role of a machine that logs.
func logDelivery() []string {
	return []string{"logs:CreateLogDelivery", "logs:DeleteLogDelivery",
		"logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery",
		"logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery"}
}

// tracing is what it asks of the role of a machine that is traced.
func tracing() []string {
	return []string{"xray:GetSamplingRules", "xray:GetSamplingTargets",
		"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
}
