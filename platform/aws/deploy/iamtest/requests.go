package iamtest

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
)

// keyed is one item, or its key, in a request.
type keyed struct {
	TableName string
	Item, Key map[string]struct{ S string }
}

// leading is the partition key.
func (k keyed) leading() string { return k.Item["pk"].S + k.Key["pk"].S }

func (k keyed) request(action string) Request {
	return On("dynamodb:"+action, tableARN(k.TableName), k.leading())
}

func tableARN(name string) string { return ARN("dynamodb", "table/"+name) }

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

// TableRequests says which permissions a request to DynamoDB takes: those of each action of a
// transaction are asked for one by one.
func TableRequests(op string, body []byte) ([]Request, error) {
	var b tableRequest
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, err
	}
	switch op {
	case "GetItem", "PutItem", "UpdateItem", "DeleteItem":
		return []Request{b.request(op)}, nil
	case "TransactWriteItems":
		var list []Request
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
		var list []Request
		for table, asked := range b.RequestItems {
			one := Request{Action: "dynamodb:" + op, Resource: tableARN(table),
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
			return []Request{{Action: "dynamodb:Query",
				Resource: tableARN(b.TableName) + "/index/" + b.IndexName}}, nil
		}
		m := regexp.MustCompile(`pk = (:\w+)`).FindStringSubmatch(b.KeyConditionExpression)
		if m == nil {
			return nil, fmt.Errorf("a query for %q", b.KeyConditionExpression)
		}
		return []Request{On("dynamodb:Query", tableARN(b.TableName),
			b.ExpressionAttributeValues[m[1]].S)}, nil
	case "DescribeStream", "GetShardIterator", "GetRecords":
		return []Request{{Action: "dynamodb:" + op, Resource: b.stream()}}, nil
	}
	return []Request{{Action: "dynamodb:" + op, Resource: tableARN(b.TableName)}}, nil
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

// ObjectRequest says which permission a request to S3 by path takes: /bucket/key.
func ObjectRequest(method, path string) Request {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	arn := "arn:" + Partition + ":s3:::" + bucket
	if key == "" {
		action := map[string]string{"GET": "s3:ListBucket", "HEAD": "s3:ListBucket",
			"PUT": "s3:CreateBucket", "DELETE": "s3:DeleteBucket"}[method]
		return Request{Action: action, Resource: arn}
	}
	action := map[string]string{"GET": "s3:GetObject", "HEAD": "s3:GetObject",
		"PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}[method]
	return Request{Action: action, Resource: arn + "/" + key}
}
