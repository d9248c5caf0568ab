package deploy

import (
	"maps"
	"slices"
)

// parameter describes one.
func parameter(about, kind string, more obj) obj {
	p := obj{"Description": about, "Type": kind}
	maps.Copy(p, more)
	return p
}

// parameters are what whoever deploys decides.
func (p *part) parameters() {
	h := p.house
	text := func(about, standard, pattern string) obj {
		return parameter(about, "String", obj{"Default": standard, "AllowedPattern": pattern})
	}
	memory := func(who string, standard int) obj {
		return parameter("Memory of "+who+", in MB.", "Number",
			obj{"Default": standard, "MinValue": 128, "MaxValue": 10240})
	}
	maps.Copy(p.Parameters, obj{
		"Stage": text("Ends the name of everything.", "prod", "^[a-z][a-z0-9]{0,7}$"),
		"ArtifactBucket": parameter("Bucket with the packaged functions and templates.",
			"String", obj{"AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"}),
		"ArtifactPrefix": text("Folder in it, ending in a slash.", "", "^([A-Za-z0-9._-]+/)*$"),
		"ApiDigest": parameter("SHA-256 of the api function's zip, in base64: a new one publishes "+
			"a new version.", "String", obj{"AllowedPattern": "^[A-Za-z0-9+/]{43}=$"}),
		"Bus": parameter("What carries events from the stream to the queues.", "String",
			obj{"Default": "eventbridge", "AllowedValues": list{"eventbridge", "sns"}}),
		"AlarmEmail": parameter("Who is told when something waits too long or is given up.",
			"String", obj{"AllowedPattern": "^[^@\\s]+@[^@\\s]+$"}),
		"MailDomain": parameter("Domain that SES may send from; empty: no mail is sent.",
			"String", obj{"Default": "", "AllowedPattern": "^[a-z0-9.-]*$"}),
		"WebAclArn": parameter("Output WebAclArn of the stack of edge.yaml, in us-east-1.",
			"String", obj{"AllowedPattern": "^arn:[^:]+:wafv2:us-east-1:[0-9]+:global/webacl/.+$"}),
		"Mfa": parameter("Whether everybody who signs in needs a second factor.", "String",
			obj{"Default": "ON", "AllowedValues": list{"ON", "OPTIONAL"}}),
		"RecordConfig": parameter("Whether this account has no AWS Config recorder yet.", "String",
			obj{"Default": "yes", "AllowedValues": list{"yes", "no"}}),
		"LogDays": parameter("How long logs are kept, in days.", "Number", obj{
			"Default": 90, "AllowedValues": list{30, 60, 90, 180, 365, 400}}),
		"ApiMemory":     memory("the functions that answer requests", h.API.Memory),
		"RelayMemory":   memory("the functions that read streams", h.Relay.Memory),
		"SweeperMemory": memory("the functions that fire timers", h.Sweeper.Memory),
		"WorkerMemory":  memory("the functions that handle events", h.Workers[0].Memory),
		"ApiRate": parameter("Requests a second before the doors say 429.", "Number",
			obj{"Default": 2000, "MinValue": 1}),
		"BrowseRate": parameter("The same, for each door that only shows something.", "Number",
			obj{"Default": 500, "MinValue": 1}),
	})
	p.decisions()
	for _, role := range h.roles() {
		p.Parameters[codeParameter(role)] = parameter("Name of the "+role+" function's zip.",
			"String", obj{"AllowedPattern": "^[A-Za-z0-9._-]+[.]zip$"})
	}
	p.windowParameters()
	p.Conditions["OverEventBridge"] = equals("Bus", "eventbridge")
	p.Conditions["OverSns"] = equals("Bus", "sns")
	p.Conditions["Records"] = equals("RecordConfig", "yes")
}

// decisions are the parameters of the house's own settings. Where several are about one parameter,
// the first says what it is.
func (p *part) decisions() {
	for _, s := range p.house.Settings {
		if s.Parameter == "" {
			continue
		}
		if p.Parameters[s.Parameter] == nil {
			more := obj{"Default": s.Default}
			if s.Pattern != "" {
				more["AllowedPattern"] = s.Pattern
			}
			p.Parameters[s.Parameter] = parameter(s.About, "String", more)
		}
		if s.Field != "" {
			p.Parameters[s.version()] = parameter("Version of "+s.Parameter+": another one is "+
				"read, and publishes a new version of the doors; empty: the newest.", "String",
				obj{"Default": "", "AllowedPattern": "^[A-Za-z0-9-]{0,36}$"})
			p.Conditions[s.told()] = obj{"Fn::Not": list{equals(s.Parameter, "")}}
		}
	}
}

