package deploy

import "time"

const (
	fourDays     = 4 * 24 * time.Hour
	fourteenDays = 14 * 24 * time.Hour
)

// queue is where messages wait, with one beside it for what nobody could handle.
type queue struct {
	name      string
	hidden    time.Duration // at least six times as long as its function may take
	receives  int
	retention time.Duration
}

// queue makes both. What is in them is encrypted by SQS: personal data is sealed before it is sent,
// so a key of our own would guard nothing more.
func (p *part) queue(q queue) {
	h, id := p.house, logical(q.name)
	p.add(id+"Dead", resource{"AWS::SQS::Queue", obj{
		"QueueName": h.named(q.name + dead), "MessageRetentionPeriod": seconds(fourteenDays),
		"SqsManagedSseEnabled": true,
		"RedriveAllowPolicy": obj{"redrivePermission": "byQueue",
			"sourceQueueArns": list{h.queueArn(q.name)}},
	}, nil})
	p.add(id+"Queue", resource{"AWS::SQS::Queue", obj{
		"QueueName": h.named(q.name), "MessageRetentionPeriod": seconds(q.retention),
		"VisibilityTimeout": seconds(q.hidden), "ReceiveMessageWaitTimeSeconds": 20,
		"SqsManagedSseEnabled": true,
		"RedrivePolicy": obj{"deadLetterTargetArn": att(id + "Dead.Arn"),
			"maxReceiveCount": q.receives},
	}, nil})
}

// fromQueue has a function started by its queue. Messages that it could not handle come again
// alone; most bounds how many instances one queue takes from the others.
func (p *part) fromQueue(name string, most int) {
	id := logical(name)
	props := obj{
		"EventSourceArn": att(id + "Queue.Arn"), "FunctionName": ref(id + "Function"),
		"BatchSize": 10, "FunctionResponseTypes": list{"ReportBatchItemFailures"},
	}
	if most > 0 {
		props["ScalingConfig"] = obj{"MaximumConcurrency": max(most, 2)}
	}
	p.add(id+"Source", resource{"AWS::Lambda::EventSourceMapping", props, nil})
}

// intake makes the queues of accepted work, and a function for each.
func (p *part) intake() {
	for _, q := range p.house.Queues {
		size := p.house.Workers[0]
		p.queue(queue{q.Name, 6 * size.Timeout, q.Receives, q.Retention})
		p.function(p.house.taker(q, size))
		p.fromQueue(q.Name, size.Most)
		p.alarms(q.Name, 0)
	}
}

func seconds(d time.Duration) int { return int(d / time.Second) }
