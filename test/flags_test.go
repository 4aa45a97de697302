package test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"visitplannr/test/check"
)

// A CDK that brings a new recommendation fails this test, until cdk.json says it.
func TestEveryFeatureFlagIsAsTheCDKRecommends(t *testing.T) {
	t.Parallel()
	synthesis.Lock()
	defer synthesis.Unlock()
	app, _ := newApp(t, nil)
	text := check.Value(os.ReadFile(filepath.Join(*app.Synth(nil).Directory(), "manifest.json")))(t)
	var manifest struct {
		Artifacts map[string]struct {
			Properties struct {
				Flags map[string]struct {
					UserValue, RecommendedValue any
					UnconfiguredBehavesLike     struct{ V2 any }
				}
			}
		}
	}
	check.OK(t, json.Unmarshal(text, &manifest))
	flags := manifest.Artifacts["aws-cdk-lib/feature-flag-report"].Properties.Flags
	if len(flags) == 0 {
		t.Fatal("got no flags in the CDK's report")
	}
	for name, flag := range flags {
		t.Run(name, func(t *testing.T) {
			got := flag.UserValue
			if got == nil {
				got = flag.UnconfiguredBehavesLike.V2
			}
			if got == nil {
				got = false // as the CDK has it
			}
			want(t, "value, by cdk.json or by default", got, compact(t, flag.RecommendedValue))
		})
	}
}
