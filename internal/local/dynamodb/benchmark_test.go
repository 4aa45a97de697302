package dynamodb_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"visitplannr/internal/local/dynamodb"
	"visitplannr/test/check"
	"visitplannr/test/enginetest"
)

// subjects are what is measured: the embedded engine in memory and on disk, and
// dynoxide in memory, all over HTTP.
func subjects(b *testing.B) map[string]func(testing.TB) string {
	start := func(path string) func(testing.TB) string {
		return func(t testing.TB) string {
			s := check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{Path: path}))(t)
			t.Cleanup(func() { _ = s.Close(b.Context()) })
			return s.URL()
		}
	}
	return map[string]func(testing.TB) string{
		"memory":   start(""),
		"disk":     start(filepath.Join(b.TempDir(), "data")),
		"dynoxide": enginetest.Dynoxide.Start,
	}
}

// event is an item of this system's size, as JSON.
func event(partition string, n int) string {
	return fmt.Sprintf(`{"StreamName":{"S":%q},"EventId":{"S":"01920000-0000-7000-8000-%012d"},"EventType":{"S":"destinationProposed"},"SchemaVersion":{"N":"1"},`+
		`"Timestamp":{"S":"2026-11-23T09:00:00.000Z"},"CorrelationId":{"S":"01920000-0000-7000-8000-00000000000a"},"CausationId":{"S":"c6af9ac6-7b61-11e6-9a41-93e8deadbeef"},`+
		`"Data":{"M":{"name":{"S":"Brockholes"},"geolocation":{"M":{"latitude":{"N":"53.77"},"longitude":{"N":"-2.63"}}}}}}`, partition, n)
}

type sender struct {
	testing.TB
	url    string
	client *http.Client
}

func (s sender) send(operation, body string) []byte {
	r, err := request(operation, nil)
	if err != nil {
		s.Fatal(err)
	}
	if r.URL, err = r.URL.Parse(s.url); err != nil {
		s.Fatal(err)
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(body))), int64(len(body))
	response, err := s.client.Do(r)
	if err != nil {
		s.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.Fatalf("%s: %d %s, %v", operation, response.StatusCode, answer, err)
	}
	return answer
}

func (s sender) put(n int) {
	s.send("PutItem", `{"TableName":"events","ConditionExpression":"attribute_not_exists(StreamName)","ReturnValuesOnConditionCheckFailure":"ALL_OLD","Item":`+event(stream(n), n)+`}`)
}

func stream(n int) string { return fmt.Sprintf("destination-01920000-0000-7000-8000-%012d", n) }

// fill makes the table with so many events.
func (s sender) fill(events int) {
	s.send("CreateTable", `{"TableName":"events","BillingMode":"PAY_PER_REQUEST","KeySchema":[{"AttributeName":"StreamName","KeyType":"HASH"},{"AttributeName":"EventId","KeyType":"RANGE"}],`+
		`"AttributeDefinitions":[{"AttributeName":"StreamName","AttributeType":"S"},{"AttributeName":"EventId","AttributeType":"S"}]}`)
	const batch = 25
	for first := 0; first < events; first += batch {
		var body bytes.Buffer
		body.WriteString(`{"RequestItems":{"events":[`)
		for n := first; n < min(first+batch, events); n++ {
			if n > first {
				body.WriteByte(',')
			}
			body.WriteString(`{"PutRequest":{"Item":` + event(stream(n), n) + `}}`)
		}
		body.WriteString(`]}}`)
		s.send("BatchWriteItem", body.String())
	}
}

// BenchmarkEngines measures one client's puts and queries of one event, in tables of
// different sizes. A table of a million takes minutes to fill:
//
//	go test ./internal/local/dynamodb -run '^$' -bench Engines -benchtime 3000x -timeout 1h
func BenchmarkEngines(b *testing.B) {
	for _, events := range []int{0, 10_000, 100_000, 1_000_000} {
		for _, name := range []string{"memory", "disk", "dynoxide"} {
			b.Run(fmt.Sprintf("%d events/%s", events, name), func(b *testing.B) {
				s := sender{b, subjects(b)[name](b), &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
				s.fill(events)
				next := events
				b.Run("put", func(b *testing.B) {
					var took []time.Duration
					for b.Loop() {
						began := time.Now()
						s.put(next)
						took = append(took, time.Since(began))
						next++
					}
					slices.Sort(took)
					b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
				})
				b.Run("query", func(b *testing.B) {
					n := 0
					for b.Loop() {
						n = (n + 7919) % next // any of them
						answer := s.send("Query", `{"TableName":"events","ConsistentRead":true,"KeyConditionExpression":"#stream = :stream","ExpressionAttributeNames":{"#stream":"StreamName"},`+
							`"ExpressionAttributeValues":{":stream":{"S":"`+stream(n)+`"}}}`)
						if !bytes.Contains(answer, []byte(`"Count":1,`)) && !bytes.Contains(answer, []byte(`"Count":1}`)) {
							b.Fatalf("got %s, want one event", answer)
						}
					}
				})
			})
		}
	}
}

// BenchmarkOpen measures how long an engine takes to be there, and how large its file
// is: empty in memory, and with events on disk, all of which it checks.
func BenchmarkOpen(b *testing.B) {
	for _, events := range []int{0, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(events)+" events", func(b *testing.B) {
			path := ""
			if events > 0 {
				path = filepath.Join(b.TempDir(), "data")
				server := check.Value(dynamodb.Start("127.0.0.1:0", dynamodb.Options{Path: path}))(b)
				sender{b, server.URL(), http.DefaultClient}.fill(events)
				check.OK(b, server.Close(b.Context()))
				info := check.Value(os.Stat(path))(b)
				defer b.ReportMetric(float64(info.Size())/1e6, "MB") // which Loop would take back
			}
			for b.Loop() {
				e := check.Value(dynamodb.Open(dynamodb.Options{Path: path}))(b)
				check.OK(b, e.Close())
			}
		})
	}
}

