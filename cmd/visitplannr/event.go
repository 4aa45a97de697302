package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/google/uuid"

	"visitplannr/internal/contract"
	"visitplannr/internal/local/apigateway"
)

const aboutEvent = `Prints the event that API Gateway would pass to the function for a request. Read it,
edit it, or pass it to 'visitplannr invoke':

  visitplannr event -body '{"name":"x"}' -header 'Accept: application/json' | visitplannr invoke -`

func runEvent(ctx context.Context, c *cli, args []string) error {
	endpoints := contract.Endpoints()
	var names []string
	for _, e := range endpoints {
		names = append(names, e.Function)
	}
	var (
		name    string
		body    string
		encoded bool
	)
	headers := http.Header{}
	set := c.flags(aboutEvent)
	set.StringVar(&name, "function", names[0], "the function that the event is for: `"+strings.Join(names, " or ")+"`")
	set.StringVar(&body, "body", "", "`text` of the request's body; - reads it from standard input (default: a sample that the function accepts)")
	set.Func("header", "a request header, `'Name: value'`; replaces the sample's header of that name; may be repeated", func(text string) error {
		name, value, found := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !found || name == "" {
			return fmt.Errorf("%q is not of the form 'Name: value'", text)
		}
		headers.Add(name, strings.TrimSpace(value))
		return nil
	})
	set.BoolVar(&encoded, "base64", false, "encode the body in base64, as the gateway does with binary bodies")
	if err := c.parse(set, args, 0); err != nil {
		return err
	}
	at := slices.Index(names, name)
	if at < 0 {
		return c.misuse(set, "-function is %q; it can be %s", name, strings.Join(names, " or "))
	}
	endpoint := endpoints[at]
	given := false
	set.Visit(func(f *flag.Flag) { given = given || f.Name == "body" })
	if !given {
		body = endpoint.SampleBody()
	}
	if body == "-" {
		read, err := c.read(ctx, body)
		if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		body = string(read)
	}
	request, err := http.NewRequest(endpoint.Method, "http://"+defaultAPI+endpoint.SamplePath(), nil)
	if err != nil {
		return err
	}
	request.RemoteAddr = "127.0.0.1:0"
	if endpoint.Body != nil {
		request.Header.Set("Content-Type", contract.MediaTypeJSON)
	}
	request.Header.Set("User-Agent", "visitplannr")
	maps.Copy(request.Header, headers)
	_, parameters, _ := contract.Match(endpoints, endpoint.Method, request.URL.Path)
	event := apigateway.NewEvent(endpoint, parameters, request, []byte(body), uuid.NewString())
	if encoded && !event.IsBase64Encoded {
		event.Body, event.IsBase64Encoded = base64.StdEncoding.EncodeToString([]byte(body)), true
	}
	return printJSON(c.stdout, event)
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}
