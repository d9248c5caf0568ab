package deploy

// bus carries events from the streams to the queues: EventBridge, or one SNS topic.
func (p *part) bus() {
	p.add("EventBus", resource{"AWS::Events::EventBus", obj{"Name": p.house.named("")}, nil})
	p.add("Topic", resource{"AWS::SNS::Topic", obj{
		"TopicName": p.house.named("events"), "KmsMasterKeyId": "alias/aws/sns",
	}, nil})
}

// eventSource is the source that the relay puts on every event.
const eventSource = "souk"

// rule brings the events of exactly these types to the subscription's queue, as they were sent:
// over EventBridge the detail alone, over SNS the raw message. A topic's filter sees only types.
// What a pattern says besides is judged by the rule as far as it can, and by the worker.
func (p *part) rule(s Subscription) {
	h, id := p.house, logical(s.Name)
	types := rulePattern(s)["detail-type"]
	p.add(id+"Rule", resource{"AWS::Events::Rule", obj{
		"Name": h.named(s.Name), "EventBusName": h.named(""), "State": "ENABLED",
		"EventPattern": rulePattern(s),
		"Targets": list{obj{
			"Id": "queue", "Arn": att(id + "Queue.Arn"), "InputPath": "$.detail",
			"RetryPolicy":      obj{"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
			"DeadLetterConfig": obj{"Arn": att(id + "Dead.Arn")},
		}},
	}, when("OverEventBridge")})
	p.add(id+"Filter", resource{"AWS::SNS::Subscription", obj{
		"TopicArn": h.topicArn(), "Protocol": "sqs", "Endpoint": att(id + "Queue.Arn"),
		"RawMessageDelivery": true, "FilterPolicyScope": "MessageAttributes",
		"FilterPolicy":  obj{"type": types},
		"RedrivePolicy": obj{"deadLetterTargetArn": att(id + "Dead.Arn")},
	}, when("OverSns")})
}

// letBusSend lets the rules and the topic of this house, and nobody else, send to the queues of a
// room. A queue takes one policy, and a policy several queues.
func (p *part) letBusSend(subs []Subscription) {
	h := p.house
	for _, s := range subs {
		id := logical(s.Name)
		arns := list{att(id + "Queue.Arn"), att(id + "Dead.Arn")}
		p.add(id+"QueuePolicy", resource{"AWS::SQS::QueuePolicy", obj{
			"Queues": list{ref(id + "Queue"), ref(id + "Dead")},
			"PolicyDocument": obj{"Version": "2012-10-17", "Statement": list{
				obj{"Sid": "TheRule", "Effect": "Allow", "Action": "sqs:SendMessage",
					"Principal": obj{"Service": "events.amazonaws.com"}, "Resource": arns,
					"Condition": obj{"ArnEquals": obj{"aws:SourceArn": h.arn("events",
						"rule/"+string(h.named(""))+"/"+string(h.named(s.Name)))}}},
				obj{"Sid": "TheTopic", "Effect": "Allow", "Action": "sqs:SendMessage",
					"Principal": obj{"Service": "sns.amazonaws.com"}, "Resource": arns,
					"Condition": obj{"ArnEquals": obj{"aws:SourceArn": h.topicArn()}}},
				obj{"Sid": "OnlyOverTLS", "Effect": "Deny", "Action": "sqs:*", "Principal": "*",
					"Resource":  arns,
					"Condition": obj{"Bool": obj{"aws:SecureTransport": "false"}}},
			}},
		}, nil})
	}
}
