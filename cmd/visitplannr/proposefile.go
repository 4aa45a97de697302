package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// proposeFile sends the proposals of a file one after another. It reports those that
// the API refuses or does not confirm, and goes on with the others.
func (c *cli) proposeFile(ctx context.Context, file string, endpoint *url.URL, signs bool) error {
	bodies, err := c.readProposals(file)
	if err != nil {
		return err
	}
	sign, err := signer(ctx, endpoint, signs)
	if err != nil {
		return err
	}
	var failed []error
	for i, body := range bodies {
		c.progress("%d of %d", i, len(bodies))
		answer, err := send(ctx, c, endpoint, contentKey(body), body, sign)
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d proposals were sent: %w", i, len(bodies), ctx.Err())
		}
		if err == nil && answer.status != http.StatusOK {
			err = fmt.Errorf("%w: %s", answer.problem(), answer.body)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("proposal %d, %s: %w", i+1, body, err))
			continue
		}
		c.progress("")
		if _, err := fmt.Fprintf(c.stdout, "%s\n", bytes.TrimSpace(answer.body)); err != nil {
			return err
		}
	}
	c.progress("")
	if len(failed) > 0 {
		return fmt.Errorf("%d of %d proposals are not confirmed as stored; send the file again: those already stored are not stored twice:\n%w",
			len(failed), len(bodies), errors.Join(failed...))
	}
	return nil
}

// readProposals reads a JSON list; the API judges its elements.
func (c *cli) readProposals(file string) ([]json.RawMessage, error) {
	in := c.stdin
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("read proposals: %w", err)
		}
		defer opened.Close()
		in = opened
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	var bodies []json.RawMessage
	if err := json.Unmarshal(text, &bodies); err != nil {
		return nil, fmt.Errorf("%s must hold a JSON list of proposals, [{…}, {…}]: %w", cmp.Or(strings.TrimPrefix(file, "-"), "standard input"), err)
	}
	for i, body := range bodies {
		var compact bytes.Buffer // white space does not change a proposal
		if err := json.Compact(&compact, body); err != nil {
			return nil, err
		}
		bodies[i] = compact.Bytes()
	}
	return bodies, nil
}

// contentKey returns the idempotency key of a proposal from a file.
func contentKey(body []byte) string { return fmt.Sprintf("content-%x", sha256.Sum256(body)) }

// progress shows a line on a terminal; the next one replaces it, and an empty one
// clears it.
func (c *cli) progress(format string, args ...any) {
	if isTerminal(c.stderr) {
		fmt.Fprintf(c.stderr, "\r\x1b[K"+format, args...)
	}
}
