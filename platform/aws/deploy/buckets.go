package deploy

// buckets makes the archive of all events, the files, and the trail of who did what. Nothing in
// them is public, nothing travels in the clear, and nothing is overwritten without a trace.
func (p *part) buckets() {
	p.bucket(archive, "files", list{
		obj{"Id": "OldIsCheap", "Status": "Enabled", "Transitions": list{
			obj{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}}},
	}, nil)
	p.bucket(files, "files", list{}, nil)
	p.bucket(trail, "audit", list{
		obj{"Id": "AYearAndABit", "Status": "Enabled", "ExpirationInDays": 400},
	}, p.letTrailWrite())
}

func (p *part) bucket(name, key string, rules, more list) {
	id := logical(name) + "Bucket"
	rules = append(rules, obj{"Id": "LeftOvers", "Status": "Enabled",
		"AbortIncompleteMultipartUpload": obj{"DaysAfterInitiation": 2},
		"NoncurrentVersionExpiration":    obj{"NoncurrentDays": 90},
	})
	p.add(id, resource{"AWS::S3::Bucket", obj{
		"BucketName": p.house.bucket(name),
		"BucketEncryption": obj{"ServerSideEncryptionConfiguration": list{obj{
			"BucketKeyEnabled": true,
			"ServerSideEncryptionByDefault": obj{
				"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": p.key(key)},
		}}},
		"OwnershipControls": obj{"Rules": list{obj{"ObjectOwnership": "BucketOwnerEnforced"}}},
		"PublicAccessBlockConfiguration": obj{
			"BlockPublicAcls": true, "BlockPublicPolicy": true,
			"IgnorePublicAcls": true, "RestrictPublicBuckets": true,
		},
		"VersioningConfiguration": obj{"Status": "Enabled"},
		"LifecycleConfiguration":  obj{"Rules": rules},
	}, kept()})
	arn := p.house.bucketArn(name)
	p.add(id+"Policy", resource{"AWS::S3::BucketPolicy", obj{
		"Bucket": ref(id),
		"PolicyDocument": obj{"Version": "2012-10-17", "Statement": append(list{obj{
			"Sid": "OnlyOverTLS", "Effect": "Deny", "Principal": "*", "Action": "s3:*",
			"Resource":  list{arn, arn + "/*"},
			"Condition": obj{"Bool": obj{"aws:SecureTransport": "false"}},
		}}, more...)},
	}, nil})
}

// letTrailWrite admits CloudTrail and AWS Config to the trail's bucket.
func (p *part) letTrailWrite() list {
	arn := p.house.bucketArn(trail)
	services := obj{"Service": list{"cloudtrail.amazonaws.com", "config.amazonaws.com"}}
	own := obj{"aws:SourceAccount": ref("AWS::AccountId")}
	return list{
		obj{"Sid": "MayLook", "Effect": "Allow", "Principal": services,
			"Action":   list{"s3:GetBucketAcl", "s3:ListBucket"},
			"Resource": arn, "Condition": obj{"StringEquals": own}},
		obj{"Sid": "MayWrite", "Effect": "Allow", "Principal": services,
			"Action":    "s3:PutObject",
			"Resource":  arn + "/AWSLogs/${AWS::AccountId}/*",
			"Condition": obj{"StringEquals": own}},
	}
}
