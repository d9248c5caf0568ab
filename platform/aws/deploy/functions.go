package deploy

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// function is one of the house's functions, before it is a resource.
type function struct {
	name  string // "api", "relay", or a subscription's or a queue's name
	role  string // which binary
	as    string // under which settings are given, if not as its role
	rooms []string
	size  Size
	env   obj
	may   []statement
}

// worker handles the events of one subscription.
func (h House) worker(s Subscription, size Size) function {
	a := newAccess(h)
	a.open(s.Room)
	a.ask(s.Room, func(q Seam) bool { return q.Reactions })
	a.own(ownOf(s.Name)...)
	if s.Ordered {
		for _, key := range s.Follows {
			room, rest, _ := strings.Cut(key, "/")
			a.read(room, rest)
		}
	}
	look := h.readFiles()
	if room, _ := h.room(s.Room); room.Files && s.Calls {
		look = h.writeFiles()
	}
	may := append(a.statements(), h.receive(s.Name, s.Name+dead), look, fileKey())
	return function{
		name: s.Name, role: "worker", rooms: []string{s.Room}, size: size,
		env: obj{"SOUK_SUBSCRIPTION": s.Name, "SOUK_QUEUES": h.queueURL("")},
		may: append(may, h.outside(s.Room)...),
	}
}

// taker takes up the work of a queue.
func (h House) taker(q Queue, size Size) function {
	a := newAccess(h)
	for _, room := range append([]string{q.Room}, q.Opens...) {
		a.open(room)
		a.ask(room, func(s Seam) bool { return s.Doors && !s.Writes })
	}
	a.own(ownQueue+q.Name, ownQueue+q.Name+"/*")
	return function{
		name: q.Name, role: q.Name, rooms: append([]string{q.Room}, q.Opens...), size: size,
		env: obj{"SOUK_QUEUES": h.queueURL("")},
		may: append(a.statements(), h.receive(q.Name), h.send(q.Name), h.readFiles(), fileKey()),
	}
}

// relays read the streams. Each table has its own, so that none reads another's.
func (p *part) relays() {
	for _, t := range p.house.tables() {
		name := beside("relay", t)
		f := function{
			name: name, role: "relay", rooms: p.house.in(t), size: p.house.Relay,
			env: obj{"SOUK_TABLES": p.house.named(t), "SOUK_BUS": ref("Bus"),
				"SOUK_BUS_NAME": p.house.named(""), "SOUK_TOPIC": p.house.topicArn()},
			may: []statement{
				p.house.describe(t), p.readStream(t), p.house.listStreams(t),
				p.house.putEvents(), p.house.publish(),
				p.house.writeFiles(), p.house.writeArchive(), fileKey(), p.house.send(name + dead),
				decryptTable(t), p.house.list(archive),
			},
		}
		p.function(f)
		p.deadStream(name)
		p.add(logical(name)+"Source", resource{"AWS::Lambda::EventSourceMapping", obj{
			"EventSourceArn": att(logical(t) + "Table.StreamArn"),
			"FunctionName":   ref(logical(name) + "Function"),
			"BatchSize":      100, "StartingPosition": "TRIM_HORIZON",
			"FunctionResponseTypes":      list{"ReportBatchItemFailures"},
			"BisectBatchOnFunctionError": true,
			"MaximumRecordAgeInSeconds":  -1, "MaximumRetryAttempts": -1,
			"DestinationConfig": obj{"OnFailure": obj{
				"Destination": att(logical(name) + "Dead.Arn")}},
			"FilterCriteria": obj{"Filters": list{
				obj{"Pattern": `{"eventName":["INSERT"]}`}}},
		}, nil})
		p.streamAlarm(name)
	}
}

// deadStream is where Lambda says which part of a stream was never relayed.
func (p *part) deadStream(name string) {
	p.add(logical(name)+"Dead", resource{"AWS::SQS::Queue", obj{
		"QueueName": p.house.named(name + dead), "SqsManagedSseEnabled": true,
		"MessageRetentionPeriod": seconds(fourteenDays),
	}, nil})
}

// sweepers fire the timers of the tables that have some, every minute.
func (p *part) sweepers() {
	for _, t := range p.house.tables() {
		timed := p.house.timed(t)
		if len(timed) == 0 {
			continue
		}
		a := newAccess(p.house)
		for _, timer := range p.house.Timers {
			for _, keys := range timer.Keys {
				if p.house.tableOf(timer.Room) == t {
					a.write(timer.Room, keys)
				}
			}
		}
		name := beside("sweeper", t)
		p.function(function{
			name: name, role: "sweeper", rooms: timed, size: p.house.Sweeper,
			env: obj{"SOUK_TABLES": p.house.named(t)},
			may: append(a.statements(), p.house.queryTimers(t)),
		})
		id := logical(name)
		p.add(id+"Rule", resource{"AWS::Events::Rule", obj{
			"Name": p.house.named(name), "ScheduleExpression": "rate(1 minute)",
			"Targets": list{obj{"Id": "function", "Arn": att(id + "Function.Arn")}},
		}, nil})
		p.add(id+"Permission", resource{"AWS::Lambda::Permission", obj{
			"Action": "lambda:InvokeFunction", "FunctionName": ref(id + "Function"),
			"Principal": "events.amazonaws.com", "SourceArn": att(id + "Rule.Arn"),
		}, nil})
	}
}

