// Package corpus holds request bodies, good, bad and borderline, each with what
// must become of it. The tests of all who judge a body read it: the gateway's
// schema, the function, the local gateway in front of the function, and the
// fuzzers. Only tests import it.
package corpus

import (
	"fmt"
	"slices"
	"strings"

	"visitplannr/internal/contract"
)

// Verdict is what becomes of a body.
type Verdict int

// The verdicts. There is none for a body that the gateway refuses and the
// function would accept: that must not be.
const (
	// Accepted by the gateway's schema and by the function.
	Accepted Verdict = iota

	// RefusedByGateway and by the function, should the body come past the gateway.
	RefusedByGateway

	// RefusedByFunction alone: JSON Schema cannot say it, or a JSON parser hides
	// it from the validator.
	RefusedByFunction
)

// String names the verdict as a failing test does.
func (v Verdict) String() string {
	switch v {
	case Accepted:
		return "accepted"
	case RefusedByGateway:
		return "refused by gateway and function"
	case RefusedByFunction:
		return "refused by function only"
	default:
		return fmt.Sprintf("Verdict(%d)", int(v))
	}
}

// Body is one request body and what must become of it.
//
// Where the gateway is named, the gateway of this repository is meant. How the
// parser of API Gateway itself reads a malformed document is not documented;
// whatever it lets through, the function refuses.
type Body struct {
	Title   string // unique
	Bytes   string
	Verdict Verdict

	Stored Proposal // of one that is accepted

	// Of one that is refused: the function's problem, and the pointers of its
	// errors in order. A body that is no JSON has none.
	Problem  contract.ProblemType
	Pointers []string
}

// Proposal is what the event says after a body was accepted.
type Proposal struct {
	Name      string
	Latitude  float64
	Longitude float64
}

// Bodies returns the corpus.
func Bodies() []Body {
	return slices.Concat(
		documents(), encodings(), whiteSpace(), structure(), members(), duplicates(),
		names(), escapes(), latitudes(), longitudes(), numberGrammar(), sizes(),
	)
}

// Parts of most bodies.
const (
	brockholes = "Brockholes"
	lat, lon   = 53.77, -2.63
	place      = `{"latitude":53.77,"longitude":-2.63}`
	plain      = `{"name":"Brockholes","geolocation":` + place + `}`

	pointerGeolocation = contract.PointerRoot + "/geolocation"
)

// named returns a body with that JSON text as its name.
func named(json string) string { return `{"name":` + json + `,"geolocation":` + place + `}` }

// located returns a body with that JSON text as its geolocation.
func located(json string) string { return `{"name":"Brockholes","geolocation":` + json + `}` }

func atLatitude(json string) string  { return located(`{"latitude":` + json + `,"longitude":-2.63}`) }
func atLongitude(json string) string { return located(`{"latitude":53.77,"longitude":` + json + `}`) }

// accepted returns a body that becomes an event of brockholes at lat and lon.
func accepted(title, body string) Body {
	return Body{Title: title, Bytes: body, Stored: Proposal{brockholes, lat, lon}}
}

// called changes the name that the event must say.
func (b Body) called(name string) Body {
	b.Stored.Name = name
	return b
}

// refused returns a body that the gateway and the function refuse; pointers are
// those of the function's errors, none for a body that is no JSON.
func refused(title, body string, pointers ...string) Body {
	return Body{Title: title, Bytes: body, Verdict: RefusedByGateway,
		Problem: contract.ProblemInvalidBody, Pointers: pointers}
}

// past returns a body that the gateway lets through and the function refuses.
func past(title, body string, pointers ...string) Body {
	b := refused(title, body, pointers...)
	b.Verdict = RefusedByFunction
	return b
}

