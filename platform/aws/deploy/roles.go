package deploy

import "slices"

// statement is one permission of one role.
type statement struct {
	effect    string // Allow, unless it says otherwise
	actions   []string
	resources list
	when      obj
	key       string // the domain of the KMS key that it is about; resources are filled in later
	exists    string // condition of the template under which the permission is given
}

// role gives a function a role of its own with exactly its permissions.
func (p *part) role(id string, f function) {
	statements := list{p.writeLogs().value(p)}
	for _, s := range f.may {
		statements = append(statements, s.value(p))
	}
	p.add(id+"Role", resource{"AWS::IAM::Role", obj{
		"Description": "What " + f.name + " may do, and nothing else.",
		"AssumeRolePolicyDocument": obj{"Version": "2012-10-17", "Statement": list{obj{
			"Effect": "Allow", "Action": "sts:AssumeRole",
			"Principal": obj{"Service": "lambda.amazonaws.com"},
		}}},
		"Policies": list{obj{"PolicyName": "declared",
			"PolicyDocument": obj{"Version": "2012-10-17", "Statement": statements}}},
	}, nil})
}

func (s statement) value(p *part) any {
	v := obj{"Effect": "Allow"}
	if s.effect != "" {
		v["Effect"] = s.effect
	}
	actions := list{}
	for _, a := range s.actions {
		actions = append(actions, a)
	}
	v["Action"], v["Resource"] = actions, s.resources
	if s.key != "" {
		v["Resource"] = list{p.key(s.key)}
	}
	if s.when != nil {
		v["Condition"] = s.when
	}
	if s.exists != "" {
		return obj{"Fn::If": list{s.exists, v, ref("AWS::NoValue")}}
	}
	return v
}

// access collects which keys of which tables a function reads and writes.
type access struct {
	house  House
	reads  map[string][]string // by table, patterns of leading keys
	writes map[string][]string
	people bool
}

func newAccess(h House) *access {
	return &access{house: h, reads: map[string][]string{}, writes: map[string][]string{}}
}

// open lets a function be a room: read and write all of its keys, and open personal data if the
// room does.
func (a *access) open(room string) {
	a.write(room, "*")
	a.know(room)
}

// look lets a function read all keys of a room.
func (a *access) look(room string) {
	a.read(room, "*")
	a.know(room)
}

func (a *access) know(room string) {
	if r, _ := a.house.room(room); r.People {
		a.people = true
		a.own(ownPerson)
	}
}

func (a *access) read(room, keys string) {
	t := a.house.tableOf(room)
	a.reads[t] = with(a.reads[t], room+"/"+keys)
}

func (a *access) write(room, keys string) {
	t := a.house.tableOf(room)
	a.writes[t] = with(a.writes[t], room+"/"+keys)
}

// own lets a function keep rows of delivery, which are in the shared table.
func (a *access) own(patterns ...string) {
	for _, p := range patterns {
		a.writes[shared] = with(a.writes[shared], p)
	}
}

// ask grants the questions of a room that chosen accepts.
func (a *access) ask(room string, chosen func(Seam) bool) {
	for _, s := range a.house.Seams {
		if s.Asker != room || !chosen(s) {
			continue
		}
		for _, keys := range s.Keys {
			if s.Writes {
				a.write(s.Answerer, keys)
			} else {
				a.read(s.Answerer, keys)
			}
		}
	}
}

func with(set []string, s string) []string {
	if slices.Contains(set, s) {
		return set
	}
	return append(set, s)
}

func reading() []string {
	return []string{"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query"}
}

// writing are the actions of which transactions are made too.
func writing() []string {
	return append(reading(), "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem",
		"dynamodb:ConditionCheckItem")
}

// statements turns the collection into permissions, table by table.
func (a *access) statements() []statement {
	var all []statement
	for _, t := range a.house.tables() {
		if keys := a.writes[t]; len(keys) > 0 {
			all = append(all, a.house.items(t, writing(), keys))
		}
		unread := slices.DeleteFunc(slices.Clone(a.reads[t]), func(k string) bool {
			return slices.Contains(a.writes[t], k)
		})
		if len(unread) > 0 {
			all = append(all, a.house.items(t, reading(), unread))
		}
		if len(a.writes[t])+len(unread) > 0 {
			all = append(all, decryptTable(t))
		}
	}
	if a.people {
		all = append(all, openPeople())
	}
	return all
}

// items allows actions on the items whose partition key matches. A request without a leading key
// (a scan) would pass ForAllValues, so it is refused by name.
func (h House) items(table string, actions, keys []string) statement {
	patterns := list{}
	for _, k := range keys {
		patterns = append(patterns, k)
	}
	return statement{
		actions: actions, resources: list{h.tableArn(table)},
		when: obj{
			"ForAllValues:StringLike": obj{"dynamodb:LeadingKeys": patterns},
			"Null":                    obj{"dynamodb:LeadingKeys": "false"},
		},
	}
}

