package deploy

// The managed policies of CloudFront: nothing is kept at the edge, and everything but the host's
// name is passed on.
const (
	keepNothing     = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
	passAllButHost  = "b689b0a8-53d0-40ab-baf2-68738e2966ac"
	strictTransport = "67f7725c-6f97-4210-82d7-5512b31e9d03" // HSTS and its like
)

// front puts CloudFront before the HTTP API, because a web ACL cannot stand before one directly.
// The front says a secret with every request, and the functions answer nobody who does not know it.
func (p *part) front() {
	p.add("Front", resource{"AWS::CloudFront::Distribution", obj{"DistributionConfig": obj{
		"Comment": p.house.named(""), "Enabled": true, "HttpVersion": "http2and3",
		"IPV6Enabled": true, "PriceClass": "PriceClass_100", "WebACLId": ref("WebAclArn"),
		"Origins": list{obj{
			"Id": "api", "DomainName": sub("${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
			"CustomOriginConfig": obj{"OriginProtocolPolicy": "https-only",
				"OriginSSLProtocols": list{"TLSv1.2"}, "OriginReadTimeout": 40},
			"OriginCustomHeaders": list{obj{"HeaderName": "X-Souk-Edge",
				"HeaderValue": sub("{{resolve:secretsmanager:${EdgeKey}}}")}},
		}},
		"DefaultCacheBehavior": obj{
			"TargetOriginId": "api", "ViewerProtocolPolicy": "https-only", "Compress": true,
			"AllowedMethods": list{
				"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"},
			"CachePolicyId": keepNothing, "OriginRequestPolicyId": passAllButHost,
			"ResponseHeadersPolicyId": strictTransport,
		},
	}}, nil})
}

// secrets makes what nobody types: the word between the front and the doors, and the words by which
// rooms know whoever sends them notices. Those of a room that is apart outlive the stack.
func (p *part) secrets() {
	p.secret("edge", "EdgeKey", "What the front says to the doors with every request.", "audit",
		nil)
	for _, s := range p.house.Settings {
		if s.Secret == "" {
			continue
		}
		table := p.house.tableOf(s.Rooms[0])
		var also obj
		if table != shared {
			also = kept()
		}
		p.secret(s.Secret, logical(s.Secret)+"Secret", s.About, tableKey(table), also)
	}
}

func (p *part) secret(name, id, about, domain string, also obj) {
	p.add(id, resource{"AWS::SecretsManager::Secret", obj{
		"Name": p.house.secretName(name), "KmsKeyId": p.key(domain), "Description": about,
		"GenerateSecretString": obj{"PasswordLength": 48, "ExcludePunctuation": true},
	}, also})
}

func (h House) secretName(of string) sub { return h.named("") + sub("/"+of) }
