package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/local/apigateway"
)

const aboutEvent = `Prints the event that API Gateway would hand to the function for a request, to be
read, edited, and given to 'visitplannr invoke':

  visitplannr event -body '{"name":"x"}' -header 'Accept: application/json' | visitplannr invoke -`

const sampleBody = `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`

func runEvent(_ context.Context, c *cli, args []string) error {
	var (
		body    string
		encoded bool
		headers headerFlags
	)
	set := c.flags(aboutEvent)
	set.StringVar(&body, "body", sampleBody, "`text` of the request's body; - reads it from standard input")
	set.Var(&headers, "header", "a request header, `'Name: value'`; may be repeated, and replaces the sample's of that name")
	set.BoolVar(&encoded, "base64", false, "carry the body in base64, as the gateway does with binary bodies")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	if body == "-" {
		read, err := io.ReadAll(c.stdin)
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		body = string(read)
	}
	route := contract.ProposeDestination
	request, err := http.NewRequest(route.Method, "http://"+defaultAPI+route.Path, nil)
	if err != nil {
		return err
	}
	request.RemoteAddr = "127.0.0.1:0"
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("User-Agent", "visitplannr")
	for _, header := range headers {
		request.Header.Del(header.name)
	}
	for _, header := range headers {
		request.Header.Add(header.name, header.value)
	}
	event := apigateway.NewEvent(request, []byte(body), uuid.NewString())
	if encoded && !event.IsBase64Encoded {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	return printJSON(c.stdout, event)
}

// headerFlags collects the values of a repeated -header.
type headerFlags []struct{ name, value string }

func (h *headerFlags) String() string { return "" }

func (h *headerFlags) Set(text string) error {
	name, value, found := strings.Cut(text, ":")
	name = strings.TrimSpace(name)
	if !found || name == "" {
		return fmt.Errorf("%q is not of the form 'Name: value'", text)
	}
	*h = append(*h, struct{ name, value string }{name, strings.TrimSpace(value)})
	return nil
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