// documents: what is not exactly one JSON document.
func documents() []Body {
	return []Body{
		accepted("the smallest document", plain),
		refused("empty", ""),
		refused("one space", " "),
		refused("white space only", " \t\r\n"),
		refused("NUL only", "\x00"),
		refused("opening brace only", "{"),
		refused("closing brace only", "}"),
		refused("one quote", `"`),
		refused("bare word", "Brockholes"),
		refused("form encoding", "name=Brockholes&latitude=53.77&longitude=-2.63"),
		refused("YAML", "name: Brockholes\ngeolocation: {latitude: 53.77, longitude: -2.63}\n"),
		refused("XML", "<proposal><name>Brockholes</name></proposal>"),
		refused("document in base64", "eyJuYW1lIjoiQnJvY2tob2xlcyJ9"),
		refused("two documents", plain+plain),
		refused("two documents on two lines", plain+"\n"+plain),
		refused("document and a word", plain+" true"),
		refused("document and a letter", plain+"x"),
		refused("document and a comma", plain+","),
		refused("document and a closing brace", plain+"}"),
		refused("document and a closing bracket", plain+"]"),
		refused("document and NUL", plain+"\x00"),
		refused("document and NUL after a line end", plain+"\n\x00"),
		refused("anti-hijacking prefix", ")]}',\n"+plain),
		refused("record separator in front", "\x1e"+plain),
		refused("line comment behind", plain+"// a nature reserve"),
		refused("block comment inside", `{/* a nature reserve */"name":"Brockholes","geolocation":`+place+`}`),
		refused("hash comment in front", "# a nature reserve\n"+plain),
		refused("cut within the name", `{"name":"Brock`),
		refused("cut after a member", `{"name":"Brockholes",`),
		refused("cut before the last brace", strings.TrimSuffix(plain, "}")),
		refused("cut within a number", `{"name":"Brockholes","geolocation":{"latitude":53.`),
		refused("comma behind the last member", `{"name":"Brockholes","geolocation":`+place+`,}`),
		refused("comma in front of the first member", `{,"name":"Brockholes","geolocation":`+place+`}`),
		refused("two commas", `{"name":"Brockholes",,"geolocation":`+place+`}`),
		refused("no comma", `{"name":"Brockholes" "geolocation":`+place+`}`),
		refused("no colon", `{"name" "Brockholes","geolocation":`+place+`}`),
		refused("two colons", `{"name"::"Brockholes","geolocation":`+place+`}`),
		refused("no value", `{"name":,"geolocation":`+place+`}`),
		refused("single quotes", `{'name':'Brockholes','geolocation':`+place+`}`),
		refused("typographic quotes", `{“name”:“Brockholes”,“geolocation”:`+place+`}`),
		refused("member name without quotes", `{name:"Brockholes","geolocation":`+place+`}`),
		refused("number as member name", `{1:"Brockholes","geolocation":`+place+`}`),
		refused("null as member name", `{null:"Brockholes","geolocation":`+place+`}`),
		refused("bracket closes an object", `{"name":"Brockholes","geolocation":{"latitude":53.77,"longitude":-2.63]}`),
		refused("undefined as a value", named("undefined")),
		refused("capital literal", named("NULL")),
		refused("cut literal", named("nul")),
	}
}

// encodings: what is not UTF-8 without a byte order mark.
func encodings() []Body {
	return []Body{
		accepted("two-byte UTF-8", named(`"Llŷn"`)).called("Llŷn"),
		accepted("three-byte UTF-8", named(`"湖水地方"`)).called("湖水地方"),
		accepted("four-byte UTF-8", named(`"🦆 pond"`)).called("🦆 pond"),
		accepted("last code point", named("\"\U0010ffff\"")).called("\U0010ffff"),
		accepted("noncharacter", named("\"a\ufffe\"")).called("a\ufffe"),
		accepted("private use", named("\"\ue000\"")).called("\ue000"),
		refused("UTF-8 byte order mark in front", "\ufeff"+plain),
		refused("UTF-8 byte order mark behind", plain+"\ufeff"),
		refused("UTF-16, little endian", "\xff\xfe{\x00}\x00"),
		refused("UTF-16, big endian", "\xfe\xff\x00{\x00}"),
		refused("UTF-16 without mark", "{\x00\"\x00n\x00\"\x00:\x001\x00}\x00"),
		refused("gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\xca\x4b\xcc\x4d"),
		refused("broken UTF-8 behind the document", plain+"\xff"),
		refused("broken UTF-8 in front of the document", "\xc3"+plain),
		// encoding/json replaces what is broken within a string, and so does many
		// another parser; the function must not let it become an event.
		past("Latin-1", named("\"Caf\xe9\"")),
		past("lone continuation byte", named("\"a\x80\"")),
		past("cut three-byte sequence", named("\"a\xe6\xb9\"")),
		past("overlong NUL", named("\"a\xc0\x80\"")),
		past("overlong slash", named("\"a\xe0\x80\xaf\"")),
		past("surrogate in UTF-8", named("\"a\xed\xa0\xbd\"")),
		past("surrogate pair in CESU-8", named("\"\xed\xa0\xbd\xed\xb8\x80\"")),
		past("beyond the last code point", named("\"\xf4\x90\x80\x80\"")),
		past("byte that UTF-8 never has", named("\"a\xff\"")),
		refused("broken UTF-8 in a member name", "{\"na\xffme\":\"Brockholes\",\"geolocation\":"+place+"}"),
	}
}

