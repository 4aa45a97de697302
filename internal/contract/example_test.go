package contract_test

import (
	"fmt"

	"visitplannr/internal/contract"
)

func ExampleEndpoint_SampleBody() {
	rename := contract.Endpoint{Function: "rename", Method: "POST", Path: "/names", Body: new(contract.Object("A new name.",
		map[string]contract.Schema{
			"name":  {Type: contract.TypeString, Description: "must be a name", Example: "Brockholes"},
			"since": {Type: contract.TypeNumber, Description: "must be a year", Example: 2011},
		}, "since"))}
	fmt.Println(rename.Route(), "takes", rename.Body.Rule())
	fmt.Println(rename.SampleBody())
	// Output:
	// POST /names takes an object with exactly the members name (must be a name) and, optionally, since (must be a year)
	// {"name":"Brockholes","since":2011}
}

func ExampleMatch() {
	endpoints := []contract.Endpoint{
		{Function: "show-version", Method: "GET", Path: "/version"},
		{Function: "read-stream", Method: "GET", Path: "/streams/{name}"},
	}
	endpoint, parameters, ok := contract.Match(endpoints, "GET", "/streams/destination-1")
	fmt.Println(endpoint.Function, parameters["name"], ok)

	_, _, ok = contract.Match(endpoints, "POST", "/version")
	fmt.Println(ok)
	// Output:
	// read-stream destination-1 true
	// false
}
