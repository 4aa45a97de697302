package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/uuid"

	"visitplannr/internal/destination"
	"visitplannr/internal/eventstore"
	"visitplannr/internal/eventstore/dynamo"
)

var growthCommand = command{
	name: "growth",
	about: `Measures whether the store's costs stay as they should while the data grows, with
the store's own code on one engine, and random ids (UUIDv4) beside ordered ones
(UUIDv7), taking turns:

  append  the time to append one event to a table that holds that many, which
          should not change
  read    the time to read a stream of that many events, which should grow as the
          stream does

Tables are filled with BatchWriteItem, a stream a table's every event, so a million
takes minutes on two cores: -events 0,10000 is a short run. One read of a long
stream takes several pages of 1 MB, as on DynamoDB.`,
	flags: func(set *flag.FlagSet) func(context.Context, *bench) (report, error) {
		o := growthOptions{events: numbers{0, 10_000, 100_000, 1_000_000}, streams: numbers{1, 10, 100, 1_000, 10_000}}
		set.Var(&o.events, "events", "`numbers` of events in the table, rising, separated by commas")
		set.Var(&o.streams, "streams", "`numbers` of events in a stream, separated by commas")
		set.IntVar(&o.appends, "appends", 1000, "`number` of appends to measure at each size")
		set.StringVar(&o.engine, "engine", engineDynoxide, "`name` of the engine: dynoxide or embedded")
		return func(ctx context.Context, b *bench) (report, error) {
			if o.appends < 1 || !slices.IsSorted(o.events) || slices.Contains(o.streams, 0) {
				return nil, errors.New("-appends and -streams must be at least 1, and -events must rise")
			}
			return measureGrowth(ctx, b, o)
		}
	},
}

type growthOptions struct {
	events, streams numbers
	appends         int
	engine          string
}

type growthReport struct {
	Machine machine        `json:"machine"`
	Engine  string         `json:"engine"`
	Appends []growthAppend `json:"appends"`
	Reads   []growthRead   `json:"reads"`
}

// growthAppend is the cost of one append to a table of Events events.
type growthAppend struct {
	Keys       string  `json:"keys"`
	Events     int     `json:"events"`
	FilledIn   float64 `json:"filledInSeconds"` // since the size before
	P50US      float64 `json:"p50Us"`
	P99US      float64 `json:"p99Us"`
	PeakMiB    float64 `json:"peakMiB"` // of the engine, with all tables so far
	perMeasure []float64
}

// growthRead is the cost of reading a stream of Events events.
type growthRead struct {
	Keys       string  `json:"keys"`
	Events     int     `json:"events"`
	AppendUS   float64 `json:"appendP50Us"` // of one of its events, when it was written
	ReadUS     float64 `json:"readUs"`      // all of it
	PerEventUS float64 `json:"readPerEventUs"`
}

// keys is a way to make ids.
type keys struct {
	name string
	next func() (eventstore.ID, error)
}

var keyKinds = []keys{
	{"UUIDv7", eventstore.NewID},
	{"UUIDv4", func() (eventstore.ID, error) { return eventstore.ParseID(uuid.NewString()) }},
}