func whiteSpace() []Body {
	return []Body{
		accepted("spaces around", "  "+plain+"  "),
		accepted("line end behind", plain+"\n"),
		accepted("carriage returns and line ends around", "\r\n\r\n"+plain+"\r\n"),
		accepted("tabs around", "\t"+plain+"\t"),
		accepted("white space between all tokens",
			" { \"name\" \t:\r\n \"Brockholes\" , \"geolocation\" : { \"latitude\" : 53.77 ,\n\"longitude\" : -2.63 } } "),
		refused("vertical tab around", "\v"+plain),
		refused("form feed around", plain+"\f"),
		refused("no-break space around", "\u00a0"+plain),
		refused("line separator around", plain+"\u2028"),
		refused("ideographic space between tokens", `{"name":`+"\u3000"+`"Brockholes","geolocation":`+place+`}`),
		refused("zero width space between tokens", "{\u200b\"name\":\"Brockholes\",\"geolocation\":"+place+"}"),
		refused("next line between tokens", "{\u0085\"name\":\"Brockholes\",\"geolocation\":"+place+"}"),
	}
}

// structure: values of the wrong type.
func structure() []Body {
	root, name, geo := contract.PointerRoot, contract.PointerName, pointerGeolocation
	latitude, longitude := contract.PointerLatitude, contract.PointerLongitude
	return []Body{
		refused("null", "null", root),
		refused("true", "true", root),
		refused("number", "53.77", root),
		refused("string", `"Brockholes"`, root),
		refused("document within a string", `"{\"name\":\"Brockholes\"}"`, root),
		refused("empty array", "[]", root),
		refused("document within an array", "["+plain+"]", root),
		refused("empty object", "{}", geo, name),
		refused("name null", named("null"), name),
		refused("name true", named("true"), name),
		refused("name number", named("42"), name),
		refused("name array", named(`["Brockholes"]`), name),
		refused("name object", named(`{"en":"Brockholes"}`), name),
		refused("geolocation null", located("null"), geo),
		refused("geolocation false", located("false"), geo),
		refused("geolocation string", located(`"53.77,-2.63"`), geo),
		refused("geolocation number", located("53.77"), geo),
		refused("geolocation array", located("[53.77,-2.63]"), geo),
		refused("geolocation empty", located("{}"), latitude, longitude),
		refused("latitude null", atLatitude("null"), latitude),
		refused("latitude true", atLatitude("true"), latitude),
		refused("latitude string", atLatitude(`"53.77"`), latitude),
		refused("latitude empty string", atLatitude(`""`), latitude),
		refused("latitude array", atLatitude("[53.77]"), latitude),
		refused("latitude object", atLatitude(`{"degrees":53.77}`), latitude),
		refused("longitude null", atLongitude("null"), longitude),
		refused("longitude string", atLongitude(`"-2.63"`), longitude),
		refused("longitude array", atLongitude("[]"), longitude),
		refused("everything wrong", `{"name":1,"geolocation":{"latitude":"x","altitude":3},"rating":5}`,
			name, latitude, geo+"/altitude", longitude, root+"/rating"),
		refused("out of range and blank", `{"name":" ","geolocation":{"latitude":91,"longitude":-181}}`,
			name, latitude, longitude),
	}
}

