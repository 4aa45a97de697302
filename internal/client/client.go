// Package client sends proposals as an editor's program does.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"visitplannr/internal/contract"
)

const (
	// timeout is that of one attempt: API Gateway gives up after 29 seconds.
	timeout = 35 * time.Second

	// maxAnswerBytes bounds what is read of an answer. The API's are below 4 KiB; a
	// proxy's may not be.
	maxAnswerBytes = 1 << 20
)

// Client sends proposals to an API.
type Client struct {
	Endpoint string // URL of contract.ProposeDestination

	// Sign adds a signature to a request with that body; nil: the API is open.
	Sign func(ctx context.Context, request *http.Request, body []byte) error
}

// Answer is an answer of the API, or of something in front of it.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Propose sends a body once, with an idempotency key unless that is empty, and asks for
// a receipt. After an error the proposal may or may not be stored.
func (c Client) Propose(ctx context.Context, key string, body []byte) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, contract.ProposeDestination.Method, c.Endpoint, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	request.Header.Set("Content-Type", contract.MediaTypeJSON)
	request.Header.Set("Accept", contract.MediaTypeJSON)
	if key != "" {
		request.Header.Set(contract.HeaderIdempotencyKey, key)
	}
	if c.Sign != nil {
		if err := c.Sign(ctx, request, body); err != nil {
			return Answer{}, err
		}
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	answer := Answer{Status: response.StatusCode, Header: response.Header}
	if answer.Body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes)); err != nil {
		return Answer{}, fmt.Errorf("read answer: %w", err)
	}
	return answer, nil
}

// Receipt returns the receipt of a success; any other answer is an error. So is a 200
// without a receipt, which confirms nothing: a login page answers like that.
func (a Answer) Receipt() (contract.Receipt, error) {
	var receipt contract.Receipt
	if a.Status != http.StatusOK {
		return receipt, fmt.Errorf("the API answered %d %s", a.Status, http.StatusText(a.Status))
	}
	if json.Unmarshal(a.Body, &receipt) != nil || receipt.StreamName == "" {
		return receipt, fmt.Errorf("the answer is 200 and no receipt: check that the URL is that of the API; it begins %.60q", a.Body)
	}
	return receipt, nil
}
