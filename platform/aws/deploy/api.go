package deploy

import (
	"slices"
	"strings"
)

// door is a function that answers requests, and the routes that lead to it.
type door struct {
	function
	routes []Route
	warm   bool // instances of it stand by in the windows
}

// doors divides the routes by what their functions may see: those of a room that is apart have a
// function of their own, and so have those that look into the machinery or into all records.
func (h House) doors() []door {
	groups := []door{{function: function{name: "api"}, warm: true}}
	for _, t := range h.tables() {
		if t != shared {
			groups = append(groups, door{function: function{name: beside("api", t)}})
		}
	}
	groups = append(groups, door{function: function{name: "api-ops"}})
	for _, r := range h.Routes {
		i := slices.IndexFunc(groups, func(d door) bool { return d.name == h.doorOf(r) })
		groups[i].routes = append(groups[i].routes, r)
	}
	for i := range groups {
		h.furnish(&groups[i])
	}
	return groups
}

// doorOf names the function behind a route.
func (h House) doorOf(r Route) string {
	room, isRoom := h.room(r.Room)
	switch {
	case !isRoom || room.Scans:
		return "api-ops"
	default:
		return beside("api", h.tableOf(r.Room))
	}
}

// furnish gives a door what its routes need: rooms of which every route only shows something are
// only read.
func (h House) furnish(d *door) {
	a := newAccess(h)
	scans := false
	for _, r := range h.Rooms {
		mine := routesOf(d.routes, r.Name)
		if len(mine) == 0 {
			continue
		}
		d.rooms = append(d.rooms, r.Name)
		scans = scans || r.Scans
		if slices.ContainsFunc(mine, func(r Route) bool { return !r.Reads }) {
			a.open(r.Name)
		} else {
			a.look(r.Name)
		}
		a.ask(r.Name, func(s Seam) bool { return s.Doors })
	}
	a.own(ownSigning)
	d.role, d.size = "api", h.API
	keeps := slices.ContainsFunc(h.Rooms, func(r Room) bool {
		return r.Files && slices.Contains(d.rooms, r.Name)
	})
	machinery := slices.ContainsFunc(d.routes, func(r Route) bool {
		_, isRoom := h.room(r.Room)
		return !isRoom
	})
	if machinery {
		a.own(ownAll)
	} else if takes := h.intake(d, a); len(takes) > 0 || keeps {
		d.may = append(append(d.may, takes...), h.writeFiles(), fileKey())
	}
	d.may = append(append(a.statements(), openSigning()), d.may...)
	if machinery {
		d.may = append(d.may, h.operate()...)
	}
	if scans {
		d.may = append(d.may, h.scan())
	}
}

func routesOf(routes []Route, room string) []Route {
	var mine []Route
	for _, r := range routes {
		if r.Room == room {
			mine = append(mine, r)
		}
	}
	return mine
}

// intake lets the door through which work is accepted put it into its queue; what a message cannot
// carry it puts into the files.
func (h House) intake(d *door, a *access) []statement {
	var all []statement
	for _, q := range h.Queues {
		if slices.Contains(d.rooms, q.Room) {
			a.own(ownQueue+q.Name, ownQueue+q.Name+"/*")
			all = append(all, h.send(q.Name))
		}
	}
	return all
}

// operate lets the operators' door see every queue, send what is dead or replayed again, and read
// the archive.
func (h House) operate() []statement {
	var queues []string
	for _, room := range h.heard() {
		queues = append(queues, room+"-*")
	}
	for _, q := range h.Queues {
		queues = append(queues, q.Name, q.Name+dead)
	}
	return []statement{
		{actions: []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes", "sqs:ReceiveMessage", "sqs:SendMessage"},
			resources: h.queueArns(queues)},
		h.readFiles(), h.object(archive, "", "s3:GetObject"), fileKey(),
		h.list(archive),
	}
}

// scan lets a door add up all records of a room. DynamoDB cannot bound a scan by keys, so this
// function may read the whole shared table; no other has it.
func (h House) scan() statement {
	return statement{actions: []string{"dynamodb:Scan"}, resources: list{h.tableArn(shared)}}
}

// api makes the functions behind the doors, and the HTTP API that leads to them.
func (p *part) api() {
	p.add("Api", resource{"AWS::ApiGatewayV2::Api", obj{
		"Name": p.house.named(""), "ProtocolType": "HTTP",
		"Description": "The doors of the shop. Only the front may knock.",
	}, nil})
	settings, after := obj{}, list{}
	for _, d := range p.house.doors() {
		d.env = obj{"SOUK_EDGE_KEY": sub("{{resolve:secretsmanager:${EdgeKey}}}"),
			"SOUK_QUEUES":    p.house.queueURL(""),
			"SOUK_USER_POOL": userPool(), "SOUK_USER_POOL_CLIENT": ref("Client")}
		p.door(d)
		for _, r := range d.routes {
			id := "Route" + routeName(r)
			after = append(after, id)
			p.add(id, resource{"AWS::ApiGatewayV2::Route", obj{
				"ApiId": ref("Api"), "RouteKey": r.Method + " " + r.Path,
				"Target": sub("integrations/${" + logical(d.name) + "Integration}"),
			}, nil})
			if r.Load == "browse" {
				settings[r.Method+" "+r.Path] = throttled("BrowseRate")
			}
		}
	}
	p.add("DoorLogs", resource{"AWS::Logs::LogGroup", obj{
		"LogGroupName": p.house.logGroup("doors"), "RetentionInDays": ref("LogDays"),
		"KmsKeyId": p.key("audit"),
	}, nil})
	p.add("ApiStage", resource{"AWS::ApiGatewayV2::Stage", obj{
		"ApiId": ref("Api"), "StageName": "$default", "AutoDeploy": true,
		"DefaultRouteSettings": obj{"DetailedMetricsEnabled": true,
			"ThrottlingRateLimit": ref("ApiRate"), "ThrottlingBurstLimit": ref("ApiRate")},
		"RouteSettings":     settings,
		"AccessLogSettings": obj{"DestinationArn": att("DoorLogs.Arn"), "Format": accessLog()},
	}, obj{"DependsOn": after}})
}

