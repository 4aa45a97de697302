package test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"visitplannr/internal/contract"
	"visitplannr/test/check"
)

// method returns the API's one method with that verb.
func method(t *testing.T, tpl template, verb string) resource {
	t.Helper()
	for _, id := range tpl.ids("AWS::ApiGateway::Method") {
		if tpl.Resources[id].Properties["HttpMethod"] == verb {
			return tpl.Resources[id]
		}
	}
	t.Fatalf("got no method %s", verb)
	return resource{}
}

func TestAPI(t *testing.T) {
	t.Parallel()
	t.Run("asks for a signature unless it is open by choice", func(t *testing.T) {
		for authorization, s := range map[string]given{`"AWS_IAM"`: {"stage": "prod"}, `"NONE"`: {"stage": "prod", "access": "open"}} {
			_, method := synth(t, s).only(t, "AWS::ApiGateway::Method")
			want(t, "AuthorizationType of "+variant(s), method.Properties["AuthorizationType"], authorization)
		}
	})

	t.Run("takes a bounded rate of requests", func(t *testing.T) {
		prod := given{"stage": "prod"}
		_, stage := synth(t, prod).only(t, "AWS::ApiGateway::Stage")
		want(t, "all methods", at(stage.Properties, "MethodSettings.0.HttpMethod"), `"*"`)
		want(t, "all paths", at(stage.Properties, "MethodSettings.0.ResourcePath"), `"/*"`)
		want(t, "rate", at(stage.Properties, "MethodSettings.0.ThrottlingRateLimit"), fmt.Sprint(prod.config(t).ThrottleRate))
		want(t, "burst", at(stage.Properties, "MethodSettings.0.ThrottlingBurstLimit"), strconv.Itoa(prod.config(t).ThrottleBurst))
	})

	t.Run("leaves the account's log role alone", func(t *testing.T) {
		want(t, "AWS::ApiGateway::Account", len(synth(t, given{"stage": "prod"}).ids("AWS::ApiGateway::Account")), "0")
	})

	// Nothing else that looks at a template knows these words: docs/adr/0017.
	t.Run("speaks TLS 1.2 or better, by the names that API Gateway knows", func(t *testing.T) {
		for _, s := range everyVariant {
			_, api := synth(t, s).only(t, "AWS::ApiGateway::RestApi")
			want(t, "endpoint of "+variant(s), at(api.Properties, "EndpointConfiguration.Types"), `["REGIONAL"]`)
			want(t, "SecurityPolicy of "+variant(s), api.Properties["SecurityPolicy"], `"SecurityPolicy_TLS13_1_2_PQ_2025_09"`)
			want(t, "EndpointAccessMode of "+variant(s), api.Properties["EndpointAccessMode"], `"STRICT"`)
		}
	})

	t.Run("is traced", func(t *testing.T) {
		_, stage := synth(t, given{"stage": "prod"}).only(t, "AWS::ApiGateway::Stage")
		want(t, "TracingEnabled", stage.Properties["TracingEnabled"], "true")
	})

	t.Run("hands the whole request to the function", func(t *testing.T) {
		m := method(t, synth(t, given{"stage": "dev"}), "POST")
		want(t, "integration", at(m.Properties, "Integration.Type"), `"AWS_PROXY"`)
	})
}