func measureGrowth(ctx context.Context, b *bench, o growthOptions) (_ report, err error) {
	r := &growthReport{Machine: thisMachine(ctx, b.root), Engine: o.engine}
	engine, err := b.startEngine(ctx, o.engine)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, engine.close()) }()
	client, err := dynamo.NewClient(environment(credentials(engine.url())).get)
	if err != nil {
		return nil, err
	}

	tables := make([]*growingTable, len(keyKinds))
	for i, kind := range keyKinds {
		name := benchTable + "-" + kind.name
		store, err := openStore(ctx, engine.url(), name)
		if err != nil {
			return nil, err
		}
		tables[i] = &growingTable{name: name, keys: kind, store: store, client: client}
	}
	for _, size := range o.events {
		figures := make([]growthAppend, len(tables))
		for i, t := range tables {
			fmt.Fprintf(b.progress, "table with %s: %d events\n", t.keys.name, size)
			began := time.Now()
			if err := t.fill(ctx, size); err != nil {
				return nil, err
			}
			figures[i] = growthAppend{Keys: t.keys.name, Events: size, FilledIn: round(time.Since(began).Seconds())}
		}
		const turn = 50
		for done := 0; done < o.appends; done += turn {
			for i, t := range tables {
				for range min(turn, o.appends-done) {
					took, err := t.append(ctx)
					if err != nil {
						return nil, err
					}
					figures[i].perMeasure = append(figures[i].perMeasure, microseconds(took))
				}
			}
		}
		for _, f := range figures {
			f.P50US, f.P99US = round(quantile(f.perMeasure, 0.50)), round(quantile(f.perMeasure, 0.99))
			if engine.pid != 0 {
				if used, err := usageOf(engine.pid); err == nil {
					f.PeakMiB = round(used.peakMiB)
				}
			}
			r.Appends = append(r.Appends, f)
		}
	}
	for _, length := range o.streams {
		fmt.Fprintf(b.progress, "stream of %d events\n", length)
		reads, err := measureStreams(ctx, tables, length)
		if err != nil {
			return nil, err
		}
		r.Reads = append(r.Reads, reads...)
	}
	return r, nil
}

// growingTable is a table of opening events, all with one kind of key.
type growingTable struct {
	name   string
	keys   keys
	store  *dynamo.Store
	client *dynamodb.Client
	events int
}

// fill adds events until there are size.
func (t *growingTable) fill(ctx context.Context, size int) error {
	const batch = 25 // BatchWriteItem's limit
	for t.events < size {
		var writes []types.WriteRequest
		for range min(batch, size-t.events) {
			event, err := t.event(nil)
			if err != nil {
				return err
			}
			writes = append(writes, types.WriteRequest{PutRequest: &types.PutRequest{Item: item(event)}})
		}
		t.events += len(writes)
		for pending := map[string][]types.WriteRequest{t.name: writes}; len(pending) > 0; {
			out, err := t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{RequestItems: pending})
			if err != nil {
				return fmt.Errorf("fill %s: %w", t.name, err)
			}
			pending = out.UnprocessedItems
		}
	}
	return nil
}

// event returns a new event, of a stream of its own or of the given one.
func (t *growingTable) event(stream *eventstore.StreamName) (eventstore.Event, error) {
	id, err := t.keys.next()
	if err != nil {
		return eventstore.Event{}, err
	}
	event, err := eventstore.Opening(destination.Category, id, destination.EventProposed, destination.ProposedSchemaVersion,
		time.Now(), id.String(), []byte(`{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63}}`))
	if stream != nil {
		event.StreamName, event.CorrelationID = *stream, stream.ID().String()
	}
	return event, err
}

// append stores a new event as the function does and returns the time it took.
func (t *growingTable) append(ctx context.Context) (time.Duration, error) {
	event, err := t.event(nil)
	if err != nil {
		return 0, err
	}
	t.events++
	return timed(func() error { return t.store.Open(ctx, event) })
}

// appendTo stores an event that does not open its stream, with the condition that
// opening has. The store does not do that yet: no command needs it.
func (t *growingTable) appendTo(ctx context.Context, event eventstore.Event) error {
	_, err := t.client.PutItem(ctx, &dynamodb.PutItemInput{
		TableName: &t.name, Item: item(event), ConditionExpression: aws.String("attribute_not_exists(" + eventstore.AttrStreamName + ")"),
	})
	return err
}

func timed(work func() error) (time.Duration, error) {
	began := time.Now()
	err := work()
	return time.Since(began), err
}

// item is the stored form of the events of this benchmark, for the writes that
// the store has no use for. What measureStreams reads back, it reads with
// the store, so a difference in form shows.
func item(e eventstore.Event) map[string]types.AttributeValue {
	text := func(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }
	number := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	return map[string]types.AttributeValue{
		eventstore.AttrStreamName:    text(e.StreamName.String()),
		eventstore.AttrEventID:       text(e.ID.String()),
		eventstore.AttrEventType:     text(e.Type),
		eventstore.AttrSchemaVersion: number(strconv.Itoa(e.SchemaVersion)),
		eventstore.AttrTimestamp:     text(e.Timestamp.String()),
		eventstore.AttrCorrelationID: text(e.CorrelationID),
		eventstore.AttrCausationID:   text(e.CausationID),
		eventstore.AttrData: &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
			"name": text("Brockholes"),
			"geolocation": &types.AttributeValueMemberM{Value: map[string]types.AttributeValue{
				"latitude": number("53.77"), "longitude": number("-2.63"),
			}},
		}},
	}
}

