package test

import "testing"

func TestAPI(t *testing.T) {
	t.Run("asks for a signature unless it is open by choice", func(t *testing.T) {
		for access, authorization := range map[string]string{"iam": `"AWS_IAM"`, "open": `"NONE"`} {
			_, method := synth(t, settings{"stage": "prod", "access": access}).only(t, "AWS::ApiGateway::Method")
			want(t, "AuthorizationType with access="+access, method.Properties["AuthorizationType"], authorization)
		}
	})

	t.Run("takes a bounded rate of requests", func(t *testing.T) {
		_, stage := synth(t, settings{"stage": "prod"}).only(t, "AWS::ApiGateway::Stage")
		want(t, "all methods", at(stage.Properties, "MethodSettings.0.HttpMethod"), `"*"`)
		want(t, "all paths", at(stage.Properties, "MethodSettings.0.ResourcePath"), `"/*"`)
		want(t, "rate", at(stage.Properties, "MethodSettings.0.ThrottlingRateLimit"), "50")
		want(t, "burst", at(stage.Properties, "MethodSettings.0.ThrottlingBurstLimit"), "100")
	})

	t.Run("leaves the account's log role alone", func(t *testing.T) {
		want(t, "AWS::ApiGateway::Account", len(synth(t, settings{"stage": "prod"}).ids("AWS::ApiGateway::Account")), "0")
	})

	t.Run("is traced", func(t *testing.T) {
		_, stage := synth(t, settings{"stage": "prod"}).only(t, "AWS::ApiGateway::Stage")
		want(t, "TracingEnabled", stage.Properties["TracingEnabled"], "true")
	})
}
