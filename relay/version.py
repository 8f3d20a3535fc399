"""The version, alone, so that packaging can read it without importing relay."""

VERSION = "0.1.0"
