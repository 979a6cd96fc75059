"""Languages of the texts for people: a folder each, with a catalogue of translations."""
