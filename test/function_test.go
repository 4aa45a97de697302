package test

import (
	"fmt"
	"strconv"
	"testing"

	"visitplannr/internal/contract"
)

func TestFunction(t *testing.T) {
	t.Parallel()
	t.Run("is a Go binary on arm64 that ends before the gateway gives up", func(t *testing.T) {
		_, f := synth(t, given{"stage": "prod"}).only(t, "AWS::Lambda::Function")
		want(t, "Runtime", f.Properties["Runtime"], `"provided.al2023"`)
		want(t, "Architectures", f.Properties["Architectures"], `["arm64"]`)
		want(t, "Handler", f.Properties["Handler"], `"bootstrap"`)
		want(t, "Timeout", f.Properties["Timeout"], "10")
		want(t, "Tracing", at(f.Properties, "TracingConfig.Mode"), `"Active"`)
	})

	t.Run("runs on x86_64 when it is told to", func(t *testing.T) {
		_, f := synth(t, given{"stage": "dev", "architecture": "x86_64"}).only(t, "AWS::Lambda::Function")
		want(t, "Architectures", f.Properties["Architectures"], `["x86_64"]`)
	})

	t.Run("knows its table, and how to use its memory", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		table, _ := tpl.only(t, "AWS::DynamoDB::Table")
		_, f := tpl.only(t, "AWS::Lambda::Function")
		want(t, "environment", at(f.Properties, "Environment.Variables"), fmt.Sprintf(
			`{"%s":{"Ref":"%s"},"GOMAXPROCS":"1"}`, contract.EnvEventsTable, table))
		want(t, "MemorySize", f.Properties["MemorySize"], strconv.Itoa(given{"stage": "prod"}.config(t).MemoryMiB))
	})

	t.Run("knows the web origins when there are any", func(t *testing.T) {
		_, f := synth(t, contrary).only(t, "AWS::Lambda::Function")
		want(t, contract.EnvCORSOrigins, at(f.Properties, "Environment.Variables."+contract.EnvCORSOrigins), `"https://a.example,https://b.example"`)
	})

	t.Run("logs JSON to a group of its own that forgets", func(t *testing.T) {
		tpl := synth(t, given{"stage": "dev"})
		_, f := tpl.only(t, "AWS::Lambda::Function")
		want(t, "LogFormat", at(f.Properties, "LoggingConfig.LogFormat"), `"JSON"`)
		group, _ := at(f.Properties, "LoggingConfig.LogGroup.Ref").(string)
		want(t, "type of "+group, tpl.Resources[group].Type, `"AWS::Logs::LogGroup"`)
		for _, id := range tpl.ids("AWS::Logs::LogGroup") {
			want(t, id+" RetentionInDays", tpl.Resources[id].Properties["RetentionInDays"], strconv.Itoa(given{"stage": "dev"}.config(t).LogRetentionDays))
			want(t, id+" DeletionPolicy", tpl.Resources[id].DeletionPolicy, `"Delete"`)
		}
	})

	t.Run("prod keeps its logs", func(t *testing.T) {
		tpl := synth(t, given{"stage": "prod"})
		for _, id := range tpl.ids("AWS::Logs::LogGroup") {
			want(t, id+" RetentionInDays", tpl.Resources[id].Properties["RetentionInDays"], strconv.Itoa(given{"stage": "prod"}.config(t).LogRetentionDays))
			want(t, id+" DeletionPolicy", tpl.Resources[id].DeletionPolicy, `"Retain"`)
		}
	})

	t.Run("takes no more of the account than prod's burst, and reserves nothing of dev's", func(t *testing.T) {
		_, f := synth(t, given{"stage": "dev"}).only(t, "AWS::Lambda::Function")
		want(t, "in dev", f.Properties["ReservedConcurrentExecutions"], "null")
		_, f = synth(t, contrary).only(t, "AWS::Lambda::Function")
		want(t, "reservedConcurrency=27", f.Properties["ReservedConcurrentExecutions"], "27")
		_, f = synth(t, given{"stage": "prod"}).only(t, "AWS::Lambda::Function")
		want(t, "in prod", f.Properties["ReservedConcurrentExecutions"], strconv.Itoa(given{"stage": "prod"}.config(t).ReservedConcurrency))
	})
}