// BenchmarkLargestItem measures each operator on items of a quarter of the largest size
// and of the largest: where the time for a byte stays about the same, the operator is
// linear.
func BenchmarkLargestItem(b *testing.B) {
	for name, c := range map[string]struct{ attribute, expression string }{
		"equal":           {"numbers", "a = :same"},
		"unequal":         {"numbers", "a <> :same"},
		"IN":              {"numbers", "a IN (:same, :same, :same)"},
		"equal lists":     {"list", "a = :same"},
		"equal maps":      {"map", "a = :same"},
		"less":            {"text", "a < :same"},
		"BETWEEN":         {"text", "a BETWEEN :same AND :same"},
		"begins_with":     {"text", "begins_with(a, :same)"},
		"contains, text":  {"text", "contains(a, :same)"},
		"contains, set":   {"numbers", "contains(a, :none)"},
		"contains, list":  {"list", "contains(a, :none)"},
		"size":            {"text", "size(a) > :none"},
		"SET":             {"numbers", "SET a = :same"},
		"ADD":             {"numbers", "ADD a :same"},
		"DELETE":          {"numbers", "DELETE a :same"},
		"list_append":     {"list", "SET a = list_append(a, :empty)"},
		"SET elements":    {"list", "SET " + elements("a[%d] = :none")},
		"REMOVE elements": {"list", "REMOVE " + elements("a[%d]")},
		"SET members":     {"map", "SET " + elements("a.m%d = :none")},
		"REMOVE members":  {"map", "REMOVE " + elements("a.m%d")},
	} {
		for _, size := range []int{95 << 10, 380 << 10} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				e := check.Value(dynamodb.Open(dynamodb.Options{}))(b)
				defer e.Close()
				send := direct(e)
				do := func(operation string, body object) {
					if status, answer, err := send(operation, body); err != nil || status != http.StatusOK && !bytes.Contains(answer, []byte("ConditionalCheckFailed")) {
						b.Fatalf("%d %.300s, %v", status, answer, err)
					}
				}
				create := schema{"S", ""}.create()
				create["TableName"] = "large"
				do("CreateTable", create)
				key, large := object{"K": text("k")}, attribute(c.attribute, size)
				update := object{"TableName": "large", "Key": key, "ConditionExpression": "attribute_exists(K)"}
				if word, _, _ := strings.Cut(c.expression, " "); slices.Contains([]string{"SET", "ADD", "DELETE", "REMOVE"}, word) {
					update["UpdateExpression"] = c.expression
				} else {
					update["ConditionExpression"] = c.expression
				}
				values := object{}
				for name, v := range map[string]object{":same": large, ":none": number("-1"), ":empty": {"L": []any{}}} {
					if strings.Contains(c.expression, name) {
						values[name] = v
					}
				}
				if len(values) > 0 {
					update["ExpressionAttributeValues"] = values
				}
				for b.Loop() {
					b.StopTimer()
					do("PutItem", object{"TableName": "large", "Item": object{"K": text("k"), "a": large}})
					b.StartTimer()
					do("UpdateItem", update)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(size), "ns/byte")
			})
		}
	}
}

// elements repeats a clause for as many elements as an expression has room for.
func elements(clause string) string {
	clauses := make([]string, 200)
	for i := range clauses {
		clauses[i] = fmt.Sprintf(clause, i)
	}
	return strings.Join(clauses, ", ")
}

// attribute returns an attribute of about so many bytes.
func attribute(kind string, size int) object {
	const each = 10
	var texts, values []any
	members := object{}
	for i := range size / each { // what a member of the map takes, at most
		texts, values = append(texts, fmt.Sprint(100_000+i)), append(values, number(fmt.Sprint(100_000+i)))
		members[fmt.Sprint("m", i)] = number("1")
	}
	return map[string]object{"numbers": {"NS": texts}, "list": {"L": values}, "map": {"M": members}, "text": text(strings.Repeat("x", size))}[kind]
}
