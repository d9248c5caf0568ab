package deploy

// tables makes one table for all rooms and one for each that is apart. A table is the truth: it is
// kept when the stack goes, can be taken back to any second of the last weeks, and is encrypted
// under a key of its own. Its stream is how events leave it. Keys, index and stream are what the
// adapter calls the shape of a table.
func (p *part) tables() {
	for _, t := range p.house.tables() {
		p.add(logical(t)+"Table", resource{"AWS::DynamoDB::Table", obj{
			"TableName":   p.house.named(t),
			"BillingMode": "PAY_PER_REQUEST",
			"AttributeDefinitions": list{
				attribute("pk", "S"), attribute("sk", "B"),
				attribute("ts", "S"), attribute("due", "N"),
			},
			"KeySchema":              list{keyed("pk", "HASH"), keyed("sk", "RANGE")},
			"GlobalSecondaryIndexes": list{timers()},
			"StreamSpecification":    obj{"StreamViewType": "NEW_IMAGE"},
			"SSESpecification": obj{
				"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": p.key(tableKey(t)),
			},
			"PointInTimeRecoverySpecification": obj{"PointInTimeRecoveryEnabled": true},
			"TimeToLiveSpecification":          obj{"AttributeName": "x", "Enabled": true},
			"DeletionProtectionEnabled":        true,
		}, kept()})
	}
}

// timers is the sparse index of what is due: only items with a shard are in it.
func timers() obj {
	return obj{
		"IndexName": timerIndex, "Projection": obj{"ProjectionType": "KEYS_ONLY"},
		"KeySchema": list{keyed("ts", "HASH"), keyed("due", "RANGE")},
	}
}

func attribute(name, kind string) obj { return obj{"AttributeName": name, "AttributeType": kind} }

func keyed(name, kind string) obj { return obj{"AttributeName": name, "KeyType": kind} }
