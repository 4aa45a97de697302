package destination

import "testing"

func TestEachEarlierVersionHasAnUpcaster(t *testing.T) {
	t.Parallel()
	if got, want := len(upcasters), ProposedSchemaVersion-1; got != want {
		t.Errorf("there are %d upcasters, want %d: one from each version before %d to the next (docs/events.md)",
			got, want, ProposedSchemaVersion)
	}
}