// throttled bounds requests a second, and in one moment, by a parameter.
func throttled(by string) obj {
	return obj{"ThrottlingRateLimit": ref(by), "ThrottlingBurstLimit": ref(by)}
}

// door makes one function with a version, an alias, and its way in. What stands by stands by under
// the alias.
func (p *part) door(d door) {
	id, digest := logical(d.name), d.digest(p.house)
	p.function(d.function)
	p.add(id+"Version", resource{"AWS::Lambda::Version", obj{
		"FunctionName": ref(id + "Function"), "CodeSha256": ref("ApiDigest"),
		"Description": sub("settings " + digest + ", ${ApiMemory} MB" + p.house.decided(d)),
	}, obj{"UpdateReplacePolicy": "Retain"}})
	p.add(id+"Alias", resource{"AWS::Lambda::Alias", obj{
		"FunctionName": ref(id + "Function"), "FunctionVersion": att(id + "Version.Version"),
		"Name": "live",
	}, nil})
	p.add(id+"Integration", resource{"AWS::ApiGatewayV2::Integration", obj{
		"ApiId": ref("Api"), "IntegrationType": "AWS_PROXY", "PayloadFormatVersion": "2.0",
		"IntegrationUri": ref(id + "Alias"), "TimeoutInMillis": 30000,
	}, nil})
	p.add(id+"Permission", resource{"AWS::Lambda::Permission", obj{
		"Action": "lambda:InvokeFunction", "FunctionName": ref(id + "Alias"),
		"Principal": "apigateway.amazonaws.com",
		"SourceArn": p.house.arn("execute-api", "${Api}/*/*"),
	}, nil})
	if d.warm {
		p.windows(id)
	}
}

// decided names what the operator decides of a door, so that another value publishes a version.
func (h House) decided(d door) string {
	var all []string
	for _, s := range h.Settings {
		if s.Parameter == "" || !s.givenTo(d.role, d.rooms...) {
			continue
		}
		if all = with(all, s.Parameter); s.Field != "" {
			all = with(all, s.version())
		}
	}
	var text strings.Builder
	for _, name := range all {
		text.WriteString(" ${" + name + "}")
	}
	return text.String()
}

// windows has instances stand by at the declared times of day.
func (p *part) windows(id string) {
	actions := list{}
	for _, w := range p.house.API.Windows {
		name := logical(w.Name)
		for _, step := range []struct{ when, least string }{{"Opens", "Warm"}, {"Closes", ""}} {
			var warm any = 0
			if step.least != "" {
				warm = ref(name + step.least)
			}
			actions = append(actions, obj{
				"ScheduledActionName": w.Name + "-" + lower(step.when), "Timezone": ref("Timezone"),
				"Schedule":             sub("cron(${" + name + step.when + "})"),
				"ScalableTargetAction": obj{"MinCapacity": warm, "MaxCapacity": warm},
			})
		}
	}
	p.add(id+"Warm", resource{"AWS::ApplicationAutoScaling::ScalableTarget", obj{
		"ServiceNamespace": "lambda", "MinCapacity": 0, "MaxCapacity": 0,
		"ScalableDimension": "lambda:function:ProvisionedConcurrency",
		"ResourceId":        sub("function:${" + id + "Function}:live"),
		"ScheduledActions":  actions,
	}, obj{"DependsOn": list{id + "Alias"}}})
}

// routeName makes "PostV1OrdersIdCancel" of a route.
func routeName(r Route) string {
	between := func(c rune) bool { return strings.ContainsRune("/{}.-_", c) }
	words := strings.FieldsFunc(r.Path, between)
	name := r.Method[:1] + strings.ToLower(r.Method[1:])
	for _, w := range words {
		name += strings.ToUpper(w[:1]) + w[1:]
	}
	return name
}

// accessLog is a line for each request: who, what and how long, and nothing that was sent.
func accessLog() string {
	return `{"at":"$context.requestTime","id":"$context.requestId","route":"$context.routeKey",` +
		`"status":"$context.status","ms":"$context.responseLatency",` +
		`"from":"$context.identity.sourceIp","error":"$context.integrationErrorMessage"}`
}
