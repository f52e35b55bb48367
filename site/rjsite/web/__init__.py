"""Everything that speaks HTTP through Flask."""
