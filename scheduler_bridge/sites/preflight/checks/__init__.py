"""Each check looks at one thing and returns its line; the runner decides which are tried."""
