// Package propose implements POST /destination: it reads a proposal from a request, has
// the domain record it, and returns the receipt.
package propose

import (
	"context"
	"log/slog"

	"visitplannr/internal/contract"
	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/httpapi"
)

// New returns the handler of contract.ProposeDestination, which records proposals
// with proposer.
func New(proposer *destination.Proposer, cfg httpapi.Config) *httpapi.Handler {
	return httpapi.New(contract.ProposeDestination, httpapi.Operation[destination.Command]{
		Decode: decode,
		Do: func(ctx context.Context, command destination.Command) (httpapi.Answer, error) {
			outcome, err := proposer.Propose(ctx, command)
			if err != nil {
				return httpapi.Answer{}, err
			}
			return answer(outcome), nil
		},
		Problems: map[error]contract.ProblemType{
			destination.ErrKeyReused:    contract.ProblemKeyReused,
			destination.ErrLaterVersion: contract.ProblemUnavailable,
		},
	}, cfg)
}

// Parse returns the proposal in a body, or why POST /destination would refuse it.
func Parse(body []byte) (destination.Proposal, error) {
	command, err := httpapi.ParseBody(contract.ProposeDestination, body, decode)
	return command.Proposal, err
}

func decode(r *httpapi.Request) destination.Command {
	return destination.Command{
		Proposal: destination.Proposal{
			Name:      httpapi.Leaf(r, contract.PointerName, destination.NewName),
			Latitude:  httpapi.Leaf(r, contract.PointerLatitude, destination.ParseLatitude),
			Longitude: httpapi.Leaf(r, contract.PointerLongitude, destination.ParseLongitude),
		},
		RequestID: r.ID,
		Key:       r.Key,
	}
}

func answer(outcome destination.Outcome) httpapi.Answer {
	return httpapi.Answer{
		JSON:     receipt(outcome.Event),
		Replayed: outcome.Replayed,
		Log: []slog.Attr{
			slog.String("streamName", outcome.Event.StreamName.String()),
			slog.String("correlationId", outcome.Event.CorrelationID),
		},
	}
}

func receipt(e eventstore.Event) contract.Receipt {
	return contract.Receipt{
		Status:        contract.StatusOK,
		StreamName:    e.StreamName.String(),
		EventID:       e.ID.String(),
		CorrelationID: e.CorrelationID,
		Timestamp:     e.Timestamp.String(),
	}
}
