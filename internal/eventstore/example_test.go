package eventstore_test

import (
	"fmt"

	"visitplannr/internal/eventstore"
)

func ExampleNewStreamName() {
	id, err := eventstore.ParseID("01a20853-7103-7f3a-a566-15258458ad7e")
	if err != nil {
		panic(err)
	}
	name, err := eventstore.NewStreamName("destination", id)
	fmt.Println(name, err)

	_, err = eventstore.NewStreamName("Destination", id)
	fmt.Println(err)
	// Output:
	// destination-01a20853-7103-7f3a-a566-15258458ad7e <nil>
	// malformed: "Destination" is not a stream category (such as destination)
}

// The same key gives the same id forever. Another caller's key gives another id.
func ExampleIdempotencyKey_ID() {
	key := eventstore.IdempotencyKey{Caller: "arn:aws:iam::123456789012:user/alice", Route: "POST /destination", Key: "brockholes-1"}
	fmt.Println(key.ID())

	key.Caller = "arn:aws:iam::123456789012:user/bob"
	fmt.Println(key.ID())
	// Output:
	// 00000000-0000-8da9-9b98-6a8fe0c02203
	// 00000000-0000-8560-9da1-7cff0d19fe47
}
