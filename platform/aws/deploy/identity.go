package deploy

// identity makes the pool of who may sign in, with a group for each role. Everybody has a second
// factor, unless whoever deploys leaves it to them. The doors take the pool's tokens: who is in no
// group is a customer.
func (p *part) identity() {
	p.add("Users", resource{"AWS::Cognito::UserPool", obj{
		"UserPoolName":       p.house.named(""),
		"UsernameAttributes": list{"email"}, "AutoVerifiedAttributes": list{"email"},
		"MfaConfiguration": ref("Mfa"), "EnabledMfas": list{"SOFTWARE_TOKEN_MFA"},
		"DeletionProtection": "ACTIVE", "UserPoolTier": "PLUS",
		"UserPoolAddOns":        obj{"AdvancedSecurityMode": "ENFORCED"},
		"UsernameConfiguration": obj{"CaseSensitive": false},
		"AccountRecoverySetting": obj{"RecoveryMechanisms": list{
			obj{"Name": "verified_email", "Priority": 1}}},
		"Policies": obj{"PasswordPolicy": obj{
			"MinimumLength": 12, "TemporaryPasswordValidityDays": 1,
			"RequireLowercase": false, "RequireUppercase": false,
			"RequireNumbers": false, "RequireSymbols": false,
		}},
	}, kept()})
	p.add("Client", resource{"AWS::Cognito::UserPoolClient", obj{
		"ClientName": "shop", "UserPoolId": ref("Users"), "GenerateSecret": false,
		"ExplicitAuthFlows": list{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH",
			"ALLOW_ADMIN_USER_PASSWORD_AUTH"}, // of who may call AWS in this account, and no other
		"PreventUserExistenceErrors": "ENABLED", "EnableTokenRevocation": true,
		"AccessTokenValidity": 15, "IdTokenValidity": 15, "RefreshTokenValidity": 30,
		"TokenValidityUnits": obj{"AccessToken": "minutes", "IdToken": "minutes",
			"RefreshToken": "days"},
	}, nil})
	for _, role := range p.house.Roles {
		p.add("Group"+logical(role), resource{"AWS::Cognito::UserPoolGroup", obj{
			"UserPoolId": ref("Users"), "GroupName": role,
			"Description": "Who has it in a token has the role " + role + ".",
		}, nil})
	}
}

// userPool is whom the pool's tokens say that they are from.
func userPool() sub { return "https://cognito-idp.${AWS::Region}.${AWS::URLSuffix}/${Users}" }
