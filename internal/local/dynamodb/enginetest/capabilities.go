package enginetest

// Capabilities are the points in which engines differ and that matter here.
// DynamoDB itself has them all. This package's own test measures them, so that a
// new version that changes one is noticed.
type Capabilities struct {
	ReturnsOldItem      bool // a refused conditional put returns the item that is in the way, if asked to
	RefusesLargeItems   bool // items over 400 KB
	RefusesEmptyKeys    bool // an empty string as a key attribute
	RefusesLargeNumbers bool // 1e126 and above
	RefusesLongNumbers  bool // more than 38 significant digits
	NormalizesNumbers   bool // 1e1 is read back as 10
	KeepsEmptyShapes    bool // an empty map or list is read back
	EndsPagesAtMegabyte bool // a query's page has at most 1 MB
	AppendsBehindLists  bool // SET of an index behind a list's end appends, and fills no gap
	HasTransactions     bool // TransactWriteItems
}

// What was measured of each engine. docs/engines.md tells what it means for those
// who use them.
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
