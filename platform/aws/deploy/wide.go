package deploy

import "strings"

// WidePlace is a place of the templates where a permission names any action or any resource.
type WidePlace struct{ Where, What, Why string }

// Wide lists every place of a house's templates where a permission is as wide as that, because AWS
// has no finer grain. Statements that deny are not among them: they may be as wide as they like.
func Wide(h House) []WidePlace {
	all := []WidePlace{
		{"AWS::KMS::Key", "resource *",
			"in the policy of a key, * is that key and no other"},
		{"AWS::IAM::Role", "resource * of sns:Publish",
			"a telephone number has no address of its own; all topics are denied beside it"},
	}
	if len(h.Machines) > 0 {
		all = append(all,
			WidePlace{"AWS::IAM::Role", "resource * of " + strings.Join(logDelivery(), ", "),
				"the delivery of a machine's log has no address of its own"},
			WidePlace{"AWS::IAM::Role", "resource * of " + strings.Join(tracing(), ", "),
				"traces have no address of their own"})
	}
	return all
}
