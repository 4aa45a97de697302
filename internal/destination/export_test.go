package destination

// String returns the name as it is stored.
func (n Name) String() string { return n.text }

// Degrees returns the angle.
func (l Latitude) Degrees() float64 { return l.degrees }

// Degrees returns the angle.
func (l Longitude) Degrees() float64 { return l.degrees }
