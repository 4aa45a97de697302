package dynamo

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"visitplannr/internal/eventstore"
)

func encode(e eventstore.Event) (map[string]types.AttributeValue, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	data, err := encodeJSON(e.Data)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", eventstore.AttrData, err)
	}
	return map[string]types.AttributeValue{
		eventstore.AttrStreamName:    text(e.StreamName.String()),
		eventstore.AttrEventID:       text(e.ID.String()),
		eventstore.AttrEventType:     text(e.Type),
		eventstore.AttrSchemaVersion: &types.AttributeValueMemberN{Value: strconv.Itoa(e.SchemaVersion)},
		eventstore.AttrTimestamp:     text(e.Timestamp.String()),
		eventstore.AttrCorrelationID: text(e.CorrelationID),
		eventstore.AttrCausationID:   text(e.CausationID),
		eventstore.AttrData:          data,
	}, nil
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

// decode is the inverse of encode. Its errors wrap eventstore.ErrInvalid.
func decode(item map[string]types.AttributeValue) (eventstore.Event, error) {
	d := decoder{item: item}
	e := eventstore.Event{
		StreamName:    parsed(&d, eventstore.AttrStreamName, eventstore.ParseStreamName),
		ID:            parsed(&d, eventstore.AttrEventID, eventstore.ParseID),
		Type:          d.text(eventstore.AttrEventType),
		SchemaVersion: d.integer(eventstore.AttrSchemaVersion),
		Timestamp:     parsed(&d, eventstore.AttrTimestamp, eventstore.ParseTime),
		CorrelationID: d.text(eventstore.AttrCorrelationID),
		CausationID:   d.text(eventstore.AttrCausationID),
		Data:          d.json(eventstore.AttrData),
	}
	if err := cmp.Or(d.err, e.Validate()); err != nil {
		return eventstore.Event{}, fmt.Errorf("stored item %q/%q: %w",
			d.text(eventstore.AttrStreamName), d.text(eventstore.AttrEventID), err)
	}
	return e, nil
}

// decoder takes attributes of an item and keeps the first error.
type decoder struct {
	item map[string]types.AttributeValue
	err  error
}

func (d *decoder) fail(attribute, want string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s is %T, not %s", eventstore.ErrInvalid, attribute, d.item[attribute], want)
	}
}

func (d *decoder) text(attribute string) string {
	v, ok := d.item[attribute].(*types.AttributeValueMemberS)
	if !ok {
		d.fail(attribute, "a string")
		return ""
	}
	return v.Value
}

// parsed takes a text and reads it with parse.
func parsed[T any](d *decoder, attribute string, parse func(string) (T, error)) T {
	value, err := parse(d.text(attribute))
	d.err = cmp.Or(d.err, err)
	return value
}

func (d *decoder) integer(attribute string) int {
	v, ok := d.item[attribute].(*types.AttributeValueMemberN)
	if ok {
		if n, err := strconv.Atoi(v.Value); err == nil {
			return n
		}
	}
	d.fail(attribute, "an integer")
	return 0
}

func (d *decoder) json(attribute string) json.RawMessage {
	value, err := jsonValue(d.item[attribute])
	if err != nil {
		d.fail(attribute, "JSON")
		return nil
	}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // the text is for people, too
	if err := encoder.Encode(value); err != nil {
		d.fail(attribute, "JSON")
	}
	return bytes.TrimSuffix(data.Bytes(), []byte("\n"))
}

// encodeJSON turns JSON text into the attribute value of the same shape. Numbers keep
// their digits.
func encodeJSON(data json.RawMessage) (types.AttributeValue, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, fmt.Errorf("%w: %w", eventstore.ErrInvalid, err)
	}
	return attributeValue(value), nil
}

func attributeValue(value any) types.AttributeValue {
	switch v := value.(type) {
	case string:
		return text(v)
	case json.Number:
		return &types.AttributeValueMemberN{Value: v.String()}
	case bool:
		return &types.AttributeValueMemberBOOL{Value: v}
	case []any:
		list := make([]types.AttributeValue, len(v))
		for i, element := range v {
			list[i] = attributeValue(element)
		}
		return &types.AttributeValueMemberL{Value: list}
	case map[string]any:
		members := make(map[string]types.AttributeValue, len(v))
		for name, member := range v {
			members[name] = attributeValue(member)
		}
		return &types.AttributeValueMemberM{Value: members}
	default: // encoding/json returns no other type except nil
		return &types.AttributeValueMemberNULL{Value: true}
	}
}

// jsonValue is the inverse of attributeValue. Binary and set values are errors: no
// event holds them.
func jsonValue(value types.AttributeValue) (any, error) {
	switch v := value.(type) {
	case *types.AttributeValueMemberS:
		return v.Value, nil
	case *types.AttributeValueMemberN:
		return json.Number(v.Value), nil
	case *types.AttributeValueMemberBOOL:
		return v.Value, nil
	case *types.AttributeValueMemberNULL:
		return nil, nil
	case *types.AttributeValueMemberL:
		list := make([]any, len(v.Value))
		for i, element := range v.Value {
			decoded, err := jsonValue(element)
			if err != nil {
				return nil, err
			}
			list[i] = decoded
		}
		return list, nil
	case *types.AttributeValueMemberM:
		members := make(map[string]any, len(v.Value))
		for name, member := range v.Value {
			decoded, err := jsonValue(member)
			if err != nil {
				return nil, err
			}
			members[name] = decoded
		}
		return members, nil
	default:
		return nil, fmt.Errorf("%w: %T has no JSON form", eventstore.ErrInvalid, value)
	}
}
