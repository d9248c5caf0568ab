package awstest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DynamoDB is a fake of Amazon DynamoDB and of its streams: the calls, expressions and limits that
// the adapter uses, on tables in memory. Calls are served one by one, so transactions never meet.
// Safe for concurrent use. The zero value has no tables.
type DynamoDB struct {
	// FirstReasonOnly makes a cancelled transaction name only its first failing action, as a store
	// may that stops at it.
	FirstReasonOnly bool
	// Shards is how many shards a new table's stream has; 0 is one.
	Shards int
	// Age is added to the time by which client tokens are forgotten.
	Age time.Duration

	mu     sync.Mutex
	tables map[string]*table
	tokens map[string]token
	serial int64 // of stream records
}

// The limits of the service.
const (
	maxItemSize    = 400 << 10
	maxTransaction = 4 << 20
	maxPage        = 1 << 20
	maxActions     = 100
	maxExpression  = 4 << 10
	tokenWindow    = 10 * time.Minute
)

// token remembers a transaction that succeeded.
type token struct {
	content string
	at      time.Time
}

// apiError is an answer of the service that is not a success.
type apiError struct {
	code    string
	message string
	item    item     // the old item of a condition that failed
	reasons []reason // of a cancelled transaction
}

type reason struct {
	Code    string
	Message string `json:",omitempty"`
	Item    item   `json:",omitempty"`
}

// Error implements error.
func (e *apiError) Error() string { return e.code + ": " + e.message }

func invalid(format string, args ...any) error {
	return &apiError{code: "ValidationException", message: fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler: the JSON protocol of DynamoDB and of DynamoDB Streams.
func (d *DynamoDB) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, op, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var body bytes.Buffer
	if _, err := body.ReadFrom(r.Body); err != nil {
		http.Error(w, "unreadable body", http.StatusBadRequest)
		return
	}
	answer, err := d.serve(op, body.Bytes())
	if err == nil {
		write(w, http.StatusOK, answer)
		return
	}
	var known *apiError
	if !errors.As(err, &known) {
		known = &apiError{code: "ValidationException", message: err.Error()}
	}
	fault := map[string]any{"__type": "com.amazonaws.dynamodb.v20120810#" + known.code,
		"message": known.message, "Message": known.message}
	if known.item != nil {
		fault["Item"] = known.item
	}
	if known.reasons != nil {
		fault["CancellationReasons"] = known.reasons
	}
	write(w, http.StatusBadRequest, fault)
}

// write answers with the checksum by which clients of DynamoDB know that an answer is whole.
func write(w http.ResponseWriter, status int, answer any) {
	raw, err := json.Marshal(answer)
	if err != nil {
		status, raw = http.StatusInternalServerError, nil
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(raw)), 10))
	w.WriteHeader(status)
	_, _ = w.Write(raw) // the client sees what is missing
}

func (d *DynamoDB) serve(op string, body []byte) (any, error) {
	var r request
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&r); err != nil {
		return nil, invalid("%s: the fake does not understand the request: %v", op, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	handlers := map[string]func(*request) (any, error){
		"CreateTable": d.createTable, "DescribeTable": d.describeTable,
		"UpdateTimeToLive": d.updateTimeToLive,
		"GetItem":          d.getItem, "BatchGetItem": d.batchGetItem, "Query": d.query,
		"Scan": d.scan, "UpdateItem": d.updateItem, "DeleteItem": d.deleteItem,
		"TransactWriteItems": d.transactWriteItems,
		"DescribeStream":     d.describeStream, "GetShardIterator": d.getShardIterator,
		"GetRecords": d.getRecords,
	}
	h := handlers[op]
	if h == nil {
		return nil, &apiError{code: "UnknownOperationException", message: op}
	}
	return h(&r)
}

// request is the union of what the served calls may carry.
type request struct {
	TableName                 string
	IndexName                 string
	Key, Item                 item
	ExclusiveStartKey         item
	ConditionExpression       string
	UpdateExpression          string
	KeyConditionExpression    string
	FilterExpression          string
	ProjectionExpression      string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues map[string]attr
	ConsistentRead            bool
	ScanIndexForward          *bool
	Limit                     int
	ClientRequestToken        string
	ReturnConsumedCapacity    string
	ReturnItemCollectionMetrics,
	ReturnValues,
	ReturnValuesOnConditionCheckFailure string
	TransactItems []action
	RequestItems  map[string]struct {
		Keys                 []item
		ConsistentRead       bool
		ProjectionExpression string
	}

	AttributeDefinitions      []struct{ AttributeName, AttributeType string }
	KeySchema                 []keyElement
	GlobalSecondaryIndexes    []indexShape
	BillingMode               string
	DeletionProtectionEnabled bool
	SSESpecification          json.RawMessage
	StreamSpecification       *streamSpecification
	TimeToLiveSpecification   *struct {
		AttributeName string
		Enabled       bool
	}

	StreamArn, ShardIterator, ShardIteratorType, SequenceNumber string
	Shard                                                       string `json:"ShardId"`
	StartShard                                                  string `json:"ExclusiveStartShardId"`
}

// action is one of a transaction's.
type action struct{ Put, Update, Delete, ConditionCheck *request }

type keyElement struct{ AttributeName, KeyType string }

type indexShape struct {
	IndexName  string
	KeySchema  []keyElement
	Projection json.RawMessage
}

type streamSpecification struct {
	StreamEnabled  bool
	StreamViewType string
}

// consumed answers what a call cost, if it was asked.
func consumed(r *request, t *table, units float64, write bool) map[string]any {
	c := map[string]any{"TableName": t.name, "CapacityUnits": units}
	if write {
		c["WriteCapacityUnits"] = units
	} else {
		c["ReadCapacityUnits"] = units
	}
	if r.ReturnConsumedCapacity == "" || r.ReturnConsumedCapacity == "NONE" {
		return nil
	}
	return c
}