func TestValidationAtTheGateway(t *testing.T) {
	t.Parallel()
	t.Run("uses the contract's schema", func(t *testing.T) {
		for _, s := range []given{{"stage": "dev"}, contrary} {
			tpl := synth(t, s)
			id, model := tpl.only(t, "AWS::ApiGateway::Model")
			schema := maps.Clone(model.Properties["Schema"].(map[string]any))
			want(t, "draft", schema["$schema"], `"http://json-schema.org/draft-04/schema#"`)
			delete(schema, "$schema")
			var contracted any
			check.OK(t, json.Unmarshal([]byte(compact(t, contract.ProposeDestination.Body)), &contracted))
			want(t, "schema in "+variant(s), schema, compact(t, contracted))
			want(t, "model of the method", method(t, tpl, "POST").Properties["RequestModels"],
				fmt.Sprintf(`{"%s":{"Ref":"%s"}}`, contract.MediaTypeJSON, id))
		}
	})

	t.Run("is left to the function, in every stage", func(t *testing.T) {
		for _, stage := range []string{"dev", "prod"} {
			tpl := synth(t, given{"stage": stage})
			want(t, "validators", len(tpl.ids("AWS::ApiGateway::RequestValidator")), "0")
			want(t, "validator of the method", method(t, tpl, "POST").Properties["RequestValidatorId"], "null")
		}
	})

	t.Run("refuses a malformed body before the function runs, by choice", func(t *testing.T) {
		tpl := synth(t, contrary)
		id, validator := tpl.only(t, "AWS::ApiGateway::RequestValidator")
		want(t, "ValidateRequestBody", validator.Properties["ValidateRequestBody"], "true")
		want(t, "validator of the method", method(t, tpl, "POST").Properties["RequestValidatorId"], fmt.Sprintf(`{"Ref":"%s"}`, id))
	})
}

func TestGatewayAnswersWithProblems(t *testing.T) {
	t.Parallel()
	tpl := synth(t, given{"stage": "prod"})
	byType := map[string]map[string]any{}
	for _, id := range tpl.ids("AWS::ApiGateway::GatewayResponse") {
		p := tpl.Resources[id].Properties
		byType[p["ResponseType"].(string)] = p
	}
	want(t, "responses", len(byType), strconv.Itoa(len(contract.GatewayResponses())))

	const requestID = "5c0a0d3e-1111-4222-8333-944445555666"
	for _, g := range contract.GatewayResponses() {
		t.Run(g.Type, func(t *testing.T) {
			got := byType[g.Type]
			status, problem := strconv.Quote(strconv.Itoa(g.Problem.Status)), g.Problem.Problem(requestID, "")
			if g.KeepsStatus() {
				status, problem.Status = "null", 0
			}
			want(t, "StatusCode", got["StatusCode"], status)

			// What the gateway does with the template: it puts the variables in.
			templates := got["ResponseTemplates"].(map[string]any)
			want(t, "templates", len(templates), "1")
			body := strings.ReplaceAll(templates[contract.MediaTypeJSON].(string), "$context.requestId", requestID)
			if strings.Contains(body, "$") {
				t.Errorf("got a body with an unknown variable: %s", body)
			}
			want(t, "body", json.RawMessage(body), compact(t, problem))

			headers := map[string]string{"gatewayresponse.header.Content-Type": "'" + contract.MediaTypeProblem + "'"}
			if g.Problem.RetryAfter > 0 {
				headers["gatewayresponse.header.Retry-After"] = fmt.Sprintf("'%d'", g.Problem.RetryAfter)
			}
			want(t, "headers", got["ResponseParameters"], compact(t, headers))
		})
	}
}

