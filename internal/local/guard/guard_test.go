package guard

import "testing"

func TestThisMachine(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "a.localhost": true, "A.LocalHost.": true,
		"127.0.0.1": true, "127.1.2.3": true, "127.0.0.1.": true, "0.0.0.0": true,
		"::1": true, "[::1]": true, "0:0:0:0:0:0:0:1": true, "::1%lo": true, "::": true, "[::]": true,
		"::ffff:127.0.0.1": true, "[::FFFF:7f00:1]": true, "::ffff:0.0.0.0": true,

		"": false, ".": false, "localhost.example": false, "evillocalhost": false, "localhost..": false,
		"127.0.0.1.evil.example": false, "evil.example": false, "192.0.2.1": false, "128.0.0.1": false,
		"10.0.0.1": false, "::2": false, "::ffff:192.0.2.1": false, "dynamodb.eu-west-1.amazonaws.com": false,
	} {
		t.Run(host, func(t *testing.T) {
			if got := IsThisMachine(host); got != want {
				t.Errorf("%q is this machine: got %t, want %t", host, got, want)
			}
		})
	}
}
