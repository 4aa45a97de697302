package dynamo

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// mediaType is that of DynamoDB's protocol, AWS JSON 1.0
// (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html).
const mediaType = "application/x-amz-json-1.0"

// checkAnswer returns an error unless an answer may be DynamoDB's: a failure, whose code
// the SDK reads, or a success in the form of the operation's answers. The SDK takes any
// status from 200 to 299, an empty body, and any JSON object for a success: a proxy or
// login page on the way would turn a write that never happened into one that did, and a
// full table into an empty one.
//
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html
func checkAnswer(request *http.Request, response *http.Response, content []byte) error {
	if sum := response.Header.Get("X-Amz-Crc32"); sum != "" && sum != strconv.FormatUint(uint64(crc32.ChecksumIEEE(content)), 10) {
		return fmt.Errorf("the answer's %d bytes do not have the checksum that was sent with them, %.10q", len(content), sum)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer's status is %d, and DynamoDB's success is 200", response.StatusCode)
	}
	if got, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); got != mediaType {
		return fmt.Errorf("the answer is %.100q, not DynamoDB's %s", response.Header.Get("Content-Type"), mediaType)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(content, &members); err != nil || members == nil {
		return fmt.Errorf("the answer's %d bytes are not a JSON object", len(content))
	}
	_, operation, _ := strings.Cut(request.Header.Get("X-Amz-Target"), ".")
	if !answers(operation, members) {
		return fmt.Errorf("the answer's %d bytes do not have the form of an answer to %s", len(content), operation)
	}
	return nil
}

// answers reports whether an object with these members can be the answer to an
// operation. It knows those that a store calls:
// https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB.html
func answers(operation string, members map[string]json.RawMessage) bool {
	// A member that a later API adds does no harm.
	has := func(names ...string) bool {
		for _, name := range names {
			if bytes.HasPrefix(members[name], []byte("{")) || bytes.HasPrefix(members[name], []byte("[")) {
				return true
			}
		}
		return false
	}
	described := func(name string) bool {
		var table struct{ TableStatus string }
		return has(name) && json.Unmarshal(members[name], &table) == nil && table.TableStatus != ""
	}
	switch operation {
	case "PutItem":
		return len(members) == 0 || has("Attributes", "ConsumedCapacity", "ItemCollectionMetrics")
	case "GetItem": // without a member: there is no such item
		return len(members) == 0 || has("Item", "ConsumedCapacity")
	case "Query", "Scan":
		return has("Items")
	case "CreateTable", "DeleteTable":
		return described("TableDescription")
	case "DescribeTable":
		return described("Table")
	}
	return false
}