func beside(name, table string) string {
	if table == shared {
		return name
	}
	return name + "-" + table
}

// function makes the function and its role.
func (p *part) function(f function) {
	id := logical(f.name)
	p.role(id, f)
	memory := f.role
	if p.house.isQueue(f.role) {
		memory = "worker"
	}
	props := obj{
		"FunctionName": p.house.named(f.name), "Role": att(id + "Role.Arn"),
		"Runtime": "provided.al2023", "Architectures": list{"arm64"}, "Handler": "bootstrap",
		"Code": obj{"S3Bucket": ref("ArtifactBucket"),
			"S3Key": sub("${ArtifactPrefix}${" + codeParameter(f.role) + "}")},
		"MemorySize": ref(logical(memory) + "Memory"), "Timeout": seconds(f.size.Timeout),
		"Environment": obj{"Variables": p.environment(f)},
		"LoggingConfig": obj{"LogFormat": "JSON", "LogGroup": ref("Logs"),
			"ApplicationLogLevel": "INFO", "SystemLogLevel": "WARN"},
	}
	if f.role == "sweeper" {
		props["ReservedConcurrentExecutions"] = max(f.size.Most, 1)
	}
	p.add(id+"Function", resource{"AWS::Lambda::Function", props, nil})
}

// environment is how a function finds what it needs, and learns which part of the house it is.
func (p *part) environment(f function) obj {
	h := p.house
	env := obj{"SOUK_ROLE": f.role}
	if len(f.rooms) > 0 {
		maps.Copy(env, obj{
			"SOUK_ROOMS": h.roomsByTable(), "SOUK_TABLE": h.named(shared),
			"SOUK_FILES": h.bucket(files), "SOUK_ARCHIVE": h.bucket(archive),
		})
	}
	if slices.Contains(f.domains(), "people") {
		env["SOUK_PEOPLE_KEY"] = p.key("people")
	}
	maps.Copy(env, f.env)
	// A relay and a sweeper do not look into what they carry.
	if f.role != "relay" && f.role != "sweeper" && len(f.rooms) > 0 {
		for _, s := range h.Settings {
			if s.givenTo(cmp.Or(f.as, f.role), f.rooms...) {
				env[s.Env] = h.setting(s)
			}
		}
	}
	return env
}

// setting is the value of one as a template writes it. Secrets are looked up by CloudFormation, so
// no function may read any.
func (h House) setting(s Setting) any {
	switch {
	case s.Field != "":
		return obj{"Fn::If": list{s.told(), sub("{{resolve:secretsmanager:${" + s.Parameter +
			"}:SecretString:" + s.Field + "::${" + s.version() + "}}}"), ref("AWS::NoValue")}}
	case s.Parameter != "":
		return ref(s.Parameter)
	default:
		return "{{resolve:secretsmanager:" + h.secretName(s.Secret) + "}}"
	}
}

// domains lists the domains whose keys the function uses.
func (f function) domains() []string {
	var names []string
	for _, s := range f.may {
		if s.key != "" && !slices.Contains(names, s.key) {
			names = append(names, s.key)
		}
	}
	return names
}

// digest changes with everything that a function is made of but its code, so that a new version is
// published for it.
func (f function) digest(h House) string {
	parts := append([]string{h.Name, fmt.Sprint(f.size)}, f.rooms...)
	for _, name := range slices.Sorted(maps.Keys(f.env)) {
		parts = append(parts, name, fmt.Sprint(f.env[name]))
	}
	sum := sha256.Sum256([]byte(strings.Join(parts, "\n")))
	return hex.EncodeToString(sum[:6])
}

// isQueue reports whether a role takes up the work of a queue of that name.
func (h House) isQueue(role string) bool {
	return slices.ContainsFunc(h.Queues, func(q Queue) bool { return q.Name == role })
}

// roomsByTable lists every room, with its table if it has one.
func (h House) roomsByTable() sub {
	var list []string
	for _, r := range h.Rooms {
		if r.Apart {
			list = append(list, r.Name+"="+string(h.named(r.Name)))
		} else {
			list = append(list, r.Name)
		}
	}
	return sub(strings.Join(list, " "))
}

// queueURL is where SQS takes a queue's messages; of no name, what all addresses begin with.
func (h House) queueURL(name string) sub {
	return "https://sqs.${AWS::Region}.${AWS::URLSuffix}/${AWS::AccountId}/" +
		sub(h.Name+"-${Stage}-"+dashed(name))
}

// logs is where all functions of this part of the house write.
func (p *part) logs() {
	p.add("Logs", resource{"AWS::Logs::LogGroup", obj{
		"LogGroupName": p.house.logGroup(p.name), "RetentionInDays": ref("LogDays"),
		"KmsKeyId": p.key("audit"),
	}, nil})
}
