//go:build awsemulated

package lambdatest_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/souk-commerce/souk/platform/aws/deploy/iamtest"
)

// keyed is one item, or its key, in a request.
type keyed struct {
	TableName string
	Item, Key map[string]struct{ S string }
}

// leading is the partition key.
func (k keyed) leading() string { return k.Item["pk"].S + k.Key["pk"].S }

func (k keyed) request(action string) iamtest.Request {
	return iamtest.On("dynamodb:"+action, tableARN(k.TableName), k.leading())
}

func tableARN(name string) string { return iamtest.ARN("dynamodb", "table/"+name) }

// tableRequest is what a request to DynamoDB or to its streams may say.
type tableRequest struct {
	keyed
	IndexName, KeyConditionExpression, StreamArn, ShardIterator string
	ExpressionAttributeValues                                   map[string]struct{ S string }
	TransactItems                                               []map[string]keyed
	RequestItems                                                map[string]struct {
		Keys []map[string]struct{ S string }
	}
}

// tableRequests says which permissions a request to DynamoDB takes: those of each action of a
// transaction are asked for one by one.
func tableRequests(op string, body []byte) ([]iamtest.Request, error) {
	var b tableRequest
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	switch op {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem":
		return []iamtest.Request{b.request(op)}, nil
	case "TransactWriteItems":
		var list []iamtest.Request
		for _, one := range b.TransactItems {
			for kind, k := range one {
				action := kind + "Item"
				if kind == "ConditionCheck" {
					action = "ConditionCheckItem"
				}
				list = append(list, k.request(action))
			}
		}
		return list, nil
	case "BatchGetItem":
		var list []iamtest.Request
		for table, asked := range b.RequestItems {
			one := iamtest.Request{Action: "dynamodb:" + op, Resource: tableARN(table),
				Context: map[string][]string{}}
			for _, k := range asked.Keys {
				one.Context["dynamodb:LeadingKeys"] = append(
					one.Context["dynamodb:LeadingKeys"], k["pk"].S)
			}
			list = append(list, one)
		}
		return list, nil
	case "Query":
		if b.IndexName != "" {
			return []iamtest.Request{{Action: "dynamodb:Query",
				Resource: tableARN(b.TableName) + "/index/" + b.IndexName}}, nil
		}
		m := regexp.MustCompile(`pk = (:\w+)`).FindStringSubmatch(b.KeyConditionExpression)
		if m == nil {
			return nil, fmt.Errorf("a query for %q", b.KeyConditionExpression)
		}
		return []iamtest.Request{iamtest.On("dynamodb:Query", tableARN(b.TableName),
			b.ExpressionAttributeValues[m[1]].S)}, nil
	case "DescribeStream", "GetShardIterator", "GetRecords":
		return []iamtest.Request{{Action: "dynamodb:" + op, Resource: b.stream()}}, nil
	}
	return []iamtest.Request{{Action: "dynamodb:" + op, Resource: tableARN(b.TableName)}}, nil
}

// stream is the stream as templates call it. The fake's iterators begin with its ARN.
func (b tableRequest) stream() string {
	of := b.StreamArn + b.ShardIterator
	m := regexp.MustCompile(`table/([^/]+)/stream/`).FindStringSubmatch(of)
	if m == nil {
		return strings.TrimSpace("unknown stream " + of)
	}
	return tableARN(m[1]) + "/stream/now"
}