// decryptTable lets DynamoDB, and only DynamoDB, use the table's key for the caller.
func decryptTable(table string) statement {
	return statement{
		actions: []string{"kms:Decrypt"}, key: tableKey(table),
		when: obj{"StringEquals": obj{"kms:ViaService": sub(
			"dynamodb.${AWS::Region}.${AWS::URLSuffix}")}},
	}
}

// openPeople lets a function make and unwrap the key of a person that it names.
func openPeople() statement {
	return statement{
		actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, key: "people",
		when: obj{"Null": obj{"kms:EncryptionContext:person": "false"}},
	}
}

// openSigning lets a function read, and once make, the keys that sign tokens.
func openSigning() statement {
	return statement{
		actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, key: "people",
		when: obj{"StringEquals": obj{"kms:EncryptionContext:purpose": "signing"}},
	}
}

// describe lets a relay find its table's stream. It shows nothing of what is in the table.
func (h House) describe(table string) statement {
	return statement{actions: []string{"dynamodb:DescribeTable"},
		resources: list{h.tableArn(table)}}
}

func (h House) queryTimers(table string) statement {
	return statement{actions: []string{"dynamodb:Query"},
		resources: list{h.tableArn(table) + "/index/" + timerIndex}}
}

func (p *part) readStream(table string) statement {
	return statement{
		actions: []string{"dynamodb:DescribeStream", "dynamodb:GetRecords",
			"dynamodb:GetShardIterator"},
		resources: list{att(logical(table) + "Table.StreamArn")},
	}
}

func (h House) listStreams(table string) statement {
	return statement{actions: []string{"dynamodb:ListStreams"},
		resources: list{h.tableArn(table) + "/stream/*"}}
}

func (h House) putEvents() statement {
	return statement{actions: []string{"events:PutEvents"}, resources: list{h.busArn()},
		when:   obj{"StringEquals": obj{"events:source": eventSource}},
		exists: "OverEventBridge"}
}

func (h House) publish() statement {
	return statement{actions: []string{"sns:Publish"}, resources: list{h.topicArn()},
		exists: "OverSns"}
}

func (h House) send(queues ...string) statement {
	return statement{actions: []string{"sqs:SendMessage"}, resources: h.queueArns(queues)}
}

// receive is what Lambda does in a function's name, and what a worker does to make a message wait.
func (h House) receive(queues ...string) statement {
	return statement{
		actions: []string{"sqs:ChangeMessageVisibility", "sqs:DeleteMessage",
			"sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
		resources: h.queueArns(queues),
	}
}

func (h House) queueArns(names []string) list {
	arns := list{}
	for _, n := range names {
		arns = append(arns, h.queueArn(n))
	}
	return arns
}

func (h House) object(bucket, prefix string, actions ...string) statement {
	return statement{actions: actions, resources: list{h.bucketArn(bucket) + sub("/"+prefix+"*")}}
}

func (h House) readFiles() statement { return h.object(files, "", "s3:GetObject") }

func (h House) writeFiles() statement { return h.object(files, "", "s3:GetObject", "s3:PutObject") }

func (h House) writeArchive() statement {
	return h.object(archive, "", "s3:GetObject", "s3:PutObject")
}

// fileKey lets S3, and only S3, use the key of files and archive for the caller.
func fileKey() statement {
	return statement{
		actions: []string{"kms:Decrypt", "kms:GenerateDataKey"}, key: "files",
		when: obj{"StringEquals": obj{"kms:ViaService": sub(
			"s3.${AWS::Region}.${AWS::URLSuffix}")}},
	}
}

// list lets a function tell what is missing from what is forbidden.
func (h House) list(bucket string) statement {
	return statement{actions: []string{"s3:ListBucket"}, resources: list{h.bucketArn(bucket)}}
}

func (p *part) writeLogs() statement {
	return statement{
		actions:   []string{"logs:CreateLogStream", "logs:PutLogEvents"},
		resources: list{p.house.arn("logs", "log-group:"+string(p.house.logGroup(p.name))+":*")},
	}
}

// outside is what a room's functions may do beyond the house.
func (h House) outside(room string) []statement {
	r, _ := h.room(room)
	var all []statement
	if r.Tells {
		all = append(all, sendMail(h), sendText(), noTopic())
	}
	return all
}

func sendMail(h House) statement {
	return statement{actions: []string{"ses:SendEmail"},
		resources: list{h.arn("ses", "identity/${MailDomain}")}, exists: "Mails"}
}

// sendText allows text messages. A telephone number has no address of its own, so the resource is
// any; noTopic takes everything else away again.
func sendText() statement {
	return statement{actions: []string{"sns:Publish"}, resources: list{"*"}}
}

func noTopic() statement {
	return statement{effect: "Deny", actions: []string{"sns:Publish"},
		resources: list{sub("arn:${AWS::Partition}:sns:*:*:*")}}
}

// keysOf lists the domains whose keys the functions of a room's stack use.
func (h House) keysOf(room string) []string {
	var names []string
	for _, s := range h.of(room) {
		for _, k := range h.worker(s, Size{}).domains() {
			names = with(names, k)
		}
	}
	for _, t := range h.tasksIn(room) {
		for _, k := range h.answerer(t, Size{}).domains() {
			names = with(names, k)
		}
	}
	return names
}