func TestAccessLogs(t *testing.T) {
	t.Parallel()
	t.Run("are one JSON object a request with what an operator needs", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		_, stage := tpl.only(t, "AWS::ApiGateway::Stage")
		group, ok := at(stage.Properties, "AccessLogSetting.DestinationArn.Fn::Join.1.7.Ref").(string)
		if !ok {
			t.Fatalf("got the destination %s", compact(t, at(stage.Properties, "AccessLogSetting.DestinationArn")))
		}
		want(t, "destination", tpl.Resources[group].Type, `"AWS::Logs::LogGroup"`)
		format := at(stage.Properties, "AccessLogSetting.Format").(string)
		if strings.Contains(format, "\n") {
			t.Errorf("got a format of several lines: %s", format)
		}
		var fields map[string]string
		if err := json.Unmarshal([]byte(format), &fields); err != nil {
			t.Fatalf("format %s: %v", format, err)
		}
		have := slices.Collect(maps.Values(fields))
		for _, variable := range []string{"requestId", "extendedRequestId", "identity.sourceIp", "identity.userArn", "httpMethod",
			"resourcePath", "status", "responseLatency", "integration.latency", "integration.status", "integration.error",
			"error.responseType", "xrayTraceId"} {
			if !slices.Contains(have, "$context."+variable) {
				t.Errorf("got no field with $context.%s", variable)
			}
		}
		// The gateway escapes nothing, so no variable may quote what a client sends.
		safe := []string{"requestId", "extendedRequestId", "xrayTraceId", "requestTime", "identity.sourceIp", "identity.userArn", "httpMethod",
			"resourcePath", "protocol", "status", "responseLength", "responseLatency", "integration.status", "integration.latency",
			"integration.error", "integration.requestId", "error.responseType"}
		for _, variable := range have {
			if !slices.Contains(safe, strings.TrimPrefix(variable, "$context.")) {
				t.Errorf("got a field with %s, which may quote a client", variable)
			}
		}
	})

	t.Run("can be left out where the account has no role for them", func(t *testing.T) {
		tpl := synth(t, contrary)
		_, stage := tpl.only(t, "AWS::ApiGateway::Stage")
		want(t, "AccessLogSetting", stage.Properties["AccessLogSetting"], "null")
		want(t, "log groups", len(tpl.ids("AWS::Logs::LogGroup")), "1")
	})
}

func TestCORS(t *testing.T) {
	t.Parallel()
	t.Run("is off unless there are origins", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		tpl.only(t, "AWS::ApiGateway::Method")
		if strings.Contains(string(tpl.text), "Access-Control") {
			t.Error("got a CORS header in the template, want none")
		}
	})

	t.Run("answers a preflight by itself and unsigned", func(t *testing.T) {
		m := method(t, synth(t, guarded), "OPTIONS")
		want(t, "integration", at(m.Properties, "Integration.Type"), `"MOCK"`)
		want(t, "authorization", m.Properties["AuthorizationType"], `"NONE"`)
		headers := at(m.Properties, "Integration.IntegrationResponses.0.ResponseParameters").(map[string]any)
		want(t, "origin", headers["method.response.header.Access-Control-Allow-Origin"], `"'https://a.example'"`)
		want(t, "methods", headers["method.response.header.Access-Control-Allow-Methods"], `"'POST'"`)
		want(t, "credentials", headers["method.response.header.Access-Control-Allow-Credentials"], "null")
		if allowed := headers["method.response.header.Access-Control-Allow-Headers"].(string); !strings.Contains(allowed, contract.HeaderIdempotencyKey) {
			t.Errorf("got allowed headers %s, want %s among them", allowed, contract.HeaderIdempotencyKey)
		}
	})

	t.Run("lets a page read the gateway's problems", func(t *testing.T) {
		for _, c := range []struct {
			given
			header string
		}{{guarded, `"'https://a.example'"`}, {contrary, `"'*'"`}} {
			tpl := synth(t, c.given)
			for _, id := range tpl.ids("AWS::ApiGateway::GatewayResponse") {
				headers := tpl.Resources[id].Properties["ResponseParameters"].(map[string]any)
				want(t, id, headers["gatewayresponse.header.Access-Control-Allow-Origin"], c.header)
			}
		}
	})

	t.Run("still asks for a signature on the request itself", func(t *testing.T) {
		m := method(t, synth(t, guarded), "POST")
		want(t, "authorization", m.Properties["AuthorizationType"], `"AWS_IAM"`)
	})
}

// A stage serves a deployment, which is a copy of the API as it was: what does
// not give it a new id never reaches an editor.
func TestEveryChangeOfTheAPIIsDeployed(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, s := range []given{
		{"stage": "dev"},
		{"stage": "dev", "access": "open"},
		contrary,
		{"stage": "prod"},
		guarded,
	} {
		id, _ := synth(t, s).only(t, "AWS::ApiGateway::Deployment")
		if other, ok := seen[id]; ok {
			t.Errorf("%s and %s: got the same deployment %s", variant(s), other, id)
		}
		seen[id] = variant(s)
	}
}