// members: missing and unknown ones.
func members() []Body {
	root, name, geo := contract.PointerRoot, contract.PointerName, pointerGeolocation
	latitude, longitude := contract.PointerLatitude, contract.PointerLongitude
	with := func(member string) string {
		return `{"name":"Brockholes",` + member + `:1,"geolocation":` + place + `}`
	}
	var many strings.Builder
	var manyPointers []string
	for i := range 40 {
		fmt.Fprintf(&many, `"m%d":0,`, i)
		if i < 20 {
			manyPointers = append(manyPointers, fmt.Sprintf("%s/m%d", root, i))
		}
	}
	return []Body{
		accepted("members the other way round",
			`{"geolocation":{"longitude":-2.63,"latitude":53.77},"name":"Brockholes"}`),
		accepted("escaped member name", `{"n\u0061me":"Brockholes","geolocation":`+place+`}`),
		accepted("member names all escaped",
			`{"\u006e\u0061\u006d\u0065":"Brockholes","geo\u006cocation":{"l\u0061titude":53.77,"long\u0069tude":-2.63}}`),
		refused("name missing", `{"geolocation":`+place+`}`, name),
		refused("geolocation missing", `{"name":"Brockholes"}`, geo),
		refused("latitude missing", located(`{"longitude":-2.63}`), latitude),
		refused("longitude missing", located(`{"latitude":53.77}`), longitude),
		refused("latitude beside geolocation", `{"name":"Brockholes","latitude":53.77,"longitude":-2.63}`,
			root+"/latitude", root+"/longitude", geo),
		refused("name in geolocation", located(`{"name":"Brockholes","latitude":53.77,"longitude":-2.63}`), geo+"/name"),
		refused("unknown member", with(`"description"`), root+"/description"),
		refused("unknown member null", `{"name":"Brockholes","id":null,"geolocation":`+place+`}`, root+"/id"),
		refused("unknown member in geolocation", located(`{"latitude":53.77,"longitude":-2.63,"altitude":20}`), geo+"/altitude"),
		refused("unknown members at both levels",
			`{"a":1,"name":"Brockholes","geolocation":{"b":2,"latitude":53.77,"longitude":-2.63},"c":3}`,
			root+"/a", geo+"/b", root+"/c"),
		refused("abbreviated members", located(`{"lat":53.77,"lon":-2.63}`), geo+"/lat", geo+"/lon", latitude, longitude),
		refused("Name with a capital", `{"Name":"Brockholes","geolocation":`+place+`}`, root+"/Name", name),
		refused("NAME in capitals", `{"NAME":"Brockholes","geolocation":`+place+`}`, root+"/NAME", name),
		refused("geoLocation", `{"name":"Brockholes","geoLocation":`+place+`}`, root+"/geoLocation", geo),
		refused("Latitude with a capital", located(`{"Latitude":53.77,"longitude":-2.63}`), geo+"/Latitude", latitude),
		refused("name in two cases", `{"name":"Brockholes","Name":"Brockholes","geolocation":`+place+`}`, root+"/Name"),
		// Folding case, as encoding/json does, makes the long s an s; no member has a
		// k, which the Kelvin sign folds to, nor an s, so this stands for all.
		refused("member with a letter that folds", with(`"nameſ"`), root+"/name%C5%BF"),
		refused("member with a space behind", `{"name ":"Brockholes","geolocation":`+place+`}`, root+"/name%20", name),
		refused("member with NUL behind", `{"name\u0000":"Brockholes","geolocation":`+place+`}`, root+"/name%00", name),
		refused("member with a Cyrillic letter", `{"nаme":"Brockholes","geolocation":`+place+`}`, root+"/n%D0%B0me", name),
		refused("empty member name", with(`""`), root+"/"),
		refused("member name with slash and tilde", with(`"a/b~c"`), root+"/a~1b~0c"),
		refused("member name with percent and quote", with(`"50%\""`), root+"/50%25%22"),
		refused("member name with line end", with(`"a\nb"`), root+"/a%0Ab"),
		refused("member name in emoji", with(`"🦆"`), root+"/%F0%9F%A6%86"),
		refused("member name like a pointer", with(`"geolocation/latitude"`), root+"/geolocation~1latitude"),
		refused("member name like a path", with(`"geolocation.latitude"`), root+"/geolocation.latitude"),
		refused("member name of a prototype", with(`"__proto__"`), root+"/__proto__"),
		refused("member name of a schema", with(`"$schema"`), root+"/$schema"),
		refused("long member name", with(`"`+strings.Repeat("m", 300)+`"`), root+"/"+strings.Repeat("m", 100)+"%E2%80%A6"),
		refused("long member name cut within a character", with(`"m`+strings.Repeat("é", 150)+`"`),
			root+"/m"+strings.Repeat("%C3%A9", 49)+"%E2%80%A6"),
		refused("unknown member holds the whole document", `{"proposal":`+plain+`}`, root+"/proposal", geo, name),
		refused("forty unknown members", "{"+many.String()+strings.TrimPrefix(plain, "{"), append(manyPointers, root)...),
	}
}

