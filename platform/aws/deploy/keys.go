package deploy

// domain is what one KMS key protects, and which services of AWS use it by themselves.
type domain struct {
	name, about string
	services    list // principals that encrypt and decrypt with it
}

// domains lists the keys: one for each table, and one for each other kind of secret.
func (h House) domains() []domain {
	all := []domain{
		{"data", "the table and the secrets of the rooms that are not apart", nil},
		{"people", "the keys of persons, each wrapped, and the keys that sign tokens", nil},
		{"files", "the archive of events, and files", nil},
		{"audit", "logs, alarms and the trail of who did what", list{
			"cloudtrail.amazonaws.com", "cloudwatch.amazonaws.com", "config.amazonaws.com",
			sub("logs.${AWS::Region}.${AWS::URLSuffix}")}},
	}
	for _, t := range h.tables() {
		if t != shared {
			all = append(all, domain{t, "the table and the secrets of " + t, nil})
		}
	}
	return all
}

// keys makes one KMS key for each domain. It outlives the stack: without it nothing can be read.
func (p *part) keys() {
	for _, d := range p.house.domains() {
		name := logical(d.name) + "Key"
		p.add(name, resource{"AWS::KMS::Key", obj{
			"Description": sub(p.house.Name + " ${Stage}: " + d.about), "EnableKeyRotation": true,
			"PendingWindowInDays": 30, "KeyPolicy": keyPolicy(d),
		}, kept()})
		p.add(name+"Alias", resource{"AWS::KMS::Alias", obj{
			"AliasName":   sub("alias/" + p.house.Name + "-${Stage}-" + d.name),
			"TargetKeyId": ref(name),
		}, nil})
	}
}

// keyPolicy leaves the decision who may use a key to the roles, and the key to the account. In the
// policy of a key, the resource "*" is that key and no other.
func keyPolicy(d domain) obj {
	account := obj{"AWS": sub("arn:${AWS::Partition}:iam::${AWS::AccountId}:root")}
	statements := list{
		obj{"Sid": "TheAccountDecides", "Effect": "Allow", "Principal": account, "Resource": "*",
			"Action": list{
				"kms:CancelKeyDeletion", "kms:CreateAlias", "kms:CreateGrant", "kms:Decrypt",
				"kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
				"kms:EnableKeyRotation", "kms:Encrypt", "kms:GenerateDataKey",
				"kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo",
				"kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants",
				"kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant",
				"kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource",
				"kms:UpdateAlias", "kms:UpdateKeyDescription",
			}},
	}
	if len(d.services) > 0 {
		statements = append(statements, obj{"Sid": "ServicesOfTheAccount", "Effect": "Allow",
			"Principal": obj{"Service": d.services}, "Resource": "*",
			"Action": list{"kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey",
				"kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom", "kms:ReEncryptTo"},
			"Condition": obj{"StringEqualsIfExists": obj{
				"aws:SourceAccount": ref("AWS::AccountId")}},
		})
	}
	return obj{"Version": "2012-10-17", "Statement": statements}
}

// key is a domain's key, as this template finds it.
func (p *part) key(domain string) any {
	if p.isTop {
		return att(logical(domain) + "Key.Arn")
	}
	return ref(logical(domain) + "KeyArn")
}

// tableKey names the domain of a table.
func tableKey(table string) string {
	if table == shared {
		return "data"
	}
	return table
}
