package main

import (
	"strings"
	"testing"
)

func TestDiffRefusesWhatItWouldNotHeed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a stage that there is not":       {[]string{"-stages", "dev,staging", "HEAD"}, `-stages names "staging"; each must be dev or prod`},
		"no stage":                        {[]string{"-stages", "", "HEAD"}, `-stages names ""; each must be dev or prod`},
		"a stage among the settings":      {[]string{"-c", "stage=prod", "HEAD"}, "name stages with -stages"},
		"a setting without a value":       {[]string{"-c", "access", "HEAD"}, `"access" is not of the form key=value`},
		"a setting that there is not":     {[]string{"-c", "acces=open", "HEAD"}, `setting "acces" is "open", but there is no such setting`},
		"a value that is not allowed":     {[]string{"-c", "access=public", "HEAD"}, `it must be iam or open`},
		"a format that there is not":      {[]string{"-format", "html", "HEAD"}, `-format is "html"; it must be text, markdown or json`},
		"no base":                         {nil, "there must be BASE [HEAD] after the flags"},
		"what is wrong in one stage only": {[]string{"-stages", "prod", "-c", "removal=destroy", "HEAD"}, "stage prod: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := visitplannr(t.Context(), nil, append([]string{"diff"}, c.args...)...)
			if got.code != 2 || got.stdout != "" || strings.Count(got.stderr, c.want) != 1 {
				t.Errorf("got %+v, want exit code 2 and, once, %q", got, c.want)
			}
		})
	}
}