// duplicates: JSON Schema never sees them, since parsers keep one value of each
// name. Most keep the last.
func duplicates() []Body {
	name, geo := contract.PointerName, pointerGeolocation
	latitude, longitude := contract.PointerLatitude, contract.PointerLongitude
	return []Body{
		past("name twice, the same", `{"name":"Brockholes","name":"Brockholes","geolocation":`+place+`}`, name),
		past("name twice, different", `{"name":"Brockholes","geolocation":`+place+`,"name":"Formby"}`, name),
		past("name twice, the first null", `{"name":null,"name":"Brockholes","geolocation":`+place+`}`, name, name),
		refused("name twice, the last null", `{"name":"Brockholes","name":null,"geolocation":`+place+`}`, name),
		past("name three times", `{"name":"a","name":"b","name":"c","geolocation":`+place+`}`, name, name),
		past("name twice, once escaped", `{"name":"Brockholes","n\u0061me":"Formby","geolocation":`+place+`}`, name),
		past("name twice, both escaped", `{"\u006eame":"Brockholes","nam\u0065":"Formby","geolocation":`+place+`}`, name),
		past("geolocation twice", `{"geolocation":`+place+`,"name":"Brockholes","geolocation":`+place+`}`, geo),
		past("geolocation twice, the first incomplete", `{"geolocation":{},"name":"Brockholes","geolocation":`+place+`}`,
			latitude, longitude, geo),
		past("latitude twice", located(`{"latitude":53.77,"latitude":53.77,"longitude":-2.63}`), latitude),
		past("latitude twice, once escaped", located(`{"latitude":53.77,"latitud\u0065":0,"longitude":-2.63}`), latitude),
		past("latitude twice, the first out of range", located(`{"latitude":91,"latitude":53.77,"longitude":-2.63}`), latitude, latitude),
		refused("latitude twice, the last out of range", located(`{"latitude":53.77,"latitude":91,"longitude":-2.63}`), latitude),
		past("longitude twice", located(`{"longitude":0,"latitude":53.77,"longitude":-2.63}`), longitude),
		past("duplicates at both levels",
			`{"name":"a","name":"b","geolocation":{"latitude":1,"latitude":2,"longitude":3,"longitude":4}}`,
			name, latitude, longitude),
		refused("unknown member twice", `{"name":"Brockholes","x":1,"x":2,"geolocation":`+place+`}`,
			contract.PointerRoot+"/x", contract.PointerRoot+"/x"),
		refused("duplicates within an unknown member", `{"name":"Brockholes","x":{"y":1,"y":2},"geolocation":`+place+`}`,
			contract.PointerRoot+"/x"),
	}
}