// windowParameters are the times of day in which instances stand by.
func (p *part) windowParameters() {
	cron := obj{"AllowedPattern": "^[0-9A-Z?*/,#L -]+$"}
	p.Parameters["Timezone"] = parameter("Of the windows, as in Europe/London.", "String",
		obj{"Default": "UTC"})
	for _, w := range p.house.API.Windows {
		name := logical(w.Name)
		for when, at := range map[string]string{"Opens": w.Open, "Closes": w.Close} {
			p.Parameters[name+when] = parameter("When the window "+w.Name+" "+lower(when)+
				", six fields of cron.", "String",
				obj{"Default": at, "AllowedPattern": cron["AllowedPattern"]})
		}
		p.Parameters[name+"Warm"] = parameter("Instances that stand by in the window "+w.Name+
			"; 0: none.", "Number", obj{"Default": w.Warm, "MinValue": 0})
	}
}

func lower(s string) string { return string(s[0]|0x20) + s[1:] }

func equals(parameter, value string) obj {
	return obj{"Fn::Equals": list{ref(parameter), value}}
}

// roles are the kinds of function; each is one binary. Whoever takes from a queue has its name.
func (h House) roles() []string {
	all := []string{"api", "relay", "sweeper", "worker"}
	for _, q := range h.Queues {
		all = append(all, q.Name)
	}
	return all
}

func codeParameter(role string) string { return logical(role) + "Code" }

// handedDown is what a room's stack is given by the root.
func (h House) handedDown() obj {
	given := obj{
		"Stage": ref("Stage"), "ArtifactBucket": ref("ArtifactBucket"),
		"ArtifactPrefix": ref("ArtifactPrefix"), "WorkerCode": ref("WorkerCode"),
		"WorkerMemory": ref("WorkerMemory"), "Bus": ref("Bus"), "LogDays": ref("LogDays"),
		"MailDomain": ref("MailDomain"),
	}
	for _, s := range h.Settings {
		if s.Parameter != "" {
			given[s.Parameter] = ref(s.Parameter)
		}
		if s.Field != "" {
			given[s.version()] = ref(s.version())
		}
	}
	for _, k := range h.domains() {
		given[logical(k.name)+"KeyArn"] = att(logical(k.name) + "Key.Arn")
	}
	return given
}

// shared are the parameters of a room's stack. Those that it does not use are not declared.
func (p *part) shared() {
	need := map[string]bool{
		"Stage": true, "ArtifactBucket": true, "ArtifactPrefix": true, "WorkerCode": true,
		"WorkerMemory": true, "Bus": true, "LogDays": true, "AuditKeyArn": true,
	}
	for _, k := range p.house.keysOf(p.name) {
		need[logical(k)+"KeyArn"] = true
	}
	r, _ := p.house.room(p.name)
	need["MailDomain"] = r.Tells
	for _, s := range p.house.Settings {
		if !s.givenTo("worker", p.name) && !p.givesTasks(s) {
			continue
		}
		need[s.Parameter] = true
		if s.Field != "" {
			need[s.version()] = true
			p.Conditions[s.told()] = obj{"Fn::Not": list{equals(s.Parameter, "")}}
		}
	}
	for name := range p.house.handedDown() {
		if need[name] {
			kind := "String"
			if name == "WorkerMemory" || name == "LogDays" {
				kind = "Number"
			}
			p.Parameters[name] = parameter("Given by the root.", kind, nil)
		}
	}
	p.Conditions["OverEventBridge"] = equals("Bus", "eventbridge")
	p.Conditions["OverSns"] = equals("Bus", "sns")
	if r.Tells {
		p.Conditions["Mails"] = obj{"Fn::Not": list{equals("MailDomain", "")}}
	}
}

// givesTasks reports whether a task in this room's stack is given the setting.
func (p *part) givesTasks(s Setting) bool {
	return slices.ContainsFunc(p.house.tasksIn(p.name), func(t Task) bool {
		return t.Room != "" && s.givenTo(asTask, t.Room)
	})
}

// rooms nests the rooms' stacks.
func (p *part) rooms() {
	for _, room := range p.house.heard() {
		given, all := obj{}, p.house.handedDown()
		for name := range p.house.stack(room).Parameters {
			given[name] = all[name]
		}
		p.add(logical(room)+"Stack", resource{"AWS::CloudFormation::Stack", obj{
			"TemplateURL": sub("https://${ArtifactBucket}.s3.${AWS::Region}.${AWS::URLSuffix}/" +
				"${ArtifactPrefix}" + room + ".yaml"),
			"Parameters": given,
		}, obj{"DependsOn": list{"Table", "EventBus", "Topic", "AlarmTopic"}}})
	}
}
