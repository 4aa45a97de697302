package contract_test

import (
	"fmt"

	"visitplannr/internal/contract"
)

func ExampleEndpoints() {
	for _, endpoint := range contract.Endpoints() {
		fmt.Println(endpoint.Route(), "is answered by", endpoint.Function)
		fmt.Println(endpoint.SampleBody())
	}
	// Output:
	// POST /destination is answered by propose-destination
	// {"geolocation":{"latitude":53.77,"longitude":-2.63},"name":"Brockholes"}
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