// names: length in code points after trimming, and what a name must not hold.
func names() []Body {
	quoted := func(s string) string { return named(`"` + s + `"`) }
	times := strings.Repeat
	name := contract.PointerName
	const family = "👨\u200d👩\u200d👧\u200d👦" // one glyph, seven code points
	return []Body{
		accepted("name of one letter", quoted("A")).called("A"),
		accepted("name of 200 letters", quoted(times("a", 200))).called(times("a", 200)),
		past("name of 201 letters", quoted(times("a", 201)), name),
		accepted("name of 200 accented letters", quoted(times("é", 200))).called(times("é", 200)),
		past("name of 201 accented letters", quoted(times("é", 201)), name),
		accepted("name of 200 code points in 100 letters", quoted(times("e\u0301", 100))).called(times("e\u0301", 100)),
		past("name of 202 code points in 101 letters", quoted(times("e\u0301", 101)), name),
		accepted("name of 200 emoji", quoted(times("🦆", 200))).called(times("🦆", 200)),
		past("name of 201 emoji", quoted(times("🦆", 201)), name),
		accepted("name of 200 emoji, escaped", quoted(times(`\ud83e\udd86`, 200))).called(times("🦆", 200)),
		past("name of 201 emoji, escaped", quoted(times(`\uD83E\uDD86`, 201)), name),
		accepted("name of 200 letters, escaped", quoted(times(`\u0061`, 200))).called(times("a", 200)),
		accepted("name of 28 families", quoted(times(family, 28))).called(times(family, 28)),
		past("name of 29 families", quoted(times(family, 29)), name),
		accepted("name of 200 letters in a margin", quoted(" "+times("a", 200)+" ")).called(times("a", 200)),
		accepted("name of 200 letters in a wide margin", quoted(times(" ", 500)+times("a", 200)+times(`\n`, 500))).called(times("a", 200)),
		past("name of 201 letters in a margin", quoted(" "+times("a", 201)+" "), name),
		accepted("name of 200 characters, most of them inner spaces", quoted("a"+times(" ", 198)+"b")).called("a" + times(" ", 198) + "b"),
		refused("empty name", quoted(""), name),
		past("name of one space", quoted(" "), name),
		past("name of tabs and line ends", quoted(`\t\r\n`), name),
		past("name of 300 spaces", quoted(times(" ", 300)), name),
		past("name of a no-break space", quoted("\u00a0"), name),
		past("name of no-break spaces, escaped", quoted(`\u00a0\u00A0`), name),
		past("name of an em space", quoted("\u2003"), name),
		past("name of an ideographic space", quoted("\u3000"), name),
		past("name of a line separator", quoted("\u2028"), name),
		past("name of a next line", quoted("\u0085"), name),
		accepted("name in spaces", quoted("  Brockholes  ")),
		accepted("name in no-break spaces", quoted("\u00a0Brockholes\u00a0")),
		accepted("name in tabs and line ends", quoted(`\t\r\nBrockholes\n`)),
		accepted("name in a next line and an em space", quoted("\u0085\u2003Brockholes")),
		accepted("name with inner spaces", quoted("Brockholes  nature reserve")).called("Brockholes  nature reserve"),
		accepted("name with an inner no-break space", quoted("Mont\u00a0Blanc")).called("Mont\u00a0Blanc"),
		accepted("name with an inner line separator", quoted("a\u2028b")).called("a\u2028b"),
		accepted("name written from right to left", quoted("ים המלח")).called("ים המלח"),
		accepted("name with markup", quoted("<b>R&D</b>")).called("<b>R&D</b>"),
		accepted("name with quote and semicolon", quoted("Robert'); DROP TABLE events;--")).called("Robert'); DROP TABLE events;--"),
		accepted("name with a template expression", quoted("${jndi:x} $context.requestId {{7*7}}")).called("${jndi:x} $context.requestId {{7*7}}"),
		accepted("name of digits", quoted("1984")).called("1984"),
		accepted("name null as a word", quoted("null")).called("null"),
		// Format characters are no white space and no controls.
		accepted("name of a zero width space", quoted("\u200b")).called("\u200b"),
		accepted("name in byte order marks", quoted("\ufeffBrockholes\ufeff")).called("\ufeffBrockholes\ufeff"),
		past("name with U+FFFD", quoted("Caf\ufffd"), name),
		past("name with U+FFFD, escaped", quoted(`Caf\ufffd`), name),
		past("name with DEL", quoted("a\x7fb"), name),
		past("name with a C1 control", quoted("a\u0080b"), name),
		past("name with an inner next line", quoted("a\u0085b"), name),
		past("name with the last C1 control", quoted("a\u009fb"), name),
		past("name with a C1 control, escaped", quoted(`a\u0090b`), name),
	}
}

