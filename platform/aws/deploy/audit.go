package deploy

import "slices"

// audit keeps a trail of who touched secrets, archive and files, whose changes are found out, and
// has AWS Config say at any time whether the house still is what was promised.
func (p *part) audit() {
	p.trail()
	p.recorder()
	for _, r := range configRules() {
		p.add("Promise"+logical(r.id), resource{"AWS::Config::ConfigRule", obj{
			"ConfigRuleName": p.house.named(r.id), "Description": r.promise,
			"Source": obj{"Owner": "AWS", "SourceIdentifier": r.rule},
			"Scope":  r.scope(),
		}, obj{"Condition": "Records", "DependsOn": list{"Recorder"}}})
	}
}

// trail logs every use of a table that is apart, and every touch of archive and files.
func (p *part) trail() {
	selectors := list{selector("Who manages what", obj{"Field": "eventCategory",
		"Equals": list{"Management"}})}
	for _, t := range p.house.tables() {
		if t != shared {
			selectors = append(selectors, selector("Every use of "+t, obj{
				"Field": "eventCategory", "Equals": list{"Data"}},
				obj{"Field": "resources.type", "Equals": list{"AWS::DynamoDB::Table"}},
				obj{"Field": "resources.ARN", "Equals": list{p.house.tableArn(t)}}))
		}
	}
	selectors = append(selectors, selector("Every touch of archive and files", obj{
		"Field": "eventCategory", "Equals": list{"Data"}},
		obj{"Field": "resources.type", "Equals": list{"AWS::S3::Object"}},
		obj{"Field": "resources.ARN", "StartsWith": list{
			p.house.bucketArn(archive) + "/", p.house.bucketArn(files) + "/"}}))
	p.add("Trail", resource{"AWS::CloudTrail::Trail", obj{
		"TrailName": p.house.named(""), "IsLogging": true, "S3BucketName": ref("TrailBucket"),
		"EnableLogFileValidation": true, "IncludeGlobalServiceEvents": true,
		"IsMultiRegionTrail": true, "KMSKeyId": p.key("audit"),
		"AdvancedEventSelectors": selectors,
	}, obj{"DependsOn": list{"TrailBucketPolicy"}}})
}

func selector(name string, fields ...any) obj {
	return obj{"Name": name, "FieldSelectors": slices.Clone(fields)}
}

// recorder notes every change of what the promises are about. An account has one at most.
func (p *part) recorder() {
	p.add("ConfigRole", resource{"AWS::IAM::ServiceLinkedRole", obj{
		"AWSServiceName": "config.amazonaws.com",
	}, when("Records")})
	kinds := list{}
	for _, r := range configRules() {
		for _, k := range r.kinds {
			if !slices.Contains(kinds, any(k)) {
				kinds = append(kinds, k)
			}
		}
	}
	p.add("Recorder", resource{"AWS::Config::ConfigurationRecorder", obj{
		"Name": p.house.named(""),
		"RoleARN": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:role/aws-service-role/" +
			"config.amazonaws.com/AWSServiceRoleForConfig"),
		"RecordingGroup": obj{"AllSupported": false, "IncludeGlobalResourceTypes": false,
			"ResourceTypes": kinds},
	}, obj{"Condition": "Records", "DependsOn": list{"ConfigRole"}}})
	p.add("Delivery", resource{"AWS::Config::DeliveryChannel", obj{
		"Name": p.house.named(""), "S3BucketName": ref("TrailBucket"),
	}, obj{"Condition": "Records", "DependsOn": list{"TrailBucketPolicy"}}})
}

// configRule is a promise that AWS Config watches.
type configRule struct {
	id, rule, promise string
	kinds             []string // of resources; none: it looks once a day
}

func (r configRule) scope() any {
	if len(r.kinds) == 0 {
		return ref("AWS::NoValue")
	}
	kinds := list{}
	for _, k := range r.kinds {
		kinds = append(kinds, k)
	}
	return obj{"ComplianceResourceTypes": kinds}
}

func configRules() []configRule {
	bucket, table := []string{"AWS::S3::Bucket"}, []string{"AWS::DynamoDB::Table"}
	return []configRule{
		{"table-encrypted", "DYNAMODB_TABLE_ENCRYPTED_KMS",
			"What is stored is encrypted under a key of ours.", table},
		{"table-restorable", "DYNAMODB_PITR_ENABLED",
			"A table can be taken back to any second.", table},
		{"bucket-private", "S3_BUCKET_LEVEL_PUBLIC_ACCESS_PROHIBITED",
			"No bucket is public.", bucket},
		{"bucket-tls", "S3_BUCKET_SSL_REQUESTS_ONLY", "Nothing travels in the clear.", bucket},
		{"bucket-versioned", "S3_BUCKET_VERSIONING_ENABLED",
			"Nothing is overwritten without a trace.", bucket},
		{"function-private", "LAMBDA_FUNCTION_PUBLIC_ACCESS_PROHIBITED",
			"No function can be called by strangers.", []string{"AWS::Lambda::Function"}},
		{"role-narrow", "IAM_POLICY_NO_STATEMENTS_WITH_ADMIN_ACCESS",
			"No policy allows everything.", []string{"AWS::IAM::Policy"}},
		{"key-rotates", "CMK_BACKING_KEY_ROTATION_ENABLED", "Keys rotate.",
			[]string{"AWS::KMS::Key"}},
		{"trail-on", "CLOUD_TRAIL_ENABLED", "There is a trail of who did what.", nil},
		{"trail-sealed", "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED",
			"A changed trail is found out.", []string{"AWS::CloudTrail::Trail"}},
		{"topic-encrypted", "SNS_ENCRYPTED_KMS", "Topics are encrypted.",
			[]string{"AWS::SNS::Topic"}},
	}
}
