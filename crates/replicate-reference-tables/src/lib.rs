//! Replaces whole tables of a replica by those of its source.
mod args;
