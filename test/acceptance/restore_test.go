package acceptance

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"visitplannr/test/check"
)

// TestRestore does what docs/runbook.md says about a table that was deleted, and about
// one whose events were damaged. After each step a proposal of before is a replay, so
// the function uses the table that holds it.
func TestRestore(t *testing.T) {
	if !*emulate {
		t.Skip("run it with -emulator")
	}
	e := newEmulator(t)
	e.start(t, false)
	ordinary := e.assembly(t, "prod", "alarmEmail=nobody")
	e.cdk(t, "bootstrap", "--app", ordinary, "aws://"+emulatorAccount+"/"+emulatorRegion)
	s := e.deploy(t, "prod", ordinary)

	proposal := request{body: `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`,
		headers: map[string]string{"Idempotency-Key": "before", "Accept": "application/json"}}
	propose := func(t *testing.T) answer {
		t.Helper()
		got, err := s.send(t.Context(), proposal)
		if err != nil || got.status != 200 {
			t.Fatalf("got %d %s, %v", got.status, got.body, err)
		}
		return got
	}
	first := propose(t)
	replays := func(t *testing.T, after string) {
		t.Helper()
		if got := propose(t); got.header.Get("Idempotency-Replayed") != "true" || got.body != first.body {
			t.Errorf("after %s: got %s, replayed %q; want the first receipt, %s", after, got.body, got.header.Get("Idempotency-Replayed"), first.body)
		}
	}
	dynamodb := func(t *testing.T, operation string, input map[string]any, output any) {
		t.Helper()
		if err := e.call(t.Context(), "dynamodb", "DynamoDB_20120810."+operation, "1.0", input, output); err != nil {
			t.Fatalf("%s: %v", operation, err)
		}
	}
	table := e.outputs(t.Context(), t, "visitplannr-prod")["EventsTableName"]
	restored := table + "-restored"

	t.Run("a deleted table comes back under its name", func(t *testing.T) {
		// The emulator makes no backup by itself when a table is deleted.
		var made struct{ BackupDetails struct{ BackupArn string } }
		dynamodb(t, "CreateBackup", map[string]any{"TableName": table, "BackupName": "before"}, &made)
		dynamodb(t, "UpdateTable", map[string]any{"TableName": table, "DeletionProtectionEnabled": false}, new(any))
		dynamodb(t, "DeleteTable", map[string]any{"TableName": table}, new(any))
		dynamodb(t, "RestoreTableFromBackup", map[string]any{"TargetTableName": table, "BackupArn": made.BackupDetails.BackupArn}, new(any))
		replays(t, "the restore")
	})

	t.Run("a damaged table is replaced by a restored one, which becomes the stack's", func(t *testing.T) {
		dynamodb(t, "RestoreTableToPointInTime", map[string]any{"SourceTableName": table, "TargetTableName": restored, "UseLatestRestorableTime": true}, new(any))
		e.deploy(t, "prod", e.assembly(t, "prod", "alarmEmail=nobody", "eventsTable="+restored))
		dynamodb(t, "UpdateTable", map[string]any{"TableName": table, "DeletionProtectionEnabled": false}, new(any))
		dynamodb(t, "DeleteTable", map[string]any{"TableName": table}, new(any)) // or a replay might come from it
		replays(t, "a deployment with eventsTable")

		mapping := check.Value(json.Marshal(map[string]any{"events26E65764": map[string]string{"TableName": restored}}))(t)
		file := filepath.Join(t.TempDir(), "mapping.json")
		check.OK(t, os.WriteFile(file, mapping, 0o600))
		e.cdk(t, "import", "--app", ordinary, "--force", "--resource-mapping", file)
		replays(t, "the import")
		e.deploy(t, "prod", e.assembly(t, "prod", "alarmEmail=nobody", "memoryMiB=576"))
		replays(t, "the deployment that puts the references back")
		e.deploy(t, "prod", ordinary)
		replays(t, "an ordinary deployment")
		if got := e.outputs(t.Context(), t, "visitplannr-prod")["EventsTableName"]; got != restored {
			t.Errorf("the stack's table is %s, want %s", got, restored)
		}
	})
}
