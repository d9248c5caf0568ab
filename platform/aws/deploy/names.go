package deploy

import "strings"

// shared is the table of all rooms that are not apart.
const shared = ""

// Every physical name follows from the stage, so that templates find each other's parts without
// passing them on.

func (h House) named(rest string) sub {
	if rest == "" {
		return sub(h.Name + "-${Stage}")
	}
	return sub(h.Name + "-${Stage}-" + dashed(rest))
}

// arn is the address of something in this account and region.
func (h House) arn(service, path string) sub {
	return sub("arn:${AWS::Partition}:" + service + ":${AWS::Region}:${AWS::AccountId}:" + path)
}

func (h House) tableArn(table string) sub {
	return h.arn("dynamodb", "table/"+string(h.named(table)))
}

func (h House) queueArn(name string) sub { return h.arn("sqs", string(h.named(name))) }

func (h House) functionArn(name string) sub {
	return h.arn("lambda", "function:"+string(h.named(name)))
}

func (h House) busArn() sub   { return h.arn("events", "event-bus/"+string(h.named(""))) }
func (h House) topicArn() sub { return h.arn("sns", string(h.named("events"))) }
func (h House) alarmArn() sub { return h.arn("sns", string(h.named("alarms"))) }

// bucket is a name that no other account has.
func (h House) bucket(name string) sub {
	return sub(h.Name + "-${Stage}-" + name + "-${AWS::AccountId}-${AWS::Region}")
}

func (h House) bucketArn(name string) sub {
	return "arn:${AWS::Partition}:s3:::" + h.bucket(name)
}

// Names are what a deployment of a house calls its parts, for whoever looks for them from outside.
type Names struct {
	Table     string            // of all rooms that have none of their own
	Tables    map[string]string // of the rooms that do
	Archive   string            // bucket
	Files     string            // bucket
	Queues    string            // comes before the name of every queue
	PeopleKey string            // alias of the KMS key of persons and tokens
}

// Names returns the names of a stage's parts in an account and region.
func (h House) Names(stage, account, region string) Names {
	fill := strings.NewReplacer("${Stage}", stage, "${AWS::AccountId}", account,
		"${AWS::Region}", region)
	name := func(s sub) string { return fill.Replace(string(s)) }
	n := Names{
		Table: name(h.named(shared)), Tables: make(map[string]string),
		Archive: name(h.bucket(archive)), Files: name(h.bucket(files)),
		Queues: name(h.named("")) + "-", PeopleKey: name("alias/" + h.named("people")),
	}
	for _, t := range h.tables() {
		if t != shared {
			n.Tables[t] = name(h.named(t))
		}
	}
	return n
}

// The names of what there is one of.
const (
	dead       = "-dead" // ends the name of a queue for what nobody could handle
	timerIndex = "due"
	archive    = "archive"
	files      = "files"
	trail      = "trail"
)

// logGroup is where the functions of one part of the house write.
func (h House) logGroup(part string) sub { return sub("/" + h.Name + "/${Stage}/" + part) }

// The keys that the adapter writes for itself, whatever room they serve.
const (
	ownPerson  = "~platform/person/*"
	ownSigning = "~platform/signing"
	ownQueue   = "~platform/queue/"
	ownAll     = "~platform/*"
)

// ownOf are the rows that delivery keeps for one subscription.
func ownOf(subscription string) []string {
	return []string{"~platform/subscription", "~platform/*/" + subscription}
}
