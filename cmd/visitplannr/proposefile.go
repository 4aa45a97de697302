package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"unicode/utf8"

	"visitplannr/internal/client"
	"visitplannr/internal/httpapi/propose"
	"visitplannr/internal/terminal"
)

// proposeFile sends the proposals of a file one after another. It reports those that
// the API refuses or does not confirm, and goes on with the others, unless they would
// get the same answer.
func (c *cli) proposeFile(ctx context.Context, file string, api client.Client) error {
	bodies, err := c.readProposals(ctx, file)
	if err != nil {
		return err
	}
	var failed []error
	refused := 0
	first := map[string]int{} // row of each key
	for i, body := range bodies {
		body, key := contentKey(body)
		if earlier, found := first[key]; found {
			fmt.Fprintf(c.stderr, "proposal %d says the same as proposal %d: it is stored once\n", i+1, earlier+1)
		} else {
			first[key] = i
		}
		done := c.doing(fmt.Sprintf("Proposing %d of %d", i+1, len(bodies)))
		answer, err := c.send(ctx, api, key, body)
		done()
		if ctx.Err() != nil {
			return fmt.Errorf("%d of %d proposals were sent; send the file again: those already stored are not stored twice: %w", i, len(bodies), ctx.Err())
		}
		if err == nil {
			if err := printLine(c.stdout, answer.Body); err != nil {
				return err
			}
			continue
		}
		if answer.Status != 0 && answer.Status != http.StatusOK {
			err = fmt.Errorf("%w: %s", err, bytes.TrimSpace(answer.Body))
		}
		if advice := adviceOn(answer.Status); advice != "" {
			refused++
			err = fmt.Errorf("%w; %s", err, advice)
		}
		failed = append(failed, fmt.Errorf("proposal %d, %s: %w", i+1, body, err))
		if errors.Is(err, errNothingListens) || slices.Contains([]int{http.StatusForbidden, http.StatusNotFound}, answer.Status) {
			return fmt.Errorf("stopped at proposal %d of %d, since the others would end the same way:\n%w", i+1, len(bodies), errors.Join(failed...))
		}
	}
	if len(bodies) == 0 {
		fmt.Fprintln(c.stderr, "the list is empty: nothing was sent")
	}
	if len(failed) == 0 {
		return nil
	}
	advice := "send the file again: those already stored are not stored twice"
	if refused == len(failed) {
		advice = "correct them first"
	} else if refused > 0 {
		advice = fmt.Sprintf("correct the %d that were refused, and %s", refused, advice)
	}
	return fmt.Errorf("%d of %d proposals are not confirmed as stored; %s:\n%w", len(failed), len(bodies), advice, errors.Join(failed...))
}

// readProposals reads a JSON list; the API judges its elements.
func (c *cli) readProposals(ctx context.Context, file string) ([]json.RawMessage, error) {
	text, err := c.read(ctx, file)
	if err != nil {
		return nil, fmt.Errorf("read proposals: %w", err)
	}
	var bodies []json.RawMessage
	if err := json.Unmarshal(text, &bodies); err != nil || bodies == nil || !utf8.Valid(text) {
		if file == "-" {
			file = "standard input"
		}
		return nil, fmt.Errorf("%s must hold a JSON list of proposals, [{…}, {…}], in UTF-8: %s", file, instead(text, err))
	}
	return bodies, nil
}

// instead says what a file holds that is no list of proposals.
func instead(text []byte, err error) string {
	var value json.RawMessage
	values, trimmed := json.NewDecoder(bytes.NewReader(text)), bytes.TrimSpace(text)
	switch {
	case len(trimmed) == 0:
		return "it is empty"
	case bytes.HasPrefix(text, []byte("\xef\xbb\xbf")):
		return "it begins with a byte order mark; save it without one"
	case bytes.HasPrefix(text, []byte("\xff\xfe")), bytes.HasPrefix(text, []byte("\xfe\xff")), bytes.IndexByte(text[:min(4, len(text))], 0) >= 0:
		return "it is UTF-16 or UTF-32; save it as UTF-8"
	case !utf8.Valid(text):
		return "it is in another encoding; save it as UTF-8"
	case trimmed[0] == '[': // a list that is not right
		return err.Error()
	case values.Decode(&value) != nil:
		return fmt.Sprintf("it is not JSON but begins %.40q; convert it, if it is a table such as CSV", trimmed)
	case values.More():
		return "it holds several JSON values, such as one object a line; 'jq -s .' makes a list of them"
	case trimmed[0] == '{':
		return "it holds one object; put it in brackets: [{…}]"
	default:
		return fmt.Sprintf("it holds %.40s", trimmed)
	}
}

// contentKey returns the body to send for a proposal from a file, and its idempotency
// key. A valid proposal is written in one form first, so that its key stays the same
// when a file is exported again with other spelling, order or white space.
func contentKey(row []byte) (body []byte, key string) {
	var compact bytes.Buffer
	_ = json.Compact(&compact, row) // it is JSON
	body = compact.Bytes()
	if proposal, err := propose.Parse(body); err == nil {
		body = proposal.JSON()
	}
	return body, fmt.Sprintf("content-%x", sha256.Sum256(body))
}

// printLine prints JSON on one line.
func printLine(w io.Writer, text []byte) error {
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, terminal.Escape(compact.String()))
	return err
}