// measureStreams writes one stream of that length into each table and reads each
// several times, in turns.
func measureStreams(ctx context.Context, tables []*growingTable, length int) ([]growthRead, error) {
	names := make([]eventstore.StreamName, len(tables))
	appends := make([][]float64, len(tables))
	for i, t := range tables {
		opening, err := t.event(nil)
		if err != nil {
			return nil, err
		}
		names[i] = opening.StreamName
	}
	for range length {
		for i, t := range tables {
			event, err := t.event(&names[i])
			if err != nil {
				return nil, err
			}
			took, err := timed(func() error { return t.appendTo(ctx, event) })
			if err != nil {
				return nil, err
			}
			appends[i] = append(appends[i], microseconds(took))
		}
	}
	reads := make([][]float64, len(tables))
	for range max(5, min(200, 10_000/length)) {
		for i, t := range tables {
			took, err := timed(func() error { return readStream(ctx, t.store, names[i], length) })
			if err != nil {
				return nil, err
			}
			reads[i] = append(reads[i], microseconds(took))
		}
	}
	var figures []growthRead
	for i, t := range tables {
		read := median(reads[i])
		figures = append(figures, growthRead{
			Keys: t.keys.name, Events: length, AppendUS: round(median(appends[i])),
			ReadUS: round(read), PerEventUS: round(read / float64(length)),
		})
	}
	return figures, nil
}

func readStream(ctx context.Context, store *dynamo.Store, name eventstore.StreamName, want int) error {
	got := 0
	for _, err := range store.Stream(ctx, name) {
		if err != nil {
			return err
		}
		got++
	}
	if got != want {
		return fmt.Errorf("stream %s has %d events, want %d", name, got, want)
	}
	return nil
}

func (r *growthReport) text(w io.Writer) {
	r.Machine.text(w)
	fmt.Fprintf(w, "Engine %s. One append to a table of so many events:\n\n", r.Engine)
	t := table{head: []string{"keys", "events in table", "p50, us", "of the smallest", "p99, us", "filled in, s", "engine's peak, MiB"}}
	first := map[string]float64{}
	for _, a := range r.Appends {
		first[a.Keys] = cmp.Or(first[a.Keys], a.P50US)
		t.row(a.Keys, strconv.Itoa(a.Events), number(a.P50US), times(a.P50US, first[a.Keys]), number(a.P99US), number(a.FilledIn), measured(a.PeakMiB))
	}
	t.print(w)
	fmt.Fprint(w, "\nA stream of so many events, in the largest of these tables:\n\n")
	t = table{head: []string{"keys", "events in stream", "append p50, us", "read all, us", "read an event, us"}}
	for _, read := range r.Reads {
		t.row(read.Keys, strconv.Itoa(read.Events), number(read.AppendUS), number(read.ReadUS), number(read.PerEventUS))
	}
	t.print(w)
}

func (r *growthReport) plots() map[string]string {
	var appends, reads []series
	for _, kind := range keyKinds {
		a, s := series{name: "append, " + kind.name}, series{name: "read, " + kind.name}
		for _, figure := range r.Appends {
			if figure.Keys == kind.name && figure.Events > 0 { // a logarithmic axis has no 0
				a.points = append(a.points, [2]float64{float64(figure.Events), figure.P50US})
			}
		}
		for _, figure := range r.Reads {
			if figure.Keys == kind.name {
				s.points = append(s.points, [2]float64{float64(figure.Events), figure.ReadUS})
			}
		}
		appends, reads = append(appends, a), append(reads, s)
	}
	return map[string]string{
		"growth.svg": lines("Appending to a table, and reading a stream", "events in the table, or in the stream",
			"median, us", append(appends, reads...)),
	}
}
