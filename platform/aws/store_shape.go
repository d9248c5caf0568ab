package aws

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/souk-commerce/souk/platform"
)

// IndexName names the index of due timers.
const IndexName = "due"

// Shape is how every table of a platform is made. It is the one place where that is written: tests
// make tables of it, and a deployment writes its template from it.
type Shape struct {
	PartitionKey Attribute
	SortKey      Attribute
	Index        IndexShape
	StreamView   string // what the table's stream shows of a change
	TTL          string // the attribute by which rows may go
}

// Attribute is a key's attribute and its type: "S", "B" or "N".
type Attribute struct{ Name, Type string }

// IndexShape is a global secondary index that projects keys only.
type IndexShape struct {
	Name         string
	PartitionKey Attribute
	SortKey      Attribute
}

// TableShape returns the shape of every table.
func TableShape() Shape {
	return Shape{
		PartitionKey: Attribute{attrPart, "S"}, SortKey: Attribute{attrSort, "B"},
		Index: IndexShape{
			Name: IndexName, PartitionKey: Attribute{attrShard, "S"},
			SortKey: Attribute{attrDue, "N"},
		},
		StreamView: "NEW_IMAGE", TTL: attrExpires,
	}
}

// tableMaker is what CreateTables calls of DynamoDB.
type tableMaker interface {
	CreateTable(context.Context, *dynamodb.CreateTableInput, ...func(*dynamodb.Options),
	) (*dynamodb.CreateTableOutput, error)
	DescribeTable(context.Context, *dynamodb.DescribeTableInput, ...func(*dynamodb.Options),
	) (*dynamodb.DescribeTableOutput, error)
	UpdateTimeToLive(context.Context, *dynamodb.UpdateTimeToLiveInput, ...func(*dynamodb.Options),
	) (*dynamodb.UpdateTimeToLiveOutput, error)
}

// CreateTables makes tables, waits until they can be used, and leaves those alone that exist. A
// deployment makes them from its template instead, with keys and backups of its own choice.
func CreateTables(ctx context.Context, cfg aws.Config, names ...string) error {
	db := dynamodb.NewFromConfig(cfg)
	for _, name := range names {
		if err := createTable(ctx, db, name); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
	}
	return nil
}

// AccountOf returns the account in which a table is.
func AccountOf(ctx context.Context, cfg aws.Config, table string) (string, error) {
	out, err := dynamodb.NewFromConfig(cfg).DescribeTable(ctx,
		&dynamodb.DescribeTableInput{TableName: &table})
	if err != nil {
		return "", explain("table "+table+" in "+cfg.Region, err)
	}
	// arn:aws:dynamodb:region:account:table/name
	parts := strings.Split(aws.ToString(out.Table.TableArn), ":")
	if len(parts) < 6 || parts[4] == "" {
		return "", fmt.Errorf("the address of table %s is %.200q: %w", table,
			aws.ToString(out.Table.TableArn), platform.ErrCorrupt)
	}
	return parts[4], nil
}

func createTable(ctx context.Context, db tableMaker, name string) error {
	s := TableShape()
	_, err := db.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: &name, BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			s.PartitionKey.definition(), s.SortKey.definition(),
			s.Index.PartitionKey.definition(), s.Index.SortKey.definition(),
		},
		KeySchema: schema(s.PartitionKey, s.SortKey),
		GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
			IndexName: &s.Index.Name, KeySchema: schema(s.Index.PartitionKey, s.Index.SortKey),
			Projection: &types.Projection{ProjectionType: types.ProjectionTypeKeysOnly},
		}},
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewType(s.StreamView),
		},
	})
	var exists *types.ResourceInUseException
	if errors.As(err, &exists) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := awaitTable(ctx, db, name); err != nil {
		return err
	}
	_, err = db.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &name, TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: &s.TTL, Enabled: aws.Bool(true),
		},
	})
	return err
}

func awaitTable(ctx context.Context, db tableMaker, name string) error {
	const patience = 2 * time.Minute
	w := dynamodb.NewTableExistsWaiter(db, func(o *dynamodb.TableExistsWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, 2*time.Second
	})
	return w.Wait(ctx, &dynamodb.DescribeTableInput{TableName: &name}, patience)
}

func (a Attribute) definition() types.AttributeDefinition {
	return types.AttributeDefinition{
		AttributeName: &a.Name, AttributeType: types.ScalarAttributeType(a.Type),
	}
}

func schema(hash, sort Attribute) []types.KeySchemaElement {
	return []types.KeySchemaElement{
		{AttributeName: &hash.Name, KeyType: types.KeyTypeHash},
		{AttributeName: &sort.Name, KeyType: types.KeyTypeRange},
	}
}
