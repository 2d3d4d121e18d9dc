"""Load on a served process, over HTTP on this machine."""
