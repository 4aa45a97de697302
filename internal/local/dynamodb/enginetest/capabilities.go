package enginetest

// Capabilities are the differences between engines that matter here. DynamoDB itself
// has all of them. This package's test measures them, so that it notices a new version
// that changes one.
type Capabilities struct {
	ReturnsOldItem      bool // a refused conditional put returns the existing item on request
	RefusesLargeItems   bool // items over 400 KB
	RefusesEmptyKeys    bool // an empty string as a key attribute
	RefusesLargeNumbers bool // 1e126 and above
	RefusesLongNumbers  bool // more than 38 significant digits
	NormalizesNumbers   bool // 1e1 is read back as 10
	KeepsEmptyShapes    bool // an empty map or list is read back
	EndsPagesAtMegabyte bool // a query's page has at most 1 MB
	AppendsBehindLists  bool // SET of an index beyond a list's end appends, and fills no gap
	HasTransactions     bool // TransactWriteItems
}

// The measured capabilities of each engine. docs/engines.md says what they mean for
// users.
var (
	embedded = Capabilities{
		ReturnsOldItem: true, RefusesLargeItems: true, RefusesEmptyKeys: true, RefusesLargeNumbers: true, RefusesLongNumbers: true,
		NormalizesNumbers: true, KeepsEmptyShapes: true, EndsPagesAtMegabyte: true, AppendsBehindLists: true,
	}
	dynoxide = Capabilities{
		ReturnsOldItem: true, RefusesLargeItems: true, RefusesEmptyKeys: true, RefusesLargeNumbers: true, RefusesLongNumbers: true,
		NormalizesNumbers: true, KeepsEmptyShapes: true, EndsPagesAtMegabyte: true, HasTransactions: true,
	}
)
