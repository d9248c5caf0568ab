package deploy

// edge is the web ACL of the front. AWS takes it in us-east-1 alone, wherever the shop is, so it is
// a stack of its own that is made first.
func (h House) edge() *Template {
	t := newTemplate("edge", "What stands before the shop, in us-east-1: the web ACL.")
	t.Parameters["Stage"] = parameter("Ends the name of everything.", "String",
		obj{"Default": "prod", "AllowedPattern": "^[a-z][a-z0-9]{0,7}$"})
	t.Parameters["RatePerAddress"] = parameter("Requests of one address in five minutes.", "Number",
		obj{"Default": 3000, "MinValue": 10})
	t.add("WebAcl", resource{"AWS::WAFv2::WebACL", obj{
		"Name": h.named(""), "Scope": "CLOUDFRONT", "DefaultAction": obj{"Allow": obj{}},
		"VisibilityConfig": seen("all"),
		"Rules": list{
			obj{"Name": "one-address", "Priority": 0, "Action": obj{"Block": obj{}},
				"VisibilityConfig": seen("one-address"),
				"Statement": obj{"RateBasedStatement": obj{
					"AggregateKeyType": "IP", "Limit": ref("RatePerAddress")}}},
			managed(1, "AWSManagedRulesAmazonIpReputationList"),
			managed(2, "AWSManagedRulesKnownBadInputsRuleSet"),
			// A body may hold 1,200 lines of an order; the doors bound it themselves.
			managed(3, "AWSManagedRulesCommonRuleSet", "SizeRestrictions_BODY"),
		},
	}, nil})
	t.Outputs["WebAclArn"] = obj{"Description": "For the parameter of that name.",
		"Value": att("WebAcl.Arn")}
	return t
}

// managed is one of AWS's rule sets; of the rules that are named it only counts.
func managed(priority int, name string, counted ...string) obj {
	set := obj{"VendorName": "AWS", "Name": name}
	if len(counted) > 0 {
		overrides := list{}
		for _, c := range counted {
			overrides = append(overrides, obj{"Name": c, "ActionToUse": obj{"Count": obj{}}})
		}
		set["RuleActionOverrides"] = overrides
	}
	return obj{"Name": name, "Priority": priority, "OverrideAction": obj{"None": obj{}},
		"VisibilityConfig": seen(name),
		"Statement":        obj{"ManagedRuleGroupStatement": set}}
}

func seen(metric string) obj {
	return obj{"CloudWatchMetricsEnabled": true, "MetricName": metric,
		"SampledRequestsEnabled": true}
}
