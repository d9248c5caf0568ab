package deploy

// alarmTopic is where every alarm goes.
func (p *part) alarmTopic() {
	p.add("AlarmTopic", resource{"AWS::SNS::Topic", obj{
		"TopicName": p.house.named("alarms"), "KmsMasterKeyId": p.key("audit"),
		"Subscription": list{obj{"Protocol": "email", "Endpoint": ref("AlarmEmail")}},
	}, nil})
	p.add("AlarmTopicPolicy", resource{"AWS::SNS::TopicPolicy", obj{
		"Topics": list{ref("AlarmTopic")},
		"PolicyDocument": obj{"Version": "2012-10-17", "Statement": list{obj{
			"Sid": "Alarms", "Effect": "Allow", "Action": "sns:Publish",
			"Principal": obj{"Service": "cloudwatch.amazonaws.com"}, "Resource": ref("AlarmTopic"),
			"Condition": obj{"StringEquals": obj{"aws:SourceAccount": ref("AWS::AccountId")}},
		}}},
	}, nil})
}

// patience is how old the oldest message of a queue may be, in seconds, by class.
func patience(class int) int { return []int{60, 300, 1800}[min(class, 2)] }

// alarms says when a message was given up, and when messages wait too long.
func (p *part) alarms(name string, class int) {
	id := logical(name)
	p.alarm(id+"DeadAlarm", name+": a message was given up and waits for a person",
		p.waiting(name+dead), 0, 1)
	p.alarm(id+"AgeAlarm", name+": messages wait longer than they should",
		metric{"AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", p.house.named(name)},
		patience(class), 3)
}

// streamAlarm says when a stream is read too slowly, and when a part of it was given up.
func (p *part) streamAlarm(name string) {
	id := logical(name)
	p.alarm(id+"AgeAlarm", name+": committed events wait for the bus",
		metric{"AWS/Lambda", "IteratorAge", "FunctionName", p.house.named(name)}, 60_000, 3)
	p.alarm(id+"DeadAlarm", name+": a part of the stream was given up",
		p.waiting(name+dead), 0, 1)
}

// waiting is how many messages a queue holds.
func (p *part) waiting(queue string) metric {
	return metric{
		"AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", p.house.named(queue),
	}
}

// metric names one series.
type metric struct {
	space, name, dimension string
	of                     sub
}

// alarm goes off when a series was above a bound for so many minutes.
func (p *part) alarm(id, about string, m metric, above, minutes int) {
	p.add(id, resource{"AWS::CloudWatch::Alarm", obj{
		"AlarmDescription": about, "AlarmActions": list{p.house.alarmArn()},
		"Namespace": m.space, "MetricName": m.name, "Statistic": "Maximum",
		"Dimensions":         list{obj{"Name": m.dimension, "Value": m.of}},
		"ComparisonOperator": "GreaterThanThreshold", "Threshold": above,
		"Period": 60, "EvaluationPeriods": minutes, "TreatMissingData": "notBreaching",
	}, nil})
}