// escapes of strings.
func escapes() []Body {
	quoted := func(s string) string { return named(`"` + s + `"`) }
	name := contract.PointerName
	return []Body{
		accepted("escaped quote, backslash and slash", quoted(`\"\\\/`)).called(`"\/`),
		accepted("escaped letter", quoted(`Br\u006fckholes`)),
		accepted("escaped accent in both cases", quoted(`\u00e9\u00E9`)).called("éé"),
		accepted("surrogate pair", quoted(`\ud83e\udd86`)).called("🦆"),
		accepted("surrogate pair in capitals", quoted(`\uD83E\uDD86`)).called("🦆"),
		accepted("last code point, escaped", quoted(`\udbff\udfff`)).called("\U0010ffff"),
		accepted("backslash and u that is no escape", quoted(`\\u0041`)).called(`\u0041`),
		past("escaped NUL", quoted(`a\u0000b`), name),
		past("escaped backspace", quoted(`a\bb`), name),
		past("escaped form feed within", quoted(`a\fb`), name),
		past("escaped line end within", quoted(`a\nb`), name),
		past("escaped tab within", quoted(`a\tb`), name),
		past("escaped escape", quoted(`a\u001b[31m`), name),
		past("lone high surrogate", quoted(`a\ud83e`)),
		past("lone low surrogate", quoted(`a\udd86`)),
		past("surrogates the wrong way round", quoted(`\udd86\ud83e`)),
		past("high surrogate and a letter", quoted(`\ud83eb`)),
		past("high surrogate and another escape", quoted(`\ud83e\u0062`)),
		past("two high surrogates and a low one", quoted(`\ud83e\ud83e\udd86`)),
		refused("lone surrogate in a member name", `{"name\ud83e":"Brockholes","geolocation":`+place+`}`),
		refused("escape of x", quoted(`\x41`)),
		refused("escape of U", quoted(`\U0041`)),
		refused("escape of a single quote", quoted(`\'`)),
		refused("escape of zero", quoted(`\0`)),
		refused("escape of a line end", quoted("\\\n")),
		refused("three hexadecimal digits", quoted(`\u041`)),
		refused("escape with a letter that is no digit", quoted(`\u00g0`)),
		refused("escape with a sign", quoted(`\u+041`)),
		refused("escape in braces", quoted(`\u{41}`)),
		refused("backslash in front of the closing quote", quoted(`\`)),
		refused("raw NUL in the name", quoted("a\x00b")),
		refused("raw tab in the name", quoted("a\tb")),
		refused("raw line end in the name", quoted("a\nb")),
		refused("raw carriage return in the name", quoted("a\r")),
		refused("raw escape in the name", quoted("\x1b[31m")),
		refused("raw unit separator in the name", quoted("\x1f")),
		refused("raw tab in a member name", "{\"na\tme\":\"Brockholes\",\"geolocation\":"+place+"}"),
	}
}

// latitudes, by value.
func latitudes() []Body {
	good := func(json string, degrees float64) Body {
		b := accepted("latitude "+shown(json), atLatitude(json))
		b.Stored.Latitude = degrees
		return b
	}
	bad := func(json string) Body {
		return refused("latitude "+shown(json), atLatitude(json), contract.PointerLatitude)
	}
	zeros := strings.Repeat("0", 5000)
	return []Body{
		good("0", 0), good("-0", 0), good("0.0", 0), good("-0.0", 0), good("0e0", 0), good("-0E-0", 0),
		good("1", 1), good("-1", -1), good("1E1", 10), good("1e+1", 10), good("1E-1", 0.1), good("0.1e1", 1),
		good("1e01", 10), good("1e-01", 0.1), good("1.0", 1), good("1.50", 1.5),
		good("90", 90), good("-90", -90), good("90.0", 90), good("9e1", 90), good("9E+1", 90), good("9.0e+01", 90),
		good("900e-1", 90), good("0.9e2", 90), good("-0.009E4", -90), good("89.9999999", 89.9999999),
		good("90."+zeros, 90), good("9"+zeros+"e-4999", 90), good("0."+zeros+"9e5002", 90),
		// Just under the limit, as a decimal; as a float64, the limit.
		good("89.99999999999999999999", 90), good("-89.99999999999999999999", -90),
		good("89.99999999999999", 89.99999999999999),
		good("53.770000000000003126388", 53.77), good("0.1234567890123456789", 0.12345678901234568),
		good("1e-7", 1e-7), good("1e-15", 1e-15),
		// Under a nanometre, and down to where float64 ends: zero.
		good("9e-16", 0), good("-9e-16", 0), good("1e-130", 0), good("1e-300", 0), good("5e-324", 0),
		good("1e-400", 0), good("-1e-400", 0), good("1e-1000001", 0), good("0e1000001", 0), good("0e-1000001", 0),
		good("0."+zeros+"1", 0), good("1"+zeros+"e-100000", 0),

		bad("90.0000001"), bad("90.00000000000000000001"), bad("-90.0000001"), bad("-90.00000000000000000001"),
		bad("90." + zeros + "1"), bad("9" + zeros + "1e-5000"),
		bad("90.00000000000001"), bad("91"), bad("-91"), bad("180"), bad("1e2"), bad("9.1e1"), bad("9.00000001E1"),
		bad("2147483648"), bad("9223372036854775808"), bad("1e308"), bad("1e309"), bad("1e400"), bad("-1e400"),
		bad("1e1000001"), bad("-1e1000001"), bad("1e99999999999999999999"), bad("9" + zeros),
		bad("0." + zeros + "9e100000"),
	}
}

func longitudes() []Body {
	good := func(json string, degrees float64) Body {
		b := accepted("longitude "+shown(json), atLongitude(json))
		b.Stored.Longitude = degrees
		return b
	}
	bad := func(json string) Body {
		return refused("longitude "+shown(json), atLongitude(json), contract.PointerLongitude)
	}
	return []Body{
		good("0", 0), good("-0", 0), good("180", 180), good("-180", -180), good("1.8e2", 180), good("-1.8E+2", -180),
		good("179.9999999", 179.9999999), good("179.99999999999999999999", 180), good("90.0000001", 90.0000001),
		good("1e-300", 0), good("1800000000e-7", 180),
		bad("180.0000001"), bad("180.00000000000000000001"), bad("-180.00000000000000000001"), bad("181"), bad("-181"),
		bad("360"), bad("1.81e2"), bad("1e400"), bad("-1e1000001"),
	}
}

// numberGrammar: what RFC 8259, section 6, does not call a number.
func numberGrammar() []Body {
	var bodies []Body
	for _, number := range []string{
		"01", "-01", "00", "+1", ".5", "-.5", "1.", "1.e1", "1e", "1e+", "1e1.5", "-", "--1", "- 1", "+", "1 000",
		"NaN", "nan", "-NaN", "Infinity", "-Infinity", "inf", "0x1F", "0b1", "0o7", "1_000", "1,5", "1n", "1f", "1d",
		"53°", "½", "٣", "−1", "５３", "1e१", "(1)", "1/2", "5%", "$1", "1E",
	} {
		bodies = append(bodies, refused("number "+number, atLatitude(number)))
	}
	return bodies
}

// sizes: deep, long, and at the limit.
func sizes() []Body {
	fill := func(size int) string { return plain + strings.Repeat(" ", size-len(plain)) }
	tooLarge := func(title, body string) Body {
		b := past(title, body)
		b.Problem = contract.ProblemTooLarge
		return b
	}
	nested := func(open, inner, shut string, depth int) string {
		return strings.Repeat(open, depth) + inner + strings.Repeat(shut, depth)
	}
	margin := strings.Repeat(" ", contract.BodyMaxBytes-len(plain))
	return []Body{
		accepted("body of 16 KiB", fill(contract.BodyMaxBytes)),
		accepted("body of 16 KiB, most of it white space in front", margin+plain),
		accepted("body of 16 KiB, most of it a name's margin", named(`"`+margin+`Brockholes"`)),
		tooLarge("body of 16 KiB and a byte", fill(contract.BodyMaxBytes+1)),
		tooLarge("body of 100 KiB", fill(100<<10)),
		{Title: "body of 20 KiB that is no JSON", Bytes: strings.Repeat("x", 20<<10),
			Verdict: RefusedByGateway, Problem: contract.ProblemTooLarge},
		past("name of 16000 letters", named(`"`+strings.Repeat("a", 16000)+`"`), contract.PointerName),
		refused("1000 arrays deep", named(nested("[", "", "]", 1000)), contract.PointerName),
		refused("8000 arrays deep", nested("[", "", "]", 8000), contract.PointerRoot),
		refused("2000 objects deep", located(nested(`{"a":`, "1", "}", 2000)),
			pointerGeolocation+"/a", contract.PointerLatitude, contract.PointerLongitude),
		refused("geolocation within geolocation", located(nested(`{"geolocation":`, place, "}", 3)),
			pointerGeolocation+"/geolocation", contract.PointerLatitude, contract.PointerLongitude),
		refused("16000 arrays that nobody closes", strings.Repeat("[", 16000)),
		refused("3000 objects that nobody closes", strings.Repeat(`{"a":`, 3000)),
		refused("8000 elements", `{"name":"Brockholes","tags":[`+strings.Repeat("0,", 8000)+`0],"geolocation":`+place+`}`,
			contract.PointerRoot+"/tags"),
		refused("closed more often than opened", plain+strings.Repeat("}", 1000)),
	}
}

// shown cuts a number that is too long for a title, keeping titles apart.
func shown(json string) string {
	if len(json) <= 30 {
		return json
	}
	return fmt.Sprintf("%s…%s (%d digits)", json[:3], json[len(json)-6:], len(json))
}
